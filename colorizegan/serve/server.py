"""The server process: uvicorn with our limits, and connections that end when the other side does nothing."""

import asyncio
import gc
import importlib.util
import logging
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from colorizegan.colorizer import Colorizer
from colorizegan.errors import MissingExtraError, UsageError
from colorizegan.model.spec import open_network
from colorizegan.serve.app import create_app
from colorizegan.serve.films import Films
from colorizegan.serve.limits import ServiceLimits
from colorizegan.serve.middleware import EVERYWHERE, Site
from colorizegan.serve.queue import PhotoQueue

if sys.platform == "linux":
    import fcntl
    import termios

MAX_HEADER_BYTES = 65_536  # of a request before its body
MAX_HEADERS = 100  # of a request
SEND_BUFFER = 1 << 17  # bytes of an answer that the system holds; Linux takes twice as many


def connection_class(limits: ServiceLimits) -> type[HttpToolsProtocol]:
    """uvicorn's connection, with these limits."""

    class Connection(HttpToolsProtocol):
        """Ends itself where the client is silent for too long, or sends much around little."""

        watch: asyncio.TimerHandle | None = None
        surplus = 0  # bytes that are no body
        received = 0  # bytes of the body
        count = 0  # headers
        untaken = 0  # bytes of the answer, when the watch began

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            # Where the system does not tell what it holds, that counts as read: less of it, so that slow readers are
            # told from silent ones.
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
            if len(self.connections) > limits.connections:
                transport.abort()
                return
            self.begin_watch()

        def connection_lost(self, exc: Exception | None) -> None:
            self.end_watch()
            super().connection_lost(exc)

        def begin_watch(self) -> None:
            self.end_watch()
            self.untaken = untaken_bytes(self.transport)
            self.watch = self.loop.call_later(limits.silence, self.look_after)

        def look_after(self) -> None:
            """End it, unless the client has read some of its answer in the meantime."""
            if untaken_bytes(self.transport) < self.untaken:
                self.begin_watch()
            else:
                self.transport.abort()

        def end_watch(self) -> None:
            if self.watch is not None:
                self.watch.cancel()
                self.watch = None

        def data_received(self, data: bytes) -> None:
            self.surplus += len(data)
            super().data_received(data)
            # Endless headers, trailers, or chunks of a byte each, would take memory and time without ever being much.
            if self.surplus > MAX_HEADER_BYTES + self.received // 2 and not self.transport.is_closing():
                self.transport.abort()

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self.surplus, self.received, self.count = min(self.surplus, MAX_HEADER_BYTES), 0, 0

        def on_header(self, name: bytes, value: bytes) -> None:
            self.count += 1
            if self.count <= MAX_HEADERS:
                super().on_header(name, value)
            elif not self.transport.is_closing():
                self.transport.abort()

        def on_headers_complete(self) -> None:
            self.end_watch()
            super().on_headers_complete()

        def on_body(self, body: bytes) -> None:
            self.surplus -= len(body)
            self.received += len(body)
            super().on_body(body)

        def on_response_complete(self) -> None:
            answered = not self.pipeline
            super().on_response_complete()
            if answered:
                self.begin_watch()  # for the next request, the rest of a body that nobody wants, or the answer's own

        def pause_writing(self) -> None:
            self.begin_watch()
            super().pause_writing()

        def resume_writing(self) -> None:
            if not self.cycle.response_complete:
                self.end_watch()
            super().resume_writing()

    return Connection


def untaken_bytes(transport: Any) -> int:
    """Bytes of the answer that the client has not taken: what waits here, and what the system holds where it tells."""
    held = bytes(4)
    if sys.platform == "linux":
        held = fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, held)
    return transport.get_write_buffer_size() + int.from_bytes(held, sys.byteorder)


class Server(uvicorn.Server):
    """uvicorn's, which tells where it listens once it does."""

    def __init__(self, config: uvicorn.Config, listening: Callable[[list[str]], None], queue: PhotoQueue) -> None:
        super().__init__(config)
        self.listening, self.queue = listening, queue

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        if self.started:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            names = ["localhost", address_in_network()] if host in EVERYWHERE else [host]
            self.listening([f"http://{f'[{name}]' if ':' in name else name}:{port}/" for name in names])

    async def shutdown(self, sockets: Any = None) -> None:
        self.queue.closing = True  # those who wait are sent away; those under way get their answer
        await super().shutdown(sockets)


def make_server(
    queue: PhotoQueue,
    site: Site,
    films: Films | None = None,
    listening: Callable[[list[str]], None] = lambda addresses: None,
) -> Server:
    """A server that is ready to run; arguments as for `serve` and `create_app`."""
    config = uvicorn.Config(
        create_app(queue, site, films), host=site.host, port=site.port, http=connection_class(queue.limits), ws="none",
        lifespan="on", log_config=None, access_log=False, server_header=False, proxy_headers=False,
        timeout_keep_alive=5, timeout_graceful_shutdown=4,  # s, for requests under way
    )  # fmt: skip
    return Server(config, listening, queue)


def serve(
    model: str | Path | None,
    site: Site,
    *,
    video: bool = False,
    listening: Callable[[list[str]], None] = lambda addresses: None,
) -> None:
    """Serve until SIGTERM or SIGINT, which are passed on once all is closed; with `video` films too.

    `listening` is called with the addresses to open, once requests are taken.

    Raises:
        ModelError: the model is missing or damaged.
        UsageError: it cannot listen there.
        MissingExtraError: films need the extra `video`.
    """
    if video and not all(map(importlib.util.find_spec, ("av", "cv2"))):
        what = "films need av and opencv-python-headless, which are not installed"
        raise MissingExtraError(what, extra="serve,video")
    logging.getLogger("uvicorn").addHandler(logging.NullHandler())  # what there is to say, `Middleware` says
    queue = PhotoQueue(Colorizer(open_network(model, shrink_arena=True)))
    films = Films(model) if video else None
    server = make_server(queue, site, films, listening)
    # Requests are answered while photos are worked on. A thread that computes lets that of the requests in after this
    # time, not after 5 ms; and the garbage collector does not go through all that was loaded, for 120 ms, again and
    # again.
    sys.setswitchinterval(0.0005)
    gc.collect()
    gc.freeze()
    try:
        server.run()
    except SystemExit as end:
        if server.started:  # it was a signal's handler
            raise
        what = f"cannot listen on {site.host}:{site.port}"
        raise UsageError(what, remedy="another program may: give another --port") from end
    finally:
        if films is not None:
            films.close()
        queue.close()


def address_in_network() -> str:
    """What other machines call this one: its address, or its name where it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nobody's (RFC 5737): nothing is sent, only a way is chosen
        except OSError:
            return socket.gethostname()
        return str(probe.getsockname()[0])
