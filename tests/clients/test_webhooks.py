"""The stock `standardwebhooks` of Python and of Node judge what the real server signed: flow request and WS handshake.

(The Rust crate of that name judges in ai-bridge's own tests.) The requests come from real calls; the verifier's clock
is moved, not the request.
"""

import datetime
import json
import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from standardwebhooks import webhooks
from strongline_lab import netns, processes, waiting
from strongline_lab.app import App, SignedRequest, new_secret
from strongline_lab.server import ROOT, Server
from strongline_lab.sipp import Sipp

HERE = Path(__file__).resolve().parent
NODE_PACKAGES = ROOT / "target" / "node"

GOOD = {
    "new": True, "old": True, "stranger": False, "tampered": False, "other_id": False,
    "in_time": True, "stale": False, "from_the_future": False,
}


def call(folder, certificates, running, app, **options):
    server = running(Server(folder, certificates, app, **options))
    running(Sipp(folder, "call.xml", local=netns.CARRIER_PLAIN, remote=server.udp)).succeed()
    server.call_ended()
    return server


@pytest.fixture
def signed(folder, certificates, running):
    """A flow request and a handshake of one real call, signed with a new and an old key, and the secrets."""
    with App(certificates) as app:
        call(folder, certificates, running, app)
        app.fail_on_errors()
    flow, = app.flows
    stream, = app.streams
    return {"flow request": flow, "handshake": stream.handshake}, app.secrets


def test_python_and_node_verify_old_and_new_and_refuse_the_rest(signed, monkeypatch):
    requests, secrets = signed
    for name, request in requests.items():
        headers = {key: value for key, value in request.headers.items() if key.startswith("webhook-")}
        assert len(headers["webhook-signature"].split(" ")) >= 2, f"{name}: one signature for each key"
        assert "." not in headers["webhook-id"], name
        assert python_judges(request, secrets, monkeypatch) == GOOD, name
        assert node_judges(request, secrets) == GOOD, name
    assert requests["flow request"].headers["webhook-id"] != requests["handshake"].headers["webhook-id"]


def test_one_key_alone_signs_once(folder, certificates, running):
    with App(certificates) as app:
        call(folder, certificates, running, app, signing=("old",))
    flow, = app.flows
    assert flow.verified_by == ["old"]
    assert len(flow.headers["webhook-signature"].split(" ")) == 1


def test_an_application_that_does_not_know_the_key_gets_no_audio(folder, certificates, running):
    with App(certificates) as app:
        server = running(Server(folder, certificates, app))
        app.secrets = {"new": new_secret(), "old": new_secret()}
        caller = running(Sipp(folder, "unavailable.xml", local=netns.CARRIER_PLAIN, remote=server.udp))
        caller.succeed()
        server.call_ended()
    assert app.refused and not app.flows and not app.streams


def test_the_flow_request_says_what_it_should(signed):
    requests, _ = signed
    request = requests["flow request"]
    body = json.loads(request.body)
    assert set(body) >= {"call_id", "account_id", "from_number", "to_number", "direction"}
    assert (body["account_id"], body["from_number"], body["to_number"], body["direction"]) == (
        "acme", "+15550100", "+15550199", "inbound",
    )
    assert request.headers["content-type"].startswith("application/json")


def test_a_node_application_takes_the_call(folder, certificates, running):
    secrets = {"new": new_secret(), "old": new_secret()}
    node = running(
        processes.Program(
            "node", ["node", HERE / "app.mjs", certificates.app.certificate, certificates.app.key], folder,
            env={"NODE_PACKAGES": str(NODE_PACKAGES), "SECRET_NEW": secrets["new"], "SECRET_OLD": secrets["old"]},
        )
    )
    port = waiting.wait_until(lambda: said(node, "listening"), "the Node application starts", alive=node.alive)[0]["port"]
    call(folder, certificates, running, SimpleNamespace(flow_url=f"https://localhost:{port}/flow", secrets=secrets))
    waiting.wait_until(lambda: said(node, "close"), "the stream is closed")

    flow, = said(node, "flow")
    handshake, = said(node, "handshake")
    close, = said(node, "close")
    texts = [line["message"] for line in said(node, "text")]
    assert flow["verdict"] == GOOD and handshake["verdict"] == GOOD
    assert handshake["exact"], "the ws_url's path and query came back byte for byte"
    assert handshake["protocol"] == "strongline.native.v1"
    assert "extensions" not in handshake, "no compression is offered"
    assert texts[0]["type"] == "start" and texts[-1]["type"] == "stop"
    assert "".join(text["digit"] for text in texts if text["type"] == "dtmf") == "123#"
    assert close["code"] == 1000 and close["octets"] > 2 * 16000 * 2
    assert not said(node, "error")


def said(node, event):
    lines = [json.loads(line) for line in node.log().splitlines() if line.startswith("{") and line.endswith("}")]
    return [line for line in lines if line["event"] == event]


def python_judges(request, secrets, monkeypatch):
    def verifies(secret, *, headers=None, body=None, seconds=0):
        class Shifted(datetime.datetime):
            @classmethod
            def now(cls, tz=None):
                return datetime.datetime.now(tz) + datetime.timedelta(seconds=seconds)

        with monkeypatch.context() as patch:
            patch.setattr(webhooks, "datetime", Shifted)
            try:
                webhooks.Webhook(secret).verify(body or request.body, headers or request.headers, json_parse=False)
            except webhooks.WebhookVerificationError:
                return False
            return True

    other_id = {**request.headers, "webhook-id": request.headers["webhook-id"] + "x"}
    return {
        "new": verifies(secrets["new"]),
        "old": verifies(secrets["old"]),
        "stranger": verifies(new_secret()),
        "tampered": verifies(secrets["new"], body=request.body[:-2] + " " + request.body[-2:]),
        "other_id": verifies(secrets["new"], headers=other_id),
        "in_time": verifies(secrets["new"], seconds=290),
        "stale": verifies(secrets["new"], seconds=310),
        "from_the_future": verifies(secrets["new"], seconds=-310),
    }


def node_judges(request, secrets):
    program = "import { judge } from './judge.mjs';" \
        "import { readFileSync } from 'node:fs';" \
        "const { request, secrets } = JSON.parse(readFileSync(0));" \
        "console.log(JSON.stringify(judge(request, secrets)));"
    done = subprocess.run(
        ["node", "--input-type=module", "-e", program], cwd=HERE, text=True, capture_output=True, timeout=30,
        input=json.dumps({"request": {"headers": request.headers, "body": request.body}, "secrets": secrets}),
        env={**os.environ, "NODE_PACKAGES": str(NODE_PACKAGES)}, check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_judges_know_the_published_example(monkeypatch):
    """The judges themselves, without the server: a request signed by the stock library, and one by nobody."""
    secrets = {"new": new_secret(), "old": new_secret()}
    now = datetime.datetime.now(datetime.timezone.utc)
    body = '{"call_id":"1"}'
    signatures = " ".join(webhooks.Webhook(secret).sign("msg_1", now, body) for secret in secrets.values())
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signatures}
    request = SignedRequest(headers, body, [])
    assert python_judges(request, secrets, monkeypatch) == GOOD == node_judges(request, secrets)
    unsigned = SignedRequest({**headers, "webhook-signature": "v1,AAAA"}, body, [])
    assert not any(python_judges(unsigned, secrets, monkeypatch).values())
    assert not any(node_judges(unsigned, secrets).values())
