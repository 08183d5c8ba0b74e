"""Errors as problem+json (RFC 9457)."""

from __future__ import annotations

import re
from typing import Any

from fastapi import Request, Response
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from colorizegan.errors import (
    BusyError,
    ColorizeGANError,
    DecodeError,
    InputError,
    LateError,
    OutputError,
    RefusedError,
    TooLargeError,
    UsageError,
)


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


GONE = 499  # what a client that went away would have got

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


# An option of the command line in an error's words -> a field of the request.
FIELDS = re.compile("--(allow-truncated|force|format|size)")


STATUS: tuple[tuple[type[Exception], int], ...] = (
    (TooLargeError, 413),
    (DecodeError, 422),
    (InputError, 422),
    (UsageError, 400),
    (BusyError, 503),
    (LateError, 504),
    (RefusedError, 403),
    (OutputError, 422),
)


def problem_of(error: Exception, request_id: str) -> tuple[int, dict[str, str], dict[str, object]]:
    """An error as (status, headers, the object of application/problem+json, RFC 9457)."""
    if not isinstance(error, ColorizeGANError):
        error = ColorizeGANError(f"unexpected {type(error).__name__}", remedy="please report this")
    status = error.status or next((code for kind, code in STATUS if isinstance(error, kind)), 500)
    # The command line's options are fields here; its file names are our own, and nobody else's business.
    detail = "; ".join(filter(None, (error.reason, error.remedy)))
    detail = FIELDS.sub(lambda found: found[1].replace("-", "_"), detail)
    headers = {"Retry-After": str(error.seconds)} if isinstance(error, BusyError) else {}
    title = (type(error).__doc__ or "").split(":")[0].split(";")[0].split(".")[0].strip()
    problem: dict[str, object] = {
        "type": f"urn:colorizegan:{error.code}",
        "title": title if type(error) is not ColorizeGANError else "Something went wrong in the service",
        "status": status,
        "detail": detail,
        "code": error.code,
        "request_id": request_id,
    }
    return status, headers, problem
