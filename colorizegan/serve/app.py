"""The HTTP service: photos in, colour photos out, and what the network says of them. A thin shell over `PhotoQueue`."""

import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, BinaryIO

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from colorizegan import __version__
from colorizegan.colorize_file import LEFT_IN_COLOR, colorize_file
from colorizegan.errors import ColorizeGANError
from colorizegan.machine import Cancelled
from colorizegan.photo.formats import MEDIA_TYPES, NEAREST, sniff
from colorizegan.photo.read import HEAD
from colorizegan.serve.film_routes import add_films
from colorizegan.serve.films import Films
from colorizegan.serve.metrics import Metrics
from colorizegan.serve.middleware import Middleware, Site
from colorizegan.serve.options import Options, best_format, preference, read_options, schema_of_request
from colorizegan.serve.predict import describe_upload
from colorizegan.serve.problems import (
    PROBLEMS,
    NotAcceptableError,
    answer_client_gone,
    answer_error,
    answer_http_error,
    as_fields,
)
from colorizegan.serve.queue import PhotoQueue, QueuedPhoto
from colorizegan.serve.static import add_page
from colorizegan.serve.upload import Upload, receive_upload

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
CHUNK = 1 << 18  # bytes of an answer sent at a time


def create_app(queue: PhotoQueue, site: Site, films: Films | None = None) -> Middleware:
    """The ASGI application; it closes the queue and the films when it ends. films: None = none are taken."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        if films is not None:
            films.close()
        queue.close()

    app = FastAPI(
        title="ColorizeGAN",
        version=__version__,
        description="Colour for black-and-white photos. Errors are application/problem+json with a stable code.",
        lifespan=lifespan,
        openapi_url="/openapi.json",
        docs_url=None,  # these pages load their scripts from elsewhere
        redoc_url=None,
        exception_handlers={
            ColorizeGANError: answer_error,
            HTTPException: answer_http_error,
            RequestValidationError: answer_http_error,
            Cancelled: answer_client_gone,
        },
    )
    metrics = Metrics(queue)
    add_colorize(app, queue, metrics)
    add_predict(app, queue)
    add_state(app, queue, metrics, films)
    if films is not None:
        add_films(app, films)
    if site.page:
        add_page(app)
    refuse_other_methods(app)
    return Middleware(app, metrics, site)


def refuse_other_methods(app: FastAPI) -> None:
    """Say 405, and which there are, where a route is asked with another method."""

    def refusal(methods: set[str]) -> Callable[[Request], Awaitable[Response]]:
        async def refuse(request: Request) -> Response:
            raise HTTPException(405, headers={"Allow": ", ".join(sorted(methods))})

        return refuse

    known: dict[str, set[str]] = {}
    for route in app.routes:
        if isinstance(route, Route):
            known[route.path] = known.get(route.path, set()) | (route.methods or set())
    for path, methods in known.items():
        app.add_route(path, refusal(methods), sorted(METHODS - methods), include_in_schema=False)


def add_state(app: FastAPI, queue: PhotoQueue, metrics: Metrics, films: Films | None) -> None:
    @app.get("/v1/models", summary="The model that the service colorizes with")
    async def models() -> dict[str, Any]:
        network = queue.colorizer.network
        card = network.card
        entry = {"name": card.name, "version": card.version, "digest": network.digest, "licence": card.licence}
        return {"models": [entry | {"working_size": card.working_size}]}

    @app.get("/v1/limits", summary="What may be sent; film is null where no films are taken")
    async def limits() -> dict[str, Any]:
        photo = {"bytes": queue.limits.bytes, "pixels": queue.limits.pixels}
        film = None if films is None else {name: getattr(films.limits, name) for name in ("bytes", "pixels", "frames")}
        return {"photo": photo, "film": film}

    @app.get("/health", summary="Whether the process answers")
    async def health() -> dict[str, str]:
        return {"status": "ok", "version": __version__}

    @app.get("/ready", summary="Whether a photo would be taken now; 503 where the queue is full")
    async def ready() -> dict[str, object]:
        queue.check_room()
        card = queue.colorizer.network.card
        return {"status": "ready", "model": f"{card.name} {card.version}", "waiting": queue.waiting}

    @app.get("/metrics", summary="Figures for Prometheus", response_class=PlainTextResponse)
    async def figures() -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)


def add_colorize(app: FastAPI, queue: PhotoQueue, metrics: Metrics) -> None:
    @app.post(
        "/v1/colorize",
        summary="A photo in, the same photo in colour out",
        response_class=Response,
        responses={200: {"content": {kind: {} for kind in sorted(set(MEDIA_TYPES.values()))}}, **PROBLEMS},
        openapi_extra=schema_of_request(),
    )
    async def colorize(request: Request) -> Response:
        upload, options = await take_request(queue, request)
        accept = request.headers.get("accept", "*/*")
        file, format, remarks = await queue.run(
            lambda queued: colorize_upload(queued, upload, options, accept), lambda: client_gone(request), upload.close
        )
        metrics.photos.inc()
        return PhotoResponse(file, format, remarks)


def add_predict(app: FastAPI, queue: PhotoQueue) -> None:
    @app.post(
        "/v1/predict",
        summary="The small colours of a photo, how sure they are, and other colourings",
        responses=PROBLEMS,
        openapi_extra=schema_of_request(),
    )
    async def predict(request: Request) -> JSONResponse:
        upload, options = await take_request(queue, request)
        answer = await queue.run(
            lambda queued: describe_upload(queued, upload, options), lambda: client_gone(request), upload.close
        )
        return JSONResponse(answer, headers={"cache-control": "no-store"})


async def take_request(queue: PhotoQueue, request: Request) -> tuple[Upload, Options]:
    """The photo and the options of a request; refused before its body is read where that can be known."""
    queue.check_room()
    query = dict(request.query_params)
    read_options(query, queue.limits)
    upload = await receive_upload(queue, request)
    try:
        return upload, read_options(query | upload.options, queue.limits)
    except BaseException:
        upload.close()
        raise


async def client_gone(request: Request) -> None:
    """Wait until the client has closed its connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def colorize_upload(
    queued: QueuedPhoto, upload: Upload, options: Options, accept: str
) -> tuple[BinaryIO, str, list[str]]:
    """Colorize an upload: (open file without a name, its format, what the client should know)."""
    queue = queued.queue
    with upload.path.open("rb") as file:
        own = sniff(file.read(HEAD))
    format = options.format or best_format(accept, NEAREST.get(own, own))
    asked = options.for_file(format, queued.palette(upload.like))
    result = tempfile.TemporaryFile(dir=queue.path)  # noqa: SIM115 (the answer closes it)
    try:
        report = colorize_file(
            upload.path, lambda: result, queued.colorizer, queue.reader, asked,
            budget=queue.budget, stop=queued.stop,
        )  # fmt: skip
        queued.check()
        if not report.left_alone:
            return result, format, report.remarks
        if options.format not in (None, own) or preference(accept, own) <= 0:
            what = f"the photo is in colour already, and stays the {own} that it is"
            raise NotAcceptableError(what, remedy="ask for its own format, or for the option force")
        result.seek(0)
        result.truncate()
        with upload.path.open("rb") as file:
            shutil.copyfileobj(file, result)
        return result, own, [as_fields(LEFT_IN_COLOR)]
    except BaseException:
        result.close()
        raise


class PhotoResponse(Response):
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
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            while chunk := self.file.read(CHUNK):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self.file.close()
