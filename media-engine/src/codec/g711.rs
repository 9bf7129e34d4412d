/// The two laws of ITU-T G.711: eight bits a sample, companded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Law {
    /// µ-law: fourteen bits of linear range.
    Mu,
    /// A-law: thirteen bits of linear range.
    A,
}

impl Law {
    pub(super) fn encode(self, samples: &[i16], codes: &mut [u8]) {
        let encode = match self {
            Self::Mu => mu_encode,
            Self::A => a_encode,
        };
        for (code, &sample) in codes.iter_mut().zip(samples) {
            *code = encode(sample);
        }
    }

    pub(super) fn decode(self, codes: &[u8], samples: &mut [i16]) {
        let table = match self {
            Self::Mu => &MU_TABLE,
            Self::A => &A_TABLE,
        };
        for (sample, &code) in samples.iter_mut().zip(codes) {
            *sample = table[usize::from(code)];
        }
    }
}

static MU_TABLE: [i16; 256] = table(Law::Mu);
static A_TABLE: [i16; 256] = table(Law::A);

const fn table(law: Law) -> [i16; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "below 256")]
        let octet = code as u8;
        table[code] = match law {
            Law::Mu => mu_decode(octet),
            Law::A => a_decode(octet),
        };
        code += 1;
    }
    table
}

/// Added before the segment is found, so that each segment begins at a power of two (G.711 table 2, in 16-bit units).
const MU_BIAS: u16 = 0x84;
/// The largest magnitude that has a µ-law code of its own.
const MU_CLIP: u16 = 32_635;

/// ```text
///  0 1 2 3 4 5 6 7
/// |S| seg |  step |   all bits inverted
/// ```
const fn mu_decode(code: u8) -> i16 {
    let code = !code;
    let segment = (code >> 4) & 7;
    let step = (code & 0x0f) as i16;
    let magnitude = (((step << 3) + MU_BIAS.cast_signed()) << segment) - MU_BIAS.cast_signed();
    if code & 0x80 == 0 { magnitude } else { -magnitude }
}

const fn mu_encode(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = sample.unsigned_abs();
    let biased = (if magnitude > MU_CLIP { MU_CLIP } else { magnitude }) + MU_BIAS;
    // The bias keeps bit 7 or a higher one set, the clip bit 15 clear.
    let segment = 8 - biased.leading_zeros();
    let step = (biased >> (segment + 3)) & 0x0f;
    #[expect(clippy::cast_possible_truncation, reason = "three and four bits")]
    let code = sign | ((segment as u8) << 4) | step as u8;
    !code
}

/// As µ-law, but only the even bits (of 1 to 8) are inverted (G.711 table 1), and the two lowest segments have one slope.
const fn a_decode(code: u8) -> i16 {
    let code = code ^ 0x55;
    let segment = (code >> 4) & 7;
    let step = ((code & 0x0f) as i16) << 4;
    let magnitude = match segment {
        0 => step + 8,
        _ => (step + 0x108) << (segment - 1),
    };
    if code & 0x80 == 0 { -magnitude } else { magnitude }
}

const fn a_encode(sample: i16) -> u8 {
    // One's complement: the negative half is the mirror of the positive one, about -1/2 of the 13-bit scale.
    let (sign, magnitude) = if sample < 0 { (0, !sample) } else { (0x80, sample) };
    let magnitude = magnitude.cast_unsigned() >> 4;
    let segment = 12_u32.saturating_sub(magnitude.leading_zeros());
    let shift = if segment > 0 { segment - 1 } else { 0 };
    let step = (magnitude >> shift) & 0x0f;
    #[expect(clippy::cast_possible_truncation, reason = "three and four bits")]
    let code = sign | ((segment as u8) << 4) | step as u8;
    code ^ 0x55
}

#[cfg(test)]
mod tests {
    use super::*;

    const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/vectors/g711_tables.json");

    fn vector(name: &str) -> Vec<i16> {
        let vectors: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(VECTORS).unwrap()).unwrap();
        let values = vectors[name].as_array().unwrap();
        values.iter().map(|value| i16::try_from(value.as_i64().unwrap()).unwrap()).collect()
    }

    fn linear(law: Law, code: u8) -> i16 {
        let mut sample = [0];
        law.decode(&[code], &mut sample);
        sample[0]
    }

    fn code(law: Law, sample: i16) -> u8 {
        let mut code = [0];
        law.encode(&[sample], &mut code);
        code[0]
    }

    #[test]
    fn decoding_follows_the_tables_of_the_standard() {
        for (law, name) in [(Law::Mu, "ulaw_decode"), (Law::A, "alaw_decode")] {
            let expected = vector(name);
            assert_eq!(expected.len(), 256);
            for octet in 0..=u8::MAX {
                assert_eq!(linear(law, octet), expected[usize::from(octet)], "{law:?} {octet:#04x}");
            }
        }
    }

    #[test]
    fn a_code_survives_the_round_trip() {
        for law in [Law::Mu, Law::A] {
            for octet in 0..=u8::MAX {
                let again = code(law, linear(law, octet));
                // µ-law has two zeros; the negative one may come back as the positive.
                let zero = law == Law::Mu && octet == 0x7f && again == 0xff;
                assert!(again == octet || zero, "{law:?} {octet:#04x} {again:#04x}");
            }
        }
    }

    #[test]
    fn no_sample_is_off_by_more_than_half_a_step() {
        for sample in i16::MIN..=i16::MAX {
            for law in [Law::Mu, Law::A] {
                let code = code(law, sample);
                let segment = match law {
                    Law::Mu => u32::from(!code >> 4) & 7,
                    Law::A => (u32::from((code ^ 0x55) >> 4) & 7).saturating_sub(1),
                };
                let half_step = match law {
                    Law::Mu => 4 << segment,
                    Law::A => 8 << segment,
                };
                // What is louder than the loudest code has that one.
                let loudest = i32::from(if law == Law::Mu { MU_CLIP.cast_signed() } else { i16::MAX });
                let wanted = i32::from(sample).clamp(-loudest, loudest);
                let off = (i32::from(linear(law, code)) - wanted).abs();
                assert!(off <= half_step, "{law:?} {sample}: off by {off} of {half_step}");
            }
        }
    }

    #[test]
    fn decoding_is_monotone() {
        for law in [Law::Mu, Law::A] {
            let mut last = i16::MIN;
            for sample in (i16::MIN..=i16::MAX).step_by(3) {
                let value = linear(law, code(law, sample));
                assert!(value >= last);
                last = value;
            }
        }
    }
}
