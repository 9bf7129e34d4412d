"""sipp as the carrier that is called: what a call can meet on its way out, by the API or by a step of a route."""

import hashlib
import re

import pytest
from strongline_lab import names, netns, pcap, rtp, waiting
from strongline_lab.app import App
from strongline_lab.scenario import Callee, Caller, Has, sdp
from strongline_lab.server import FROM_US, TO_APP, Server, secret
from strongline_lab.sipp import Sipp, header, play

PASSWORD = "correct-horse"
OURS = sdp(port="[media_port]", formats="0 101")


@pytest.fixture
def app(certificates):
    with App(certificates) as app:
        yield app
        app.fail_on_errors()


@pytest.fixture
def called(folder, certificates, running, app):
    """`called(scenario)` has somebody who can be called, and the server that calls him."""

    def make(scenario, *, transport="udp", **config):
        callee = running(Sipp(folder, scenario.write(folder), local=netns.CARRIER_PLAIN, name=scenario.name, transport=transport))
        return running(Server(folder, certificates, app, callee=(netns.CARRIER_PLAIN, callee.port), **config)), callee

    return make


def ended(server, call, state, **facts):
    """The call comes to this end."""
    seen = waiting.wait_until(lambda: (seen := server.look(call))["state"] == state and seen, f"the call is {state}", 40, server.program.alive, 0.25)
    assert facts.items() <= seen.items(), seen
    server.wait_for("call.ended")
    return seen


@pytest.mark.parametrize("status, reason", [(180, "Ringing"), (183, "Session Progress")])
def test_it_rings_it_answers_and_the_callee_hangs_up(called, app, status, reason):
    early = {"body": OURS} if status == 183 else {}
    scenario = Callee("answers").invited(
        Has("From", f"sip:.{FROM_US[1:]}@"), Has("Max-Forwards", "70"), Has("Allow", "PRACK"), Has("Supported", "100rel"),
        Has("Contact", "<sip:"), Has("body", "m=audio [1-9][0-9]* RTP/AVP"), Has("User-Agent", ".", absent=True),
    )
    scenario.answer(100, "Trying").answer(status, reason, **early).pause(300).answer(200, "OK", body=OURS).expect("ACK").tone().pause(1500)
    server, callee = called(scenario.request("BYE", 'Reason: Q.850;cause=16').expect(200))
    call = server.place(TO_APP)
    ended(server, call, "completed", direction="outbound")
    callee.succeed()
    assert app.the_stream().seconds(16000) > 0.5, "the callee is heard"


def test_a_reliable_183_is_acknowledged_and_an_update_is_answered(called):
    scenario = Callee("reliable").invited().answer(183, "Session Progress", "Require: 100rel", "RSeq: 17", body=OURS)
    scenario.expect("PRACK", Has("RAck", "^ *17 [0-9]+ INVITE")).ok()
    scenario.request("UPDATE", body=sdp(2, "sendonly", port="[media_port]", formats="0 101")).expect(200, Has("body", "a=recvonly"))
    scenario.request("UPDATE", body=sdp(3, port="[media_port]", formats="0 101")).expect(200, Has("body", "a=sendrecv"))
    scenario.answer(200, "OK").expect("ACK").pause(200)
    server, callee = called(scenario.request("BYE").expect(200))
    ended(server, server.place(TO_APP), "completed")
    callee.succeed()


def test_of_two_answers_the_second_is_hung_up(called):
    """Two branches ring, and both answer: the first has the call, the second its ACK and a BYE (RFC 3261 13.2.2.4)."""
    scenario = Callee("forked").invited().answer(180, "Ringing", fork="a").answer(180, "Ringing", fork="b")
    scenario.answer(200, "OK", fork="b", body=OURS).expect("ACK", Has("To", "tag=.*uasb"))
    scenario.answer(200, "OK", fork="a", body=OURS).expect("ACK", Has("To", "tag=.*uasa"))
    scenario.hung_up(Has("To", "tag=.*uasa")).pause(200)
    server, callee = called(scenario.request("BYE", fork="b").expect(200))
    ended(server, server.place(TO_APP), "completed")
    callee.succeed()


def test_nobody_answers(called):
    scenario = Callee("silent").invited().answer(180, "Ringing").expect("CANCEL", Has("CSeq", "CANCEL")).ok()
    server, callee = called(scenario.answer(487, "Request Terminated").expect("ACK"), outbound=", ring_timeout = 5")
    ended(server, server.place(TO_APP), "failed")
    callee.succeed()


def test_the_order_is_taken_back(called):
    scenario = Callee("taken-back").invited().answer(180, "Ringing").expect("CANCEL").ok()
    server, callee = called(scenario.answer(487, "Request Terminated").expect("ACK"))
    call = server.place(TO_APP)
    waiting.wait_until(lambda: server.look(call)["state"] == "ringing", "it rings", every=0.25)
    server.command(call, "hangup", reason="CHANGED_MIND")
    ended(server, call, "failed")
    callee.succeed()


