"""sipp as a carrier that uses all of the RFCs: what a call can meet on its way in.

Each scenario checks the headers that it is about; the server's log and the application tell the rest.
"""

import functools
import json
import re

import pytest
from strongline_lab import app as apps
from strongline_lab import audio, netns, pcap, rtp, waiting
from strongline_lab.app import App
from strongline_lab.scenario import Caller, Has, answered, sdp
from strongline_lab.server import TO_APP, TO_NOWHERE, Server, secret
from strongline_lab.sipp import header, play, start

TRANSPORTS = ("udp", "tcp")
RATE = 16000
RELIABLE = (Has("Require", "100rel"), Has("RSeq", "[0-9]+", save="rseq"))


@pytest.fixture
def app(certificates):
    with App(certificates) as app:
        yield app
        app.hold_answer.set()
        app.fail_on_errors()


# Provisional responses that are acknowledged (RFC 3262), and offers within them (RFC 3311).


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_ringing_is_acknowledged(folder, certificates, running, app, transport):
    app.hold_answer.clear()
    server = running(Server(folder, certificates, app))
    scenario = Caller("reliable").invite("Require: 100rel").expect(100, optional=True).expect(180, *RELIABLE).prack()
    answered(scenario, Has("Require", "100rel", absent=True)).ack().pause(100).bye()
    caller = start(running, folder, server, scenario, transport=transport)
    waiting.wait_until(lambda: caller.received("SIP/2.0 200"), "the PRACK is answered", alive=caller.program.alive)
    app.hold_answer.set()
    caller.succeed()
    server.call_ended()
    assert caller.responses(180) == 1, "it was acknowledged, so it is not sent again"


def test_a_prack_of_nothing_is_481_and_the_call_goes_on(folder, certificates, running, app):
    app.hold_answer.clear()
    server = running(Server(folder, certificates, app))
    scenario = Caller("stray-prack").invite("Supported: 100rel").expect(100, optional=True).expect(180, *RELIABLE)
    scenario.request("PRACK", "RAck: 4711 1 INVITE").expect(481).prack()
    answered(scenario).ack().bye()
    caller = start(running, folder, server, scenario)
    waiting.wait_until(lambda: caller.received("SIP/2.0 200"), "the PRACK is answered", alive=caller.program.alive)
    app.hold_answer.set()
    caller.succeed()
    server.call_ended()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_offers_before_and_after_the_answer(folder, certificates, running, app, transport):
    """Early media in a reliable 183, and an UPDATE with an offer in the early dialog; then the same in the call."""
    audio.write_wav(folder / "early.wav", audio.tone(1000, 3))
    early = f'[[route]]\nname = "early"\ndo = [{{ play = {{ file = "{folder}/early.wav", early = true }} }}, {{ app = "bot" }}]\n'
    server = running(Server(folder, certificates, app, routes=early))
    scenario = Caller("update").invite("Supported: 100rel").expect(100, optional=True)
    scenario.expect(183, *RELIABLE, Has("body", "m=audio [1-9]")).prack()
    scenario.request("UPDATE", body=sdp(2, "sendonly")).expect(200, Has("body", "a=recvonly"))
    scenario.request("UPDATE", body=sdp(3)).expect(200, Has("body", "a=sendrecv"))
    answered(scenario).ack()
    scenario.request("UPDATE", body=sdp(4, "inactive")).expect(200, Has("body", "a=inactive"))
    scenario.request("UPDATE").expect(200, Has("Content-Length", "^ *0"))
    scenario.request("UPDATE", body=sdp(5)).expect(200, Has("body", "a=sendrecv")).bye()
    play(running, folder, server, scenario, transport=transport)
    server.call_ended()


# Session timers (RFC 4028). What a long call does with them is tested in virtual time.


