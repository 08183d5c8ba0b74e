"""The HTTP service: photos in, colour photos out, and what the network says of them. A thin shell over `Service`."""

from __future__ import annotations

import base64
import io
import json
import logging
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from PIL import Image
from starlette.exceptions import HTTPException
from starlette.routing import Mount, Route

from colorizegan import __version__
from colorizegan.colorize_file import OnePhoto
from colorizegan.colorizer import Colorizer
from colorizegan.errors import ColorizeGANError, UsageError
from colorizegan.machine import Cancelled
from colorizegan.photo.formats import MEDIA_TYPES, NEAREST
from colorizegan.serve.metrics import Counter, Gauge, Histogram, exposition, process_gauges
from colorizegan.serve.middleware import LOCAL, Gate
from colorizegan.serve.options import Options, best_format, preference, read_options, schema_of_request
from colorizegan.serve.problems import (
    PROBLEMS,
    answer_error,
    answer_http_error,
    answer_nobody,
    answer_unknown,
)
from colorizegan.serve.queue import Service, Turn
from colorizegan.serve.upload import Upload, receive_upload

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

log = logging.getLogger(__name__)


METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


COLORED = "in colour already, left alone; the option force colorizes it anyway"


def create_app(
    service: Service,
    *,
    hosts: Iterable[str] = LOCAL,
    frames: Iterable[str] = (),
    mount: Callable[[FastAPI, Colorizer], Callable[[], None]] | None = None,
) -> Gate:
    """The ASGI application.

    Args:
        service: does the work; closed when the application ends.
        hosts: names that the server goes by; "*" = any.
        frames: sites whose pages may show this one in a frame.
        mount: puts the page into it and returns what ends it; default none, only the interface for programs.
    """

    endings = [service.close]

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        for end in endings:
            end()

    app = FastAPI(
        title="ColorizeGAN",
        version=__version__,
        description="Colour for black-and-white photos. Errors are application/problem+json with a stable `code`.",
        lifespan=lifespan,
        openapi_url="/openapi.json",
        docs_url=None,  # these pages load their scripts from elsewhere
        redoc_url=None,
        exception_handlers={
            ColorizeGANError: answer_error,
            HTTPException: answer_http_error,
            RequestValidationError: answer_http_error,
            Cancelled: answer_nobody,
        },
    )
    batches = Histogram("colorizegan_batch_photos", "Photos that the network took at once.", (1, 2, 3, 4, 8))
    photos = Counter("colorizegan_photos_total", "Photos that were colorized.")
    service.network.note_batch = batches.add
    add_colorize(app, service, photos)
    add_predict(app, service)
    gate = Gate(app, hosts=hosts, frames=frames)
    metrics: list[Counter | Gauge | Histogram] = [
        gate.requests,
        gate.seconds,
        gate.body_bytes,
        photos,
        batches,
        Gauge("colorizegan_queue_waiting", "Requests that wait for their turn.", lambda: service.waiting),
        Gauge("colorizegan_photos_under_way", "Photos that are worked on.", lambda: service.working),
        Gauge("colorizegan_spooled_bytes", "Uploads that lie on the disk.", lambda: service.spooled),
        *process_gauges(),
    ]
    add_state(app, service, metrics)
    refuse_other_methods(app)
    if mount is not None:  # last: it answers all that nothing before it does
        endings.append(mount(app, service.colorizer))
        for route in app.routes:
            if isinstance(route, Mount) and isinstance(route.app, FastAPI):
                route.app.add_exception_handler(HTTPException, answer_unknown)
    return gate


def refuse_other_methods(app: FastAPI) -> None:
    """Say 405 where a route of ours is asked with another method, which would be the page's to answer otherwise."""

    async def refuse(request: Request) -> Response:
        raise HTTPException(405, headers={"Allow": ", ".join(sorted(known[request.url.path]))})

    known = {route.path: route.methods or set() for route in app.routes if isinstance(route, Route)}
    for path, methods in known.items():
        app.add_route(path, refuse, sorted(METHODS - methods), include_in_schema=False)


def add_state(app: FastAPI, service: Service, metrics: Sequence[Counter | Gauge | Histogram]) -> None:
    @app.get("/health", summary="Whether the process answers")
    async def health() -> dict[str, str]:
        return {"status": "ok", "version": __version__}

    @app.get("/ready", summary="Whether a photo would be taken now; 503 where the queue is full")
    async def ready() -> dict[str, object]:
        service.check_room()
        card = service.colorizer.network.card
        return {"status": "ready", "model": f"{card.name} {card.version}", "waiting": service.waiting}

    @app.get("/metrics", summary="Figures for Prometheus", response_class=PlainTextResponse)
    async def figures() -> PlainTextResponse:
        return PlainTextResponse(exposition(metrics), media_type="text/plain; version=0.0.4")


