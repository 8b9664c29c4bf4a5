"""Receives the events of workflow runs with FastAPI, and verifies them with Python's standard library."""

import base64
import binascii
import hashlib
import hmac
import json
import os
import socket
import sys
import time

import uvicorn
from fastapi import FastAPI, Request, Response

SECRET = os.environ.get("WEBHOOK_SECRET", "")
MAX_BODY = 1 << 20  # bytes
TOLERANCE = 300  # seconds; an older request is somebody's replay

try:
    KEY = base64.b64decode(SECRET.removeprefix("whsec_"), validate=True)
except binascii.Error:
    KEY = b""
if not SECRET.startswith("whsec_") or len(KEY) < 24:
    sys.exit("WEBHOOK_SECRET must be what signs the events, which begins with whsec_")

app = FastAPI()
seen = set()  # in a database, if it must survive a restart


def is_fresh(timestamp):
    return timestamp.isdigit() and abs(time.time() - int(timestamp)) <= TOLERANCE


def is_signed(headers, body):
    """Standard Webhooks: an HMAC over the id, the timestamp and the body, in base64. There may be several signatures."""
    id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    mac = hmac.new(KEY, f"{id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    want = "v1," + base64.b64encode(mac).decode()
    signatures = headers.get("webhook-signature", "").split(" ")
    return is_fresh(timestamp) and any(hmac.compare_digest(want.encode(), one.encode()) for one in signatures)


def is_signed_by_acme(headers, body):
    """hmac-sha256-hex: an HMAC over the body alone, in hexadecimal digits. The key is the secret as it is written."""
    want = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(want.encode(), headers.get("x-acme-signature", "").encode())


async def read(request):
    """The body as it came: parsed and written anew, it would be another text. None if it is too large."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY:
            return None
    return body


async def take(request, id, is_ours):
    body = await read(request)
    if body is None:
        return Response(status_code=413)
    if not is_ours(request.headers, body):
        print(json.dumps({"refused": request.url.path}), flush=True)
        return Response(status_code=401)
    once = (request.url.path, id)  # both addresses may get the same event
    if once not in seen:
        # Here is the place for the work. Long work belongs into a queue, as the gateway waits 30 seconds.
        seen.add(once)
        line = {"path": request.url.path, "id": id, "headers": dict(request.headers), "event": json.loads(body)}
        print(json.dumps(line), flush=True)
    return Response(status_code=204)


@app.post("/webhooks/jobs")
async def jobs(request: Request):
    return await take(request, request.headers.get("webhook-id"), is_signed)


@app.post("/webhooks/acme")
async def acme(request: Request):
    return await take(request, request.headers.get("x-acme-delivery"), is_signed_by_acme)


listener = socket.create_server(("127.0.0.1", int(os.environ.get("PORT", 8791))))
print(f"Listening on http://localhost:{listener.getsockname()[1]}/", flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])