@pytest.mark.parametrize("refresher", ["uac", "uas"])
def test_a_session_timer_is_agreed(folder, certificates, running, app, refresher):
    server = running(Server(folder, certificates, app))
    scenario = Caller(f"timer-{refresher}").invite("Supported: timer", f"Session-Expires: 600;refresher={refresher}", "Min-SE: 90")
    checks = [Has("Session-Expires", f"^ *600;refresher={refresher}")]
    if refresher == "uac":
        checks.append(Has("Require", "timer"))
    answered(scenario, *checks).ack()
    scenario.request("UPDATE", "Supported: timer", f"Session-Expires: 600;refresher={refresher}")
    scenario.expect(200, Has("Session-Expires", "^ *600;refresher=")).bye()
    play(running, folder, server, scenario)
    server.call_ended()


def test_a_session_interval_that_is_too_small_is_told_the_least(folder, certificates, running, app):
    server = running(Server(folder, certificates, app))
    scenario = Caller("timer-422").invite("Supported: timer", "Session-Expires: 60").expect(100, optional=True)
    scenario.expect(422, Has("Min-SE", "^ *90")).ack(refused=True)
    scenario.invite("Supported: timer", "Session-Expires: 90", "Min-SE: 90")
    answered(scenario, Has("Session-Expires", "^ *90;refresher=")).ack().bye()
    play(running, folder, server, scenario)
    server.call_ended()


# Offers and answers (RFC 3264).


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_held_both_ways_and_resumed(folder, certificates, running, app, transport):
    server = running(Server(folder, certificates, app))
    scenario = answered(Caller("inactive").invite(), Has("body", "a=sendrecv")).ack()
    for direction, answer in (("inactive", "inactive"), ("sendonly", "recvonly"), ("recvonly", "sendonly"), ("sendrecv", "sendrecv")):
        scenario.pause(100).invite(body=sdp(scenario.cseq + 1, direction), again=True)
        scenario.expect(100, optional=True).expect(200, Has("body", f"a={answer}")).ack()
    play(running, folder, server, scenario.bye(), transport=transport)
    server.call_ended()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_offer_is_ours_when_the_invite_has_none(folder, certificates, running, app, transport):
    server = running(Server(folder, certificates, app))
    scenario = answered(Caller("delayed").invite(body=""), Has("body", "m=audio [1-9][0-9]* RTP/AVP"), Has("body", "a=rtpmap:[0-9]+ telephone-event/8000"))
    scenario.ack(body=sdp()).tone().pause(1500).bye()
    play(running, folder, server, scenario, transport=transport)
    server.call_ended()
    assert app.the_stream().seconds(RATE) > 1.0, "the caller is heard"


def test_an_offer_again_and_another_one(folder, certificates, running, app):
    """Unchanged: the same answer, of the same version. Another port and one codec: media goes there."""
    server = running(Server(folder, certificates, app))
    scenario = answered(Caller("reinvite").invite()).ack().tone().pause(600)
    scenario.invite(body=sdp(1), again=True).expect(100, optional=True).expect(200, Has("body", "a=sendrecv")).ack().pause(400)
    scenario.invite(body=sdp(2, port="[media_port+2]", formats="8 101"), again=True)
    scenario.expect(100, optional=True).expect(200, Has("body", "m=audio [1-9][0-9]* RTP/AVP 8 101")).ack().pause(800).bye()
    with pcap.Capture(folder, filter_="udp") as capture:
        caller = play(running, folder, server, scenario)
        capture.stop()
        datagrams = capture.datagrams()
    server.call_ended()
    answers = [message for message in caller.received("SIP/2.0 200") if header(message, "CSeq").endswith("INVITE")]
    origins = [re.search(r"^o=.*?\r?$", message, re.M)[0].split() for message in answers]
    assert origins[0] == origins[1], "nothing changed (RFC 3264 8)"
    assert int(origins[2][2]) == int(origins[1][2]) + 1, "one version higher"
    moved = [d for d in datagrams if d.target == (caller.address, caller.media_port + 2) and rtp.is_rtp(d.payload)]
    assert len(moved) > 10 and {rtp.parse(d.payload).payload_type for d in moved} == {8}


