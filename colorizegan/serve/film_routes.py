"""The routes of films: one is sent, previewed by its shots, colorized, fetched, and deleted."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Literal

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from pydantic import Field

from colorizegan.errors import InputError, TooLargeError, UsageError
from colorizegan.files import is_disk_full
from colorizegan.serve.films import Films, StoredFilm
from colorizegan.serve.options import Wishes, validated
from colorizegan.serve.problems import PROBLEMS, BusyError
from colorizegan.serve.upload import bounded, write_body

NO_STORE = {"cache-control": "no-store"}
MEDIA_TYPES = {
    "mp4": "video/mp4", "mov": "video/quicktime", "mkv": "video/x-matroska", "webm": "video/webm",
    "avi": "video/x-msvideo", "ts": "video/mp2t",
}  # fmt: skip


class FilmWishes(Wishes):
    """How a film is colorized and written."""

    format: Literal["mp4", "mov", "mkv", "webm", "avi", "ts"] | None = Field(
        None, description="Container of the result; default that of the film."
    )
    codec: Literal["h264", "hevc", "vp9", "av1"] | None = Field(None, description="Of the picture; default H.264.")
    quality: int = Field(80, ge=1, le=100, description="Of the picture; 100 loses nothing.")

    def task(self) -> dict[str, Any]:
        """As `video.process.Task` has it."""
        options = self.model_dump(include={"codec", "quality", "force"})
        container = None if self.format is None else f".{self.format}"
        return {"look": self.asked(), "options": options, "container": container}


def add_films(app: FastAPI, films: Films) -> None:
    binary = {"schema": {"type": "string", "format": "binary", "description": "The file of a film."}}
    body = {"requestBody": {"required": True, "content": {"application/octet-stream": binary, "video/*": binary}}}
    wishes = {
        "parameters": [
            {"name": name, "in": "query", "required": False, "schema": entry}
            for name, entry in FilmWishes.model_json_schema()["properties"].items()
        ]
    }

    def state(film: StoredFilm, status: int = 200) -> JSONResponse:
        return JSONResponse(film.describe(), status, NO_STORE)

    @app.post("/v1/films", summary="Send a film", status_code=201, responses=PROBLEMS, openapi_extra=body)
    async def send(request: Request) -> Response:
        film = films.add(request.client.host if request.client else "")
        try:
            await receive_film(films, film, request)
        except BaseException:
            await asyncio.to_thread(films.remove, film)
            raise
        return state(film, 201)

    @app.get("/v1/films/{id}", summary="How far a film is", responses=PROBLEMS)
    async def ask(id: str) -> Response:
        return state(films.find(id))

    @app.post("/v1/films/{id}/preview", summary="Find its shots, a picture of each", openapi_extra=wishes)
    async def preview(id: str, request: Request) -> Response:
        return await begin(id, request.query_params, preview=True)

    @app.post("/v1/films/{id}/colorize", summary="Make the film in colour", openapi_extra=wishes)
    async def colorize(id: str, request: Request) -> Response:
        return await begin(id, request.query_params, preview=False)

    async def begin(id: str, query: Mapping[str, str], *, preview: bool) -> Response:
        film, found = films.find(id), validated(FilmWishes, query)
        await asyncio.to_thread(films.start, film, preview=preview, **found.task())
        return state(film, 202)

    @app.post("/v1/films/{id}/stop", summary="Give up what is being done with it")
    async def stop(id: str) -> Response:
        film = films.find(id)
        await asyncio.to_thread(films.stop, film)
        return state(film)

    @app.get("/v1/films/{id}/shots/{number}", summary="The picture of a shot, from 1 on", response_class=Response)
    async def shot(id: str, number: int) -> Response:
        film = films.find(id)
        if not 1 <= number <= len(film.shots):
            raise InputError(f"there is no picture of a shot {number}", remedy=f"there are {len(film.shots)}")
        return FileResponse(film.folder / f"shot-{number:05d}.jpg", media_type="image/jpeg", headers=NO_STORE)

    @app.get("/v1/films/{id}/result", summary="The film in colour", response_class=Response)
    async def result(id: str) -> Response:
        path = films.find(id).result
        if path is None:
            raise InputError("the film is not in colour yet", remedy="ask /v1/films/ID whether it is done")
        return FileResponse(path, media_type=MEDIA_TYPES[path.suffix[1:]], headers=NO_STORE)

    @app.delete("/v1/films/{id}", summary="Delete a film with all that was made of it", status_code=204)
    async def remove(id: str) -> Response:
        await asyncio.to_thread(films.remove, films.find(id))
        return Response(status_code=204)


async def receive_film(films: Films, film: StoredFilm, request: Request) -> None:
    """The body is the film. UsageError where there is none in it, BusyError where the disk is full; as `bounded`."""

    def note(_: int) -> None:
        film.asked = time.monotonic()

    limits = films.limits
    too_large = TooLargeError(f"the film has more than {limits.bytes:,} bytes", remedy="make it smaller or cut it")
    receive = bounded(request, limits.bytes, limits.upload, limits.pause, too_large, note)
    try:
        with film.path.open("xb", buffering=0) as file:
            size = await write_body(receive, file)
    except OSError as error:
        if not is_disk_full(error):
            raise
        raise BusyError("there is no room for a film", remedy="try again later") from None
    if not size:
        raise UsageError("the body of the request is empty", remedy="send a film that is not")
