#!/usr/bin/env python3
"""The health service of a node: GET /health says that the node is up, and whether a Ray head takes connections on it.

    health.py           serves until SIGTERM
    health.py --check   asks the service of this container, for a HEALTHCHECK: exit status 0 or 1

Nodes that choose a head by a whitelist ask it (docker/ray.sh). Settings, as for ray.sh: RAY_HEALTH_PORT (8000),
RAY_PORT (6379), RAY_NODE_IP. It runs in the head's network, as the compose file has it, or in the host's.
"""

import json
import os
import signal
import socket
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def setting(name: str, default: str) -> str:
    return os.environ.get(name) or default  # compose files hand on empty variables


PORT = int(setting("RAY_HEALTH_PORT", "8000"))
RAY_PORT = int(setting("RAY_PORT", "6379"))


def ray_takes_connections() -> bool:
    try:
        socket.create_connection(("127.0.0.1", RAY_PORT), timeout=1).close()
        return True
    except OSError:
        return False


def node_ip() -> str:
    try:
        return setting("RAY_NODE_IP", "") or socket.gethostbyname(socket.gethostname())
    except OSError:
        return ""


class Handler(BaseHTTPRequestHandler):
    timeout = 10  # seconds; a client that says nothing keeps no thread

    def do_GET(self) -> None:
        if self.path.split("?")[0] != "/health":
            return self.answer(404, {"error": "only /health is here"})
        self.answer(200, {"status": "healthy", "node_ip": node_ip(), "ray": ray_takes_connections()})

    def answer(self, status: int, value: dict) -> None:
        body = json.dumps(value).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass  # somebody asks every few seconds


def check() -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{PORT}/health", timeout=5) as answer:
            print(answer.read().decode().strip())
    except OSError as error:
        sys.exit(f"the health service on port {PORT} does not answer: {error}")


def serve() -> None:
    # The first process of a container ends by no signal that it does not handle.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))
    try:
        server = ThreadingHTTPServer(("", PORT), Handler)
    except OSError as error:
        sys.exit(f"health.py: port {PORT} cannot be taken: {error}; RAY_HEALTH_PORT names another")
    print(f"health.py: http://0.0.0.0:{PORT}/health", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    check() if sys.argv[1:] == ["--check"] else serve()
