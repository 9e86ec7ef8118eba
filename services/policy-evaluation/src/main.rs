//! The policy-evaluation service: decides who shall hold what, and when that changes.
fn main() -> std::process::ExitCode {
    chassis::run(
        proto::catalogue::Service::PolicyEvaluation,
        &policy_evaluation::MIGRATIONS,
        policy_evaluation::start,
    )
}
