#![expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::disallowed_methods,
    reason = "tests"
)]

use std::time::{Duration, Instant};

use proptest::prelude::*;
use rand::{SeedableRng, rngs::StdRng};
use rtcp_types::RtcpPacketWriterExt;

use super::*;
use crate::rtp::{RtpTimestamp, Seq, Ssrc};

const US: Ssrc = Ssrc::new(0x1111_1111);
const PEER: Ssrc = Ssrc::new(0x2222_2222);

fn block() -> ReportBlock {
    ReportBlock {
        ssrc: PEER,
        fraction_lost: 12,
        cumulative_lost: -5,
        highest_seq: 0x0001_fffe,
        jitter: 77,
        last_sr: 0x1234_5678,
        delay_since_last_sr: 65_536,
    }
}

fn sender() -> SenderInfo {
    SenderInfo { ntp: NtpTime::new(0xe000_0000_8000_0000), timestamp: RtpTimestamp::new(160), packets: 3, octets: 480 }
}

fn written(report: &Report<'_>) -> Vec<u8> {
    let mut out = vec![0xff; 1_500];
    let len = report.write(&mut out).unwrap();
    for room in 0..len {
        assert_eq!(report.write(&mut out[..room]), None, "room for {room} of {len}");
    }
    assert_eq!(report.write(&mut out[..len]), Some(len));
    out.truncate(len);
    out
}

fn packets(octets: &[u8]) -> Result<Vec<Packet<'_>>, RtcpError> {
    Compound::parse(octets)?.collect()
}

#[test]
fn what_is_written_is_read() {
    let cname = Cname::new("abc").unwrap();
    let report = Report { ssrc: US, sender: Some(sender()), blocks: &[block()], cname: &cname, goodbye: true };
    let octets = written(&report);
    let mut packets = packets(&octets).unwrap().into_iter();
    let Some(Packet::SenderReport { ssrc, info, mut blocks }) = packets.next() else { panic!("no SR") };
    assert_eq!((ssrc, info, blocks.next(), blocks.next()), (US, sender(), Some(block()), None));
    assert_eq!(packets.next(), Some(Packet::SourceDescription { ssrc: Some(US), cname: Some(b"abc") }));
    let Some(Packet::Goodbye { ssrcs }) = packets.next() else { panic!("no BYE") };
    assert_eq!(ssrcs.collect::<Vec<_>>(), [US]);
    assert_eq!(packets.next(), None);

    let octets = written(&Report { sender: None, blocks: &[], goodbye: false, ..report });
    let mut packets = Compound::parse(&octets).unwrap();
    let Some(Ok(Packet::ReceiverReport { ssrc, blocks })) = packets.next() else { panic!("no RR") };
    assert_eq!((ssrc, blocks.count()), (US, 0));
    assert_eq!(packets.count(), 1);
}

#[test]
fn another_implementation_reads_what_is_written() {
    for len in [1, 2, 3, 4, 5, 254, 255] {
        let name = "n".repeat(len);
        let cname = Cname::new(&name).unwrap();
        let blocks = [block(); 31];
        let report = Report { ssrc: US, sender: Some(sender()), blocks: &blocks, cname: &cname, goodbye: true };
        let octets = written(&report);
        let mut read = rtcp_types::Compound::parse(&octets).unwrap().map(Result::unwrap);
        let Some(rtcp_types::Packet::Sr(sr)) = read.next() else { panic!("no SR") };
        assert_eq!(sr.ssrc(), US.value());
        assert_eq!(sr.ntp_timestamp(), sender().ntp.value());
        assert_eq!((sr.rtp_timestamp(), sr.packet_count(), sr.octet_count()), (160, 3, 480));
        assert_eq!(sr.report_blocks().count(), 31);
        for theirs in sr.report_blocks() {
            assert_eq!(theirs.ssrc(), PEER.value());
            assert_eq!(theirs.fraction_lost(), 12);
            assert_eq!(theirs.cumulative_lost(), 0xff_fffb);
            assert_eq!(theirs.extended_sequence_number(), 0x0001_fffe);
            assert_eq!(theirs.interarrival_jitter(), 77);
            assert_eq!(theirs.last_sender_report_timestamp(), 0x1234_5678);
            assert_eq!(theirs.delay_since_last_sender_report_timestamp(), 65_536);
        }
        let Some(rtcp_types::Packet::Sdes(sdes)) = read.next() else { panic!("no SDES") };
        let chunk = sdes.chunks().next().unwrap();
        assert_eq!(chunk.items().next().unwrap().get_value_string().unwrap(), name);
        let Some(rtcp_types::Packet::Bye(bye)) = read.next() else { panic!("no BYE") };
        assert_eq!(bye.ssrcs().collect::<Vec<_>>(), [US.value()]);
        assert!(read.next().is_none());
    }
}