@pytest.mark.parametrize("status, reason", [(404, "Not Found"), (486, "Busy Here"), (503, "Service Unavailable"), (603, "Decline")])
def test_it_is_refused(called, app, status, reason):
    server, callee = called(Callee("refuses").invited().answer(status, reason, 'Reason: Q.850;cause=17').expect("ACK"))
    ended(server, server.place(TO_APP), "failed")
    callee.succeed()
    assert not app.flows


def test_a_refusal_is_handed_to_the_caller(folder, running, called):
    """A route dials; nobody is there, and the caller hears which way."""
    dial = '[[route]]\nname = "dial"\ndo = [{ dial = { to = "+15550142", trunk = "plain", on_failure = "hangup" } }]\n'
    server, callee = called(Callee("busy").invited().answer(486, "Busy Here").expect("ACK"), routes=dial)
    play(running, folder, server, Caller("asks").invite().expect(100, optional=True).expect(180, optional=True).expect(486).ack(refused=True))
    callee.succeed()


def test_a_route_dials_and_both_talk(folder, running, called):
    dial = '[[route]]\nname = "dial"\ndo = [{ dial = { to = "+15550142", trunk = "plain" } }]\n'
    scenario = Callee("second-leg").invited().answer(180, "Ringing").answer(200, "OK", body=OURS).expect("ACK")
    server, callee = called(scenario.hung_up(Has("Reason", "Q.850;cause=16")), routes=dial)
    caller = Caller("first-leg").invite().expect(100, optional=True).expect(180, optional=True).expect(200).ack().tone().pause(1000).bye()
    with pcap.Capture(folder, filter_="udp") as capture:
        play(running, folder, server, caller)
        callee.succeed()
        capture.stop()
        heard = [d for d in capture.datagrams() if d.target == (callee.address, callee.media_port) and rtp.is_rtp(d.payload)]
    assert len(heard) > 20, "the callee hears the caller"


# Two servers of one carrier (RFC 3263 4.3): a 503 speaks for the server, any other refusal for the callee.


@pytest.mark.parametrize("status, reason, tries", [(503, "Service Unavailable", 2), (486, "Busy Here", 1), (603, "Decline", 1)])
def test_the_second_server_is_tried_when_the_first_one_fails(folder, certificates, running, app, status, reason, tries):
    hurt = Callee("first-server").invited().answer(status, reason).expect("ACK")
    well = Callee("second-server").invited().answer(200, "OK", body=OURS).expect("ACK").pause(200)
    well.request("BYE").expect(200)
    first, second = (running(Sipp(folder, scenario.write(folder), local=netns.CARRIER_PLAIN, name=scenario.name)) for scenario in (hurt, well))
    records = {
        "_sip._udp.carrier.test": [names.srv(1, 0, first.port, "a.carrier.test"), names.srv(2, 0, second.port, "a.carrier.test")],
        "a.carrier.test": [names.a(netns.CARRIER_PLAIN)],
    }
    name_server = running(names.NameServer(folder, records))
    server = running(Server(folder, certificates, app, callee=("carrier.test", None), run_by=name_server.run_by))
    ended(server, server.place(TO_APP), "completed" if tries == 2 else "failed")
    first.succeed()
    if tries == 2:
        second.succeed()
    assert len(second.received("INVITE ")) == tries - 1


# Redirections (RFC 3261 8.1.3.4).


def test_a_redirection_is_not_followed(called):
    server, callee = called(Callee("redirects").invited().answer(302, "Moved Temporarily").expect("ACK").pause(500))
    ended(server, server.place(TO_APP), "failed")
    callee.succeed()
    assert len(callee.received("INVITE ")) == 1


def test_a_redirection_is_followed_once(called):
    scenario = Callee("redirects-once").invited()
    scenario.redirect("+15550143").expect("ACK").invited(Has("msg", "^INVITE sip:.15550143@"))
    scenario.redirect("+15550144").expect("ACK").pause(500)
    server, callee = called(scenario, outbound=", redirects = 1")
    ended(server, server.place(TO_APP), "failed")
    callee.succeed()
    assert len(callee.received("INVITE ")) == 2


def test_a_redirection_to_where_no_call_may_go_is_not_followed(called):
    scenario = Callee("redirects-away").invited().redirect("+44207123456").expect("ACK").pause(500)
    server, callee = called(scenario, outbound=", redirects = 1")
    ended(server, server.place(TO_APP), "failed")
    callee.succeed()
    assert len(callee.received("INVITE ")) == 1


# Digest (RFC 3261 22, RFC 7616).


def credentials(folder):
    return f'credentials = {{ user = "acme", password = {secret(folder, "carrier-password", PASSWORD)} }}'


