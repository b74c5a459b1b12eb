"""I/O-bound: waits for another service. More memory changes nothing but the price.

The service is at UPSTREAM_URL; where that is not set, a stand-in is started within the
environment, so that the example needs no network.
"""

import json
import os
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


class SlowService(BaseHTTPRequestHandler):
    """Answers after as many milliseconds as asked for."""

    def do_GET(self):
        """Wait, then answer."""
        delay_ms = float(parse_qs(urlsplit(self.path).query)["delay_ms"][0])
        time.sleep(delay_ms / 1000)
        body = json.dumps({"waited_ms": delay_ms}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        """Quiet."""


def start_service():
    """Start the stand-in and return its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), SlowService)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


UPSTREAM_URL = os.environ.get("UPSTREAM_URL") or start_service()
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy has no part in this


def handler(event, context):
    """`requests`: how many are made, one after the other; `delay_ms`: how long each takes."""
    url = f"{UPSTREAM_URL}/?delay_ms={event.get('delay_ms', 60)}"
    answers = []
    for _ in range(int(event.get("requests", 2))):
        with OPENER.open(url, timeout=30) as response:
            answers.append(json.load(response))
    return {"answers": len(answers), "waited_ms": sum(answer["waited_ms"] for answer in answers)}
