//! `strongline explain`

use std::path::PathBuf;

use clap::ValueEnum;
use dialplan::CallFacts;

use super::{DIALPLAN, Failed, say};

/// Say which route a call would take, and why.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  strongline explain --trunk carrier-a --from +14155550111 --to +14155550100
  strongline explain --trunk carrier-a --from +14155550111 --to +14155550100 --attest A
  strongline explain --trunk carrier-a --from +14155550100 --to +14155550111 --direction outbound
  strongline explain --trunk carrier-a --from anonymous --to +14155550100 --json")]
pub(super) struct Explain {
    /// The dialplan file.
    #[arg(long, value_name = "FILE", default_value = DIALPLAN)]
    dialplan: PathBuf,
    /// The trunk that brings the call, or by which it leaves.
    #[arg(long)]
    trunk: String,
    /// The caller's number, or `anonymous`.
    #[arg(long, allow_hyphen_values = true)]
    from: String,
    /// The number called.
    #[arg(long, allow_hyphen_values = true)]
    to: String,
    /// How far the caller's number is vouched for.
    #[arg(long, value_enum, default_value = "none")]
    attest: Vouched,
    /// Who starts the call.
    #[arg(long, value_enum, default_value = "inbound")]
    direction: Way,
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
        let facts = match self.direction {
            Way::Inbound => CallFacts::inbound(&*self.trunk, &self.from, &self.to).attested(self.attest.into()),
            Way::Outbound => CallFacts::outbound(&*self.trunk, &self.from, &self.to),
        };
        let explanation = dialplan::explain(&dialplan, &facts);
        let text = if self.json { serde_json::to_string_pretty(&explanation)? } else { explanation.to_string() };
        say(&text);
        Ok(())
    }
}

/// What the identity of a call is worth.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Vouched {
    /// Full: the carrier knows the caller, and that the number is his.
    #[value(name = "A", alias = "a")]
    Full,
    /// Partial: the carrier knows the caller.
    #[value(name = "B", alias = "b")]
    Partial,
    /// Gateway: the carrier knows where the call came in.
    #[value(name = "C", alias = "c")]
    Gateway,
    /// Nobody vouches for it.
    None,
    /// Its identity does not hold.
    Failed,
}

impl From<Vouched> for dialplan::Attest {
    fn from(vouched: Vouched) -> Self {
        match vouched {
            Vouched::Full => Self::A,
            Vouched::Partial => Self::B,
            Vouched::Gateway => Self::C,
            Vouched::None => Self::None,
            Vouched::Failed => Self::Failed,
        }
    }
}

/// Who starts a call.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Way {
    /// It comes in over the trunk.
    Inbound,
    /// We place it.
    Outbound,
}
