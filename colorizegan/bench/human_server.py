"""The page of the human test, served to this machine only."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any

from colorizegan.bench.entrants import BASELINES, open_entrant
from colorizegan.bench.human import Answer, Study, Trial, append_answer, rates, read_answers, table
from colorizegan.bench.protocols import find_protocol, open_photos
from colorizegan.errors import ColorizeGANError, UsageError

HOST = "127.0.0.1"
LONGEST_BODY = 4096  # bytes
SHOWN = 1000  # ms, as in the papers
_POLICY = (
    "default-src 'none'; img-src 'self' blob:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "connect-src 'self'"
)


def open_human_test(
    protocol: str,
    data: Path | str,
    entrants: Mapping[str, str],
    answers: Path,
    *,
    names: Path | None = None,
    trials: int = 40,
    seed: int = 0,
    port: int = 0,
) -> HumanServer:
    """A human test under a named protocol, ready to `serve`; arguments as for `run.evaluate` and `HumanServer`."""
    chosen = find_protocol(protocol)
    if clash := [name for name in entrants if name in BASELINES]:
        raise UsageError(f"entrant name {clash[0]!r} is a baseline's", remedy="choose another name")
    photos = open_photos(chosen, data, names=names)
    rivals = {name: open_entrant(spec, photos) for name, spec in entrants.items()}
    return HumanServer(Study(photos, chosen, rivals, trials, seed), answers, port)


class _RequestError(Exception):
    """A request that is answered with an HTTP status and a line."""

    def __init__(self, status: int, line: str) -> None:
        super().__init__(line)
        self.status, self.line = status, line


@dataclass
class _Session:
    observer: str
    trials: list[Trial]
    answered: int = 0
    pictures: tuple[int, tuple[bytes, bytes]] | None = None
    """The trial whose pictures are at hand, and these."""
    lock: threading.Lock = field(default_factory=threading.Lock)


class HumanServer:
    """Serves a study on 127.0.0.1 and appends every answer to a file at once.

    study: what is shown; answers: file of JSON lines, added to where there is one; port: 0 = any free one; shown: ms
    that each picture is seen. Raises UsageError for a port that is taken, DataError for a file of something else.
    """

    def __init__(self, study: Study, answers: Path, port: int = 0, shown: int = SHOWN) -> None:
        self.study, self.answers, self.shown = study, Path(answers), shown
        self.started = len({answer.session for answer in read_answers(self.answers)})
        self.sessions: dict[str, _Session] = {}
        self.lock = threading.Lock()
        self.page = files("colorizegan.bench").joinpath("human.html").read_bytes()
        try:
            self.http = ThreadingHTTPServer((HOST, port), _handler(self))
        except (OSError, OverflowError) as error:
            raise UsageError(f"port {port} cannot be used ({error})", remedy="give another with --port") from None
        self.http.daemon_threads = True
        self.port: int = self.http.server_address[1]
        self.address = f"http://{HOST}:{self.port}/"

    def serve(self) -> None:
        """Serve until somebody ends the test on the page, or Ctrl-C."""
        try:
            self.http.serve_forever(poll_interval=0.1)
        except KeyboardInterrupt:
            pass
        finally:
            self.http.server_close()

    def stop(self) -> None:
        """End `serve`, from another thread."""
        threading.Thread(target=self.http.shutdown, daemon=True).start()

    def table(self) -> str:
        """The fooled rates over all answers in the file, as Markdown."""
        return table(read_answers(self.answers))

    def begin(self, observer: str) -> dict[str, Any]:
        """Start a session: what the page needs to know."""
        with self.lock:
            number, self.started = self.started, self.started + 1
            session = secrets.token_hex(8)
            self.sessions[session] = _Session(observer[:80], self.study.session(number))
        sizes = {"practice": self.study.practice, "trials": len(self.sessions[session].trials)}
        return {"session": session, "shown": self.shown, **sizes}

    def picture(self, session: str, trial: int, place: int) -> bytes:
        """The PNG shown at place 1 or 2 of the trial that is next; others are not given out."""
        found = self.find(session)
        with found.lock:
            if trial != found.answered or trial >= len(found.trials) or place not in (1, 2):
                raise _RequestError(404, "no such picture now")
            if found.pictures is None or found.pictures[0] != trial:
                found.pictures = trial, self.study.pictures(found.trials[trial])
            return found.pictures[1][place - 1]

    def answer(self, session: str, trial: Any, choice: Any, milliseconds: Any) -> dict[str, Any]:
        """Take one answer; says whether it was right in practice only."""
        found = self.find(session)
        if type(trial) is not int or type(milliseconds) is not int or choice not in (1, 2) or type(choice) is not int:
            raise _RequestError(400, "an answer has a trial, a choice of 1 or 2 and milliseconds")
        with found.lock:
            if trial != found.answered or trial >= len(found.trials):
                raise _RequestError(409, "this trial is not the next one")
            asked = found.trials[trial]
            taken = Answer(
                session=session,
                observer=found.observer,
                protocol=self.study.protocol.name,
                entrant=asked.entrant,
                photo=self.study.photos.keys[asked.photo],
                real_first=asked.real_first,
                choice=choice,
                practice=asked.practice,
                milliseconds=milliseconds,
                time=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            )
            append_answer(self.answers, taken, self.lock)
            found.answered += 1
        return {"right": not taken.fooled} if asked.practice else {}

    def result(self, session: str) -> dict[str, Any]:
        """The rates over all answers in the file, for somebody who has finished: before that they would give hints."""
        found = self.find(session)
        if found.answered < len(found.trials):
            raise _RequestError(409, "this session is not finished")
        return {"rates": [vars(rate) for rate in rates(read_answers(self.answers))]}

    def find(self, session: str) -> _Session:
        if session not in self.sessions:
            raise _RequestError(404, "no such session")
        return self.sessions[session]


def _handler(server: HumanServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_GET(self) -> None:
            self.respond(self.get)

        def do_POST(self) -> None:
            self.respond(self.post)

        def get(self) -> tuple[str, bytes]:
            parts = self.path.strip("/").split("/")
            if self.path == "/":
                return "text/html; charset=utf-8", server.page
            if parts[0] == "picture" and len(parts) == 4 and parts[2].isdecimal() and parts[3].isdecimal():
                return "image/png", server.picture(parts[1], int(parts[2]), int(parts[3]))
            if parts[0] == "result" and len(parts) == 2:
                return "application/json", json.dumps(server.result(parts[1])).encode()
            raise _RequestError(404, "no such page")

        def post(self) -> tuple[str, bytes]:
            body = self.body()
            reply: dict[str, Any] = {}
            if self.path == "/session":
                reply = server.begin(str(body.get("observer", "")))
            elif self.path == "/answer":
                session = str(body.get("session"))
                reply = server.answer(session, body.get("trial"), body.get("choice"), body.get("milliseconds"))
            elif self.path != "/finish":
                raise _RequestError(404, "no such page")
            return "application/json", json.dumps(reply).encode()

        def body(self) -> dict[str, Any]:
            # application/json cannot be sent from another site's page without asking first
            if self.headers.get("Content-Type") != "application/json":
                raise _RequestError(415, "send application/json")
            length = self.headers.get("Content-Length", "")
            if not length.isdecimal() or int(length) > LONGEST_BODY:
                self.close_connection = True
                raise _RequestError(413, f"send at most {LONGEST_BODY} bytes, with their number")
            try:
                found = json.loads(self.rfile.read(int(length)))
            except ValueError:
                raise _RequestError(400, "not JSON") from None
            if not isinstance(found, dict):
                raise _RequestError(400, "not a JSON object")
            return found

        def respond(self, work: Any) -> None:
            try:
                # a name that only points at this machine may belong to a page that wants to read along
                if self.headers.get("Host") not in (f"{HOST}:{server.port}", f"localhost:{server.port}"):
                    raise _RequestError(403, "wrong host")
                status, (kind, content) = 200, work()
            except _RequestError as refused:
                status, kind, content = refused.status, "application/json", json.dumps({"error": refused.line}).encode()
            except ColorizeGANError as error:
                status, kind, content = 500, "application/json", json.dumps({"error": str(error)}).encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("Content-Security-Policy", _POLICY)
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            self.wfile.write(content)
            if self.command == "POST" and self.path == "/finish" and status == 200:
                server.stop()  # only now: the program may end before a later answer is sent

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: the terminal is for the result."""

    return Handler
