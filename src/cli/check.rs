//! `strongline check`

use std::path::PathBuf;

use super::{DIALPLAN, Failed, say, say_error};
use crate::config::Loaded;

/// Read the dialplan file and all that it names, and say everything that is wrong with it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  strongline check
  strongline check --dialplan ./strongline.toml
  strongline check --dialplan ./strongline.toml --file-only     without the keys, certificates and sounds it names
  strongline check --schema > dialplan.schema.json              for editors")]
pub(super) struct Check {
    /// The dialplan file.
    #[arg(long, value_name = "FILE", default_value = DIALPLAN)]
    dialplan: PathBuf,
    /// Check the file alone, not the keys, certificates and sounds that it names.
    #[arg(long)]
    file_only: bool,
    /// Print the JSON Schema of the file instead.
    #[arg(long)]
    schema: bool,
}

impl Check {
    pub(super) fn run(&self) -> Result<(), Failed> {
        if self.schema {
            say(&serde_json::to_string_pretty(&dialplan::schema())?);
            return Ok(());
        }
        let (dialplan, warnings) = if self.file_only {
            let dialplan = crate::config::read(&self.dialplan)?;
            let warnings = dialplan.warnings().to_string();
            (dialplan, warnings)
        } else {
            let loaded = Loaded::load(&self.dialplan)?;
            (loaded.dialplan.as_ref().clone(), loaded.dialplan.warnings().to_string())
        };
        if !warnings.is_empty() {
            say_error(&warnings);
        }
        say(&format!(
            "{}: good ({} trunks, {} applications, {} routes)",
            self.dialplan.display(),
            dialplan.trunks.len(),
            dialplan.apps.len(),
            dialplan.routes.len()
        ));
        Ok(())
    }
}
