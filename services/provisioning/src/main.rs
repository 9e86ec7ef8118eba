//! The provisioning service: makes applications agree with desired access.

fn main() -> std::process::ExitCode {
    chassis::run(
        proto::catalogue::Service::Provisioning,
        &provisioning::MIGRATIONS,
        provisioning::start,
    )
}
