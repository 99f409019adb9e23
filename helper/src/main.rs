//! The helper's program.

use std::process::ExitCode;

fn main() -> ExitCode {
    wallwatch_helper::main()
}
