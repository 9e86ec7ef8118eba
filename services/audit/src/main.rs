//! The audit service: records every event of every service.
fn main() -> std::process::ExitCode {
    chassis::run(proto::catalogue::Service::Audit, &audit::MIGRATIONS, audit::start)
}
