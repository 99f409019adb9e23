//! The program that runs the scripts of system hooks.

fn main() -> std::process::ExitCode {
    wallwatch_helper::runner::main()
}
