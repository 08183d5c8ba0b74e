"""How long a service takes to answer /health, timed by a process of its own: a part of load.py."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from typing import NoReturn


class Stopwatch:
    """Times /health from a process of its own, as this one is busy with its clients: a request every 100 ms.

    Beside it, for comparison, a server in yet another process that does nothing but answer: its times are what the
    machine itself takes under this load.
    """

    def __init__(self, port: int) -> None:
        command = [sys.executable, __file__, str(port)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def stop(self) -> tuple[list[float], list[float]]:
        """Seconds of /health, and of the server that does nothing."""
        service, nothing = json.loads(self.process.communicate(timeout=100)[0])
        return service, nothing


def time_health(port: int) -> None:
    """The process of a `Stopwatch`: until its standard input ends."""
    bare = socket.create_server(("127.0.0.1", 0))
    child = os.fork()
    if not child:
        answer_only(bare)
    seconds: tuple[list[float], list[float]] = ([], [])
    while not select.select([sys.stdin], [], [], 0.1)[0]:
        for place, found in zip((port, bare.getsockname()[1]), seconds, strict=True):
            start = time.perf_counter()
            try:
                with socket.create_connection(("127.0.0.1", place), 90) as connection:
                    connection.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                    good = connection.recv(1000).startswith(b"HTTP/1.1 200")
                    while connection.recv(1000):
                        pass
            except OSError:
                good = False
            found.append(time.perf_counter() - start if good else 90.0)
    os.kill(child, signal.SIGTERM)
    print(json.dumps(seconds))


def answer_only(listening: socket.socket) -> NoReturn:
    """A server that does nothing but answer."""
    while True:
        with listening.accept()[0] as connection:
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


if __name__ == "__main__":
    time_health(int(sys.argv[1]))
