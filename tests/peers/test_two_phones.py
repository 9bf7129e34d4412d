"""Two phones with the server between them, each on an encrypted leg of its own: dialled, held, transferred by us and by them."""

from pathlib import Path

import numpy as np
import pytest
from strongline_lab import audio, netns, waiting
from strongline_lab.app import App
from strongline_lab.baresip import Baresip
from strongline_lab.server import Server

SPEECH = Path(__file__).resolve().parents[1] / "data" / "speech"
CALLEE = "+15550300"
LOW, HIGH = 500, 900  # what the caller says, and the callee: long, so that a moment without processor costs nothing
RATE = 16000
DIAL = f'[[route]]\nname = "connect"\ndo = [{{ dial = {{ to = "{CALLEE}", trunk = "phones", timeout = 20 }} }}]'
ASK = '[[route]]\nname = "bot"\ndo = [{ app = "bot" }, { hangup = {} }]'


def trunk(certificates, callee, *, digits="rfc4733", more="", uri=None):
    """One trunk that brings the caller and leads to the callee: both live at one address."""
    hop = f"{callee.address}:{callee.port + 1}"
    return f"""
[[trunk]]
name = "phones"
peers = ["{netns.CARRIER_SECURE}"]
transports = ["tls"]
digits = "{digits}"
media = {{ prefixes = ["{netns.CARRIER_SECURE}"] }}
{more}
[trunk.outbound]
to = "sip:{hop};transport=tls"
destinations = ["+1555*"]
uris = ["{uri or f'sip:*@{hop}'}"]
from = ["+15550100"]
[trunk.tls]
ca = {{ file = "{certificates.ca}" }}
"""


def caller_(folder, certificates, speech=None, **options):
    play = audio.tone(LOW, 20) if speech is None else speech
    return Baresip(folder, certificates, local=netns.CARRIER_SECURE, name="caller", play=play, **options)


def callee_(folder, certificates, speech=None, name=CALLEE, hertz=HIGH, **options):
    play = audio.tone(hertz, 20) if speech is None else speech
    return Baresip(
        folder, certificates, local=netns.CARRIER_SECURE, name=name, play=play, answer=True, identity=certificates.handset, **options
    )


@pytest.fixture
def app(certificates):
    with App(certificates) as app:
        yield app
        app.fail_on_errors()


def connected(folder, certificates, running, app, *, speeches=(None, None), **options):
    callee = running(callee_(folder, certificates, speeches[1]))
    server = running(Server(folder, certificates, app, trunks=trunk(certificates, callee, **options), routes=DIAL, api_trunks=()))
    caller = running(caller_(folder, certificates, speeches[0]))
    caller.dial(server.sips("+15550199"))
    caller.established()
    callee.established()
    server.wait_for("bridge.begin")
    return server, caller, callee


def hears(phone, hertz, seconds=0.7):
    return audio.tone_seconds(phone.heard(), hertz) > seconds


@pytest.mark.alone
def test_speech_is_heard_in_both_directions(folder, certificates, running, app):
    one, other = (audio.read_wav(SPEECH / name)[0] for name in ("caller.wav", "greeting.wav"))
    server, caller, callee = connected(folder, certificates, running, app, speeches=(one, other))
    waiting.wait_until(lambda: callee.has_heard(one) and caller.has_heard(other), "both have heard all")
    caller.hang_up()
    callee.wait_for("CALL_CLOSED")
    server.call_ended()
    assert caller.secured() and callee.secured()
    (_, caller_keys), (_, near_keys) = caller.descriptions()[:2]
    (_, far_keys), (_, callee_keys) = callee.descriptions()[:2]
    keys = {key for _, key in (*caller_keys, *near_keys, *far_keys, *callee_keys)}
    assert len(keys) == len(caller_keys) + len(near_keys) + len(far_keys) + len(callee_keys), "no key is used on two legs"
    for said, phone in ((one, callee), (other, caller)):
        likeness = audio.compare(said, phone.heard())
        print(phone.name, likeness)
        assert likeness.correlation > 0.95, likeness
        assert likeness.pesq > likeness.codec_pesq - 0.35, likeness


@pytest.mark.parametrize("by", ["caller", "callee"])
def test_either_hangs_up(folder, certificates, running, app, by):
    server, caller, callee = connected(folder, certificates, running, app)
    waiting.wait_until(lambda: hears(caller, HIGH) and hears(callee, LOW), "each hears the other")
    first, second = (caller, callee) if by == "caller" else (callee, caller)
    first.hang_up()
    second.wait_for("CALL_CLOSED")
    assert server.call_ended()["answered"]


@pytest.mark.parametrize("digits", ["rfc4733", "info"])
def test_keys_of_the_caller_reach_the_callee(folder, certificates, running, app, digits):
    server, caller, callee = connected(folder, certificates, running, app, digits=digits)
    waiting.wait_until(lambda: hears(callee, LOW, 0.2), "the way is open")
    for count, key in enumerate("90*#", 1):
        caller.command("sndcode", key)
        waiting.wait_until(lambda count=count: len(pressed(callee)) >= count, f"the key {key} arrives")
    caller.hang_up()
    server.call_ended()
    assert pressed(callee) == "90*#"
    assert callee.trace().count("\nINFO ") == (4 if digits == "info" else 0)


