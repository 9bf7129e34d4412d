//! What a frame costs in each direction: SRTP (AES_CM_128_HMAC_SHA1_80), PCMU, 8 kHz to 16 kHz and back.
//!
//! Run with `cargo bench -p media-engine --bench media_path`.

#![expect(clippy::unwrap_used, reason = "a benchmark")]
#![expect(clippy::disallowed_methods, reason = "a benchmark\'s origin of time")]

use std::time::{Duration, Instant};

use divan::{AllocProfiler, Bencher, counter::ItemsCount};
use media_engine::{
    audio::{Pcm, Resampler, SampleRate},
    buf::Pool,
    codec::{Codec, Plc},
    jitter::JitterConfig,
    pci::Mode,
    rtcp::Cname,
    rtp::{PayloadType, RtpTimestamp, Seq, Ssrc},
    session::{Direction, Leg, Session, SessionConfig, SourcePolicy},
    srtp::{Inbound, MasterKey, Outbound, Suite},
};

use rubato::{
    Async, Fft, FixedAsync, FixedSync, SincInterpolationParameters, SincInterpolationType, WindowFunction,
    audioadapter_buffers::direct::InterleavedSlice,
};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

const FRAMES: u32 = 1_000;
const FRAME: Duration = Duration::from_millis(20);

fn main() {
    divan::main();
}

fn session(own: u8, peer: u8, now: Instant) -> Session {
    let key = |octet| MasterKey::new(Suite::AesCm128Sha1_80, &[octet; 30]).unwrap();
    let config = SessionConfig {
        leg: Leg::Secure { rx: Inbound::new(&key(peer)), tx: Outbound::new(&key(own)) },
        codec: Codec::Pcmu,
        payload_type: PayloadType::PCMU,
        telephone_event: None,
        remote: ([192, 0, 2, peer], 4_000).into(),
        remote_rtcp: None,
        source: SourcePolicy::Signalled,
        direction: Direction::SendRecv,
        uplink_rate: SampleRate::Hz16000,
        ssrc: Ssrc::new(u32::from(own)),
        seq: Seq::new(7),
        timestamp: RtpTimestamp::new(9),
        cname: Cname::new("bench").unwrap(),
        jitter: JitterConfig::default(),
        guard: Mode::Open,
        guard_hold: 0,
        inbound_timeout: Duration::from_secs(30),
        seed: [1; 32],
    };
    Session::new(config, now)
}

fn audio(rate: SampleRate) -> Pcm {
    let samples: Vec<i16> = (0_i16..).take(rate.frame_len()).map(|n| (n % 200) * 90 - 9_000).collect();
    Pcm::from_slice(rate, &samples).unwrap()
}

/// Packet to uplink frame: unprotect, jitter buffer, decode, resample, guard. One in `lose` packets is lost and concealed.
#[divan::bench(args = [0, 100, 10])]
fn inbound(bencher: Bencher<'_, '_>, lose: u32) {
    let start = Instant::now();
    let pool = Pool::new(2_048);
    pool.warm(2_048);
    let frame = audio(SampleRate::Hz8000);
    bencher
        .counter(ItemsCount::new(FRAMES))
        .with_inputs(|| {
            // Packets are made before the clock runs.
            let (mut caller, mut server) = (session(1, 2, start), session(2, 1, start));
            let mut packets = Vec::with_capacity(FRAMES as usize);
            for number in 0..FRAMES + 50 {
                let now = start + FRAME * number;
                let mut out = pool.take().unwrap();
                caller.send_audio(&frame, now, &mut out).unwrap();
                let lost = lose > 0 && number % lose == lose - 1;
                packets.push(if lost { None } else { Some(out) });
                if number < 50 {
                    if let Some(buf) = packets.pop().flatten() {
                        server.handle_rtp(buf, ([192, 0, 2, 1], 4_000).into(), now);
                    }
                    while server.poll_uplink(now).is_some() {}
                }
            }
            (server, packets)
        })
        .bench_local_values(|(mut server, packets)| {
            for (number, packet) in (50..).zip(packets) {
                let now = start + FRAME * number;
                if let Some(packet) = packet {
                    server.handle_rtp(packet, ([192, 0, 2, 1], 4_000).into(), now);
                }
                divan::black_box(server.poll_uplink(now));
            }
            server
        });
}

