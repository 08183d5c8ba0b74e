"""Errors as problem+json (RFC 9457): which HTTP status each has, and the errors that only a service knows."""

import re
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from colorizegan.errors import (
    ColorizeGANError,
    DecodeError,
    InputError,
    ModelError,
    OutputError,
    TooLargeError,
    UsageError,
)

GONE = 499  # what a client that went away would have got


class BusyError(ColorizeGANError):
    """The service has as much to do as it may take on; `seconds` is when to try again."""

    code = "E_BUSY"
    seconds = 5


class LateError(ColorizeGANError):
    """The answer took longer than it may."""

    code = "E_TIMEOUT"


class SlowRequestError(LateError):
    """The request came in more slowly than it may."""


class RefusedError(ColorizeGANError):
    """The request came from a page of another site."""

    code = "E_REFUSED"


class WrongHostError(RefusedError):
    """The request is for a name that this server does not go by."""


class NoSuchFilmError(InputError):
    """There is no film of this name."""


class NotAcceptableError(UsageError):
    """The client takes no format that its photo can be answered in."""


# Of the first class that fits: the status, what it means in OpenAPI, and the title.
STATUS: dict[type[ColorizeGANError], tuple[int, str]] = {
    NotAcceptableError: (406, "No format that you accept"),
    UsageError: (400, "The request is wrong"),
    WrongHostError: (421, "Not the name of this server"),
    RefusedError: (403, "Not for pages of other sites"),
    SlowRequestError: (408, "The request came too slowly"),
    LateError: (504, "The answer took too long"),
    TooLargeError: (413, "Over a limit"),
    NoSuchFilmError: (404, "No such film"),
    DecodeError: (422, "No photo that can be read"),
    InputError: (422, "No photo that can be read"),
    OutputError: (422, "The result cannot be written like this"),
    BusyError: (503, "The service has too much to do"),
    ModelError: (500, "The service has no working model"),
    ColorizeGANError: (500, "Something went wrong in the service"),
}

PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": text, "content": {"application/problem+json": {}}}
    for status, text in (
        (400, "An option or the form is wrong (E_USAGE)"),
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


def as_fields(text: str) -> str:
    """Words with fields of a request in place of options of the command line."""
    return FIELDS.sub(lambda found: found[1].replace("-", "_"), text)


def problem_of(error: Exception, request_id: str) -> tuple[int, dict[str, str], dict[str, object]]:
    """An error as (status, headers, the object of application/problem+json)."""
    if not isinstance(error, ColorizeGANError):
        error = ColorizeGANError(f"unexpected {type(error).__name__}", remedy="please report this")
    status, title = next(entry for kind, entry in STATUS.items() if isinstance(error, kind))
    # The command line's options are fields here; its file names are our own, and nobody else's business.
    detail = as_fields("; ".join(filter(None, (error.reason, error.remedy))))
    headers = {"Retry-After": str(error.seconds)} if isinstance(error, BusyError) else {}
    return status, headers, problem(status, f"urn:colorizegan:{error.code}", title, detail, error.code, request_id)


def problem(status: int, kind: str, title: str, detail: str, code: str, request_id: str) -> dict[str, object]:
    return {"type": kind, "title": title, "status": status, "detail": detail, "code": code, "request_id": request_id}


def as_response(error: Exception, request_id: str) -> Response:
    """Any error as the answer to a request."""
    status, headers, found = problem_of(error, request_id)
    headers |= {"cache-control": "no-store"}
    return JSONResponse(found, status, headers, media_type="application/problem+json")


async def answer_error(request: Request, error: Exception) -> Response:
    return as_response(error, request.state.request_id)


async def answer_http_error(request: Request, error: Exception) -> Response:
    """What the framework refuses: no such path, another method. Their type says no more than the status does."""
    status = getattr(error, "status_code", 400)
    known = {404: "there is nothing here", 405: f"{request.method} is not answered here"}
    detail = known.get(status, "the request cannot be understood") + "; see /openapi.json"
    title = HTTPStatus(status).phrase
    found = problem(status, "about:blank", title, detail, UsageError.code, request.state.request_id)
    headers = {"cache-control": "no-store", **(getattr(error, "headers", None) or {})}
    return JSONResponse(found, status, headers, media_type="application/problem+json")


async def answer_client_gone(request: Request, error: Exception) -> Response:
    """The client is gone; this is for the log and the counts."""
    return Response(status_code=GONE)