#[test]
fn what_another_implementation_writes_is_read() {
    let compound = rtcp_types::Compound::builder()
        .add_packet(
            rtcp_types::ReceiverReport::builder(7)
                .add_report_block(rtcp_types::ReportBlock::builder(8).cumulative_lost(0x80_0000).fraction_lost(255)),
        )
        .add_packet(
            rtcp_types::Sdes::builder().add_chunk(
                rtcp_types::SdesChunk::builder(7)
                    .add_item(rtcp_types::SdesItem::builder(rtcp_types::SdesItem::TOOL, "tool"))
                    .add_item(rtcp_types::SdesItem::builder(rtcp_types::SdesItem::CNAME, "name")),
            ),
        )
        .add_packet(rtcp_types::App::builder(7, "test"))
        .add_packet(rtcp_types::Bye::builder().add_source(7).add_source(8).reason("leaving").padding(8));
    let mut octets = vec![0; 512];
    let len = compound.write_into(&mut octets).unwrap();
    let read = packets(&octets[..len]).unwrap();
    assert_eq!(read.len(), 4);
    let Packet::ReceiverReport { ssrc, blocks } = &read[0] else { panic!("no RR") };
    let block = blocks.clone().next().unwrap();
    assert_eq!((ssrc.value(), block.cumulative_lost, block.fraction_lost), (7, -0x80_0000, 255));
    assert_eq!(read[1], Packet::SourceDescription { ssrc: Some(Ssrc::new(7)), cname: Some(b"name") });
    assert_eq!(read[2], Packet::Other { packet_type: 204 });
    let Packet::Goodbye { ssrcs } = &read[3] else { panic!("no BYE") };
    assert_eq!(ssrcs.clone().map(Ssrc::value).collect::<Vec<_>>(), [7, 8]);
}

#[test]
fn lies_are_refused() {
    let rr = |first: u8, words: u8, rest: &[u8]| {
        let mut octets = vec![first, 201, 0, words];
        octets.extend(rest);
        packets(&octets).err()
    };
    let ssrc = [0, 0, 0, 7];
    assert_eq!(rr(0x80, 1, &ssrc), None);
    assert_eq!(packets(&[]).err(), Some(RtcpError::TooShort));
    assert_eq!(packets(&[0x80, 201, 0]).err(), Some(RtcpError::TooShort));
    assert_eq!(rr(0x80, 1, &[0; 3]), Some(RtcpError::TooShort));
    assert_eq!(rr(0x80, 2, &ssrc), Some(RtcpError::TooShort));
    assert_eq!(rr(0x80, 0, &[]), Some(RtcpError::TooShort), "no SSRC");
    assert_eq!(rr(0x81, 1, &ssrc), Some(RtcpError::TooShort), "one block is claimed");
    assert_eq!(rr(0x40, 1, &ssrc), Some(RtcpError::Version));
    assert_eq!(rr(0x80, 1, &[0, 0, 0, 7, 0x80]), Some(RtcpError::TooShort), "an octet too many");
    assert_eq!(rr(0xa0, 1, &[0, 0, 0, 0]), Some(RtcpError::Padding));
    assert_eq!(rr(0xa0, 1, &[0, 0, 0, 3]), Some(RtcpError::Padding));
    assert_eq!(rr(0xa0, 1, &[0, 0, 0, 4]), Some(RtcpError::TooShort), "nothing but padding");
    assert_eq!(rr(0xa0, 1, &[0, 0, 0, 8]), Some(RtcpError::Padding));
    assert_eq!(rr(0xa0, 2, &[0, 0, 0, 7, 0, 0, 0, 4]), None);
    assert_eq!(
        rr(0xa0, 2, &[0, 0, 0, 7, 0, 0, 0, 4, 0x80, 203, 0, 0]),
        Some(RtcpError::Padding),
        "padding before the end"
    );
    assert_eq!(packets(&[0x80, 203, 0, 0]).err(), Some(RtcpError::NoReportFirst));
    // 8 octets that make an older parser panic: SDES that claims a chunk, behind an empty report.
    assert_eq!(rr(0x80, 1, &[0, 0, 0, 7, 0x81, 202, 0, 0]), Some(RtcpError::TooShort));
    // A PRIV item whose prefix exceeds it.
    let private = [0, 0, 0, 7, 0x81, 202, 0, 3, 0, 0, 0, 7, 8, 1, 200, 0, 0, 0, 0, 0];
    assert_eq!(rr(0x80, 1, &private), None);
    // An item that exceeds its packet.
    assert_eq!(rr(0x80, 1, &[0, 0, 0, 7, 0x81, 202, 0, 2, 0, 0, 0, 7, 1, 3, b'a', b'b']), Some(RtcpError::TooShort));
    assert_eq!(rr(0x80, 1, &[0, 0, 0, 7, 0x81, 203, 0, 0]), Some(RtcpError::TooShort), "BYE that claims a source");
}

