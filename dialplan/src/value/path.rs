//! Files named in the dialplan. Nothing here touches a disk.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Value, json};

use crate::rule::{Text, ValueError};

impl Text for PathBuf {
    const WANTS: &'static str = "a path";

    fn constraint() -> Value {
        json!({ "minLength": 1 })
    }

    fn parse(text: &str) -> Result<Self, ValueError> {
        if text.is_empty() || text.contains('\0') {
            return Err(ValueError::new("is no path", "write a path, absolute or relative to the folder of this file"));
        }
        Ok(Self::from(text))
    }
}

/// A WAV file to play; a relative path starts at the folder of the dialplan file.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct SoundFile(PathBuf);

impl SoundFile {
    /// The path as written.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Text for SoundFile {
    const WANTS: &'static str = "the path of a .wav file";

    fn constraint() -> Value {
        json!({ "pattern": "\\.[wW][aA][vV]$" })
    }

    fn parse(text: &str) -> Result<Self, ValueError> {
        let path = PathBuf::parse(text)?;
        let wav = text.to_ascii_lowercase().ends_with(".wav");
        if wav {
            Ok(Self(path))
        } else {
            Err(ValueError::new("is no .wav file", "name a WAV file: PCM, 16 bit, mono, 8, 16 or 24 kHz"))
        }
    }
}
