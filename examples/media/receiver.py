"""Receives the events of a media run: verifies each, takes it once, and downloads what was made."""
import hashlib
import hmac
import json
import logging
import mimetypes
import os
import pathlib
import re
import sys
import threading
import urllib.request

from flask import Flask, request
from werkzeug.serving import make_server

SECRET = os.environ.get("MEDIA_SECRET", "").encode()
FOLDER = pathlib.Path(os.environ.get("MEDIA_FOLDER", "data/media/downloads"))
PATIENCE = 20  # seconds for a download: the gateway waits 30 seconds for an answer

app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = 1 << 20

# What was taken already. One that must survive a restart belongs into the database, in the same transaction as what the
# event changes there.
seen = set()
lock = threading.Lock()  # guards seen, and keeps printed lines whole


def is_signed(body, header):
    """Whether header is the HMAC of the body as it came: parsed and written anew, it would be another text."""
    want = "sha256=" + hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(want.encode(), header.encode())


def download(url):
    """Saves what a link leads to, under the name of the link, and returns the file."""
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
        name = re.sub(r"[^A-Za-z0-9_]", "", answer.url.split("?")[0].rsplit("/", 1)[-1])
        file = FOLDER / (name + (mimetypes.guess_extension(answer.headers.get_content_type()) or ".bin"))
        FOLDER.mkdir(parents=True, exist_ok=True)
        with open(file, "wb") as out:
            while piece := answer.read(1 << 16):
                out.write(piece)
    return file


@app.post("/media")
def receive():
    if not is_signed(request.get_data(), request.headers.get("X-Studio-Signature", "")):
        return {"error": "the signature is wrong"}, 401
    id = request.headers["X-Studio-Delivery"]
    if id in seen:
        return "", 204
    event = request.get_json()
    try:
        files = [str(download(one["url"])) for one in event["payload"].get("downloads", [])]
    except OSError as failure:
        # The gateway sends the event again, with links that are signed anew. Long downloads belong into a queue.
        return {"error": f"a download failed: {failure}"}, 503
    with lock:
        if id not in seen:
            seen.add(id)
            headers = {name.lower(): value for name, value in request.headers}
            print(json.dumps({"event": event, "headers": headers, "files": files}), flush=True)
    return "", 204


if __name__ == "__main__":
    if len(SECRET) < 16:
        sys.exit("MEDIA_SECRET must be the endpoint's secret, of at least 16 characters")
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # a line for each event is enough
    server = make_server("localhost", int(os.environ.get("PORT", "8791")), app, threaded=True)
    print(f"Listening on http://localhost:{server.port}/media", flush=True)
    server.serve_forever()
