"""The AI application of the tests: an HTTPS flow endpoint and a WSS stream endpoint, as a customer would write them.

It verifies every signature with the stock `standardwebhooks` package and refuses what does not match, then echoes the
caller's audio. What came in is kept for the test to look at.
"""

import asyncio
import base64
import contextlib
import json
import secrets
import socket
import threading
from dataclasses import dataclass, field

import uvicorn
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocketDisconnect, WebSocketDisconnected

from . import waiting

NATIVE_SUBPROTOCOL = "strongline.native.v1"
# Silence ahead of an echo waits in the server's play queue: without it the queue is dry whenever a chunk comes a
# millisecond late, and each time all that follows is heard 20 ms later.
LEAD_S = 0.1


def new_secret():
    """A Standard Webhooks secret, as the dialplan's key files hold it."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


@dataclass
class SignedRequest:
    """A request as it came: what a verifier needs, byte for byte. For a handshake the body is the ws_url itself."""

    headers: dict
    body: str
    verified_by: list


@dataclass
class Stream:
    """One media stream: what the server said and sent on it."""

    handshake: SignedRequest
    offered: list
    texts: list = field(default_factory=list)
    audio: bytearray = field(default_factory=bytearray, repr=False)
    chunks: list = field(default_factory=list, repr=False)
    closed: bool = False
    close_code: int | None = None

    def of_type(self, name):
        return [message for message in self.texts if message.get("type") == name]

    def digits(self):
        return "".join(message["digit"] for message in self.of_type("dtmf"))

    def seconds(self, rate):
        return len(self.audio) / 2 / rate


class App:
    """Runs in a thread of its own. `answer(request)` makes the flow answer, `converse(app, socket, stream)` talks."""

    def __init__(self, certificates, *, secrets_=None, answer=None, converse=None, path="/stream"):
        self.secrets = secrets_ or {"new": new_secret(), "old": new_secret()}
        self.path = path
        # Tokens in path and query: the server must give them back byte for byte, in the handshake and in what it signs.
        self.query = f"call=%7Bone%7D&token={secrets.token_urlsafe(9)}"
        self._answer = answer or (lambda app, _request: app.native_stream())
        self._converse = converse or echo
        self.flows = []
        self.events = []
        self.streams = []
        self.refused = []
        self.errors = []
        self.hold_answer = threading.Event()
        self.hold_answer.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        routes = [
            Route("/flow", self._on_flow, methods=["POST"]),
            Route("/status", self._on_status, methods=["POST"]),
            WebSocketRoute(path, self._on_stream),
        ]
        config = uvicorn.Config(
            Starlette(routes=routes),
            ssl_certfile=str(certificates.app.certificate),
            ssl_keyfile=str(certificates.app.key),
            ws="websockets-sansio",
            lifespan="off",
            log_config=None,
            ws_ping_interval=None,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="ai-app", daemon=True)

    def __enter__(self):
        self._thread.start()
        waiting.wait_until(lambda: self._server.started, "the AI application starts", alive=self._thread.is_alive)
        return self

    def __exit__(self, *_):
        self.hold_answer.set()
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join(10)
        self._listener.close()

    @property
    def flow_url(self):
        return f"https://localhost:{self.port}/flow"

    @property
    def status_url(self):
        return f"https://localhost:{self.port}/status"

    @property
    def ws_url(self):
        return f"wss://localhost:{self.port}{self.path}?{self.query}"

    def native_stream(self, rate="16k"):
        """The flow answer that starts a native stream."""
        return {"action": "stream", "protocol": "native.v1", "ws_url": self.ws_url, "sample_rate": rate}

    def the_stream(self, timeout=waiting.PATIENCE_S):
        waiting.wait_until(lambda: self.streams, "the server opens the stream", timeout)
        return self.streams[-1]

    def fail_on_errors(self):
        assert not self.errors, f"the application met: {self.errors}"

    def _run(self):
        asyncio.run(self._server.serve(sockets=[self._listener]))

    def _verify(self, headers, body):
        """Which of the two secrets verify this, by the stock library."""
        request = SignedRequest(dict(headers), body, [])
        for name, secret in self.secrets.items():
            try:
                Webhook(secret).verify(body, request.headers, json_parse=False)
                request.verified_by.append(name)
            except WebhookVerificationError:
                pass
        if not request.verified_by:
            self.refused.append(request)
        return request

    async def _on_flow(self, request):
        signed = self._verify(request.headers, (await request.body()).decode())
        if not signed.verified_by:
            return PlainTextResponse("bad signature", status_code=401)
        self.flows.append(signed)
        while not self.hold_answer.is_set():
            await asyncio.sleep(0.01)
        answer = self._answer(self, json.loads(signed.body))
        return answer if hasattr(answer, "render") else JSONResponse(answer)

    async def _on_status(self, request):
        signed = self._verify(request.headers, (await request.body()).decode())
        if not signed.verified_by:
            return PlainTextResponse("bad signature", status_code=401)
        self.events.append(signed)
        return JSONResponse({})

    async def _on_stream(self, websocket):
        signed = self._verify(websocket.headers, self.ws_url)
        exact = f"{websocket.url.path}?{websocket.url.query}" == f"{self.path}?{self.query}"
        if not signed.verified_by or not exact:
            await websocket.close()
            return
        stream = Stream(signed, list(websocket.scope.get("subprotocols", [])))
        self.streams.append(stream)
        try:
            await self._converse(self, websocket, stream)
        except WebSocketDisconnect as gone:
            stream.close_code = gone.code
        except Exception as error:  # noqa: BLE001 - told to the test, which fails on it
            self.errors.append(repr(error))
        finally:
            stream.closed = True


async def receive(websocket, stream):
    """The next message, recorded: text as an object, binary as bytes; None when the server closed."""
    message = await websocket.receive()
    if message["type"] == "websocket.disconnect":
        stream.close_code = message.get("code")
        return None
    if message.get("text") is not None:
        stream.texts.append(json.loads(message["text"]))
        return stream.texts[-1]
    stream.audio += message["bytes"]
    stream.chunks.append(len(message["bytes"]))
    return message["bytes"]


async def echo(_app, websocket, stream):
    """The native dialect: sends every binary message back as it came, after a lead of silence."""
    await websocket.accept(subprotocol=NATIVE_SUBPROTOCOL)
    while (message := await receive(websocket, stream)) is not None:
        if isinstance(message, bytes):
            # The server may have closed by now; its last words still wait to be read.
            with contextlib.suppress(WebSocketDisconnect, WebSocketDisconnected):
                await websocket.send_bytes(message)
        elif message.get("type") == "start":
            await websocket.send_bytes(bytes(2 * int(LEAD_S * message["media"]["rate"])))


async def hang_up_after(seconds, rate, websocket, stream):
    """Listens for so long, then asks the server to end the call, and reads on until it closes."""
    await websocket.accept(subprotocol=NATIVE_SUBPROTOCOL)
    asked = False
    while (message := await receive(websocket, stream)) is not None:
        if isinstance(message, bytes) and not asked and stream.seconds(rate) >= seconds:
            asked = True
            await websocket.send_json({"type": "hangup", "reason": "test"})
