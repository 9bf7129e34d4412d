//! The command line.

mod check;
mod explain;
mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::demo::{self, DemoArgs};

/// The file that every command reads when none is named.
const DIALPLAN: &str = "/etc/strongline/strongline.toml";

/// The armoured transport between the telephone network and a voice AI.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, subcommand_required = true, arg_required_else_help = true)]
#[command(after_help = "\
Examples:
  strongline demo                                       a real encrypted call, on this machine, before your eyes
  strongline check --dialplan strongline.toml           all mistakes of the file at once
  strongline explain --trunk carrier-a --from +14155550111 --to +14155550100
  strongline serve --dialplan strongline.toml")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Place a real, encrypted call into an example AI application, on this machine.
    Demo(DemoArgs),
    /// Take calls.
    Serve(serve::Serve),
    /// Read the dialplan file and all that it names, and say everything that is wrong with it.
    Check(check::Check),
    /// Say which route a call would take, and why.
    Explain(explain::Explain),
}

/// Runs the program. The exit code is 0 when all went well, 1 when something failed, 2 when the command line is wrong.
pub fn run() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Demo(demo) => return demo::run(&demo),
        Command::Serve(serve) => serve.run(),
        Command::Check(check) => check.run(),
        Command::Explain(explain) => explain.run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failed(text)) => {
            say_error(&text);
            ExitCode::FAILURE
        }
    }
}

/// A command did not do what it was asked to; the text says why, and what to do.
#[derive(Debug)]
struct Failed(String);

impl<E: std::error::Error> From<E> for Failed {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        Self(text)
    }
}

#[expect(clippy::print_stdout, reason = "the answer of a command goes to standard output")]
fn say(text: &str) {
    println!("{}", text.trim_end());
}

#[expect(clippy::print_stderr, reason = "the complaint of a command goes to standard error")]
fn say_error(text: &str) {
    eprintln!("{}", text.trim_end());
}
