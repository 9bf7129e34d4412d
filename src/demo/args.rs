//! The command line of `strongline demo`.

use std::path::PathBuf;

/// One call on this machine, encrypted all the way, from the first INVITE to the last figure.
///
/// Makes a throw-away CA and keys, starts an example AI application and the server, places a real call over SIP/TLS and
/// SRTP with recorded speech, and shows each of the eight steps with what secures it. Ends by itself; the exit code is 0
/// only if the speech came back.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct DemoArgs {
    /// Keep the server and the application running after the call, for your own softphone; end with Ctrl-C.
    #[arg(long)]
    pub stay: bool,

    /// The folder for certificates, keys, dialplan, log and received audio; made with mode 0700 [default: target/demo]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,

    /// The port for SIP over TLS on the loopback address [default: a free one; with --stay 5061 if that is free]
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,

    /// Say this instead of the recorded speech: a WAV of 8 kHz, 16 bit, mono, at most two minutes.
    #[arg(long, value_name = "FILE")]
    pub wav: Option<PathBuf>,

    /// No colours, also on a terminal; the variable NO_COLOR does the same.
    #[arg(long)]
    pub no_color: bool,

    /// Print nothing but the result, as one JSON object.
    #[arg(long, conflicts_with = "stay")]
    pub json: bool,
}

impl DemoArgs {
    /// The folder, and whether it is the default one.
    pub fn folder(&self) -> (PathBuf, bool) {
        match &self.dir {
            Some(dir) => (dir.clone(), false),
            None => (PathBuf::from("target/demo"), true),
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  strongline demo                           one call, then the figures
  strongline demo --stay                    and then call it with your own softphone
  strongline demo --json | jq .setup_ms     for scripts
  strongline demo --wav me.wav              with your own voice
                                            (sox in.wav -r 8000 -b 16 -c 1 me.wav)";

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        demo: DemoArgs,
    }

    #[test]
    fn the_defaults_need_no_word() {
        let args = Cli::try_parse_from(["demo"]).unwrap().demo;
        assert_eq!(args.folder(), (PathBuf::from("target/demo"), true));
        assert!(!args.stay && !args.json && args.port.is_none());
    }

    #[test]
    fn one_result_cannot_stay() {
        assert!(Cli::try_parse_from(["demo", "--stay", "--json"]).is_err());
    }
}
