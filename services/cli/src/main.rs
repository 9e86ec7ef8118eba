//! The command line `tenure`.
fn main() -> std::process::ExitCode {
    cli::main()
}