#[test]
fn compounds_are_bounded() {
    let mut octets = vec![0x80, 201, 0, 1, 0, 0, 0, 7];
    for _ in 0..300 {
        octets.extend([0x80, 204, 0, 0]);
    }
    let read: Vec<_> = Compound::parse(&octets).unwrap().collect();
    assert_eq!(read.len(), crate::limits::MAX_RTCP_PACKETS + 1);
    assert_eq!(read.last(), Some(&Err(RtcpError::TooMany)));
}

#[test]
fn cnames_have_1_to_255_octets() {
    assert_eq!(Cname::new("").err(), Some(CnameError::Empty));
    assert_eq!(Cname::new(&"x".repeat(256)).err(), Some(CnameError::TooLong));
    let mut rng = StdRng::seed_from_u64(1);
    let (one, two) = (Cname::generate(&mut rng), Cname::generate(&mut rng));
    assert_ne!(one, two);
    assert_eq!(one.as_bytes().len(), 16);
}

proptest! {
    #[test]
    fn any_octets_are_survived(mut octets in prop::collection::vec(any::<u8>(), 0..200), packet_type in 200_u8..208) {
        drop(packets(&octets));
        if octets.len() >= 8 {
            octets[0] = 0x80 | octets[0] & 0x3f;
            octets[1] = 201;
            octets[2..4].copy_from_slice(&[0, 1]);
            if octets.len() >= 12 {
                let words = u16::try_from(octets.len() / 4 - 3).unwrap();
                octets[8] = 0x80 | octets[8] & 0x3f;
                octets[9] = packet_type;
                octets[10..12].copy_from_slice(&words.to_be_bytes());
            }
            octets[0] &= 0xc0;
            octets.truncate(octets.len() / 4 * 4);
            // What both of us read is the same.
            let theirs = rtcp_types::Compound::parse(&octets).unwrap();
            for (ours, theirs) in Compound::parse(&octets).unwrap().zip(theirs) {
                match (ours, theirs) {
                    (Ok(Packet::SenderReport { ssrc, blocks, .. }), Ok(rtcp_types::Packet::Sr(theirs))) => {
                        prop_assert_eq!(ssrc.value(), theirs.ssrc());
                        prop_assert_eq!(blocks.count(), theirs.report_blocks().count());
                    }
                    (Ok(Packet::ReceiverReport { ssrc, blocks }), Ok(rtcp_types::Packet::Rr(theirs))) => {
                        prop_assert_eq!(ssrc.value(), theirs.ssrc());
                        prop_assert_eq!(blocks.count(), theirs.report_blocks().count());
                    }
                    (Ok(Packet::Goodbye { ssrcs }), Ok(rtcp_types::Packet::Bye(theirs))) => {
                        prop_assert!(ssrcs.map(Ssrc::value).eq(theirs.ssrcs()));
                    }
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn report_blocks_survive_the_round_trip(
        ssrc: u32, fraction_lost: u8, cumulative_lost in -0x80_0000..=0x7f_ffff, highest_seq: u32, jitter: u32,
        last_sr: u32, delay_since_last_sr: u32,
    ) {
        let ssrc = Ssrc::new(ssrc);
        let block = ReportBlock { ssrc, fraction_lost, cumulative_lost, highest_seq, jitter, last_sr, delay_since_last_sr };
        prop_assert_eq!(ReportBlock::decode(block.encode()), block);
        let theirs = block.encode();
        let theirs = rtcp_types::ReportBlock::parse(&theirs).unwrap();
        prop_assert_eq!(theirs.cumulative_lost(), cumulative_lost.cast_unsigned() & 0xff_ffff);
    }
}

#[test]
fn the_24_bits_of_losses_are_clamped() {
    for (lost, expected) in [(i32::MAX, 0x7f_ffff), (i32::MIN, -0x80_0000)] {
        let block = ReportBlock { cumulative_lost: lost, ..block() };
        assert_eq!(ReportBlock::decode(block.encode()).cumulative_lost, expected);
    }
}

struct Source {
    reception: Reception,
    start: Instant,
}

impl Source {
    fn new() -> Self {
        Self { reception: Reception::new(PEER, 8_000), start: Instant::now() }
    }

    /// The packet `n` of a stream of 20 ms, `late_ms` late.
    fn packet(&mut self, n: u32, late_ms: u64) {
        let seq = Seq::new(n as u16);
        let now = self.start + Duration::from_millis(u64::from(n) * 20 + late_ms);
        self.reception.on_packet(seq, RtpTimestamp::new(n.wrapping_mul(160)), now);
    }

    fn report(&mut self, n: u32) -> ReportBlock {
        self.reception.report_block(self.start + Duration::from_millis(u64::from(n) * 20)).unwrap()
    }
}

#[test]
fn losses_are_counted_over_a_wrap() {
    let mut source = Source::new();
    assert!(source.reception.report_block(source.start).is_none());
    for n in 65_500..65_600 {
        if n % 4 != 0 {
            source.packet(n, 0);
        }
    }
    // 65500 was not seen: the count begins with the first that was.
    let report = source.report(65_600);
    assert_eq!(report.highest_seq, 65_599);
    assert_eq!(report.cumulative_lost, 24);
    assert_eq!(report.fraction_lost, u8::try_from(24 * 256 / 99).unwrap());
    assert_eq!((report.jitter, report.last_sr, report.delay_since_last_sr), (0, 0, 0));

    for n in 65_600..65_700 {
        source.packet(n, 0);
    }
    let report = source.report(65_700);
    assert_eq!((report.fraction_lost, report.cumulative_lost), (0, 24), "the share is that since the last report");
}

#[test]
fn duplicates_make_losses_negative_and_the_share_zero() {
    let mut source = Source::new();
    for n in 0..10 {
        source.packet(n, 0);
        source.packet(n, 1);
    }
    let report = source.report(10);
    assert_eq!((report.cumulative_lost, report.fraction_lost), (-10, 0));
    assert_eq!(source.reception.received(), 20);
}

#[test]
fn late_packets_are_received_and_strays_are_not() {
    let mut source = Source::new();
    for n in (1_000..1_050).chain([990, 40_000]).chain(1_050..1_060) {
        source.packet(n, 0);
    }
    assert_eq!(source.reception.received(), 61);
    assert_eq!(source.report(1_060).highest_seq, 1_059);
}

#[test]
fn two_in_a_row_far_off_are_a_new_start() {
    let mut source = Source::new();
    for n in (0..50).chain(30_000..30_010) {
        source.packet(n, 0);
    }
    let report = source.report(30_010);
    assert_eq!((report.highest_seq, report.cumulative_lost), (30_009, 0));
    assert_eq!(source.reception.received(), 9);
}

#[test]
fn jitter_approaches_what_it_is() {
    let mut source = Source::new();
    for n in 0..1_000 {
        source.packet(n, u64::from(n % 2) * 5);
    }
    // Each packet comes 5 ms off the one before: 40 ticks.
    let jitter = source.report(1_000).jitter;
    assert!((38..=40).contains(&jitter), "{jitter}");
    assert!((4_750..=5_000).contains(&source.reception.jitter().as_micros()));
}

#[test]
fn jumps_of_time_are_no_jitter() {
    let mut source = Source::new();
    for n in 0..10 {
        source.packet(n, 0);
    }
    let now = source.start + Duration::from_millis(200);
    source.reception.on_packet(Seq::new(10), RtpTimestamp::new(0x9000_0000), now);
    source.reception.on_packet(Seq::new(11), RtpTimestamp::new(0x9000_0000 + 160), now + Duration::from_millis(20));
    source.reception.on_untimed_packet(Seq::new(12));
    assert_eq!(source.report(20).jitter, 0);
    assert_eq!(source.reception.received(), 13);
}

#[test]
fn round_trips_are_what_the_reports_say() {
    let start = Instant::now();
    let anchor = NtpAnchor::new(start, NtpTime::from_unix(Duration::from_secs(1_795_500_001)));
    let at = |millis| start + Duration::from_millis(millis);

    // We report at 100; it arrives at 140; the peer reports at 1140; that arrives at 1200.
    let mut peers_view = Reception::new(US, 8_000);
    peers_view.on_packet(Seq::new(1), RtpTimestamp::new(0), at(0));
    peers_view.on_sender_report(anchor.at(at(100)), at(140));
    let block = peers_view.report_block(at(1_140)).unwrap();
    let round_trip = block.round_trip(anchor.at(at(1_200))).unwrap();
    assert!(round_trip.abs_diff(Duration::from_millis(100)) < Duration::from_micros(50), "{round_trip:?}");

    assert_eq!(ReportBlock { last_sr: 0, ..block }.round_trip(anchor.at(at(1_200))), None);
    assert_eq!(block.round_trip(anchor.at(at(1_000))), None, "an answer before the question");
}

#[test]
fn sender_information_runs_with_the_clock() {
    let start = Instant::now();
    let anchor = NtpAnchor::new(start, NtpTime::new(1 << 40));
    let within = Duration::from_secs(10);
    let mut transmission = Transmission::new(8_000);
    assert_eq!(transmission.sender_info(&anchor, start, within), None);
    transmission.on_sent(160, RtpTimestamp::new(u32::MAX - 159), start);
    transmission.on_sent(160, RtpTimestamp::new(0), start + Duration::from_millis(20));
    let info = transmission.sender_info(&anchor, start + Duration::from_millis(30), within).unwrap();
    assert_eq!((info.packets, info.octets, info.timestamp.value()), (2, 320, 80));
    assert_eq!(info.ntp, anchor.at(start + Duration::from_millis(30)));
    assert_eq!(transmission.sender_info(&anchor, start + Duration::from_secs(11), within), None);
}

#[test]
fn reports_are_due_about_every_five_seconds_and_never_in_step() {
    let mut rng = StdRng::seed_from_u64(7);
    let start = Instant::now();
    let factor = std::f64::consts::E - 1.5;
    let (shortest, longest) = (2.5 / factor, 7.5 / factor);
    let mut first = Vec::new();
    for _ in 0..200 {
        let mut schedule = Schedule::new(64_000, start, &mut rng);
        let wait = (schedule.due() - start).as_secs_f64();
        assert!((shortest / 2.0 - 0.001..=longest / 2.0).contains(&wait), "{wait}");
        first.push(schedule.due());

        let mut now = start;
        let mut sum = 0.0;
        for _ in 0..100 {
            schedule.on_received(100);
            schedule.on_sent(100, now, &mut rng);
            let wait = (schedule.due() - now).as_secs_f64();
            assert!((shortest - 0.001..=longest).contains(&wait), "{wait}");
            sum += wait;
            now = schedule.due();
        }
        assert!((3.6..4.6).contains(&(sum / 100.0)), "{}", sum / 100.0);
        assert_eq!(schedule.sender_timeout(), Duration::from_secs(10));
    }
    first.sort();
    first.dedup();
    assert!(first.len() > 190);
}

#[test]
fn a_narrow_session_reports_less_often() {
    let mut rng = StdRng::seed_from_u64(7);
    let now = Instant::now();
    let mut schedule = Schedule::new(4_000, now, &mut rng);
    for _ in 0..100 {
        schedule.on_sent(222, now, &mut rng);
    }
    // 25 octets a second for two times 250 octets.
    assert!(schedule.sender_timeout().abs_diff(Duration::from_secs(40)) < Duration::from_secs(1));
}
