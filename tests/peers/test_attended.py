"""An attended transfer towards a peer that knows Replaces, as this baresip does not: sipp plays it."""

import re

from strongline_lab import netns
from strongline_lab.app import App
from strongline_lab.server import Server
from strongline_lab.sipp import Sipp


def test_an_attended_transfer_refers_the_caller_to_the_call_it_replaces(folder, certificates, running):
    """We call the target, and when it has answered the caller is told to take our place (RFC 3891)."""
    target = running(Sipp(folder, "answer.xml", local=netns.CARRIER_PLAIN, name="target", arguments=["-rtp_echo"]))
    to = "+15550300"
    trunk = f"""
[[trunk]]
name = "plain"
peers = ["{netns.CARRIER_PLAIN}"]
srtp = "off"
media = {{ prefixes = ["{netns.CARRIER_PLAIN}"] }}
outbound = {{ to = "sip:{target.address}:{target.port};transport=udp", destinations = ["+1555*"], from = ["+15550100"] }}
danger = {{ plaintext_media = "anyone on the path can listen" }}
"""
    route = f"""
[[route]]
name = "hand over"
do = [{{ answer = {{}} }}, {{ transfer = {{ to = "{to}", mode = "attended", trunk = "plain", timeout = 20, on_failure = "hangup" }} }}]
"""
    with App(certificates) as app:
        server = running(Server(folder, certificates, app, trunks=trunk, routes=route, api_trunks=()))
        caller = running(Sipp(folder, "referred.xml", local=netns.CARRIER_PLAIN, remote=server.udp))
        caller.succeed()
        target.succeed()
        assert server.wait_for("transfer.end")[0]["done"]
        assert server.call_ended()["answered"]
    # The dialog that is replaced is the one that the target has with us.
    call_id = re.search(r"^Call-ID: (\S+)", target.messages(), re.M)[1]
    assert f"Replaces={call_id}" in caller.logged().replace("%40", "@"), caller.logged()
