"""Two of us behind Kamailio's dispatcher, and its Record-Route in every dialog."""

import pytest
from strongline_lab import netns, waiting
from strongline_lab.app import App, hang_up_after
from strongline_lab.baresip import Baresip
from strongline_lab.sbc import Sbc
from strongline_lab.server import TO_APP, Server
from strongline_lab.sipp import Sipp

RATE = 16000


@pytest.fixture
def app(certificates):
    with App(certificates) as app:
        yield app
        app.fail_on_errors()


def trunk(session=""):
    return f"""
[[trunk]]
name = "sbc"
peers = ["tls:sbc.test"]
media = {{ prefixes = ["{netns.CARRIER_SECURE}"] }}
{session}
"""


def a_call(phone, sbc):
    """One call of the phone that is answered and hung up; where Kamailio sent it last."""
    phone.events.clear()
    phone.dial(sbc.sips(TO_APP))
    phone.established()
    phone.hang_up()
    return sbc.lines("dispatched")[-1].split()[-1]


@pytest.mark.timeout(120)
def test_one_of_two_is_killed_and_the_calls_reach_the_other(folder, certificates, running, app):
    servers = {
        address: running(Server(folder, certificates, app, address=address, called=name, trunks=trunk(), api_trunks=()))
        for address, name in ((netns.SERVER, "one"), (netns.SPARE_SERVER, "two"))
    }
    sbc = running(Sbc(folder, certificates, servers=[server.tls for server in servers.values()]))
    # It takes nobody for up who has not answered its OPTIONS.
    assert len(set(sbc.wait_for("server up", 2))) == 2
    phone = running(Baresip(folder, certificates, local=netns.CARRIER_SECURE))
    reached = [a_call(phone, sbc) for _ in range(4)]
    assert len(set(reached)) == 2 and reached[0] == reached[2] and reached[1] == reached[3], reached
    for server in servers.values():
        assert len(server.wait_for("call.ended", count=2, answered=True)) == 2

    # Killed amid a call that the next in turn has: that call is lost, and no other.
    phone.events.clear()
    phone.dial(sbc.sips(TO_APP))
    phone.established()
    victim = next(server for server in servers.values() if f"sip:{server.address}:" in sbc.lines("dispatched")[-1])
    survivor, = (server for server in servers.values() if server is not victim)
    victim.kill()
    phone.command("hangup")
    phone.wait_for("CALL_CLOSED")
    after = [a_call(phone, sbc) for _ in range(4)]
    assert all(f"sip:{survivor.address}:" in to for to in after), after
    assert survivor.wait_for("call.ended", count=6, answered=True)
    assert len(sbc.wait_for("server down")) == 1
    assert not [line for line in sbc.lines("server down") if f"{survivor.address}:" in line], "it answers while it works"


@pytest.mark.parametrize("by", ["phone", "us"])
def test_requests_within_a_call_take_the_route_set(folder, certificates, running, by):
    async def briefly(_app, websocket, stream):
        await hang_up_after(4, RATE, websocket, stream)

    with App(certificates, **({"converse": briefly} if by == "us" else {})) as app:
        server = running(Server(folder, certificates, app, trunks=trunk(), api_trunks=()))
        sbc = running(Sbc(folder, certificates, servers=[server.tls]))
        sbc.wait_for("server up")
        phone = running(Baresip(folder, certificates, local=netns.CARRIER_SECURE))
        phone.dial(sbc.sips(TO_APP))
        phone.established()
        stream = app.the_stream()
        phone.command("hold")
        waiting.wait_until(lambda: "a=recvonly" in phone.trace(), "the server agrees to be held")
        phone.command("resume")
        waiting.wait_until(lambda: resumed(phone.trace()), "the server agrees to go on")
        if by == "phone":
            before = stream.seconds(RATE)
            waiting.wait_until(lambda: stream.seconds(RATE) > before + 0.5, "audio flows again")
            phone.hang_up()
        else:
            phone.wait_for("CALL_CLOSED")
        ended = server.call_ended()
        waiting.wait_until(lambda: stream.closed, "the stream ends")
        app.fail_on_errors()

    assert (ended["by"], ended["answered"]) == ({"phone": "caller", "us": "server"}[by], True)
    lines = sbc.lines("in-dialog")
    theirs = [line.split()[1] for line in lines if f"@{server.address}:{server.tls_port}" in line.partition("uri ")[2].split()[0]]
    ours = [line.split()[1] for line in lines if "uri sip:caller-" in line]
    assert theirs == ["ACK", "INVITE", "ACK", "INVITE", "ACK"] + (["BYE"] if by == "phone" else []), lines
    assert ours == ([] if by == "phone" else ["BYE"]), lines
    assert all(f"<sip:{sbc.address}:{sbc.tls_port};" in line for line in lines), "by the Route, not straight to the Contact"
    assert not sbc.lines("strayed")


@pytest.mark.timeout(120)
def test_a_session_is_refreshed_by_re_invite_through_the_proxy(folder, certificates, running, app):
    """For a phone that knows neither session timers nor UPDATE."""
    server = running(Server(folder, certificates, app, sip="session_expires = 90", trunks=trunk(), api_trunks=()))
    sbc = running(Sbc(folder, certificates, servers=[server.tls]))
    sbc.wait_for("server up")
    phone = running(Baresip(folder, certificates, local=netns.CARRIER_SECURE))
    phone.dial(sbc.sips(TO_APP))
    phone.established()
    # Half of the interval (RFC 4028 10).
    refresh = sbc.wait_for(f"in-dialog INVITE from {server.address}", timeout=60)[0]
    assert "uri sip:caller-" in refresh and f"<sip:{sbc.address}:{sbc.tls_port};" in refresh, refresh
    sbc.wait_for(f"in-dialog ACK from {server.address}")
    phone.hang_up()
    ended = server.call_ended()
    assert (ended["by"], ended["answered"]) == ("caller", True)


@pytest.mark.timeout(120)
def test_a_session_is_refreshed_by_update_through_the_proxy(folder, certificates, running, app):
    plain = f"""
[[trunk]]
name = "sbc"
peers = ["tls:sbc.test"]
srtp = "off"
media = {{ prefixes = ["{netns.CARRIER_PLAIN}"] }}
danger = {{ plaintext_media = "anyone on the path can listen" }}
"""
    server = running(Server(folder, certificates, app, sip="session_expires = 90", trunks=plain, api_trunks=()))
    sbc = running(Sbc(folder, certificates, servers=[server.tls]))
    sbc.wait_for("server up")
    caller = running(Sipp(folder, "refreshed.xml", local=netns.CARRIER_PLAIN, remote=sbc.udp, timeout_s=80))
    refresh, = sbc.wait_for("in-dialog UPDATE", timeout=60)
    assert f"uri sip:+15550123@{caller.address}:{caller.port}" in refresh, refresh
    caller.succeed()
    ended = server.call_ended()
    assert (ended["by"], ended["answered"]) == ("caller", True)
    assert not sbc.lines("strayed")


def resumed(trace):
    """A later answer than the one with recvonly says sendrecv."""
    return "a=sendrecv" in trace[trace.rfind("a=recvonly") :].partition("SIP/2.0 200")[2]
