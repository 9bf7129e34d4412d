"""The unmodified Python package `teler`: its CallFlow answers the flow request, its StreamConnector takes the stream, its
Client places calls and commands them."""

import base64
import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from strongline_lab import audio, netns, waiting
from strongline_lab.app import LEAD_S, App
from strongline_lab.baresip import Baresip
from strongline_lab.server import API_KEY, FROM_US, TO_APP, Server
from strongline_lab.sipp import Sipp
from teler import CallFlow, Client, exceptions
from teler.streams import StreamConnector, StreamOp, StreamType
from websockets.sync.server import serve

SPEECH = Path(__file__).resolve().parents[1] / "data" / "speech" / "caller.wav"
CHUNK_MS = 100
STREAM = f'dialect = "teler", rate = 8000, chunk_ms = {CHUNK_MS}'


@contextlib.contextmanager
def model():
    """A stand-in for the speech model behind the connector: says back what it hears. Yields its URL and what it heard."""
    heard = bytearray()

    def talk(connection):
        say(connection, bytes(2 * int(3 * LEAD_S * audio.RATE)))
        for message in connection:
            piece = base64.b64decode(json.loads(message)["user_audio_chunk"])
            heard.extend(piece)
            say(connection, piece)

    def say(connection, piece):
        connection.send(json.dumps({"type": "audio", "audio": base64.b64encode(piece).decode()}))

    listener = socket.create_server(("127.0.0.1", 0))
    with serve(talk, sock=listener) as server:
        thread = threading.Thread(target=server.serve_forever, name="model", daemon=True)
        thread.start()
        yield f"ws://127.0.0.1:{listener.getsockname()[1]}", heard
        server.shutdown()
        thread.join(10)


class Bot:
    """An application written against teler's README: handlers for both directions of one StreamConnector."""

    def __init__(self, remote_url, stop_after=None):
        self.messages = []
        self.chunk_id = 0
        self.stop_after = stop_after
        self.connector = StreamConnector(
            stream_type=StreamType.BIDIRECTIONAL, remote_url=remote_url,
            call_stream_handler=self.from_call, remote_stream_handler=self.from_model,
        )

    async def converse(self, _app, websocket, stream):
        await websocket.accept()
        await self.connector.bridge_stream(websocket)
        stream.closed = True

    async def from_call(self, text):
        message = json.loads(text)
        self.messages.append(message)
        if message["type"] != "audio":
            return "", StreamOp.PASS
        if self.stop_after and len(self.audio()) >= self.stop_after:
            return "", StreamOp.STOP
        return json.dumps({"user_audio_chunk": message["data"]["audio_b64"]}), StreamOp.RELAY

    async def from_model(self, text):
        self.chunk_id += 1
        message = {"type": "audio", "audio_b64": json.loads(text)["audio"], "chunk_id": self.chunk_id}
        return json.dumps(message), StreamOp.RELAY

    def audio(self):
        return [message for message in self.messages if message["type"] == "audio"]


def flow(app, _request):
    """What the package itself builds; `protocol` is absent, so this is a Teler stream."""
    return CallFlow.stream(app.ws_url, sample_rate="8k", chunk_size=CHUNK_MS, record=False)


@pytest.mark.alone
def test_speech_goes_through_the_stream_connector_and_back(folder, certificates, running):
    speech, _ = audio.read_wav(SPEECH)
    with model() as (url, heard):
        bot = Bot(url)
        with App(certificates, answer=flow, converse=bot.converse) as app:
            server = running(Server(folder, certificates, app, stream=STREAM))
            phone = running(Baresip(folder, certificates, local=netns.CARRIER_SECURE, play=speech))
            phone.dial(server.sips())
            phone.established()
            waiting.wait_until(lambda: phone.has_heard(speech), "the speech comes back")
            phone.hang_up()
            server.call_ended()
            app.fail_on_errors()

    start, *rest = bot.messages
    assert (start["type"], start["data"]) == ("start", {"encoding": "audio/l16", "sample_rate": 8000, "channels": 1})
    assert {message["type"] for message in rest} == {"audio"}, "the dialect knows no other message"
    assert {message["stream_id"] for message in rest} == {start["stream_id"]}
    numbers = [message["message_id"] for message in bot.messages]
    assert numbers == list(range(1, len(numbers) + 1))
    sizes = {len(base64.b64decode(message["data"]["audio_b64"])) for message in rest[:-1]}
    assert sizes == {CHUNK_MS * 8 * 2}
    request = json.loads(app.flows[0].body)
    assert start["call_id"] == request["call_id"], "one id everywhere"
    assert not app.streams[0].offered, "no subprotocol: Node's ws would select it unasked"

    at_the_model = np.frombuffer(bytes(heard), dtype="<i2")
    assert audio.correlation(speech, audio.align(speech, at_the_model)[1]) > 0.99
    back = audio.compare(speech, phone.heard())
    print(f"back: {back}")
    assert back.correlation > 0.98, back
    assert back.pesq > back.codec_pesq - 0.35, back


