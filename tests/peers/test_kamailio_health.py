"""How a trunk to Kamailio fares when Kamailio comes and goes, asks who we are by certificate, and is found by DNS."""

import pytest
from strongline_lab import names, netns, waiting
from strongline_lab.app import App, hang_up_after
from strongline_lab.baresip import Baresip
from strongline_lab.sbc import Sbc
from strongline_lab.server import Server
from strongline_lab.sipp import Sipp

TO = "+15550300"
DOMAIN = "carrier.test"


def trunk(certificates, to, *, keepalive="", identity=None, name="carrier"):
    own = f'certificate = {{ file = "{identity.certificate}" }}\nkey = {{ file = "{identity.key}" }}' if identity else ""
    return f"""
[[trunk]]
name = "{name}"
media = {{ prefixes = ["{netns.CARRIER_SECURE}"] }}
[trunk.outbound]
to = "{to}"
destinations = ["+1555*"]
from = ["+15550100"]
calls_per_second = 10
{keepalive}
[trunk.tls]
ca = {{ file = "{certificates.ca}" }}
{own}
"""


@pytest.fixture
def app(certificates):
    with App(certificates) as app:
        yield app
        app.fail_on_errors()


@pytest.fixture
def phone(folder, certificates, running):
    """A phone behind the carrier, which answers."""
    return running(Baresip(folder, certificates, local=netns.CARRIER_SECURE, name="callee", answer=True, identity=certificates.handset))


def a_call(server, phone):
    """One call that is ordered, answered by the phone and hung up by it."""
    phone.events.clear()
    call = server.place(TO)
    phone.established()
    phone.hang_up()
    return server.wait_for("call.ended", call=call, answered=True)[0]


@pytest.mark.timeout(150)
def test_a_trunk_that_does_not_answer_is_down_and_comes_back_after_the_hold_down(folder, certificates, running, app, phone):
    sbc = running(Sbc(folder, certificates, phone=phone.listen, challenge=False))
    keepalive = "[trunk.keepalive]\noptions = 5\nhold_down = 3"
    text = trunk(certificates, sbc.hop, keepalive=keepalive)
    server = running(Server(folder, certificates, app, trunks=text, api_trunks=["carrier"]))
    sbc.wait_for("pinged")
    a_call(server, phone)

    sbc.stop()
    server.wait_for("trunk.down", timeout=60, trunk="carrier")
    status, refused = server.order(TO)
    assert (status, refused["code"]) == (503, "trunk_down"), refused

    ups, pings = len(server.events("trunk.up")), len(sbc.lines("pinged"))
    sbc.start()
    # Its first answer is not enough: it must stay good for the hold-down.
    sbc.wait_for("pinged", pings + 1, timeout=60)
    assert len(server.events("trunk.up")) == ups
    server.wait_for("trunk.up", count=ups + 1, timeout=60)
    assert len(sbc.lines("pinged")) >= pings + 2
    a_call(server, phone)


@pytest.mark.timeout(120)
def test_an_order_goes_over_the_next_trunk_while_the_first_is_down(folder, certificates, running, app, phone):
    options = {"phone": phone.listen, "challenge": False}
    first = running(Sbc(folder, certificates, name="a", **options))
    spare = running(Sbc(folder, certificates, name="b", address=netns.SPARE_SBC, identity=certificates.spare, **options))
    keepalive = "[trunk.keepalive]\noptions = 5\nhold_down = 3"
    text = trunk(certificates, first.hop, keepalive=keepalive) + trunk(certificates, spare.hop, name="spare")
    server = running(Server(folder, certificates, app, trunks=text, api_trunks=["carrier", "spare"]))
    first.wait_for("pinged")
    assert a_call(server, phone)["trunk"] == "carrier"
    first.stop()
    server.wait_for("trunk.down", timeout=60, trunk="carrier")
    assert a_call(server, phone)["trunk"] == "spare"
    assert (len(first.lines("call from")), len(spare.lines("call from"))) == (1, 1)


def test_mutual_tls_with_the_trunks_own_certificate(folder, certificates, running, app, phone):
    sbc = running(Sbc(folder, certificates, phone=phone.listen, challenge=False, verify_client=True))
    text = trunk(certificates, sbc.hop, identity=certificates.server)
    server = running(Server(folder, certificates, app, trunks=text, api_trunks=["carrier"]))
    a_call(server, phone)
    assert "did not return a certificate" not in sbc.program.log()


@pytest.mark.parametrize("shown", ["none", "rogue"])
def test_mutual_tls_without_a_certificate_that_is_good(folder, certificates, running, app, phone, shown):
    sbc = running(Sbc(folder, certificates, phone=phone.listen, challenge=False, verify_client=True))
    text = trunk(certificates, sbc.hop, identity=certificates.rogue if shown == "rogue" else None)
    server = running(Server(folder, certificates, app, trunks=text, api_trunks=["carrier"]))
    call = server.place(TO)
    ended, = server.wait_for("call.ended", call=call)
    assert not ended["answered"], ended
    told = {"none": "peer did not return a certificate", "rogue": "certificate verify failed"}[shown]
    waiting.wait_until(lambda: told in sbc.program.log(), "Kamailio says why")
    assert not sbc.lines("call from") and not phone.events