def test_a_change_before_the_ack_of_another_says_that_our_200_has_arrived(folder, certificates, running, app):
    """The ACK of the first is lost: who asks again has its 200 (RFC 3261 14.1)."""
    server = running(Server(folder, certificates, app))
    scenario = answered(Caller("overlap").invite()).ack().pause(100)
    scenario.invite(again=True).expect(100, optional=True).expect(200)
    scenario.invite(again=True).expect(100, optional=True).expect(200).ack()
    play(running, folder, server, scenario.bye())
    server.call_ended()


# Giving up (RFC 3261 9).


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_caller_gives_up_before_it_rings(folder, certificates, running, app, transport):
    app.hold_answer.clear()
    silent = '[[route]]\nname = "silent"\ndo = [{ app = "bot" }]\n'
    server = running(Server(folder, certificates, app, routes=silent))
    scenario = Caller("cancel-early").invite().expect(100)
    scenario.cancel('Reason: SIP;cause=487;text="gave up"').expect(200).expect(487).ack(refused=True)
    caller = play(running, folder, server, scenario, transport=transport)
    assert server.call_ended()["by"] == "caller"
    assert not caller.responses(180) and not app.streams


def test_a_cancel_of_nothing_is_481(folder, certificates, running, app):
    server = running(Server(folder, certificates, app))
    play(running, folder, server, Caller("cancel-nothing").cancel().expect(481))


# Who calls, and why a call ends.


ASSERTED = ("P-Asserted-Identity: <sip:+15550177@carrier.test>, <tel:+15550178>",)
SENT_ON = ("Diversion: <sip:+15550188@carrier.test>;reason=no-answer;counter=1", "History-Info: <sip:+15550189@carrier.test>;index=1")
WHO = {
    "believed": ("true", ASSERTED, "+15550178"),
    "not-believed": ("false", ASSERTED, "+15550100"),
    "withheld": ("true", (*ASSERTED, "Privacy: id"), "anonymous"),
}


@pytest.mark.parametrize("case", WHO)
def test_who_calls(folder, certificates, running, app, case):
    """RFC 3323, RFC 3325, RFC 5806, RFC 7044: what the application is told, and that nothing of it is logged or sent back."""
    trusted, headers, told = WHO[case]
    server = running(Server(folder, certificates, app, trunk=f"trusted_identity = {trusted}"))
    numbers = "1555017[78]|1555018[89]"
    scenario = answered(Caller("identity").invite(*headers, *SENT_ON), Has("msg", numbers, absent=True)).ack().bye()
    play(running, folder, server, scenario)
    server.call_ended()
    assert json.loads(app.flows[0].body)["from_number"] == told
    assert not re.search(numbers, server.program.error_path.read_text())


def test_our_bye_says_why(folder, certificates, running):
    converse = functools.partial(hang_up, seconds=0.3)
    with App(certificates, converse=converse) as app:
        server = running(Server(folder, certificates, app))
        scenario = answered(Caller("reason").invite()).ack().tone().answer_bye(Has("Reason", "Q.850;cause=16"))
        play(running, folder, server, scenario)
        server.call_ended()
        app.fail_on_errors()


async def hang_up(_app, websocket, stream, seconds):
    await apps.hang_up_after(seconds, RATE, websocket, stream)


def test_digits_by_info_reach_the_application_once_and_no_log(folder, certificates, running, app):
    server = running(Server(folder, certificates, app))
    # The stream has to be open: what is pressed before that has nobody to go to.
    scenario = answered(Caller("info").invite()).ack().tone().pause(1500)
    for digit in "4#9":
        scenario.request("INFO", body=f"Signal={digit}\nDuration=160", kind="application/dtmf-relay").expect(200)
    scenario.request("INFO", body="7", kind="application/dtmf").expect(200)
    scenario.request("INFO", body="x", kind="application/unheard-of").expect(200)
    # The same keys as events too: the way in which the first one came counts.
    scenario.keys().pause(1200).bye()
    play(running, folder, server, scenario, digits="4#97")
    server.call_ended()
    assert app.the_stream().digits() == "4#97"
    assert not re.search(r"Signal=|4#9|dtmf-relay", server.program.error_path.read_text())


