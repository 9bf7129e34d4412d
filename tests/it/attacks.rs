//! Strangers: what they send changes nothing, and what they hear is nothing.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use strongline::demo::caller::{CallerEvent, HangUp, Sound};

use crate::harness::{Lab, PLAIN, likeness, place, settle};

const SECOND: Duration = Duration::from_secs(1);

/// Octets that look like RTP, from nobody.
fn forged(number: u16, ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 0x00];
    packet.extend(number.to_be_bytes());
    packet.extend((u32::from(number) * 160).to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend([0x55; 180]);
    packet
}

/// Nothing came back, for as long as an answer would take on this machine many times over.
fn assert_silent(socket: &UdpSocket) {
    socket.set_read_timeout(Some(Duration::from_millis(700))).unwrap();
    let mut octets = [0; 2_048];
    let received = socket.recv_from(&mut octets);
    assert!(received.is_err(), "a stranger was answered: {}", String::from_utf8_lossy(&octets));
}

#[test]
fn a_stranger_gets_no_answer_at_all() {
    let lab = Lab::new();
    let server = lab.serve("peers = [\"192.0.2.7\"]", "[[route]]\nname = \"no\"\nreject = 404");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let local = socket.local_addr().unwrap();
    for method in ["OPTIONS", "INVITE", "REGISTER", "SUBSCRIBE", "MESSAGE", "NONSENSE"] {
        let request = format!(
            "{method} sip:100@localhost SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{method};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:scan@localhost>;tag=1\r\nTo: <sip:100@localhost>\r\nCall-ID: {method}\r\nCSeq: 1 {method}\r\n\
             Contact: <sip:scan@{local}>\r\nContent-Length: 0\r\n\r\n"
        );
        socket.send_to(request.as_bytes(), lab.udp).unwrap();
    }
    socket.send_to(b"\r\n\r\n", lab.udp).unwrap();
    socket.send_to(&[0; 64], lab.udp).unwrap();
    assert_silent(&socket);
    let stats = server.sip_stats().unwrap();
    assert_eq!(stats.refused(sip_core::endpoint::Refusal::UnknownSource), 8, "each refusal is counted");
    settle(&server);
    server.stop(SECOND);
}

/// RTP Bleed and injection: a stranger sprays the media ports all through a call.
#[test]
fn sprayed_media_ports_give_nothing_and_take_nothing() {
    for trunk in [String::new(), format!("srtp = \"preferred\"\n{PLAIN}")] {
        let plain = !trunk.is_empty();
        let lab = Lab::new();
        let said = lab.tone("tone.wav", 3 * SECOND);
        let server = lab.serve(&trunk, "[[route]]\nname = \"tone\"\ndo = [{ play = { file = \"tone.wav\" } }]");
        let mut call = lab.call().say(Sound::Silence).hang_up(HangUp::Callee { within: 8 * SECOND });
        if plain {
            call.protection = strongline::demo::caller::Protection::Plain;
        }
        let (events, mut progress) = tokio::sync::mpsc::channel(256);
        call.events = Some(events);
        let caller = std::thread::spawn(move || place(call));
        while !matches!(progress.blocking_recv(), Some(CallerEvent::Answered { .. }) | None) {}
        // Any of the server's ports: the attacker does not know which. He has the caller's address on a plain trunk, even.
        let stranger = UdpSocket::bind("127.0.0.2:0").unwrap();
        let text = std::fs::read_to_string(lab.path("strongline.toml")).unwrap();
        let ports =
            text.lines().find_map(|line| line.strip_prefix("ports          = \"")).unwrap().trim_end_matches('"');
        let (first, last) = ports.split_once('-').unwrap();
        let (first, last): (u16, u16) = (first.parse().unwrap(), last.parse().unwrap());
        let until = Instant::now() + 2 * SECOND;
        let mut number = 0_u16;
        while Instant::now() < until {
            for port in first..=last {
                // A full buffer is no matter: there are enough of them.
                drop(stranger.send_to(&forged(number, u32::from(port)), ("127.0.0.1", port)));
                number = number.wrapping_add(1);
            }
        }
        let report = caller.join().unwrap().unwrap();
        assert_silent(&stranger);
        assert!(
            likeness(&said, &report) > 0.95,
            "plain {plain}: the caller hears all of it: {}",
            likeness(&said, &report)
        );
        assert_eq!(report.rtp.lost, 0);
        settle(&server);
        server.stop(SECOND);
    }
}

/// The offer points at somebody else: nothing is sent there, neither before nor after an answer.
#[test]
fn an_offer_cannot_point_our_media_at_a_third_party() {
    let lab = Lab::new();
    let trunk = format!("srtp = \"preferred\"\nmedia = {{ prefixes = [\"127.0.0.1\"] }}\n{PLAIN}");
    let server = lab.serve(&trunk, "[[route]]\nname = \"ring\"\ndo = [{ answer = {} }]");
    let victim = UdpSocket::bind("127.0.0.3:0").unwrap();
    let carrier = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (local, target) = (carrier.local_addr().unwrap(), victim.local_addr().unwrap());
    let body = format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 {}\r\nt=0 0\r\nm=audio {} RTP/AVP 0\r\n",
        target.ip(),
        target.port()
    );
    let invite = format!(
        "INVITE sip:+14155550100@localhost SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bKv;rport\r\nMax-Forwards: 70\r\n\
         From: <sip:a@localhost>;tag=1\r\nTo: <sip:+14155550100@localhost>\r\nCall-ID: v\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:a@{local}>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    carrier.send_to(invite.as_bytes(), lab.udp).unwrap();
    carrier.set_read_timeout(Some(5 * SECOND)).unwrap();
    let mut octets = [0; 4_096];
    loop {
        let (count, _) = carrier.recv_from(&mut octets).unwrap();
        let answer = String::from_utf8_lossy(&octets[..count]).into_owned();
        if answer.starts_with("SIP/2.0 100") {
            continue;
        }
        assert!(answer.starts_with("SIP/2.0 488"), "{answer}");
        break;
    }
    assert_silent(&victim);
    settle(&server);
    server.stop(SECOND);
}

/// Hostile messages of every kind from a trunk that is known: each is answered or dropped, and calls go on.
#[test]
fn the_hostile_messages_leave_the_server_as_it_was() {
    let lab = Lab::new();
    let said = lab.tone("tone.wav", SECOND);
    let server = lab.serve("", "[[route]]\nname = \"tone\"\ndo = [{ play = { file = \"tone.wav\" } }]");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/hostile/sip");
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/corpus");
    let mut sent = 0;
    for folder in [folder, corpus] {
        for file in std::fs::read_dir(folder).unwrap() {
            let octets = std::fs::read(file.unwrap().path()).unwrap();
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            // Some are longer than a datagram; TCP takes those.
            if socket.send_to(&octets, lab.udp).is_ok() {
                sent += 1;
            }
            let mut stream = std::net::TcpStream::connect(lab.tcp).unwrap();
            // The server may have closed it half way: that is an answer.
            drop(std::io::Write::write_all(&mut stream, &octets));
            sent += 1;
        }
    }
    assert!(sent > 200, "{sent}");
    let report = place(lab.call().hang_up(HangUp::Callee { within: 5 * SECOND })).unwrap();
    assert!(likeness(&said, &report) > 0.95);
    let stats = server.sip_stats().unwrap();
    assert!(
        stats.refusals().map(|(_, count)| count).sum::<u64>() > 50,
        "refusals are counted: {:?}",
        stats.refusals().collect::<Vec<_>>()
    );
    server.stop(SECOND);
}
