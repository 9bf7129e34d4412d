//! The `strongline` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    strongline::cli::run()
}
