"""The files of the page, served from memory: what may be had is a fixed list, so no request can name another file."""

import hashlib
from pathlib import Path

from fastapi import FastAPI, Request, Response

FOLDER = Path(__file__).parent / "page"
EXAMPLES = (FOLDER / "examples", Path(__file__).parents[2] / "examples/photos/gray")  # installed; in the source tree
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
    ".jpg": "image/jpeg",
}


def add_page(app: FastAPI) -> None:
    """Answer `/`, `/docs` and what these pages load."""
    for path, (content, kind) in read_files().items():
        add_file(app, path, content, kind)


def read_files() -> dict[str, tuple[bytes, str]]:
    """Every file by its path in addresses: (content, media type)."""
    paths = {f"/{file.relative_to(FOLDER).as_posix()}": file for file in FOLDER.rglob("*")}
    paths |= {f"/examples/{file.name}": file for folder in EXAMPLES for file in folder.glob("*.jpg")}
    files = {path: (file.read_bytes(), TYPES[file.suffix]) for path, file in paths.items() if file.suffix in TYPES}
    return files | {"/": files.pop("/index.html"), "/docs": files.pop("/docs/docs.html")}


def add_file(app: FastAPI, path: str, content: bytes, kind: str) -> None:
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"etag": tag, "cache-control": "no-cache"}  # asked again each time, and sent again only where it changed

    async def answer(request: Request) -> Response:
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=kind, headers=headers)

    app.add_route(path, answer, ["GET"], include_in_schema=False)
