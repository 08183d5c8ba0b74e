"""The body of a request -> files in the private folder and options, within limits: counted while it comes in."""

import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, BinaryIO

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException

from colorizegan.errors import DecodeError, TooLargeError, UsageError
from colorizegan.machine import Cancelled
from colorizegan.serve.limits import ServiceLimits
from colorizegan.serve.problems import BusyError, SlowRequestError
from colorizegan.serve.queue import PhotoQueue

Receive = Callable[[], Awaitable[Mapping[str, Any]]]

CHUNK = 1 << 19  # bytes that are written at a time
PHOTO, LIKE, OPTIONS = ("photo", "file"), "like", "options"


@dataclass
class Upload:
    """A photo that a client has sent. Its file has a name of our own; what the client calls it is never looked at."""

    queue: PhotoQueue
    photo: Path | None = None
    like: Path | None = None
    """A photo whose colours are to be taken over."""
    options: dict[str, Any] = field(default_factory=dict[str, Any])
    """From the parts of a form: the part `options` is a JSON object, others are an option each."""
    size: int = 0
    """Bytes that came in."""

    @property
    def path(self) -> Path:
        assert self.photo is not None
        return self.photo

    def new_file(self) -> IO[bytes]:
        return tempfile.NamedTemporaryFile(dir=self.queue.path, delete=False, buffering=0)

    def count(self, size: int) -> None:
        """Note bytes that came in. BusyError where there is no room for more uploads."""
        if self.queue.spooled + size > self.queue.limits.spool:
            raise BusyError("there are too many uploads", remedy="try again in a moment")
        self.queue.spooled += size
        self.size += size

    def close(self) -> None:
        """Remove the files."""
        for path in filter(None, (self.photo, self.like)):
            path.unlink(missing_ok=True)
        self.queue.spooled -= self.size
        self.size = 0


async def receive_upload(queue: PhotoQueue, request: Request) -> Upload:
    """Read the body of a request.

    UsageError for a form that is none, or has no photo in it; DecodeError for one that is empty; BusyError where there
    is no room; and as `bounded`.
    """
    if request.headers.get("content-encoding", "identity").lower() not in ("identity", ""):
        raise UsageError("the body is compressed", remedy="send it as it is, without Content-Encoding")
    form = request.headers.get("content-type", "").partition(";")[0].strip().lower() == "multipart/form-data"
    limits = queue.limits
    room = 2 * limits.bytes + limits.options + 65_536 if form else limits.bytes  # and what stands around the parts
    upload = Upload(queue)
    try:
        receive = bounded(request, room, limits.seconds, limits.silence, too_large(limits), upload.count)
        if form:
            await receive_form(upload, request, receive)
        else:
            with upload.new_file() as file:
                upload.photo = Path(file.name)
                await write_body(receive, file)
        if upload.photo is None:
            raise UsageError("there is no photo in the request", remedy="send one as the body, or as a form's part")
        if not all(path.stat().st_size for path in (upload.photo, upload.like) if path is not None):
            if form:
                raise DecodeError("the file that was sent is empty", remedy="choose another, or copy it anew")
            raise UsageError("the body of the request is empty", remedy="send a photo that is not")
    except BaseException:
        upload.close()
        raise
    return upload


def bounded(
    request: Request, most: int, seconds: float, silence: float, too_large: TooLargeError, note: Callable[[int], None]
) -> Receive:
    """A request's `receive` within limits of bytes and time; `note` is told how many bytes each message has.

    Raises `too_large` over `most` bytes, by what the request says itself or by what comes, and reads no further;
    SlowRequestError after `seconds`, or `silence` seconds without anything; Cancelled where the client went away.
    """
    length, size = request.headers.get("content-length", ""), 0
    if length.isdecimal() and int(length) > most:
        raise too_large
    end = time.monotonic() + seconds

    async def receive_bounded() -> Mapping[str, Any]:
        nonlocal size
        try:
            message = await asyncio.wait_for(request.receive(), max(min(silence, end - time.monotonic()), 0.01))
        except asyncio.TimeoutError:
            raise SlowRequestError("the request came too slowly", remedy="send it faster, or less") from None
        if message["type"] == "http.disconnect":
            raise Cancelled
        count = len(message.get("body", b""))
        note(count)
        size += count
        if size > most:
            raise too_large
        return message

    return receive_bounded