def test_a_session_description_beside_isup(folder, certificates, running, app):
    server = running(Server(folder, certificates, app))
    parts = f"--edge\nContent-Type: application/sdp\n\n{sdp()}\n--edge\nContent-Type: application/isup;version=itu-t92+\n" \
            "Content-Disposition: signal;handling=optional\n\n01234567\n--edge--\n"
    scenario = Caller("isup").invite("MIME-Version: 1.0", body=parts, kind='multipart/mixed;boundary="edge"')
    answered(scenario, Has("Content-Type", "application/sdp"), Has("body", "m=audio [1-9]")).ack().tone().pause(800).bye()
    play(running, folder, server, scenario)
    server.call_ended()
    assert app.the_stream().seconds(RATE) > 0.3, "the caller is heard"


# Digest (RFC 3261 22, RFC 8760). sipp 3.6.1 knows MD5 alone.

MD5_DANGER = 'md5_digest = "anyone on the path can find the password"'
PASSWORD = "correct-horse"


def challenge(folder, algorithms):
    return f'challenge = {{ users = [{{ user = "pbx", password = {secret(folder, "pbx", PASSWORD)} }}], algorithms = {json.dumps(algorithms)} }}'


def dare(scenario, password):
    """The INVITE, its refusal, and the INVITE with credentials."""
    scenario.invite().expect(401, Has("WWW-Authenticate", 'Digest .*realm="voice.test"'), auth="true").ack(refused=True)
    return scenario.invite(f"[authentication username=pbx password={password}]")


def digest_uri(server):
    """sipp signs `sip:address:port` unless it is told the Request-URI."""
    return ["-auth_uri", f"{TO_APP}@{server.address}:{server.port}"]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_caller_proves_who_he_is(folder, certificates, running, app, transport):
    server = running(Server(folder, certificates, app, trunk=challenge(folder, ["MD5"]), danger=MD5_DANGER))
    answered(scenario := dare(Caller("digest"), PASSWORD)).ack().bye()
    play(running, folder, server, scenario, transport=transport, arguments=digest_uri(server))
    server.call_ended()


def test_a_wrong_password_stays_outside(folder, certificates, running, app):
    server = running(Server(folder, certificates, app, trunk=challenge(folder, ["MD5"]), danger=MD5_DANGER))
    scenario = dare(Caller("digest-wrong"), "wrong-horse").expect(401).ack(refused=True)
    play(running, folder, server, scenario, arguments=digest_uri(server))
    assert not app.flows
    assert PASSWORD not in server.program.error_path.read_text()


def test_a_proof_for_another_uri_proves_nothing(folder, certificates, running, app):
    server = running(Server(folder, certificates, app, trunk=challenge(folder, ["MD5"]), danger=MD5_DANGER))
    play(running, folder, server, dare(Caller("digest-elsewhere"), PASSWORD).expect(401).ack(refused=True))
    assert not app.flows


def test_the_stronger_hash_is_asked_for_first(folder, certificates, running, app):
    server = running(Server(folder, certificates, app, trunk=challenge(folder, ["SHA-512-256", "SHA-256", "MD5"]), danger=MD5_DANGER))
    caller = play(running, folder, server, Caller("digest-order").invite().expect(401).ack(refused=True))
    asked = re.findall(r"^WWW-Authenticate:.*?algorithm=([A-Za-z0-9-]+)", caller.received("SIP/2.0 401")[0], re.M | re.I)
    assert asked == ["SHA-512-256", "SHA-256", "MD5"], "in the order of preference (RFC 8760 2.3)"


# Refusals, each with its own status.

