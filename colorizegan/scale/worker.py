"""A block of photos on one core of the cluster, done as one machine would do them."""

import io
import os
import platform
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, cast

import numpy as np

from colorizegan import __version__
from colorizegan.batch.job import BatchRun, Result, run_job
from colorizegan.batch.jobs import Job
from colorizegan.batch.ledger import Entry, as_entry, as_line
from colorizegan.batch.originals import Originals
from colorizegan.batch.run import RunSettings, reason_to_end
from colorizegan.colorizer import Colorizer
from colorizegan.errors import ColorizeGANError, InputError, ModelError, OutputError, as_our_error
from colorizegan.files import name_tag
from colorizegan.machine import MemoryBudget, cpu_threads, keep_freed_memory
from colorizegan.photo.metadata.xmp import ENDINGS as SIDECARS
from colorizegan.photo.metadata.xmp import NAMESPACE
from colorizegan.photo.reader import Reader
from colorizegan.scale.parts import BlockLedger, part_name
from colorizegan.scale.sources import Places
from colorizegan.scale.storage import Storage, reason
from colorizegan.steer.hints import ENDING as HINTS

FOLDER = "colorizegan-ray-"  # for photos or a ledger from elsewhere; then the machine, and the process
AT_ONCE = 2  # photos: while one waits for its bytes to reach the disk, the other keeps the core busy


@dataclass(frozen=True)
class Setup:
    """What all workers of a run are told."""

    run: str
    """Eight hex digits that no other run has."""
    settings: RunSettings
    digest: str
    """Of its model, so that no machine works with another one."""
    version: str
    """Of this package."""
    root: Path
    """Folder of the results."""
    places: Places | None
    folder: str = field(default_factory=os.getcwd)
    """What relative paths begin at."""


@dataclass(frozen=True)
class Answer:
    """What became of one photo."""

    result: Result
    lines: tuple[Entry, ...]
    """For the ledger."""
    fatal: ColorizeGANError | None = None
    """Why the run as a whole cannot go on."""
    lost: bool = False
    """Nothing: a worker that had begun with its block was lost."""


