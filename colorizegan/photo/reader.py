"""Reads photos in processes of their own: a decoder that crashes, hangs or fills the memory costs one photo only.

Each process decodes one photo at a time and lives on; pixels come back through its pipe, at about a millisecond for a
megapixel. A photo on which a process dies is tried once more in a new one if the old one had read others before, as it
may have been these that did the damage.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, cast

from colorizegan import errors
from colorizegan.errors import ColorizeGANError, DecodeError
from colorizegan.machine import MALLOC_ENVIRONMENT
from colorizegan.photo.photo import Limits, Photo
from colorizegan.photo.reader_process import Request, receive, send, take_photo

if TYPE_CHECKING:
    from types import TracebackType

log = logging.getLogger(__name__)

# Seconds that a photo may take by the clock, for decoders that wait for ever; busy ones are ended by their CPU time.
# A slow disk is no hang: it is expected to give at least so many bytes a second.
SECONDS, SECONDS_A_MPX, SLOWEST_DISK = 30.0, 2.0, 500_000
TICK = 0.25  # seconds; time in which this process was stopped counts as one tick
LAST_BREATH = 10.0  # seconds that a process gets to end after it closed its pipes
PIPE = 1 << 20  # bytes
F_SETPIPE_SZ = 1031  # of Linux; in the module fcntl from Python 3.10 on, but not on every system
REMEDY = "it may be damaged, or made to do harm: leave it out"


class Reader:
    """Decoder processes, as many as threads read at the same time. Thread-safe; a context manager.

    Args:
        limits: default `Limits()`.
        allow_truncated: as for `read_photo`.
        ready: processes that are started right away, for photos that will be read soon.
        threads: that each process may use.
    """

    def __init__(
        self, *, limits: Limits | None = None, allow_truncated: bool = False, ready: int = 0, threads: int = 1
    ) -> None:
        self.limits = limits or Limits()
        self.allow_truncated = allow_truncated
        self.threads = threads
        self.lock = threading.Lock()
        self.closed = threading.Event()
        self.idle: list[Decoder] = []
        self.busy: set[Decoder] = set()
        self.watch: threading.Thread | None = None
        for _ in range(ready):
            self.idle.append(Decoder(threads))

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all processes; photos that are being read fail."""
        self.closed.set()
        with self.lock:
            decoders = [*self.idle, *self.busy]
            self.idle.clear()
        for decoder in decoders:
            decoder.end()

    def read(
        self,
        source: Path | bytes,
        *,
        page: int = 0,
        colors_too: bool = False,
        admit: Callable[[int], None] | None = None,
        allow_truncated: bool | None = None,
        stop: threading.Event | None = None,
    ) -> Photo:
        """Read a photo: as `read_photo`, but what it finds remarkable is in `Photo.remarks` and not in the log.

        Nobody waits for it any more once `stop` is set: its process is ended.

        Raises:
            InputError, DecodeError, TooLargeError: as `read_photo`; also where the decoder crashed or took too long.
        """
        request = Request(
            None if isinstance(source, bytes) else os.fspath(source),
            dataclasses.asdict(self.limits),
            self.allow_truncated if allow_truncated is None else allow_truncated,
            page,
            colors_too,
        )
        try:
            while True:
                with self.decoder() as decoder:
                    used = decoder.photos > 0
                    photo = decoder.read(request, source, admit, stop)
                if photo is not None:
                    return photo
                if self.closed.is_set():
                    raise DecodeError("was not read, as the run ends")
                error = decoder.obituary()
                if not (used and decoder.crashed) or (stop is not None and stop.is_set()):
                    raise error
                log.info("reading %s once more: %s", source if isinstance(source, Path) else "bytes", error.reason)
        except ColorizeGANError as error:
            error.path = error.path or (None if isinstance(source, bytes) else str(source))
            raise

    @contextmanager
    def decoder(self) -> Iterator[Decoder]:
        """A process that is alive; it goes back to the others unless it died."""
        with self.lock:
            if self.closed.is_set():
                raise DecodeError("was not read, as the run ends")
            while self.idle and not self.idle[-1].alive:  # somebody else has ended it
                self.idle.pop().end()
            decoder = self.idle.pop() if self.idle else Decoder(self.threads)
            self.busy.add(decoder)
            if self.watch is None:
                self.watch = threading.Thread(target=self.keep_time, name="reader", daemon=True)
                self.watch.start()
        try:
            yield decoder
        finally:
            with self.lock:
                self.busy.discard(decoder)
                goes_on = decoder.alive and not self.closed.is_set()
                if goes_on:
                    self.idle.append(decoder)
            if not goes_on:
                decoder.end()

    def keep_time(self) -> None:
        """End processes that take too long."""
        while not self.closed.wait(TICK):
            with self.lock:
                late = [decoder for decoder in self.busy if decoder.tick()]
            for decoder in late:
                decoder.process.kill()