def challenge(status, nonce, more=""):
    name = {401: "WWW", 407: "Proxy"}[status]
    return (status, "Prove it", f'{name}-Authenticate: Digest realm="carrier.test", nonce="{nonce}", qop="auth", algorithm=SHA-256{more}')


def proof(message, name):
    """What the callee's password makes of the credentials, and what they hold."""
    given = dict(re.findall(r'(\w+)="?([^",\s]+)"?', header(message, name)))

    def digest(text):
        return hashlib.sha256(text.encode()).hexdigest()

    first = digest(f"acme:carrier.test:{PASSWORD}")
    second = digest(f"INVITE:{given['uri']}")
    return digest(f"{first}:{given['nonce']}:{given['nc']}:{given['cnonce']}:auth:{second}"), given["response"]


@pytest.mark.parametrize("status", [401, 407])
def test_we_prove_who_we_are(folder, called, status):
    name = {401: "Authorization", 407: "Proxy-Authorization"}[status]
    scenario = Callee(f"asks-{status}").invited(Has(name, ".", absent=True)).answer(*challenge(status, "one")).expect("ACK")
    scenario.invited(Has(name, 'username="acme"')).answer(200, "OK", body=OURS).expect("ACK", Has(name, 'username="acme"')).pause(200)
    server, callee = called(scenario.request("BYE").expect(200), trunk=credentials(folder))
    ended(server, server.place(TO_APP), "completed")
    callee.succeed()
    expected, given = proof(callee.received("INVITE ")[1], name)
    assert given == expected
    assert PASSWORD not in server.program.error_path.read_text()


@pytest.mark.parametrize("more, attempts", [("", 2), (", stale=true", 3)], ids=["refused", "stale"])
def test_we_do_not_ask_for_ever(folder, called, more, attempts):
    scenario = Callee("asks-again")
    for turn in range(attempts):
        scenario.invited().answer(*challenge(401, f"n{turn}", more)).expect("ACK")
    server, callee = called(scenario.pause(500), trunk=credentials(folder))
    ended(server, server.place(TO_APP), "failed")
    callee.succeed()
    assert len(callee.received("INVITE ")) == attempts


def test_an_invite_that_is_too_long_for_a_datagram_goes_over_tcp(folder, running, called):
    """A nonce of 900 octets makes it so (RFC 3261 18.1.1)."""
    udp = Callee("by-datagram").invited(Has("Via", "SIP/2.0/UDP")).answer(*challenge(401, "n" * 900)).expect("ACK")
    server, callee = called(udp, trunk=credentials(folder))
    tcp = Callee("by-stream").invited(Has("Via", "SIP/2.0/TCP")).answer(486, "Busy Here").expect("ACK", Has("Via", "SIP/2.0/TCP"))
    other = running(Sipp(folder, tcp.write(folder), local=netns.CARRIER_PLAIN, name=tcp.name, transport="tcp", port=callee.port))
    waiting.wait_until(lambda: other.is_listening(), "sipp listens over TCP too")
    ended(server, server.place(TO_APP), "failed")
    callee.succeed()
    other.succeed()


# Digits.


def talk(name):
    return Callee(name).invited().answer(200, "OK", body=OURS).expect("ACK")


def test_digits_go_out_as_events(folder, called, app):
    server, callee = called(talk("events").hung_up())
    with pcap.Capture(folder, filter_="udp") as capture:
        call = server.place(TO_APP)
        app.the_stream()
        server.command(call, "dtmf", digits="12#", duration_ms=100)
        waiting.wait_until(lambda: len(ends(capture, callee)) == 3, "three digits ended")
        server.command(call, "hangup", reason="DONE")
        callee.succeed()
        capture.stop()
    assert ends(capture, callee) == ["1", "2", "#"]
    assert "12#" not in server.program.error_path.read_text()


def ends(capture, callee):
    """The digits whose end was sent (RFC 4733 2.3.3), each once."""
    sent = [d for d in capture.datagrams() if d.target == (callee.address, callee.media_port) and rtp.is_rtp(d.payload)]
    events = [p for p in map(rtp.parse, (d.payload for d in sent)) if p.payload_type == 101 and p.payload[1] & 0x80]
    by_time = {p.timestamp: rtp.EVENTS[p.payload[0]] for p in events}
    return list(by_time.values())


def test_digits_go_out_as_info(called, app):
    scenario = talk("info")
    for digit in "12#":
        scenario.expect("INFO", Has("Content-Type", "application/dtmf-relay"), Has("body", f"Signal= ?{digit}")).ok()
    server, callee = called(scenario.hung_up(Has("Reason", "Q.850;cause=16")), trunk='digits = "info"')
    call = server.place(TO_APP)
    app.the_stream()
    server.command(call, "dtmf", digits="12#", duration_ms=100)
    waiting.wait_until(lambda: len(callee.received("INFO ")) == 3, "three digits came")
    server.command(call, "hangup", reason="DONE")
    callee.succeed()
    assert not re.search(r"Signal=|12#", server.program.error_path.read_text())
