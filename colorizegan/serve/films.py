"""Films of visitors: a few on the disk, one of them worked on at a time, in a process of its own. No HTTP here.

Each film has a random name that only the one who sent it is told; nothing else leads to it. It is deleted when its
owner says so, when nobody asks for it any more, and when the service ends.
"""

import json
import logging
import re
import secrets
import shutil
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal, cast

from colorizegan.errors import DecodeError, UsageError
from colorizegan.machine import child_command
from colorizegan.serve.limits import FilmLimits
from colorizegan.serve.problems import BusyError, NoSuchFilmError, as_fields

log = logging.getLogger(__name__)

State = Literal["new", "waiting", "working", "done", "failed"]
RESULT = re.compile(r"result\.\w{2,4}")


@dataclass(eq=False)
class StoredFilm:
    """One film, and how far it is."""

    owner: str
    """The address that it came from."""
    folder: Path
    id: str = field(default_factory=lambda: secrets.token_urlsafe(18))
    state: State = "new"
    task: dict[str, Any] = field(default_factory=dict[str, Any])
    """What is or was last done; fields of `video.process.Task`."""
    facts: dict[str, Any] = field(default_factory=dict[str, Any])
    """width, height and seconds, once it has been looked at."""
    frames: int = 0
    total: int = 0
    shots: list[float] = field(default_factory=list[float])
    """The seconds at which they begin."""
    report: dict[str, Any] = field(default_factory=dict[str, Any])
    problem: dict[str, Any] | None = None
    asked: float = field(default_factory=time.monotonic)
    started: float = 0.0
    heard: float = 0.0
    process: subprocess.Popen[str] | None = None
    stopped: bool = False
    """What is being done is not wanted any more."""

    @property
    def path(self) -> Path:
        """The film that came in."""
        return self.folder / "film"

    @property
    def result(self) -> Path | None:
        """The film in colour, where there is one."""
        name = self.report.get("file", "")
        there = self.state == "done" and not self.report.get("skipped") and RESULT.fullmatch(name)
        return self.folder / name if there else None

    def describe(self) -> dict[str, Any]:
        """What its owner may know."""
        rate = self.frames / max(time.monotonic() - self.started, 0.1) if self.state == "working" else 0.0
        return {
            "id": self.id,
            "state": self.state,
            "doing": None if not self.task else "preview" if self.task["preview"] else "colorize",
            **{name: self.facts.get(name) for name in ("width", "height", "seconds")},
            "frames": self.frames,
            "total": self.total,
            "frames_a_second": round(rate, 1),
            "seconds_left": round((self.total - self.frames) / rate) if rate and self.total else None,
            "shots": self.shots,
            "skipped": as_fields(self.report.get("skipped", "")) or None,
            "remarks": list(map(as_fields, self.report.get("remarks", ()))),
            "result": self.result.suffix[1:] if self.result else None,
            "problem": self.problem,
        }