def add_colorize(app: FastAPI, service: Service, photos: Counter) -> None:
    @app.post(
        "/v1/colorize",
        summary="A photo in, the same photo in colour out",
        response_class=Response,
        responses={200: {"content": {kind: {} for kind in sorted(set(MEDIA_TYPES.values()))}}, **PROBLEMS},
        openapi_extra=schema_of_request(),
    )
    async def colorize(request: Request) -> Response:
        upload, options = await take_request(service, request)
        accept = request.headers.get("accept", "*/*")

        def work(turn: Turn) -> tuple[BinaryIO, str, list[str]]:
            return colorize_file(turn, upload.path, options, accept)

        file, format, remarks = await service.run(work, lambda: client_gone(request), upload.close)
        photos.add()
        return Photo(file, format, remarks)


def add_predict(app: FastAPI, service: Service) -> None:
    @app.post(
        "/v1/predict",
        summary="How sure the network is, and which colourings it proposes",
        responses=PROBLEMS,
        openapi_extra=schema_of_request(),
    )
    async def predict(request: Request) -> JSONResponse:
        upload, options = await take_request(service, request)
        answer = await service.run(
            lambda turn: describe_file(turn, upload.path, options), lambda: client_gone(request), upload.close
        )
        return JSONResponse(answer, headers={"cache-control": "no-store"})


async def take_request(service: Service, request: Request) -> tuple[Upload, Options]:
    """The photo and the options of a request; refused before its body is read where that can be known."""
    service.check_room()
    query = dict(request.query_params)
    read_options(query, service.limits)
    upload = await receive_upload(service, request.headers, request.receive)
    try:
        return upload, read_options(query | upload.options, service.limits)
    except BaseException:
        upload.close()
        raise


async def client_gone(request: Request) -> None:
    """Wait until the client has closed its connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def colorize_file(turn: Turn, path: Path, options: Options, accept: str) -> tuple[BinaryIO, str, list[str]]:
    """Colorize an upload: (open file without a name, its format, what the client should know)."""
    service = turn.service
    turn.allow_truncated = options.allow_truncated
    photo = OnePhoto(path, service.colorizer, turn, options.settings(), options.format, turn.place.admit)
    opened = photo.open()
    assert photo.first is not None
    own = photo.first.format
    format = options.format or (best_format(accept, NEAREST.get(own, own)) if opened else own)
    result = tempfile.TemporaryFile(dir=service.path)  # noqa: SIM115 (the answer closes it)
    try:
        if not opened:
            if format != own or preference(accept, own) <= 0:
                what = f"the photo is in colour already, and stays the {own} that it is"
                error = UsageError(what, remedy="ask for its own format, or for the option force")
                error.status = 406
                raise error
            with path.open("rb") as file:
                shutil.copyfileobj(file, result)
            return result, own, [COLORED]
        photo.format = format
        photo.write(result)
        turn.check()
        return result, format, list(photo.remarks)
    except BaseException:
        result.close()
        raise


CHUNK = 1 << 18  # bytes of an answer sent at a time


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


def describe_file(turn: Turn, path: Path, options: Options) -> dict[str, Any]:
    """Read an upload and ask the network.

    Returns:
        width, height; is_color; model; confidence: mean, width, height, and png, an 8-bit gray picture as base64 in
        which 255 is sure (see `Prediction.confidence`); proposals, where they are asked for, the likeliest first: their
        likelihood and the hints that make them.
    """
    turn.allow_truncated = options.allow_truncated
    service = turn.service
    photo = turn.read(path)
    look = options.look()
    confidence = service.colorizer.colors(photo.gray, look).confidence()
    turn.check()
    proposals = []
    if options.proposals is not None:
        found = service.colorizer.propose(photo, look, count=options.proposals, seed=options.seed)
        proposals = [{"likelihood": round(one.likelihood, 4), "hints": list(map(vars, one.hints))} for one in found]
        turn.check()
    height, width = photo.gray.shape
    card = service.colorizer.network.card
    return {
        "width": width,
        "height": height,
        "is_color": photo.is_color,
        "model": f"{card.name} {service.colorizer.network.digest}",
        "remarks": list(photo.remarks),
        "confidence": {
            "mean": round(float(confidence.mean()), 4),
            "width": confidence.shape[1],
            "height": confidence.shape[0],
            "png": png_text(confidence),
        },
        "proposals": proposals,
    }


def png_text(values: np.ndarray[Any, np.dtype[np.float32]]) -> str:
    """Values 0..1 (h, w) as a PNG of 8 bits, base64."""
    file = io.BytesIO()
    Image.fromarray(np.rint(values * 255).astype(np.uint8)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()
