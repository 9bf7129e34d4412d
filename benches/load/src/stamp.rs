//! Stamps in the audio: each 20 ms frame carries a number in its waveform, so that delay, loss and duplicates are read from
//! the audio that comes back, whatever was done to the packets on the way.
//!
//! 32 symbols of 5 samples at 8 kHz, each a plus or a minus: 11 of a Barker code, 16 of the number, 5 of a check. They survive
//! G.711, resampling and shifts by single samples. The number starts at random in each call: audio of another call is seen.

/// Samples of a frame at 8 kHz.
pub(crate) const FRAME: usize = 160;
/// Samples of a symbol.
const SYMBOL: usize = FRAME / 32;
const BARKER: u32 = 0b111_0001_0010;
const AMPLITUDE: i16 = 8_000;
/// Below it there is nothing to read: 500 on average over the Barker code.
const QUIETEST: i64 = 500 * 11 * 5;

/// The frame that carries `number`.
pub(crate) fn frame(number: u16) -> [i16; FRAME] {
    let word = (BARKER << 21) | (u32::from(number) << 5) | check(number);
    std::array::from_fn(|at| if (word >> (31 - at / SYMBOL)) & 1 == 1 { AMPLITUDE } else { -AMPLITUDE })
}

/// A CRC of 5 bits (x^5 + x^2 + 1).
fn check(number: u16) -> u32 {
    (0..16).rev().fold(0x1f, |crc, bit| {
        let carry = ((crc >> 4) ^ u32::from(number >> bit)) & 1;
        ((crc << 1) & 0x1f) ^ (carry * 0b101)
    })
}

/// A stamp that was found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) number: u16,
    /// How many samples came after its last one, so far.
    pub(crate) after: usize,
}

/// Finds stamps in audio that comes in pieces.
#[derive(Debug, Default)]
pub(crate) struct Detector {
    audio: Vec<i16>,
    /// Where in the frame grid the last stamp lay: looked at first.
    phase: usize,
}

impl Detector {
    /// Takes the samples of one packet; gives the stamps that it completed.
    pub(crate) fn push(&mut self, samples: &[i16], found: &mut Vec<Found>) {
        self.audio.extend_from_slice(samples);
        let mut at = 0;
        while at + FRAME <= self.audio.len() {
            let expected = at + (self.phase + FRAME - at % FRAME) % FRAME;
            let steady = (expected < at + SYMBOL && expected + FRAME <= self.audio.len())
                .then(|| self.read(expected).map(|number| (number, expected)))
                .flatten();
            let Some((number, start)) = steady.or_else(|| self.search(at)) else {
                at += 1;
                continue;
            };
            self.phase = start % FRAME;
            at = start + FRAME;
            found.push(Found { number, after: self.audio.len() - at });
        }
        self.audio.drain(..at);
        self.phase = (self.phase + FRAME - at % FRAME) % FRAME;
    }

    /// A stamp that begins at `at`, or up to half a symbol later where it is better centred.
    fn search(&self, at: usize) -> Option<(u16, usize)> {
        self.read(at)?;
        let last = self.audio.len() - FRAME;
        (at..=(at + SYMBOL / 2).min(last))
            .filter_map(|start| Some((self.read(start)?, start)))
            .max_by_key(|&(_, start)| self.likeness(start).0)
    }

    fn read(&self, start: usize) -> Option<u16> {
        let (likeness, energy) = self.likeness(start);
        if energy < QUIETEST || likeness * 100 < energy * 85 {
            return None;
        }
        let word = (11..32).fold(0_u32, |word, symbol| (word << 1) | u32::from(self.symbol(start, symbol) > 0));
        let number = (word >> 5) as u16;
        (check(number) == word & 0x1f).then_some(number)
    }

    /// How well the Barker code is met, and what a perfect match would give.
    fn likeness(&self, start: usize) -> (i64, i64) {
        let likeness = (0..11)
            .map(|symbol| {
                if (BARKER >> (10 - symbol)) & 1 == 1 {
                    self.symbol(start, symbol)
                } else {
                    -self.symbol(start, symbol)
                }
            })
            .sum();
        let energy = self.audio[start..start + 11 * SYMBOL].iter().map(|&sample| i64::from(sample).abs()).sum();
        (likeness, energy)
    }

    fn symbol(&self, start: usize, symbol: usize) -> i64 {
        let from = start + symbol * SYMBOL;
        self.audio[from..from + SYMBOL].iter().map(|&sample| i64::from(sample)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers found in stamps that were shifted and treated.
    fn found(shift: usize, treat: impl Fn(&[i16]) -> Vec<i16>) -> Vec<u16> {
        let mut audio = vec![0; shift];
        (0..1_000_u16).for_each(|number| audio.extend(frame(number.wrapping_add(65_000))));
        let (mut detector, mut stamps) = (Detector::default(), Vec::new());
        treat(&audio).chunks(FRAME).for_each(|packet| detector.push(packet, &mut stamps));
        stamps.into_iter().map(|stamp| stamp.number).collect()
    }

    fn smooth(audio: &[i16]) -> Vec<i16> {
        let at = |i: usize| i32::from(audio.get(i).copied().unwrap_or(0));
        (0..audio.len()).map(|i| ((at(i.wrapping_sub(1)) + 2 * at(i) + at(i + 1)) / 4) as i16).collect()
    }

    #[test]
    fn stamps_survive_shifts_filters_and_levels() {
        for shift in [0, 1, 7, 80, 159] {
            for treat in [<[i16]>::to_vec, smooth, |audio: &[i16]| audio.iter().map(|sample| sample / 4).collect()] {
                let numbers = found(shift, treat);
                assert!(numbers.len() >= 998, "shift {shift}: {} of 1000", numbers.len());
                assert!(numbers.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1)), "shift {shift}");
            }
        }
    }

    #[test]
    fn silence_and_noise_hold_no_stamp() {
        let mut state = 1_u32;
        let noise: Vec<i16> = (0..80_000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 18) as i16
            })
            .collect();
        let (mut detector, mut stamps) = (Detector::default(), Vec::new());
        noise.chunks(FRAME).for_each(|packet| detector.push(packet, &mut stamps));
        assert_eq!(stamps, []);
    }
}