class PhotoWorker:
    """An actor of Ray Data, on one core."""

    def __init__(self, setup: Setup) -> None:
        keep_freed_memory()
        with suppress(OSError):
            os.chdir(setup.folder)
        remove_abandoned()
        self.setup = setup
        self.reader = Reader(ready=AT_ONCE, threads=1)
        self.pool = ThreadPoolExecutor(AT_ONCE)
        self.budget = MemoryBudget(max(1, MemoryBudget().pixels // cpu_threads()))
        self.broken: ColorizeGANError | None = None
        try:
            self.colorizer = Colorizer(setup.settings.model, threads=1, device=setup.settings.device)
            if (self.colorizer.network.digest, __version__) != (setup.digest, setup.version):
                what = f"{platform.node()} has another model or version of ColorizeGAN ({__version__})"
                raise ModelError(what, path=setup.settings.model, remedy="install the same on every machine")
        except ColorizeGANError as error:  # told with the first block: the death of a worker would be tried again
            self.broken = error

    def __call__(self, block: dict[str, Any]) -> dict[str, Any]:
        """A block with the columns number, source, target, earlier -> number, answer.

        Ray gives a block to another worker where one is lost. That one says so of each photo: any of them may
        have killed the worker before, so they are to be tried one by one.
        """
        numbers = [int(number) for number in block["number"]]
        jobs = [
            Job(Path(os.fsdecode(s)), Path(os.fsdecode(t)))
            for s, t in zip(block["source"], block["target"], strict=True)
        ]
        earlier = {entry.output: entry for text in block["earlier"] if (entry := as_entry(text.encode())) is not None}
        try:
            answers = self.answers(jobs, numbers[0], earlier)
        except Exception as error:  # of no photo: told, or Ray would have it tried again
            ours = as_our_error(error, str(self.setup.root))
            answers = [Answer(Result(job, "failed", str(ours)), (), ours) for job in jobs]
        column = np.empty(len(answers), object)
        column[:] = answers
        return {"number": np.array(numbers, np.int64), "answer": column}

    def answers(self, jobs: list[Job], block: int, earlier: dict[str, Entry]) -> list[Answer]:
        """What became of the photos of a block."""
        if self.broken is not None:
            raise self.broken
        if self.was_begun(block):
            return [Answer(Result(job, "failed"), (), lost=True) for job in jobs]
        if self.setup.places is None:
            return self.do(jobs, self.setup.root, self.setup.root, block, earlier)
        return self.do_elsewhere(jobs, self.setup.places, block, earlier)

    def was_begun(self, block: int) -> bool:
        """Whether a worker before this one has begun a block; from now on it is begun. Told by its part."""
        part, places = self.setup.root / part_name(self.setup.run, block), self.setup.places
        if places is None:
            try:
                part.parent.mkdir(parents=True, exist_ok=True)
                part.touch(exist_ok=False)
            except FileExistsError:
                return True
            except OSError as error:
                what = f"cannot be written to ({error.strerror})"
                raise OutputError(what, path=part.parent, remedy="name another folder") from error
            return False
        if places.results.find(part) is not None:
            return True
        places.results.put(part, io.BytesIO())
        return False

    def do(self, jobs: list[Job], root: Path, home: Path, block: int, earlier: dict[str, Entry]) -> list[Answer]:
        """The jobs of a block, on file systems that this machine has; its part of the ledger lies in `home`."""
        ledger = BlockLedger(root, home / part_name(self.setup.run, block), earlier)
        originals = Originals(())  # that no result replaces another photo was seen to before
        options, overwrite = self.setup.settings.options, self.setup.settings.overwrite
        run = BatchRun(self.colorizer, self.reader, options, overwrite, ledger, originals, self.budget, Event())
        try:
            results = list(self.pool.map(lambda job: run_job(run, job), jobs))
        finally:
            ledger.close()
        lines = {entry.output: entry for entry in ledger.lines if entry.status != "writing"}
        answers: list[Answer] = []
        for result in results:
            line = lines.get(ledger.name_of(result.job.target))
            answers.append(Answer(result, (line,) if line else (), reason_to_end(result, run)))
        return answers

    def do_elsewhere(self, jobs: list[Job], places: Places, block: int, earlier: dict[str, Entry]) -> list[Answer]:
        """The same on file systems elsewhere, by way of a folder of this machine. What is sent appears whole.

        The part of the ledger goes first and says of every result what its hash will be.
        """
        with tempfile.TemporaryDirectory(prefix=spool_prefix(f"{os.getpid()}-")) as folder:
            here = Path(folder).resolve()
            out = here / "out"
            near = [Job(here / "in" / inside(j.source), out / j.target.relative_to(self.setup.root)) for j in jobs]
            unread = dict(zip(near, self.pool.map(partial(self.fetch, places), jobs, near), strict=True))
            read = [job for job, error in unread.items() if error is None]
            done = dict(zip(read, self.do(read, out, here, block, earlier), strict=True))
            answers = [failed(job, error, out) if error else done[job] for job, error in unread.items()]
            root = places.results.named(self.setup.root)
            names = ((f"{here / 'in'}/", places.sources.named(Path("/"))), (f"{out}/", f"{root}/"))
            lines = [line for answer in answers for line in renamed(answer, names).lines]
            part = b"".join(as_line(replace(one, status="writing") if one.status == "done" else one) for one in lines)
            places.results.put(self.setup.root / part_name(self.setup.run, block), io.BytesIO(part))
            left = {answer.result.job.target for answer in answers if answer.result.status != "done"}
            made = [path for path in out.rglob("*") if path.is_file() and path not in left]
            sent = dict(zip(made, self.pool.map(partial(self.send, places.results, out), made), strict=True))
            answers = [
                failed(answer.result.job, error, out) if (error := sent.get(answer.result.job.target)) else answer
                for answer in answers
            ]
            return [renamed(answer, names) for answer in answers]

    def fetch(self, places: Places, job: Job, near: Job) -> ColorizeGANError | None:
        """Bring a photo here, or what passes for it where its result is there already: of the same size and date."""
        sources = places.sources
        place, file = Path(str(job.source)), Path(str(near.source))
        try:
            found = sources.find(place)
            if found is None:
                return InputError("is not there", path=file)
            file.parent.mkdir(parents=True, exist_ok=True)
            if self.setup.settings.options.use_saved_hints:
                fetch_beside(sources, place, file, HINTS)
            if places.results.find(job.target) is not None and not self.setup.settings.overwrite:
                near.target.parent.mkdir(parents=True, exist_ok=True)
                # What lies in an object store is not fetched to look: `check_is_ours` is to take it for a result.
                near.target.write_bytes(NAMESPACE.encode())
                file.touch()
                os.truncate(file, found.size or 0)
            else:
                sources.fetch(place, file)
                if not self.setup.settings.options.strip:
                    any(fetch_beside(sources, place, file, ending) for ending in SIDECARS)
            os.utime(file, ns=(found.mtime_ns or 0, found.mtime_ns or 0))
        except ColorizeGANError as error:
            return error
        except OSError as error:
            return InputError(f"cannot be read ({reason(error)})", path=file)
        return None

    def send(self, results: Storage, out: Path, path: Path) -> ColorizeGANError | None:
        """Write a file that was made here to where it belongs."""
        try:
            with path.open("rb") as file:
                results.put(self.setup.root / path.relative_to(out), file)
        except OutputError as error:
            return error
        return None


def spool_prefix(process: str) -> str:
    """How a folder begins that a process of this machine has for photos or a ledger from elsewhere."""
    return f"{FOLDER}{name_tag(platform.node())}-{process}"


def remove_abandoned() -> None:
    """Remove folders that killed processes left on this machine, where /proc tells which processes there are.

    Those of other machines stay: the folder for temporary files may lie on a disk that they share.
    """
    if not Path("/proc/self").exists():
        return
    of_this_machine = spool_prefix("")
    for path in Path(tempfile.gettempdir()).glob(f"{of_this_machine}*"):
        process = path.name.removeprefix(of_this_machine).partition("-")[0]
        with suppress(OSError):
            if path.stat().st_uid == os.getuid() and not Path(f"/proc/{process}").exists():
                shutil.rmtree(path)


def fetch_beside(sources: Storage, place: Path, file: Path, ending: str) -> bool:
    """Bring what lies beside a photo and ends like this, if it is there: its hints, its sidecar."""
    place, file = Path(f"{place}{ending}"), Path(f"{file}{ending}")
    found = sources.find(place) is not None
    if found:
        sources.fetch(place, file)
    return found


def inside(source: Path | bytes) -> Path:
    """A place as a path below a folder of this machine."""
    path = Path(str(source))
    return path.relative_to(path.anchor)


def failed(job: Job, error: ColorizeGANError, out: Path) -> Answer:
    """The answer of a photo that could not be fetched, or whose result could not be sent."""
    name = job.target.relative_to(out).as_posix()
    line = Entry(name, "failed", str(job.source), code=error.code, message=str(error))
    return Answer(Result(job, "failed", str(error), error=error), (line,))


def renamed(answer: Answer, names: tuple[tuple[str, str], ...]) -> Answer:
    """An answer in which files of this machine are called as the user calls them."""

    def plain(text: str) -> str:
        for here, there in names:
            text = text.replace(here, there)
        return text

    result = answer.result
    if isinstance(result.error, ColorizeGANError) and result.error.path is not None:
        result.error.path = plain(result.error.path)
    job = Job(cast(Path, plain(str(result.job.source))), cast(Path, plain(str(result.job.target))))  # to be said only
    remarks = tuple(map(plain, result.remarks))
    lines = tuple(
        replace(line, input=plain(line.input), message=line.message and plain(line.message)) for line in answer.lines
    )
    return replace(answer, result=replace(result, job=job, reason=plain(result.reason), remarks=remarks), lines=lines)
