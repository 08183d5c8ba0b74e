"""The HTTP service: photos in, colour photos out, and what the network says of them. A thin shell over `Service`."""

from __future__ import annotations

import gc
import logging
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, BinaryIO

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.exceptions import HTTPException
from starlette.routing import Mount, Route

from colorizegan import __version__
from colorizegan.answers import PROBLEMS, Photo, answer_error, answer_http_error, answer_nobody, answer_unknown
from colorizegan.colorizer import Colorizer
from colorizegan.connection import connection_class
from colorizegan.errors import ColorizeGANError, UsageError
from colorizegan.formats import NEAREST
from colorizegan.gate import LOCAL, Gate
from colorizegan.limits import ServiceLimits
from colorizegan.onephoto import OnePhoto
from colorizegan.options import MEDIA_TYPES, Options, best_format, preference, read_options, schema_of_request
from colorizegan.prediction import describe_file
from colorizegan.room import Stopped
from colorizegan.service import Service, Turn
from colorizegan.telemetry import Counter, Gauge, Histogram, exposition, process_gauges
from colorizegan.upload import Upload, receive_upload

__all__ = ["create_app", "make_server", "serve"]

log = logging.getLogger(__name__)

GRACE = 4  # seconds that requests under way get when the service is to end
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
SWITCH = 0.0005  # seconds between two turns of Python's threads
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
