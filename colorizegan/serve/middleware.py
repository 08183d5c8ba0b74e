"""What every request passes: request ids, which hosts and pages may ask, errors as problem+json, counting.

Only this site's own pages may send anything (`Origin`), and only under a name that this server goes by (`Host`), or a
page of another site could use a browser to reach a server on its visitor's machine.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import re
import secrets
import socket
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from colorizegan.errors import ColorizeGANError, UsageError
from colorizegan.serve.metrics import Metrics
from colorizegan.serve.problems import RefusedError, WrongHostError, as_response

log = logging.getLogger(__name__)

LOCAL = ("localhost", "127.0.0.1", "[::1]")
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 (compared with, not listened on)
REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")


# A body that nobody wants is read for so many seconds, longer while it comes at so many bytes a second, up to so many.
DRAIN_SECONDS, DRAIN_SPEED, DRAIN_BYTES = 2.0, 1_000_000, 60_000_000


# A page of this server may use nothing that is not on it, and no script or style that is not a file of its own.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors {frames}"
)


@dataclass(frozen=True)
class Site:
    """Where a service is, and for whom."""

    host: str = "127.0.0.1"
    """Where it listens."""
    port: int = 8000
    """0 = any free one."""
    hosts: tuple[str, ...] = ()
    """More names that it goes by, with or without a port; those of this machine, and `host`, always are. "*" lets any
    name through."""
    frames: tuple[str, ...] = ()
    """Other sites whose pages may show this one in a frame."""
    page: bool = True
    """With the web page, not only the interface for programs."""

    @property
    def everywhere(self) -> bool:
        """It listens on all networks. Then it goes by every IP address: no page of another site can be behind one."""
        return self.host in EVERYWHERE

    @property
    def names(self) -> set[str]:
        """All names that it goes by."""
        own = (socket.gethostname(), f"{socket.gethostname()}.local") if self.everywhere else (self.host,)
        return {name.lower() for name in (*LOCAL, *own, *self.hosts)}


class Middleware:
    """ASGI middleware around the whole application, which counts requests in `metrics`."""

    def __init__(self, app: ASGIApp, metrics: Metrics, site: Site) -> None:
        self.app, self.metrics = app, metrics
        self.names, self.any_address = site.names, site.everywhere
        self.policy = POLICY.format(frames=" ".join(("'self'", *site.frames))).encode()
        self.body_rate = BodyRateLimit(125e6)  # a network of 1 Gbit/s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        # HEAD is GET whose answer has no body, which the connection leaves out.
        inner = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
        exchange = Exchange(self, inner, receive, send)
        try:
            self.check(exchange)
            await self.app(inner, exchange.receive, exchange.send)
        except Exception as error:
            if not isinstance(error, ColorizeGANError):
                log.exception("request %s", exchange.id)
            if exchange.status:  # too late to say so: the answer ends short, which its length gives away
                raise
            await as_response(error, exchange.id)(inner, exchange.receive, exchange.send)
        finally:
            exchange.note()

    def check(self, exchange: Exchange) -> None:
        """Refuse a request for another host, or from another site's page."""
        hosts, origins = (exchange.values(name) for name in (b"host", b"origin"))
        if len(hosts) > 1 or len(origins) > 1:
            raise UsageError("the request has two headers Host or Origin", remedy="send one")
        host = hosts[0].lower() if hosts else ""
        name = re.sub(r":\d{1,5}$", "", host)
        if not ("*" in self.names or {host, name} & self.names or (self.any_address and is_address(name))):
            what = f"this server does not go by the name {host[:80]!r}"
            raise WrongHostError(what, remedy="start it with --allow-host NAME")
        if not origins or exchange.scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return
        try:
            own = urlsplit(origins[0]).netloc.lower() == host
        except ValueError:
            raise UsageError("the header Origin cannot be read") from None
        if not own:
            what = f"a page of {origins[0][:80]!r} may not use this server"
            raise RefusedError(what, remedy="use the server's own page")


class BodyRateLimit:
    """Bodies of all requests together come in at a bounded speed, so that the loop has time for others in between.

    While a body waits here its connection is not read.
    """

    def __init__(self, speed: float) -> None:
        self.speed = speed  # bytes a second
        self.free = 0.0  # when the next one may pass

    async def wait_for(self, size: int) -> None:
        """Wait for those that came before, if these are any bytes at all."""
        if not size:
            return
        now = time.monotonic()
        start = max(self.free, now)
        self.free = start + size / self.speed
        if start > now:
            await asyncio.sleep(start - now)


class Exchange:
    """One request and its answer: counted, marked with the id, and read to its end where the answer came first."""

    def __init__(self, middleware: Middleware, scope: Scope, receive: Receive, send: Send) -> None:
        self.middleware, self.scope, self.inner_receive, self.inner_send = middleware, scope, receive, send
        self.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        given = self.headers.get("x-request-id", "")
        self.id = given if REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = self.id
        self.start = time.perf_counter()
        self.status = 0
        length = self.headers.get("content-length", "0")
        self.unread = length != "0" or "transfer-encoding" in self.headers

    def values(self, name: bytes) -> list[str]:
        """Every value of a header; `name` in lower case."""
        return [value.decode("latin-1") for key, value in self.scope["headers"] if key == name]

    async def receive(self) -> Message:
        message = await self.inner_receive()
        if message["type"] == "http.request":
            self.unread = bool(message.get("more_body", False))
            size = len(message.get("body", b""))
            self.middleware.metrics.body_bytes.inc(size)
            await self.middleware.body_rate.wait_for(size)
        else:
            self.unread = False
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers: list[tuple[bytes, bytes]] = list(message.get("headers", []))
            headers += [(b"x-request-id", self.id.encode()), (b"x-content-type-options", b"nosniff")]
            headers += [(b"content-security-policy", self.middleware.policy), (b"referrer-policy", b"no-referrer")]
            if self.unread:
                headers.append((b"connection", b"close"))
            message = {**message, "headers": headers}
        elif self.unread and not message.get("more_body", False):
            # The client still sends, and would lose an answer whose connection is closed over unread bytes.
            await self.inner_send({**message, "more_body": True})
            await self.drain()
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await self.inner_send(message)

    async def drain(self) -> None:
        """Read on for a moment and forget what comes, so that the client gets round to the answer."""
        end, left = time.monotonic() + DRAIN_SECONDS, DRAIN_BYTES
        while self.unread and left > 0 and (seconds := end - time.monotonic()) > 0:
            try:
                size = len((await asyncio.wait_for(self.receive(), seconds)).get("body", b""))
                left, end = left - size, end + size / DRAIN_SPEED
            except asyncio.TimeoutError:
                return

    def note(self) -> None:
        """Count it, and say it in the log."""
        route = getattr(self.scope.get("route"), "path", None) or "other"
        seconds = time.perf_counter() - self.start
        self.middleware.metrics.requests.labels(route, str(self.status)).inc()
        self.middleware.metrics.seconds.observe(seconds)
        # The name of a film leads to it, and is nobody's business here.
        method, path = self.scope["method"], route if "{" in route else self.scope["path"][:100]
        log.info("%s %s %s %.3f s %s", method, path, self.status or "gone", seconds, self.id)


def is_address(name: str) -> bool:
    """Whether a host is an IP address, of version 6 in brackets."""
    try:
        ipaddress.ip_address(name[1:-1] if name.startswith("[") and name.endswith("]") else name)
    except ValueError:
        return False
    return True