@pytest.mark.parametrize("by", ["caller", "callee"])
def test_either_holds_and_resumes(folder, certificates, running, app, by):
    server, caller, callee = connected(folder, certificates, running, app)
    phone, other = (caller, callee) if by == "caller" else (callee, caller)
    waiting.wait_until(lambda: hears(caller, HIGH) and hears(callee, LOW), "each hears the other")
    phone.command("hold")
    waiting.wait_until(lambda: "a=recvonly" in phone.trace(), "the server agrees to be held")
    phone.command("resume")
    waiting.wait_until(lambda: resumed(phone.trace()), "the server agrees to go on")
    before = other.heard_seconds()
    waiting.wait_until(lambda: other.heard_seconds() > before + 2, "the other one hears on")
    caller.hang_up()
    callee.wait_for("CALL_CLOSED")
    assert server.call_ended()["answered"]
    # A baresip that has held a call records no more of what it hears; it counts it.
    sent, received = phone.packets()
    assert sent > 100 and received > 0.85 * sent, (sent, received)


def test_a_blind_transfer_by_us(folder, certificates, running, app):
    """REFER: the phone calls the target itself, and we are out of it."""
    target = running(callee_(folder, certificates, name="target", hertz=HIGH))
    # A target has neither port nor transport of its own in the dialplan's words: the phone has a proxy for that.
    phone = running(callee_(folder, certificates, hertz=LOW, outbound=f"sip:{target.address}:{target.port + 1};transport=tls"))
    to = f"sip:target@{target.address}:{target.port + 1}"
    routes = f"""
[[route]]
name = "hand over"
when = {{ direction = "outbound" }}
do = [{{ transfer = {{ to = "{to}", mode = "blind", timeout = 20, on_failure = "hangup" }} }}]
"""
    text = trunk(certificates, phone, uri=to)
    server = running(Server(folder, certificates, app, trunks=text, routes=routes, api_trunks=["phones"]))
    server.place(CALLEE)
    phone.established()
    target.established()
    done, = server.wait_for("transfer.end")
    assert (done["status"], done["done"]) == (200, True)
    ended = server.call_ended()
    waiting.wait_until(lambda: hears(target, LOW), "the two hear each other without us")
    assert ended["answered"] and "REFER sip:" in phone.trace()
    assert f"Refer-To: <{to}>" in phone.trace()
    assert not [e for e in target.events if e["type"] == "CALL_CLOSED"]


def test_a_transfer_by_the_phone_and_the_application_goes_on(folder, certificates, running, app):
    """REFER in: we call the target for the phone, and the stream goes on with the new one."""
    target = running(callee_(folder, certificates))
    text = trunk(certificates, target, more='refer = "accept"')
    server = running(Server(folder, certificates, app, trunks=text, routes=ASK, api_trunks=()))
    caller = running(caller_(folder, certificates))
    caller.dial(server.sips("+15550199"))
    caller.established()
    stream = app.the_stream()
    waiting.wait_until(lambda: at(stream, LOW) > 0.7, "the application hears the caller")
    caller.command("transfer", f"sip:{CALLEE}@{server.address}")
    target.established()
    server.wait_for("leg.replaced", referred=True)
    waiting.wait_until(lambda: at(stream, HIGH) > 0.7, "the application hears the new one")
    waiting.wait_until(lambda: hears(target, HIGH), "the new one hears the application")
    caller.wait_for("CALL_CLOSED")
    assert not stream.closed and len(app.streams) == 1
    target.hang_up()
    assert server.call_ended()["answered"]


@pytest.mark.parametrize(("rule", "to"), [('refer = "refuse"', CALLEE), ('refer = "accept"', "+4930123456")])
def test_a_transfer_that_the_dialplan_does_not_allow(folder, certificates, running, app, rule, to):
    """REFER is off by default, and where it is on it reaches as far as the trunk's destinations."""
    target = running(callee_(folder, certificates))
    server = running(Server(folder, certificates, app, trunks=trunk(certificates, target, more=rule), routes=ASK, api_trunks=()))
    caller = running(caller_(folder, certificates))
    caller.dial(server.sips("+15550199"))
    caller.established()
    app.the_stream()
    caller.command("transfer", f"sip:{to}@{server.address}")
    waiting.wait_until(lambda: "SIP/2.0 403" in caller.trace(), "the REFER is refused")
    # This phone gives up the whole call then, and says nothing of it.
    assert server.call_ended()["by"] == "caller"
    assert "SIP/2.0 202" not in caller.trace() and not target.events


def pressed(phone):
    phone.wait_for("CALL_ESTABLISHED")
    return "".join(event["param"] for event in phone.events if event["type"] == "CALL_DTMF_START")


def at(stream, hertz):
    return audio.tone_seconds(np.frombuffer(bytes(stream.audio), dtype="<i2"), hertz, RATE)


def resumed(trace):
    """A later answer than the one with recvonly says sendrecv."""
    return "a=sendrecv" in trace[trace.rfind("a=recvonly") :].partition("SIP/2.0 200")[2]
