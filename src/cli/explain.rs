//! `strongline explain`

use std::path::PathBuf;

use dialplan::{CallFacts, Direction, Party};

use super::{DIALPLAN, Failed, say};

/// Say which route a call would take, and why.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  strongline explain --trunk carrier-a --from +14155550111 --to +14155550100
  strongline explain --trunk carrier-a --from anonymous --to +14155550100 --json")]
pub(super) struct Explain {
    /// The dialplan file.
    #[arg(long, value_name = "FILE", default_value = DIALPLAN)]
    dialplan: PathBuf,
    /// The trunk that brings the call.
    #[arg(long)]
    trunk: String,
    /// The caller's number, or `anonymous`.
    #[arg(long, allow_hyphen_values = true)]
    from: String,
    /// The number called.
    #[arg(long, allow_hyphen_values = true)]
    to: String,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

impl Explain {
    pub(super) fn run(&self) -> Result<(), Failed> {
        let dialplan = crate::config::read(&self.dialplan)?;
        if dialplan.trunk(&self.trunk).is_none() {
            let known: Vec<_> = dialplan.trunks.iter().map(|trunk| trunk.name.as_str()).collect();
            return Err(Failed(format!("no trunk is called `{}`; the file has: {}", self.trunk, known.join(", "))));
        }
        let facts = CallFacts {
            trunk: self.trunk.clone(),
            from: Party::from_user(&self.from),
            to: Party::from_user(&self.to),
            direction: Direction::Inbound,
        };
        let explanation = dialplan::explain(&dialplan, &facts);
        let text = if self.json { serde_json::to_string_pretty(&explanation)? } else { explanation.to_string() };
        say(&text);
        Ok(())
    }
}
