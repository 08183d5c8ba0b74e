"""The body of a request -> a file in the private folder and its options, within limits: counted while it comes in."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import IO, Any

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError

from colorizegan.errors import BusyError, LateError, TooLargeError, UsageError
from colorizegan.machine import Cancelled
from colorizegan.serve.queue import Service

Receive = Callable[[], Awaitable[Mapping[str, Any]]]

CHUNK = 1 << 19  # bytes that are written at a time
FRAME = 65_536  # bytes of a form around its parts
PHOTO, OPTIONS = "photo", "options"


@dataclass
class Upload:
    """A photo that a client has sent. Its file has a name of our own; what the client calls it is never looked at."""

    service: Service
    path: Path
    size: int = 0
    options: dict[str, Any] = field(default_factory=dict[str, Any])
    """From the parts of a form: the part `options` is a JSON object, others are an option each."""

    def close(self) -> None:
        """Remove the file."""
        self.path.unlink(missing_ok=True)
        self.service.spooled -= self.size
        self.size = 0


async def receive_upload(service: Service, headers: Mapping[str, str], receive: Receive) -> Upload:
    """Read the body of a request.

    Args:
        service: whose limits and folder are used.
        headers: of the request, names in lower case.
        receive: ASGI's.

    Raises:
        UsageError: a form that is none, or has no photo in it.
        TooLargeError: over a limit; the rest was not read.
        LateError: it came too slowly.
        BusyError: there is no room for more uploads.
        Cancelled: the client went away.
    """
    limits = service.limits
    if headers.get("content-encoding", "identity").lower() not in ("identity", ""):
        raise UsageError("the body is compressed", remedy="send it as it is, without Content-Encoding")
    kind = Message()
    kind["content-type"] = headers.get("content-type", "")
    form = kind.get_content_type() == "multipart/form-data"
    room = limits.bytes + (limits.options + FRAME if form else 0)
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length) > room:
        raise too_large(limits.bytes)

    with tempfile.NamedTemporaryFile(dir=service.path, delete=False, buffering=0) as file:
        upload = Upload(service, Path(file.name))
        try:
            form_reader = Form(str(kind.get_param("boundary", "")), limits.options, limits.parts) if form else None
            pending, total, deadline = bytearray(), 0, time.monotonic() + limits.seconds
            while True:
                chunk, more = await next_chunk(receive, min(limits.silence, deadline - time.monotonic()))
                total += len(chunk)
                if total > room:
                    raise too_large(limits.bytes)
                pending += chunk if form_reader is None else form_reader.take(chunk)
                if len(pending) >= CHUNK or not more:
                    await write(upload, file, pending)
                    pending = bytearray()
                if upload.size > limits.bytes:
                    raise too_large(limits.bytes)
                if not more:
                    break
            if form_reader is not None:
                upload.options = form_reader.finish()
            if not upload.size:
                raise UsageError("there is no photo in the request", remedy="send one as the body, or as a form's part")
        except BaseException:
            upload.close()
            raise
    return upload


async def next_chunk(receive: Receive, seconds: float) -> tuple[bytes, bool]:
    """The next bytes of a body, and whether there are more."""
    try:
        message = await asyncio.wait_for(receive(), max(seconds, 0.01))
    except asyncio.TimeoutError:
        error = LateError("the request came too slowly", remedy="send it faster, or a smaller photo")
        error.status = 408
        raise error from None
    if message["type"] == "http.disconnect":
        raise Cancelled
    return message.get("body", b""), message.get("more_body", False)


async def write(upload: Upload, file: IO[bytes], pending: bytearray) -> None:
    """Add bytes to the file, in a thread: a disk may be slow."""
    if upload.service.spooled + len(pending) > upload.service.limits.spool:
        raise BusyError("there are too many uploads", remedy="try again in a moment")
    upload.service.spooled += len(pending)
    upload.size += len(pending)
    await asyncio.to_thread(write_all, file, pending)


def write_all(file: IO[bytes], data: bytearray) -> None:
    """Write to a file without a buffer, which may take less at a time: closing it does not wait for the disk then."""
    with memoryview(data) as view:
        done = 0
        while done < len(view):
            done += file.write(view[done:])


def too_large(limit: int) -> TooLargeError:
    return TooLargeError(f"the photo has more than {limit:,} bytes", remedy="make it smaller first")


class Form:
    """A form as it comes in: the bytes of its photo, and its options."""

    def __init__(self, boundary: str, most_bytes: int, most_parts: int) -> None:
        self.most_bytes, self.most_parts = most_bytes, most_parts
        self.parts = 0
        self.name = ""
        self.seen: set[str] = set()
        self.values: dict[str, bytearray] = {}
        self.bytes = 0
        self.photo = bytearray()
        self.field = self.value = b""
        self.ended = False
        try:
            self.parser = MultipartParser(
                boundary.encode("latin-1"),
                {
                    "on_part_begin": self.on_part_begin,
                    "on_header_field": self.on_header_field,
                    "on_header_value": self.on_header_value,
                    "on_header_end": self.on_header_end,
                    "on_headers_finished": self.on_headers_finished,
                    "on_part_data": self.on_part_data,
                    "on_end": self.on_end,
                },
            )
        except (FormParserError, UnicodeError) as error:
            raise UsageError(f"the form cannot be read ({error})", remedy="send multipart/form-data") from None
        if not boundary:
            raise UsageError("the form has no boundary", remedy="let the HTTP library set Content-Type")

    def take(self, chunk: bytes) -> bytes:
        """Go through a piece of the form: those of its bytes that are the photo's."""
        self.photo.clear()
        try:
            if not self.ended:
                self.parser.write(chunk)
        except FormParserError as error:
            raise UsageError(f"the form cannot be read ({error})", remedy="send multipart/form-data") from None
        return bytes(self.photo)

    def finish(self) -> dict[str, Any]:
        """The options, when the form has come to its end."""
        if not self.ended:
            raise UsageError("the form ends too early", remedy="send all of it")
        options: dict[str, Any] = {}
        for name, raw in self.values.items():
            try:
                text = raw.decode()
                found = json.loads(text) if name == OPTIONS else {name: text}
            except (ValueError, RecursionError):
                raise UsageError(f"the form's part {name[:40]!r} cannot be read", remedy="send JSON in UTF-8") from None
            if not isinstance(found, dict):
                raise UsageError("the form's part 'options' is no JSON object")
            options |= found
        return options

    def on_part_begin(self) -> None:
        self.parts += 1
        self.name, self.field, self.value = "", b"", b""
        if self.parts > self.most_parts:
            raise TooLargeError(f"the form has more than {self.most_parts} parts", remedy="send one photo")

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self.field += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self.value += data[start:end]

    def on_header_end(self) -> None:
        if self.field.lower() == b"content-disposition":
            header = Message()
            header["content-disposition"] = self.value.decode("latin-1")
            self.name = str(header.get_param("name", "", "content-disposition"))
        self.field = self.value = b""

    def on_headers_finished(self) -> None:
        if not self.name or len(self.name) > 100 or self.name in self.seen:
            what = "twice the same part" if self.name in self.seen else "a part without a name"
            raise UsageError(f"the form has {what}", remedy="send one photo and one part for each option")
        self.seen.add(self.name)
        if self.name != PHOTO:
            self.values[self.name] = bytearray()

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self.name == PHOTO:
            self.photo += data[start:end]
            return
        self.bytes += end - start
        if self.bytes > self.most_bytes:
            raise TooLargeError(f"the options have more than {self.most_bytes:,} bytes", remedy="send less")
        self.values[self.name] += data[start:end]

    def on_end(self) -> None:
        self.ended = True
