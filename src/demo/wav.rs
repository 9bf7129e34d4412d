//! WAV files: 8 kHz, 16 bit, mono, read from memory and written to disk.

use std::io::Cursor;
use std::path::Path;

use super::limits::MAX_WAV_SAMPLES;

/// Samples per second of everything the caller sends and receives.
pub const RATE: u32 = 8_000;

/// Why a WAV was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WavError {
    /// Not a WAV, or cut off.
    #[error("not a readable WAV file: {0}")]
    Unreadable(#[from] hound::Error),
    /// A WAV, but not one a telephone can send as it is.
    #[error(
        "the WAV has {channels} channel(s) of {bits} bit at {rate} Hz; 1 channel of 16 bit at 8000 Hz is needed \
         (for example: sox in.wav -r 8000 -b 16 -c 1 out.wav)"
    )]
    Format {
        /// Channels of the file.
        channels: u16,
        /// Bits per sample of the file.
        bits: u16,
        /// Samples per second of the file.
        rate: u32,
    },
    /// Longer than two minutes.
    #[error("the WAV is longer than two minutes")]
    TooLong,
}

/// Reads the samples of an 8 kHz, 16 bit, mono WAV.
pub fn decode(bytes: &[u8]) -> Result<Vec<i16>, WavError> {
    let reader = hound::WavReader::new(Cursor::new(bytes))?;
    let spec = reader.spec();
    if (spec.channels, spec.bits_per_sample, spec.sample_rate) != (1, 16, RATE)
        || spec.sample_format != hound::SampleFormat::Int
    {
        return Err(WavError::Format { channels: spec.channels, bits: spec.bits_per_sample, rate: spec.sample_rate });
    }
    if reader.len() as usize > MAX_WAV_SAMPLES {
        return Err(WavError::TooLong);
    }
    Ok(reader.into_samples::<i16>().collect::<Result<Vec<_>, _>>()?)
}

/// Writes samples as an 8 kHz, 16 bit, mono WAV.
pub fn write(path: &Path, samples: &[i16]) -> Result<(), WavError> {
    let spec =
        hound::WavSpec { channels: 1, sample_rate: RATE, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut writer = hound::WavWriter::create(path, spec)?;
    for sample in samples {
        writer.write_sample(*sample)?;
    }
    writer.finalize()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.wav");
        let samples: Vec<i16> = (0..800).map(|n| n * 40 - 16_000).collect();
        write(&path, &samples).unwrap();
        assert_eq!(decode(&std::fs::read(&path).unwrap()).unwrap(), samples);
    }

    #[test]
    fn another_rate_is_refused_with_what_to_do() {
        let mut bytes = Cursor::new(Vec::new());
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: 48_000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        hound::WavWriter::new(&mut bytes, spec).unwrap().finalize().unwrap();
        let error = decode(bytes.get_ref()).unwrap_err().to_string();
        assert!(error.contains("2 channel(s)") && error.contains("sox"), "{error}");
    }

    #[test]
    fn garbage_and_half_files_are_refused() {
        assert!(decode(b"RIFFxxxxWAVE").is_err());
        let whole = super::super::speech::CALLER;
        assert!(decode(&whole[..30]).is_err());
        assert!(decode(&whole[..1_001]).is_err());
    }
}