class Decoder:
    """One process; used by one thread at a time."""

    def __init__(self, threads: int) -> None:
        # Isolated, so that no module in the working folder is taken for one of ours; with the path of this process.
        code = f"import sys; sys.path[:] = {sys.path!r}; from colorizegan.photo.reader_process import main; main()"
        environment = {**os.environ, **MALLOC_ENVIRONMENT, "VIPS_CONCURRENCY": str(threads)}
        self.process = subprocess.Popen(  # noqa: S603 (nothing here comes from a photo)
            [sys.executable, "-I", "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        self.requests = cast(BinaryIO, self.process.stdin)
        self.answers = cast(BinaryIO, self.process.stdout)
        widen(self.answers)
        self.photos = 0
        self.seconds_left: float | None = None
        self.stop: threading.Event | None = None
        self.late = False
        self.midway = False  # in an exchange that was not ended as it should
        self.confused = False

    @property
    def alive(self) -> bool:
        """Whether it can take a photo."""
        return not self.midway and self.process.poll() is None

    @property
    def crashed(self) -> bool:
        """Whether it ended by a fault, not because it was slow."""
        code = self.process.wait()
        return not self.late and code != -getattr(signal, "SIGXCPU", 0)

    def read(
        self,
        request: Request,
        source: Path | bytes,
        admit: Callable[[int], None] | None,
        stop: threading.Event | None = None,
    ) -> Photo | None:
        """Read a photo; None where the process died over it."""
        admitted = -1
        size = len(source) if isinstance(source, bytes) else file_size(source)
        self.midway = True
        self.stop = stop
        try:
            self.seconds_left = SECONDS + size / SLOWEST_DISK
            send(self.requests, vars(request), [source] if isinstance(source, bytes) else [])
            while "pixels" in (header := receive(self.answers)):
                admitted = int(header["pixels"])
                self.seconds_left = None  # until there is room
                if admit is not None:
                    admit(admitted)
                self.seconds_left = SECONDS + size / SLOWEST_DISK + SECONDS_A_MPX * admitted / 1e6
                send(self.requests, {})
            if "error" in header:
                self.photos, self.midway = self.photos + 1, False
                known = header["error"] if header["error"] in errors.__all__ else "DecodeError"
                raise getattr(errors, known)(header["reason"], path=header["path"], remedy=header["remedy"])
            photo = take_photo(header, self.answers, admitted)
        except (EOFError, BrokenPipeError):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(LAST_BREATH)  # so that it ends by what it died of
            return None
        except (ValueError, KeyError, TypeError) as error:
            if isinstance(error, ColorizeGANError):
                raise
            self.confused = True  # whatever it is that answers, it is not our code any more
            self.process.kill()
            return None
        finally:
            self.seconds_left = self.stop = None
        self.photos, self.midway = self.photos + 1, False
        return photo

    def tick(self) -> bool:
        """Let a bit of time go by; whether the photo has had its time, or nobody waits for it."""
        if self.seconds_left is None or self.late:
            return False
        self.seconds_left -= TICK
        self.late = self.seconds_left < 0 or (self.stop is not None and self.stop.is_set())
        return self.late

    def obituary(self) -> DecodeError:
        """What the process died of, as the fault of its photo."""
        code = self.process.wait()
        if not self.crashed:
            return DecodeError("takes too long to decode", remedy=REMEDY)
        if self.confused:
            return DecodeError("the decoder got confused by it", remedy=REMEDY)
        if code == -getattr(signal, "SIGKILL", 0):
            return DecodeError("the decoder was ended by the system, for want of memory perhaps", remedy=REMEDY)
        name = signal.Signals(-code).name if -code in list(signal.Signals) else f"status {code}"
        return DecodeError(f"the decoder crashed on it ({name})", remedy=REMEDY)

    def end(self) -> None:
        """End the process; safe to call twice, and while another thread waits for it."""
        self.process.kill()
        self.process.wait()
        if self.seconds_left is None:  # else the thread that reads still holds its pipes
            for pipe in (self.requests, self.answers):
                with contextlib.suppress(OSError):
                    pipe.close()


def file_size(path: Path) -> int:
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return 0


def widen(pipe: Any) -> None:
    """Let a pipe hold more, where the system can: fewer turns between the processes for each photo."""
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import fcntl

        fcntl.fcntl(pipe.fileno(), F_SETPIPE_SZ, PIPE)


class Reads(Protocol):
    """What reads photos: a `colorizegan.photo.reader.Reader`, or something in front of one."""

    def read(
        self,
        source: Path | bytes,
        *,
        page: int = 0,
        colors_too: bool = False,
        admit: Callable[[int], None] | None = None,
    ) -> Photo:
        """As `Reader.read`."""
        ...
