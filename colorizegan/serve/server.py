"""HTTP connections that end when the other side does nothing: slow headers, answers that nobody reads, padding."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from colorizegan.limits import ServiceLimits

__all__ = ["connection_class"]

HEADER_BYTES = 65_536  # of a request before its body
HEADERS = 100


def connection_class(limits: ServiceLimits) -> type[HttpToolsProtocol]:
    """uvicorn's connection, with these limits."""

    class Connection(HttpToolsProtocol):
        """Ends itself where the client is silent for too long, or sends much around little."""

        watch: asyncio.TimerHandle | None = None
        surplus = 0  # bytes that are no body
        received = 0  # bytes of the body
        count = 0  # headers

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if len(self.connections) > limits.connections:
                transport.abort()
                return
            self.begin_watch()

        def connection_lost(self, exc: Exception | None) -> None:
            self.end_watch()
            super().connection_lost(exc)

        def begin_watch(self) -> None:
            self.end_watch()
            self.watch = self.loop.call_later(limits.silence, self.transport.abort)

        def end_watch(self) -> None:
            if self.watch is not None:
                self.watch.cancel()
                self.watch = None

        def data_received(self, data: bytes) -> None:
            self.surplus += len(data)
            super().data_received(data)
            # Endless headers, trailers, or chunks of a byte each, would take memory and time without ever being much.
            if self.surplus > HEADER_BYTES + self.received // 2 and not self.transport.is_closing():
                self.transport.abort()

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self.surplus, self.received, self.count = min(self.surplus, HEADER_BYTES), 0, 0

        def on_header(self, name: bytes, value: bytes) -> None:
            self.count += 1
            if self.count <= HEADERS:
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