/// Downlink frame to packet: resample, encode, header, protect.
#[divan::bench(args = [SampleRate::Hz8000, SampleRate::Hz16000, SampleRate::Hz24000])]
fn outbound(bencher: Bencher<'_, '_>, rate: SampleRate) {
    let mut now = Instant::now();
    let mut server = session(2, 1, now);
    let pool = Pool::new(1);
    let mut out = pool.take().unwrap();
    let frame = audio(rate);
    bencher.counter(ItemsCount::new(FRAMES)).bench_local(|| {
        for _ in 0..FRAMES {
            now += FRAME;
            divan::black_box(server.send_audio(&frame, now, &mut out));
        }
    });
}

#[divan::bench(args = [(8_000, 16_000), (16_000, 8_000), (8_000, 24_000), (24_000, 8_000), (48_000, 16_000)])]
fn resample(bencher: Bencher<'_, '_>, (from, to): (u32, u32)) {
    let (from, to) = (SampleRate::from_hz(from).unwrap(), SampleRate::from_hz(to).unwrap());
    let mut resampler = Resampler::new(from, to);
    let frame = audio(from);
    bencher.counter(ItemsCount::new(FRAMES)).bench_local(|| {
        for _ in 0..FRAMES {
            divan::black_box(resampler.process_frame(divan::black_box(&frame)));
        }
    });
}

/// What rubato's resamplers take for the same 8 to 16 kHz, with a delay of 160 samples (fft) and 64 (sinc) where
/// ours has 32.
#[divan::bench(args = ["fft", "sinc 64"])]
fn resample_by_rubato(bencher: Bencher<'_, '_>, kind: &str) {
    let parameters = SincInterpolationParameters {
        sinc_len: 64,
        f_cutoff: Some(0.9),
        oversampling_factor: 2,
        interpolation: SincInterpolationType::Nearest,
        window: WindowFunction::Blackman2,
    };
    let mut resampler: Box<dyn rubato::Resampler<f32>> = if kind == "fft" {
        Box::new(Fft::new(8_000, 16_000, 160, 1, FixedSync::Input).unwrap())
    } else {
        Box::new(Async::new_sinc(2.0, 1.0, &parameters, 160, 1, FixedAsync::Input).unwrap())
    };
    let input: Vec<f32> = audio(SampleRate::Hz8000).samples().iter().map(|&sample| f32::from(sample)).collect();
    let mut output = vec![0.0_f32; resampler.output_frames_max()];
    let frames = output.len();
    bencher.counter(ItemsCount::new(FRAMES)).bench_local(|| {
        for _ in 0..FRAMES {
            let input = InterleavedSlice::new(&input, 1, 160).unwrap();
            let mut output = InterleavedSlice::new_mut(&mut output, 1, frames).unwrap();
            divan::black_box(resampler.process_into_buffer(&input, &mut output, None).unwrap());
        }
    });
}

/// The first frame that is lost costs the search for the pitch.
#[divan::bench]
fn conceal_one_frame(bencher: Bencher<'_, '_>) {
    let frame = audio(SampleRate::Hz8000);
    let mut plc = Plc::new(SampleRate::Hz8000);
    bencher.counter(ItemsCount::new(FRAMES)).bench_local(|| {
        for _ in 0..FRAMES {
            let mut good = frame.clone();
            plc.on_audio(good.samples_mut());
            plc.conceal(good.samples_mut());
            divan::black_box(&good);
        }
    });
}