class Films:
    """All films; `model` as for `Colorizer`. Close it in the end."""

    def __init__(self, model: str | Path | None = None, limits: FilmLimits | None = None) -> None:
        self.model, self.limits = model, limits or FilmLimits()
        self.home = tempfile.TemporaryDirectory(prefix="colorizegan-films-")  # mode 0700
        self.films: dict[str, StoredFilm] = {}
        self.waiting: list[StoredFilm] = []
        self.changed = threading.Condition()
        self.closed = False
        self.threads = [threading.Thread(target=one, name="films", daemon=True) for one in (self.work, self.sweep)]
        for thread in self.threads:
            thread.start()

    def add(self, owner: str) -> StoredFilm:
        """A place for a film that is about to come in; BusyError where there is none."""
        with self.changed:
            if self.closed:
                raise BusyError("the service is about to end", remedy="try again in a moment")
            if any(film.owner == owner for film in self.films.values()):
                raise BusyError("a film from your address is here already", remedy="delete that one, or wait")
            if len(self.films) >= self.limits.films:
                raise BusyError("there are as many films as the service takes", remedy="try again later")
            film = StoredFilm(owner, Path(tempfile.mkdtemp(dir=self.home.name)))
            self.films[film.id] = film
            return film

    def find(self, id: str) -> StoredFilm:
        """A film by its name; NoSuchFilmError where there is none."""
        with self.changed:
            film = self.films.get(id)
            if film is None:
                raise NoSuchFilmError("there is no such film, or no longer", remedy="send it again")
            film.asked = time.monotonic()
            return film

    def start(self, film: StoredFilm, *, preview: bool, **task: Any) -> None:
        """Have it done; what is being done with the film is given up."""
        self.stop(film)
        with self.changed:
            film.state, film.problem, film.report = "waiting", None, {}
            film.frames, film.total = 0, 0
            if preview:
                film.shots = []
            film.task = {"preview": preview, **task}
            self.waiting.append(film)
            self.changed.notify_all()

    def stop(self, film: StoredFilm) -> None:
        """Give up what is being done; the film stays."""
        with self.changed:
            if film in self.waiting:
                self.waiting.remove(film)
                film.state = "new"
            film.stopped = True
            while film.process is not None:
                film.process.kill()
                self.changed.wait(1)

    def remove(self, film: StoredFilm) -> None:
        """Delete a film with all that was made of it."""
        self.stop(film)
        with self.changed:
            self.films.pop(film.id, None)
        shutil.rmtree(film.folder, ignore_errors=True)

    def close(self) -> None:
        """Delete all. May be called twice."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()
        for film in list(self.films.values()):
            self.remove(film)
        for thread in self.threads:
            thread.join(10)
        self.home.cleanup()

    # --- in threads ---

    def sweep(self) -> None:
        """Remove films that nobody asks for any more, and stop what makes no progress."""
        while not self.closed:
            now = time.monotonic()
            for film in list(self.films.values()):
                if now - film.asked > self.limits.forgotten:
                    log.info("a film is deleted: nobody has asked for it for %.0f s", self.limits.forgotten)
                    self.remove(film)
                elif film.process is not None and now - film.heard > self.limits.silence:
                    film.process.kill()
            with self.changed:
                self.changed.wait(min(5.0, self.limits.forgotten / 2, self.limits.silence / 2))

    def work(self) -> None:
        """One film after the other."""
        while True:
            with self.changed:
                while not self.waiting and not self.closed:
                    self.changed.wait()
                if self.closed:
                    return
                film = self.waiting.pop(0)
                film.stopped = False
                film.state, film.started, film.heard = "working", time.monotonic(), time.monotonic()
                try:
                    film.process = self.start_process()
                except OSError:
                    film.state, film.problem = "failed", as_problem(UsageError("the service cannot start a process"))
                    continue
                process = film.process
            try:
                self.follow(film, process)
            finally:
                process.kill()
                process.wait()
                for pipe in (process.stdin, process.stdout):
                    with suppress(OSError):  # it may have died before it had read its task
                        cast(IO[str], pipe).close()
                with self.changed:
                    film.process = None
                    self.changed.notify_all()

    def start_process(self) -> subprocess.Popen[str]:
        """A process that waits for a task."""
        return subprocess.Popen(  # noqa: S603 (nothing here comes from a film)
            child_command("colorizegan.video.process"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )

    def follow(self, film: StoredFilm, process: subprocess.Popen[str]) -> None:
        """Hand the task over, and note what comes back."""
        limits, model = self.limits, None if self.model is None else str(self.model)
        own = {"film": str(film.path), "folder": str(film.folder), "model": model}
        most = {"bytes": 4 * limits.bytes, "pixels": limits.pixels, "frames": limits.frames}
        task, ended = json.dumps(own | most | film.task), False
        try:
            requests, answers = cast(IO[str], process.stdin), cast(IO[str], process.stdout)
            requests.write(task + "\n")
            requests.flush()
            for line in answers:
                ended |= self.note(film, json.loads(line))
        except (OSError, ValueError, TypeError, AttributeError, KeyError):  # it has died, or speaks nonsense
            pass
        if not ended:
            late = time.monotonic() - film.heard > self.limits.silence
            with self.changed:
                if film.stopped:
                    film.state = "new"
                    return
                film.state = "failed"
                what = "it takes too long" if late else "the work on it has ended too early"
                film.problem = as_problem(DecodeError(what, remedy="the film may be damaged"))

    def note(self, film: StoredFilm, words: dict[str, Any]) -> bool:
        """Note a line of the process; whether it was the last."""
        with self.changed:
            film.heard = time.monotonic()
            film.frames, film.total = words.get("frames", film.frames), words.get("total", film.total)
            if "width" in words:
                film.facts = words
            if "shot" in words:
                film.shots = [*film.shots, words["shot"]]
            if "error" in words:
                error: dict[str, Any] = words["error"]
                film.state, film.problem = "failed", {**error, "detail": as_fields(error["detail"])}
                if words.get("trace"):
                    log.error("a film: %s", words["trace"])
            if "done" in words:
                film.state, film.report = "done", words["done"]
                film.frames = film.total = words["done"].get("frames", film.total)
            return "error" in words or "done" in words


def as_problem(error: DecodeError | UsageError) -> dict[str, Any]:
    return {"code": error.code, "detail": f"{error.reason}; {error.remedy}"}
