//! Recorded announcements: WAV files named by the dialplan, read and checked once at start.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use media_engine::audio::{Pcm, SampleRate};

/// The longest announcement that is kept in memory.
const LONGEST: Duration = Duration::from_mins(10);

/// One announcement, shared by all calls that play it.
#[derive(Debug, Clone)]
pub(crate) struct Prompt {
    rate: SampleRate,
    samples: Arc<[i16]>,
}

/// Why an announcement cannot be played.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum PromptError {
    /// The bytes are not a WAV file, or it is cut short.
    #[error("cannot be read as WAV: {0}")]
    Unreadable(#[from] hound::Error),
    /// Another form than 16-bit mono PCM at a rate of ours.
    #[error(
        "must be 16-bit mono PCM at 8000, 16000 or 24000 Hz, not {bits}-bit with {channels} channels at {rate} Hz (convert it: sox in.wav -b 16 -c 1 -r 8000 out.wav)"
    )]
    Form {
        /// Bits a sample.
        bits: u16,
        /// Channels.
        channels: u16,
        /// Samples a second.
        rate: u32,
    },
    /// Longer than ten minutes.
    #[error("is longer than {} minutes", LONGEST.as_secs() / 60)]
    TooLong,
}

impl Prompt {
    /// Samples that were made here.
    pub(crate) const fn new(rate: SampleRate, samples: Arc<[i16]>) -> Self {
        Self { rate, samples }
    }

    /// Reads the WAV file at `path`.
    ///
    /// # Errors
    /// The file is missing, is no WAV, has another form than 16-bit mono, or is too long.
    pub(crate) fn load(path: &Path) -> Result<Self, PromptError> {
        Self::read(hound::WavReader::open(path)?)
    }

    /// Reads a WAV file out of memory, e.g. one that an application named by URL.
    ///
    /// # Errors
    /// As [`Prompt::load`].
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, PromptError> {
        Self::read(hound::WavReader::new(bytes)?)
    }

    fn read<R: std::io::Read>(reader: hound::WavReader<R>) -> Result<Self, PromptError> {
        let spec = reader.spec();
        let rate = match (spec.sample_format, spec.bits_per_sample, spec.channels) {
            (hound::SampleFormat::Int, 16, 1) => SampleRate::from_hz(spec.sample_rate),
            _ => None,
        };
        let Some(rate) = rate else {
            return Err(PromptError::Form {
                bits: spec.bits_per_sample,
                channels: spec.channels,
                rate: spec.sample_rate,
            });
        };
        if u64::from(reader.duration()) > LONGEST.as_secs() * u64::from(spec.sample_rate) {
            return Err(PromptError::TooLong);
        }
        let samples = reader.into_samples::<i16>().collect::<Result<Vec<_>, _>>()?;
        Ok(Self { rate, samples: samples.into() })
    }

    /// Starts it from the beginning.
    pub(crate) fn play(&self) -> Player {
        Player { prompt: self.clone(), at: 0 }
    }
}

/// One announcement on its way to one caller.
#[derive(Debug)]
pub(crate) struct Player {
    prompt: Prompt,
    at: usize,
}

impl Player {
    /// The next 20 ms, the last one filled up with silence; `None` when all has been played.
    pub(crate) fn next_frame(&mut self) -> Option<Pcm> {
        let rest = self.prompt.samples.get(self.at..).filter(|rest| !rest.is_empty())?;
        let frame = self.prompt.rate.frame_len();
        let taken = rest.len().min(frame);
        self.at += taken;
        let mut samples = [0; Pcm::CAPACITY];
        samples[..taken].copy_from_slice(&rest[..taken]);
        Pcm::from_slice(self.prompt.rate, &samples[..frame])
    }

    /// The next 20 ms, over and over again.
    pub(crate) fn next_frame_round(&mut self) -> Option<Pcm> {
        self.next_frame().or_else(|| {
            self.at = 0;
            self.next_frame()
        })
    }
}
