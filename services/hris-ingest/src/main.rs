//! The hris-ingest service: reads the files of HR systems.
fn main() -> std::process::ExitCode {
    chassis::run(
        proto::catalogue::Service::HrisIngest,
        &hris_ingest::MIGRATIONS,
        hris_ingest::start,
    )
}
