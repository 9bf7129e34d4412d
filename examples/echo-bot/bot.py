"""The smallest AI application for Strongline, without the AI: it says back what it hears, 400 ms later.

Two addresses are all that Strongline needs: POST /flow answers "stream to me", and the WebSocket /stream takes the call
(docs/native-protocol.md). Both check with the stock library of Standard Webhooks that it is Strongline who asks.

    pip install starlette uvicorn websockets standardwebhooks
    BOT_URL=bot.example.com:8443 BOT_KEYS="whsec_...,whsec_..." \
        uvicorn bot:app --port 8443 --ssl-certfile fullchain.pem --ssl-keyfile privkey.pem --ws-max-size 262144
"""

import json
import os
import secrets

from standardwebhooks import Webhook, WebhookVerificationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

HOST = os.environ["BOT_URL"]  # host:port as Strongline reaches it
KEYS = [Webhook(key) for key in os.environ["BOT_KEYS"].split(",")]  # two while a key is being replaced
SUBPROTOCOL = "strongline.native.v1"
RATE = 16_000
DELAY_MS = 400
MAX_BODY = 16 * 1024

tickets: dict[str, None] = {}  # stream addresses given out and not used; in the order they were made


def is_signed(payload: str, headers) -> bool:
    """True when one of our keys has signed exactly this."""
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    signature = {name: headers.get(name, "") for name in names}
    for key in KEYS:
        try:
            key.verify(payload, signature, json_parse=False)
            return True
        except WebhookVerificationError:
            continue
    return False


async def flow(request: Request) -> Response:
    """A call comes in: what shall be done with it?"""
    if int(request.headers.get("content-length", MAX_BODY + 1)) > MAX_BODY:
        return Response(status_code=413)
    body = (await request.body()).decode(errors="replace")
    if not is_signed(body, request.headers):
        return Response(status_code=401)
    ticket = secrets.token_urlsafe(16)
    tickets[ticket] = None
    while len(tickets) > 64:
        tickets.pop(next(iter(tickets)))
    call = json.loads(body)
    print("call", call["call_id"], call["direction"], flush=True)
    return JSONResponse(
        {
            "action": "stream",
            "ws_url": f"wss://{HOST}/stream?ticket={ticket}",
            "sample_rate": "16k",
            "protocol": "native.v1",
        }
    )


async def stream(ws: WebSocket) -> None:
    """One call: JSON as text, audio as binary (16 bit, little-endian, mono, 16 kHz)."""
    # The signature of the handshake covers the address exactly as we gave it out.
    url = f"wss://{HOST}{ws.url.path}?{ws.url.query}"
    ticket = ws.query_params.get("ticket", "")
    if not is_signed(url, ws.headers) or ticket not in tickets or SUBPROTOCOL not in ws.scope["subprotocols"]:
        await ws.close()  # before accept: the handshake is refused
        return
    del tickets[ticket]
    await ws.accept(subprotocol=SUBPROTOCOL)
    try:
        while True:
            message = await ws.receive()
            if message["type"] == "websocket.disconnect":
                return
            if (audio := message.get("bytes")) is not None:
                await ws.send_bytes(audio)
            elif text := message.get("text"):
                await on_control(ws, json.loads(text))
    except WebSocketDisconnect:
        pass


async def on_control(ws: WebSocket, message: dict) -> None:
    kind = message.get("type")
    print(kind, {key: value for key, value in message.items() if key in ("state", "reason", "played_ms")}, flush=True)
    if kind == "start":
        # Silence ahead of the echo waits in Strongline's play queue: an exact delay without a timer.
        await ws.send_bytes(bytes(RATE * 2 * DELAY_MS // 1000))
    elif kind == "dtmf" and message.get("digit") == "#":
        # Barge-in by key: take back what has not been played, and begin anew.
        await ws.send_text(json.dumps({"type": "clear"}))
        await ws.send_bytes(bytes(RATE * 2 * DELAY_MS // 1000))


app = Starlette(routes=[Route("/flow", flow, methods=["POST"]), WebSocketRoute("/stream", stream)])