ONLY_ONE_NUMBER = f'[[route]]\nname = "one"\nwhen = {{ to = "{TO_APP}" }}\ndo = [{{ app = "bot" }}]\n'
REFUSED_INVITES = {
    "no-route": (404, ("Reason", "Q.850;cause=3"), {}, {"service": "+15550999"}, {"routes": ONLY_ONE_NUMBER}),
    "rejected": (404, None, {}, {"service": TO_NOWHERE}, {}),
    "unknown-extension": (420, ("Unsupported", "teleport"), {"headers": ("Require: teleport",)}, {}, {}),
    "no-100rel": (421, ("Require", "100rel"), {}, {}, {"trunk": 'reliable = "required"'}),
    "media-type": (415, ("Accept", "application/sdp"), {"body": "hello", "kind": "text/plain"}, {}, {}),
    "broken-sdp": (488, ("Reason", "Q.850;cause=88"), {"body": "v=1\nnonsense"}, {}, {}),
    "no-common-codec": (488, ("Reason", "Q.850;cause=88"), {"body": sdp(formats="18").replace("telephone-event", "x")}, {}, {}),
    "srtp-required": (488, ("Reason", "Q.850;cause=57"), {}, {"local": netns.CARRIER_SECURE}, {}),
    "replaces-nothing": (481, None, {"headers": ("Replaces: nobody@nowhere;to-tag=1;from-tag=2", "Require: replaces")}, {}, {"trunk": 'replaces = "accept"'}),
    "too-small-a-session": (422, ("Min-SE", "90"), {"headers": ("Supported: timer", "Session-Expires: 89")}, {}, {}),
}


@pytest.mark.parametrize("case", REFUSED_INVITES)
def test_an_invite_is_refused(folder, certificates, running, app, case):
    status, check, message, caller, config = REFUSED_INVITES[case]
    server = running(Server(folder, certificates, app, **config))
    scenario = Caller(case).invite(*message.pop("headers", ()) if "headers" in (message := dict(message)) else (), **message)
    scenario.expect(100, optional=True).expect(180, optional=True)
    scenario.expect(status, *([Has(*check)] if check else []), Has("To", "tag=")).ack(refused=True)
    play(running, folder, server, scenario, **caller)
    assert not app.streams


REFUSED_REQUESTS = {
    "PUBLISH": (405, ("Allow", "INVITE.*UPDATE|UPDATE.*INVITE"), ()),
    "TELEPORT": (501, None, ()),
    "BYE": (481, None, ()),
    "REFER": (403, None, ("Refer-To: <sip:+15550111@elsewhere.test>",)),
}


@pytest.mark.parametrize("method", REFUSED_REQUESTS)
def test_a_request_outside_of_any_call_is_refused(folder, certificates, running, app, method):
    status, check, headers = REFUSED_REQUESTS[method]
    server = running(Server(folder, certificates, app))
    scenario = Caller(f"refused-{method}").request(method, *headers, inside=False)
    play(running, folder, server, scenario.expect(status, *([Has(*check)] if check else [])))


def test_a_refer_within_a_call_is_refused_and_the_call_goes_on(folder, certificates, running, app):
    server = running(Server(folder, certificates, app))
    scenario = answered(Caller("refer").invite()).ack()
    scenario.request("REFER", "Refer-To: <sip:+15550111@elsewhere.test>").expect(403)
    scenario.request("OPTIONS").expect(200).bye()
    play(running, folder, server, scenario)
    server.call_ended()


def test_one_call_too_many_is_told_when_to_come_again(folder, certificates, running, app):
    server = running(Server(folder, certificates, app, trunk="max_calls = 1"))
    first = start(running, folder, server, answered(Caller("first").invite()).ack().pause(60_000).bye())
    app.the_stream()
    second = Caller("second").invite().expect(100, optional=True).expect(503, Has("Retry-After", "[0-9]+")).ack(refused=True)
    play(running, folder, server, second)
    assert first.program.alive()
    first.stop()
    server.stop()


def test_nothing_is_left_of_calls_that_ended_in_every_way(folder, certificates, running, app):
    """After Timers H, I and J of the last transaction (32 s) every gauge reads zero."""
    server = running(Server(folder, certificates, app, trunk="calls_per_second = 100"))
    play(running, folder, server, answered(Caller("whole").invite()).ack().bye(), calls=5)
    play(running, folder, server, Caller("refused").invite().expect(100, optional=True).expect(404).ack(refused=True), service=TO_NOWHERE, calls=5)
    assert server.gauges()["transactions"] > 0, "the gauges do count"
    server.nothing_is_left()
