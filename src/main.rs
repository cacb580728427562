//! The `cloakroom` binary.

fn main() -> std::process::ExitCode {
    cloakroom::cli::main()
}
