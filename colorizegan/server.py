"""The HTTP service: photos in, colour photos out, and what the network says of them. A thin shell over `Service`."""

from __future__ import annotations

import gc
import json
import logging
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.exception_handlers import http_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.exceptions import HTTPException
from starlette.routing import Mount, Route

from colorizegan import __version__
from colorizegan.batch import Stopped
from colorizegan.colorizer import Colorizer
from colorizegan.connection import connection_class
from colorizegan.errors import ColorizeGANError, UsageError
from colorizegan.formats import NEAREST
from colorizegan.gate import LOCAL, Gate, problem_of
from colorizegan.limits import ServiceLimits
from colorizegan.onephoto import OnePhoto
from colorizegan.options import MEDIA_TYPES, Options, best_format, preference, read_options, schema_of_request
from colorizegan.prediction import describe_file
from colorizegan.service import Service, Turn
from colorizegan.telemetry import Counter, Gauge, Histogram, exposition, process_gauges
from colorizegan.upload import Upload, receive_upload

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

__all__ = ["create_app", "make_server", "serve"]

log = logging.getLogger(__name__)

CHUNK = 1 << 18  # bytes of an answer sent at a time
GRACE = 4  # seconds that requests under way get when the service is to end
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
SWITCH = 0.0005  # seconds between two turns of Python's threads
GONE = 499  # what a client that went away would have got
COLORED = "in colour already, left alone; the option force colorizes it anyway"


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
            Stopped: answer_nobody,
        },
    )
    batches = Histogram("colorizegan_batch_photos", "Photos that the network took at once.", (1, 2, 3, 4, 8))
    photos = Counter("colorizegan_photos_total", "Photos that were colorized.")
    service.network.note = batches.add
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
        card = service.colorizer.bundle.card
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
    photo = OnePhoto(path, service.colorizer, turn, options.settings(), options.format, turn.admit)
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


class Server(uvicorn.Server):
    """uvicorn's, which tells where it listens once it does."""

    def __init__(self, config: uvicorn.Config, listening: Callable[[str], None], service: Service) -> None:
        super().__init__(config)
        self.listening, self.service = listening, service

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        if self.started:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            self.listening(f"http://{f'[{host}]' if ':' in host else host}:{port}/")

    async def shutdown(self, sockets: Any = None) -> None:
        self.service.closing = True  # those who wait are sent away; those under way get their answer
        await super().shutdown(sockets)


def make_server(
    service: Service,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    hosts: Iterable[str] = (),
    mount: Callable[[FastAPI, Colorizer], Callable[[], None]] | None = None,
    listening: Callable[[str], None] = lambda address: None,
) -> Server:
    """A server that is ready to run; arguments as for `serve`."""
    config = uvicorn.Config(
        create_app(service, hosts=(*LOCAL, host, *hosts), mount=mount),
        host=host,
        port=port,
        http=connection_class(service.limits),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=GRACE,
    )
    return Server(config, listening, service)


def serve(
    model: str | Path | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    hosts: Iterable[str] = (),
    limits: ServiceLimits | None = None,
    mount: Callable[[FastAPI, Colorizer], Callable[[], None]] | None = None,
    listening: Callable[[str], None] = lambda address: None,
) -> None:
    """Serve until SIGTERM or SIGINT, which are passed on once all is closed.

    Args:
        model: as for `Colorizer`.
        host, port: where to listen; port 0 is any free one.
        hosts: more names that the server goes by; those of this machine, and `host`, always are.
        limits: default `ServiceLimits()`.
        mount: puts the page into the application.
        listening: called with the address, once requests are taken.

    Raises:
        ModelError: the model is missing or damaged.
        UsageError: it cannot listen there.
    """
    logging.getLogger("uvicorn").addHandler(logging.NullHandler())  # what there is to say, `Gate` says
    service = Service(Colorizer(model), limits)
    server = make_server(service, host=host, port=port, hosts=hosts, mount=mount, listening=listening)
    # Requests are answered while photos are worked on. A thread that computes lets that of the requests in after this
    # time, not after 5 ms; and the garbage collector does not go through all that was loaded, for 120 ms, again and
    # again.
    sys.setswitchinterval(SWITCH)
    gc.collect()
    gc.freeze()
    try:
        server.run()
    except SystemExit as end:
        if server.started:  # it was a signal's handler
            raise
        raise UsageError(f"cannot listen on {host}:{port}", remedy="another program may: give another --port") from end
    finally:
        service.close()
