"""How the HTTP service answers: a photo piece by piece, and every error as problem+json."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

from fastapi import Request, Response
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from colorizegan.errors import UsageError
from colorizegan.gate import problem_of
from colorizegan.options import MEDIA_TYPES

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

__all__ = ["PROBLEMS", "Photo", "answer_error", "answer_http_error", "answer_nobody", "answer_unknown"]

CHUNK = 1 << 18  # bytes of an answer sent at a time
GONE = 499  # what a client that went away would have got


class Photo(Response):
    """A photo as the answer, sent piece by piece from an open file, which is closed in any case."""

    def __init__(self, file: BinaryIO, format: str, remarks: Sequence[str]) -> None:
        self.file = file
        size = file.seek(0, 2)
        file.seek(0)
        headers = {"content-length": str(size), "cache-control": "no-store", "vary": "Accept"}
        if remarks:
            headers["x-colorizegan-remarks"] = json.dumps(list(remarks))[:4000]
        self.status_code, self.media_type, self.background = 200, MEDIA_TYPES[format], None
        self.init_headers(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            while chunk := self.file.read(CHUNK):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self.file.close()


async def answer_error(request: Request, error: Exception) -> Response:
    """An error of ours as problem+json."""
    status, headers, problem = problem_of(error, request.state.request_id)
    headers |= {"cache-control": "no-store"}
    return JSONResponse(problem, status, headers, media_type="application/problem+json")


async def answer_http_error(request: Request, error: Exception) -> Response:
    """What the framework refuses: no such path, another method."""
    status = getattr(error, "status_code", 400)
    known = {404: "there is nothing here", 405: f"{request.method} is not answered here"}
    folded = UsageError(known.get(status, "the request cannot be understood"), remedy="see /openapi.json")
    folded.status = status
    answer = await answer_error(request, folded)
    answer.headers.update(getattr(error, "headers", None) or {})
    return answer


async def answer_unknown(request: Request, error: Exception) -> Response:
    """What the page does not have, as for all that is not there; its other errors are for its own scripts."""
    if getattr(error, "status_code", 400) in (404, 405):
        return await answer_http_error(request, error)
    assert isinstance(error, HTTPException)
    return await http_exception_handler(request, error)


async def answer_nobody(request: Request, error: Exception) -> Response:
    """The client is gone; this is for the log and the counts."""
    return Response(status_code=GONE)


PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": text, "content": {"application/problem+json": {}}}
    for status, text in (
        (400, "An option is wrong (E_USAGE)"),
        (403, "A page of another site asks (E_REFUSED)"),
        (406, "The photo is in colour already, and another format is asked for (E_USAGE)"),
        (408, "The request came too slowly (E_TIMEOUT)"),
        (413, "Over a limit of bytes, pixels, pages, parts (E_TOO_LARGE)"),
        (421, "The server does not go by this name (E_REFUSED)"),
        (422, "No photo that can be decoded, or a format that cannot hold the result (E_DECODE, E_OUTPUT)"),
        (503, "The queue is full; Retry-After says when to come again (E_BUSY)"),
        (504, "The answer took too long (E_TIMEOUT)"),
    )
}
