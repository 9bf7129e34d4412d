"""The unmodified Python package `teler`: its CallFlow answers the flow request, its StreamConnector takes the stream."""

import base64
import contextlib
import json
import socket
import threading
from pathlib import Path

import numpy as np
import pytest
from strongline_lab import audio, netns, waiting
from strongline_lab.app import LEAD_S, App
from strongline_lab.baresip import Baresip
from strongline_lab.server import Server
from strongline_lab.sipp import Sipp
from teler import CallFlow
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
