//! The notification service: tells managers and owners of applications.

fn main() -> std::process::ExitCode {
    chassis::run(
        proto::catalogue::Service::Notification,
        &notification::MIGRATIONS,
        notification::start,
    )
}