def test_a_carrier_with_a_foreign_certificate_is_not_spoken_to(folder, certificates, running, app, phone):
    """RFC 5922: the name in the dialplan must stand in the certificate; a chain that is good is not enough."""
    sbc = running(Sbc(folder, certificates, phone=phone.listen, challenge=False, identity=certificates.carrier))
    server = running(Server(folder, certificates, app, trunks=trunk(certificates, sbc.hop), api_trunks=["carrier"]))
    call = server.place(TO)
    ended, = server.wait_for("call.ended", call=call)
    assert not ended["answered"], ended
    assert not sbc.lines("call from") and not phone.events


def carriers(folder, certificates, running, phone):
    """Two Kamailios of one carrier: both prove its name."""
    options = {"phone": phone.listen, "challenge": False, "identity": certificates.carrier}
    return (
        running(Sbc(folder, certificates, name="a", **options)),
        running(Sbc(folder, certificates, name="b", address=netns.SPARE_SBC, **options)),
    )


def zone(*services):
    """NAPTR leads to SRV, SRV to two hosts."""
    return {
        DOMAIN: [names.naptr(10, 10, "SIPS+D2T", f"_sips._tcp.{DOMAIN}"), names.naptr(20, 10, "SIP+D2U", f"_sip._udp.{DOMAIN}")],
        f"_sips._tcp.{DOMAIN}": [names.srv(*service) for service in services],
        f"a.{DOMAIN}": [names.a(netns.SBC)],
        f"b.{DOMAIN}": [names.a(netns.SPARE_SBC)],
    }


def test_the_call_reaches_the_second_server_of_dns_when_the_first_is_dead(folder, certificates, running, app, phone):
    a, b = carriers(folder, certificates, running, phone)
    records = zone((20, 0, b.tls_port, f"b.{DOMAIN}"), (10, 0, a.tls_port, f"a.{DOMAIN}"))
    name_server = running(names.NameServer(folder, records))
    server = running(Server(
        folder, certificates, app, trunks=trunk(certificates, f"sips:{DOMAIN}"), api_trunks=["carrier"], run_by=name_server.run_by,
    ))
    located, = server.wait_for("trunk.located")
    assert located["hops"] == 2
    a_call(server, phone)
    assert (len(a.lines("call from")), len(b.lines("call from"))) == (1, 0), "the lowest priority first"
    a.stop()
    for _ in range(2):
        a_call(server, phone)
    assert (len(a.lines("call from")), len(b.lines("call from"))) == (1, 2)
    assert (DOMAIN, 35) in name_server.asked and (f"_sips._tcp.{DOMAIN}", 33) in name_server.asked
    assert not [name for name, _ in name_server.asked if name.startswith("_sip._udp")], "sips: is TLS and nothing else"


def test_of_two_servers_of_one_priority_the_weight_decides_and_the_other_stands_in(folder, certificates, running, app, phone):
    a, b = carriers(folder, certificates, running, phone)
    # RFC 2782: the lighter one is taken once in 65,536 times.
    records = zone((10, 1, a.tls_port, f"a.{DOMAIN}"), (10, 65535, b.tls_port, f"b.{DOMAIN}"))
    name_server = running(names.NameServer(folder, records))
    server = running(Server(
        folder, certificates, app, trunks=trunk(certificates, f"sips:{DOMAIN}"), api_trunks=["carrier"], run_by=name_server.run_by,
    ))
    server.wait_for("trunk.up")
    for _ in range(3):
        a_call(server, phone)
    assert (len(a.lines("call from")), len(b.lines("call from"))) == (0, 3)
    b.stop()
    a_call(server, phone)
    assert len(a.lines("call from")) == 1


def test_a_server_that_is_busy_is_passed_over_for_the_next(folder, certificates, running):
    """RFC 3263 4.3: a 503 is a reason to ask the next server, over UDP as well."""
    busy = running(Sipp(folder, "busy-server.xml", local=netns.SBC, name="busy"))
    ready = running(Sipp(folder, "answer.xml", local=netns.CARRIER_PLAIN, name="ready", arguments=["-rtp_echo"]))
    records = {
        DOMAIN: [names.naptr(10, 10, "SIP+D2U", f"_sip._udp.{DOMAIN}")],
        f"_sip._udp.{DOMAIN}": [names.srv(1, 0, busy.port, f"a.{DOMAIN}"), names.srv(2, 0, ready.port, f"b.{DOMAIN}")],
        f"a.{DOMAIN}": [names.a(netns.SBC)],
        f"b.{DOMAIN}": [names.a(netns.CARRIER_PLAIN)],
    }
    name_server = running(names.NameServer(folder, records))
    text = f"""
[[trunk]]
name = "carrier"
srtp = "off"
transports = ["udp"]
media = {{ prefixes = ["{netns.CARRIER_PLAIN}"] }}
outbound = {{ to = "sip:{DOMAIN}", destinations = ["+1555*"], from = ["+15550100"] }}
danger = {{ plaintext_media = "anyone on the path can listen" }}
"""

    async def briefly(_app, websocket, stream):
        await hang_up_after(1, 16000, websocket, stream)

    with App(certificates, converse=briefly) as app:
        server = running(Server(folder, certificates, app, trunks=text, api_trunks=["carrier"], run_by=name_server.run_by))
        server.wait_for("trunk.up")
        server.place(TO)
        busy.succeed()
        ready.succeed()
        assert server.call_ended()["answered"]
        app.fail_on_errors()
