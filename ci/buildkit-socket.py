#!/usr/bin/env python3
"""Offers a Docker daemon's own BuildKit on a socket: buildkit-socket.py DOCKER_SOCKET SOCKET

buildx refuses push-by-digest for its `docker` driver, although the BuildKit inside the daemon can
do it. Registered as a `remote` builder through this socket, it does. Every connection becomes one
upgraded `POST /grpc` request to the daemon, which is how the docker driver talks to it too.
"""

import os
import socket
import sys
import threading

UPGRADE = b"POST /grpc HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"


def copy(source: socket.socket, target: socket.socket) -> None:
    """Bytes from source to target until source ends; then target is told so."""
    try:
        while chunk := source.recv(1 << 18):
            target.sendall(chunk)
    except OSError:
        pass
    try:
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def serve(client: socket.socket, docker_socket: str) -> None:
    """One connection, from its first byte to its last."""
    with client, socket.socket(socket.AF_UNIX) as daemon:
        daemon.connect(docker_socket)
        daemon.sendall(UPGRADE)
        answer = b""
        while b"\r\n\r\n" not in answer:
            chunk = daemon.recv(4096)
            if not chunk:
                break
            answer += chunk
        head, _, rest = answer.partition(b"\r\n\r\n")
        if b" 101 " not in head.split(b"\r\n")[0] + b" ":
            print(f"the daemon refused: {head[:200]!r}", file=sys.stderr, flush=True)
            return
        client.sendall(rest)
        back = threading.Thread(target=copy, args=(daemon, client), daemon=True)
        back.start()
        copy(client, daemon)
        back.join()


def main() -> None:
    docker_socket, path = sys.argv[1:3]
    if os.path.exists(path):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    os.chmod(path, 0o600)
    listener.listen(64)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client, docker_socket), daemon=True).start()


main()