@pytest.mark.parametrize("transport", ["udp"])
def test_stop_ends_the_call(folder, certificates, running, transport):
    with model() as (url, _), App(certificates, answer=flow, converse=(bot := Bot(url, stop_after=5)).converse) as app:
        server = running(Server(folder, certificates, app, stream=STREAM))
        caller = running(Sipp(folder, "server-bye.xml", local=netns.CARRIER_PLAIN, remote=server.udp, transport=transport))
        caller.succeed()
        ended = server.call_ended()
        app.fail_on_errors()
    assert len(bot.audio()) >= 5
    assert ended["by"] != "remote"


@contextlib.contextmanager
def callable_server(folder, certificates, running):
    """A server with an API, somebody who can be called, and a bot that talks to whoever answers."""
    with model() as (url, _), App(certificates, answer=flow, converse=Bot(url).converse) as app:
        callee = running(Sipp(folder, "answer.xml", local=netns.CARRIER_PLAIN, arguments=["-rtp_echo"]))
        address = (netns.CARRIER_PLAIN, callee.port)
        yield running(Server(folder, certificates, app, stream=STREAM, callee=address)), app, callee


def names(app):
    return [json.loads(event.body)["type"] for event in app.events]


def test_the_client_places_a_call_looks_at_it_and_ends_it(folder, certificates, running):
    with callable_server(folder, certificates, running) as (server, app, callee), Client(API_KEY, base_url=server.api) as client:
        call = client.voice.calls.create(FROM_US, TO_APP, app.flow_url, app.status_url)
        assert (call.from_number, call.to_number, call.status_callback_url) == (FROM_US, TO_APP, app.status_url)
        assert call.record is False, "nothing is recorded, and it says so"
        app.the_stream()
        seen = client.voice.calls.retrieve(call.id)
        assert (seen.id, seen.state, seen.direction, seen.account_id) == (call.id, "answered", "outbound", "acme")
        client.voice.mutations.hangup(call.id, reason="DONE")
        callee.succeed()
        waiting.wait_until(lambda: client.voice.calls.retrieve(call.id).state == "completed", "the call is over")
        assert client.voice.calls.retrieve(call.id).reason == "DONE"
        with pytest.raises(exceptions.ConflictException):
            client.voice.mutations.hangup(call.id)
        with pytest.raises(exceptions.UnprocessableRequestException):
            client.voice.calls.create("5550100", TO_APP, app.flow_url, app.status_url)
        with pytest.raises(exceptions.ForbiddenException):
            client.voice.calls.create(FROM_US, "+442071234567", app.flow_url, app.status_url)
        with pytest.raises(exceptions.NotFoundException):
            client.voice.calls.retrieve("cs_01KC0000000000000000000000")
        with Client("x" * 40, base_url=server.api) as stranger, pytest.raises(exceptions.ForbiddenException):
            stranger.voice.calls.create(FROM_US, TO_APP, app.flow_url, app.status_url)
        waiting.wait_until(lambda: "call.completed" in names(app), "the last callback")
        app.fail_on_errors()
    assert names(app) == ["call.initiated", "call.ringing", "call.answered", "call.completed"]
    assert {json.loads(event.body)["call_id"] for event in app.events} == {call.id} == {json.loads(app.flows[0].body)["call_id"]}
    assert json.loads(app.flows[0].body)["direction"] == "outbound"
    for event in app.events:
        assert event.headers["x-teler-event-id"] == event.headers["webhook-id"] == json.loads(event.body)["id"]


# It dies of a field that it does not know, and of an answer without `data`.
OLD_CLIENT = """
import sys
from teler import Client
key, base_url, from_number, to_number, flow_url, status_url = sys.argv[1:]
with Client(key, base_url=base_url) as client:
    print(client.calls.create(from_number, to_number, flow_url, status_url).id)
"""


def test_the_client_of_the_year_before_places_a_call_too(folder, certificates, running):
    with callable_server(folder, certificates, running) as (server, app, _):
        arguments = [API_KEY, server.api, FROM_US, TO_APP, app.flow_url, app.status_url]
        packages = Path(sys.prefix) / "teler-0.2.2"
        placed = subprocess.run(
            [sys.executable, "-c", OLD_CLIENT, *arguments], env={**os.environ, "PYTHONPATH": str(packages)},
            capture_output=True, text=True, timeout=30, check=False,
        )
        assert placed.returncode == 0, placed.stderr
        app.the_stream()
        assert json.loads(app.flows[0].body)["call_id"] == placed.stdout.strip()
