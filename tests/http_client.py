"""A server in a thread and raw HTTP for tests: no library in between that would mend what is wrong."""

import http.client
import json
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def problem(self, status: int, code: str) -> str:
        """The detail of a problem+json of this status and code."""
        assert self.headers["content-type"] == "application/problem+json", self.body[:300]
        assert (self.status, self.json["status"], self.json["code"]) == (status, status, code), self.body
        assert self.json["request_id"] == self.headers["x-request-id"]
        ours = status not in (404, 405) or code != "E_USAGE"
        assert self.json["type"] == (f"urn:colorizegan:{code}" if ours else "about:blank")
        return self.json["detail"]


class Client:
    """Talks to one server; a connection for each request."""

    def __init__(self, queue: Any, port: int, films: Any = None) -> None:
        self.queue, self.port, self.films = queue, port, films

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """One request; `_` in the names of headers is sent as `-`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            given = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, given)
            answer = connection.getresponse()
            return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Reply:
        return self.send("GET", path, **headers)

    def colorize(self, body: Any, query: str = "", **headers: str) -> Reply:
        return self.send("POST", f"/v1/colorize{query}", body, **headers)

    def form(self, parts: Sequence[tuple[str, str | None, bytes]], path: str = "/v1/colorize", **headers: str) -> Reply:
        """A form of parts (name, file name, content)."""
        raw = b""
        for name, file, content in parts:
            extra = "" if file is None else f'; filename="{file}"'
            head = f'--XX\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n\r\n'
            raw += head.encode() + content + b"\r\n"
        kind = "multipart/form-data; boundary=XX"
        return self.send("POST", path, raw + b"--XX--\r\n", Content_Type=kind, **headers)

    def socket(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def figure(self, name: str) -> float:
        """A sample of /metrics, by its name with labels."""
        lines = self.get("/metrics").body.decode().splitlines()
        return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} ")), 0.0)


@contextmanager
def running(bundle: Path | str, limits: Any = None, *, films: Any = None, **site: Any) -> Iterator[Client]:
    """A server of a bundle, until the block ends; `site`: fields of `Site`."""
    from colorizegan.colorizer import Colorizer
    from colorizegan.serve.middleware import Site
    from colorizegan.serve.queue import PhotoQueue
    from colorizegan.serve.server import make_server

    addresses: list[str] = []
    listening = threading.Event()

    def listen(found: list[str]) -> None:
        addresses.extend(found)
        listening.set()

    queue = PhotoQueue(Colorizer(bundle), limits)
    server = make_server(queue, Site(port=0, **site), films, listen)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        assert listening.wait(60)
        yield Client(queue, int(addresses[0].rstrip("/").rpartition(":")[2]), films)
    finally:
        server.should_exit = True
        thread.join(30)
        queue.close()
        if films is not None:
            films.close()
    assert not thread.is_alive()
    assert not queue.path.exists()
