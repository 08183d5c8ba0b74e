"""A server that speaks as much of the Hugging Face Hub's HTTP as huggingface_hub asks for: models, files, commits."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit


@dataclass
class Hub:
    """What the server has, and what it was asked."""

    url: str = ""
    models: dict[str, dict[str, bytes]] = field(default_factory=dict)
    """Repository -> file -> content."""
    cards: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Repository -> front matter of its README.md."""
    closed: set[str] = field(default_factory=set)
    """Repositories that are only for those who were let in."""
    requests: list[str] = field(default_factory=list)
    uploads: dict[str, bytes] = field(default_factory=dict)
    """SHA-256 -> content of large files."""

    def put(self, repository: str, folder: Path, **card: Any) -> None:
        """Make a repository of the files of a folder."""
        files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        self.models[repository], self.cards[repository] = files, card

    def commit_of(self, repository: str) -> str:
        """The hash of what it holds now."""
        found = hashlib.sha1(repository.encode())
        for name, content in sorted(self.models[repository].items()):
            found.update(name.encode() + content)
        return found.hexdigest()


class Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", headers.pop("length", str(len(body))))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def tell(self, value: Any) -> None:
        self.answer(200, json.dumps(value).encode(), Content_Type="application/json")

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append(f"{self.command} {path}")
        found = re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path) or re.fullmatch(
            r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path
        )
        if found is None:
            self.answer(404)
            return
        repository, revision = found[1], found[2]
        if repository in self.hub.closed:
            self.answer(403, X_Error_Code="GatedRepo", X_Error_Message="Access is restricted")
        elif repository not in self.hub.models:
            self.answer(404, X_Error_Code="RepoNotFound", X_Error_Message="Repository not found")
        elif revision not in (None, "main", "v1", self.hub.commit_of(repository)):
            self.answer(404, X_Error_Code="RevisionNotFound", X_Error_Message="Revision not found")
        elif path.startswith("/api/"):
            siblings = [{"rfilename": name} for name in self.hub.models[repository]]
            facts = {"id": repository, "sha": self.hub.commit_of(repository), "siblings": siblings, "tags": []}
            self.tell(facts | {"cardData": self.hub.cards[repository], "private": False, "gated": False})
        elif found[3] not in self.hub.models[repository]:
            self.answer(404, X_Error_Code="EntryNotFound", X_Error_Message="Entry not found")
        else:
            content = self.hub.models[repository][found[3]]
            tag = f'"{hashlib.sha1(content).hexdigest()}"'
            commit = self.hub.commit_of(repository)
            self.answer(200, content, ETag=tag, X_Repo_Commit=commit, length=str(len(content)))

    def do_PUT(self) -> None:
        self.hub.requests.append(f"PUT {self.path}")
        content = self.body()
        self.hub.uploads[hashlib.sha256(content).hexdigest()] = content
        self.answer(200)

    def do_POST(self) -> None:
        path, raw = urlsplit(self.path).path, self.body()
        self.hub.requests.append(f"POST {path}")
        if path == "/api/repos/create":
            given = json.loads(raw)
            owner = given.get("organization") or "somebody"
            self.hub.models.setdefault(f"{owner}/{given['name'].rpartition('/')[2]}", {})
            self.tell({"url": f"{self.hub.url}/{owner}/{given['name']}"})
        elif path == "/api/validate-yaml":
            self.tell({"errors": [], "warnings": []})
        elif "/preupload/" in path:
            large = {file["path"] for file in json.loads(raw)["files"] if file["path"].endswith(".safetensors")}
            files = [file["path"] for file in json.loads(raw)["files"]]
            modes = [{"path": name, "uploadMode": "lfs" if name in large else "regular"} for name in files]
            self.tell({"files": [mode | {"shouldIgnore": False} for mode in modes]})
        elif path.endswith("/info/lfs/objects/batch"):
            wanted = json.loads(raw)["objects"]
            links = [{"upload": {"href": f"{self.hub.url}/upload/{one['oid']}", "header": {}}} for one in wanted]
            objects = [one | {"actions": link} for one, link in zip(wanted, links, strict=True)]
            self.tell({"transfer": "basic", "objects": objects})
        elif found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/commit/main", path):
            files = self.hub.models[found[1]]
            for line in map(json.loads, raw.splitlines()):
                value = line["value"]
                if line["key"] == "file":
                    files[value["path"]] = base64.b64decode(value["content"])
                elif line["key"] == "lfsFile":
                    files[value["path"]] = self.hub.uploads[value["oid"]]
            self.hub.cards.setdefault(found[1], {})
            commit = self.hub.commit_of(found[1])
            address = f"{self.hub.url}/{found[1]}/commit/{commit}"
            self.tell({"success": True, "commitOid": commit, "commitUrl": address})
        else:
            self.answer(404)


@contextmanager
def hub() -> Iterator[Hub]:
    """A server on a free port of this machine, until the block ends."""
    state = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Asked", (Handler,), {"hub": state}))
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