async def write_body(receive: Receive, file: IO[bytes]) -> int:
    """Write the body of a request into a file; how many bytes it has."""
    pending, more, size = bytearray(), True, 0
    while more:
        message = await receive()
        pending += message.get("body", b"")
        more = message.get("more_body", False)
        if len(pending) >= CHUNK or not more:  # a disk may be slow
            await asyncio.to_thread(write_all, file, bytes(pending))
            size += len(pending)
            pending.clear()
    return size


async def receive_form(upload: Upload, request: Request, receive: Receive) -> None:
    """A form has the photo, maybe a second one for `like`, and options in its parts."""
    limits = upload.queue.limits
    scope = {"type": "http", "headers": request.scope["headers"]}  # Starlette's own answers would not be ours
    try:
        async with Request(scope, receive).form(  # type: ignore[arg-type]
            max_files=2, max_fields=limits.parts, max_part_size=limits.options
        ) as form:
            names = [name for name, _ in form.multi_items()]
            if len(set(names)) < len(names) or not all(names) or all(name in names for name in PHOTO):
                raise UsageError("the form has twice the same part", remedy="send one photo and a part for each option")
            texts: dict[str, str] = {}
            for name, part in form.multi_items():
                if not isinstance(part, UploadFile):
                    texts[name] = part
                elif name in (*PHOTO, LIKE):
                    await take_file(upload, name, part)
                else:
                    raise UsageError(f"the form's part {name[:40]!r} is a file", remedy="send the photo as 'photo'")
    except MultiPartException as error:
        if "maximum" in error.message.lower():
            what = f"the form has more than {limits.parts} parts, or more than {limits.options:,} bytes of options"
            raise TooLargeError(what, remedy="send one photo and less around it") from None
        raise UsageError("the form cannot be read", remedy="let the HTTP library make multipart/form-data") from None
    if sum(map(len, texts.values())) > limits.options:
        raise TooLargeError(f"the options have more than {limits.options:,} bytes", remedy="send less")
    for name in set(texts) & {*PHOTO, LIKE}:
        raise UsageError(f"the form's part {name!r} is text", remedy=f"send it as a file: curl -F {name}=@FILE")
    upload.options = options_of(texts)


async def take_file(upload: Upload, name: str, part: UploadFile) -> None:
    if (part.size or 0) > upload.queue.limits.bytes:
        raise too_large(upload.queue.limits)
    with upload.new_file() as file:
        if name == LIKE:
            upload.like = Path(file.name)
        else:
            upload.photo = Path(file.name)
        await asyncio.to_thread(copy_all, part.file, file)


def copy_all(source: BinaryIO, target: IO[bytes]) -> None:
    while chunk := source.read(CHUNK):
        write_all(target, chunk)


def options_of(texts: Mapping[str, str]) -> dict[str, Any]:
    """The options in the parts of a form."""
    options: dict[str, Any] = {}
    for name, text in texts.items():
        if name != OPTIONS:
            options[name] = text
            continue
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            raise UsageError("the form's part 'options' is no JSON") from None
        if not isinstance(found, dict):
            raise UsageError("the form's part 'options' is no JSON object")
        options |= found
    return options


def write_all(file: IO[bytes], data: bytes) -> None:
    """Write to a file without a buffer, which may take less at a time: closing it does not wait for the disk then."""
    with memoryview(data) as view:
        done = 0
        while done < len(view):
            done += file.write(view[done:])


def too_large(limits: ServiceLimits) -> TooLargeError:
    return TooLargeError(f"the photo has more than {limits.bytes:,} bytes", remedy="make it smaller first")
