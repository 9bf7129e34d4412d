"""The core flows over UDP where one datagram in ten is lost, one doubled and one overtaken: no call fails, nothing is left."""

import functools

import pytest
from strongline_lab import app as apps
from strongline_lab import audio, netns, waiting
from strongline_lab.app import App
from strongline_lab.badwire import BadWire
from strongline_lab.scenario import Callee, Caller, Has, answered, sdp
from strongline_lab.server import TO_APP, Server
from strongline_lab.sipp import Sipp, start

CALLS = 50
SEED = 20261124
PATIENT = ["-max_retrans", "11", "-default_behaviors", "none", "-r", "10"]
PRACKED = (Has("RSeq", "[0-9]+", save="rseq"),)
pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def app(certificates):
    with App(certificates) as app:
        yield app


def roomy(folder, certificates, app, **config):
    return Server(folder, certificates, app, trunk="calls_per_second = 100", media_ports=200, **config)


def call_in(name, contact):
    return answered(Caller(name, contact=contact, strict=True).invite()).ack().pause(200).bye()


def call_with_prack(name, contact):
    """The 183 has the answer: until its PRACK comes there is no 200 (RFC 3262 3)."""
    scenario = Caller(name, contact=contact, strict=True).invite("Require: 100rel").expect(100, optional=True).expect(183, *PRACKED).prack()
    return answered(scenario).ack().pause(200).bye()


def call_with_changes(name, contact):
    scenario = answered(Caller(name, contact=contact, strict=True).invite()).ack().pause(100)
    return scenario.change("sendonly", "recvonly").pause(100).change("sendrecv", "sendrecv").pause(100).bye()


@pytest.mark.parametrize("flow", [call_in, call_with_prack, call_with_changes])
def test_calls_in(folder, certificates, running, app, flow):
    audio.write_wav(folder / "early.wav", audio.tone(1000, 0.3))
    first = f'{{ play = {{ file = "{folder}/early.wav", early = true }} }}' if flow is call_with_prack else "{ ring = {} }"
    routes = f'[[route]]\nname = "bot"\ndo = [{first}, {{ app = "bot" }}]\n'
    server = running(roomy(folder, certificates, app, routes=routes))
    wire = running(BadWire(netns.CARRIER_PLAIN, server.udp, seed=SEED))
    scenario = flow(flow.__name__, "{}:{}".format(*wire.far))
    caller = start(running, folder, server, scenario, remote=wire.near, calls=CALLS, arguments=PATIENT, timeout_s=100)
    caller.succeed(110)
    print(wire.counts)
    assert min(wire.counts.values()) > CALLS / 4, "the wire was bad"
    server.wait_for("call.ended", count=CALLS)
    assert {ended["by"] for ended in server.events("call.ended")} == {"caller"}
    server.nothing_is_left(60)


def test_calls_out(folder, certificates, running):
    converse = functools.partial(hang_up, seconds=0.2)
    with App(certificates, converse=converse) as app:
        # The callee has to be there before the server is told where, and the wire before the callee is told his Contact.
        port = waiting.free_port(netns.CARRIER_PLAIN)
        wire = running(BadWire(netns.CARRIER_PLAIN, (netns.CARRIER_PLAIN, port), seed=SEED))
        scenario = Callee("call_out", contact="{}:{}".format(*wire.near)).invited().answer(180, "Ringing").answer(200, "OK", body=sdp())
        scenario.expect("ACK").hung_up()
        callee = running(Sipp(folder, scenario.write(folder), local=netns.CARRIER_PLAIN, name="callee", calls=CALLS, arguments=PATIENT,
                              timeout_s=150, port=port))
        server = running(roomy(folder, certificates, app, callee=wire.near, outbound=", calls_per_second = 100, max_calls = 100"))
        for _ in range(CALLS):
            # The API takes ten requests a second.
            waiting.wait_until(lambda: server.order(TO_APP)[0] == 202, "the order is taken", every=0.11)
        server.wait_for("call.ended", 90, count=CALLS)
        print(wire.counts)
        assert min(wire.counts.values()) > CALLS / 4, "the wire was bad"
        assert all(ended["answered"] and ended["reason"] == "bye" for ended in server.events("call.ended"))
        server.nothing_is_left(60)
        callee.succeed(60)


async def hang_up(_app, websocket, stream, seconds):
    await apps.hang_up_after(seconds, 16000, websocket, stream)
