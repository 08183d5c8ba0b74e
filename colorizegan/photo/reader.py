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
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from colorizegan import errors
from colorizegan.errors import ColorizeGANError, DecodeError
from colorizegan.machine import MALLOC_ENVIRONMENT, POLL_SECONDS, Cancelled, child_command
from colorizegan.photo.photo import Limits, Photo
from colorizegan.photo.reader_process import Request, receive, send, take_photo

log = logging.getLogger(__name__)

# Seconds that a photo may take by the clock, for decoders that wait for ever; busy ones are ended by their CPU time.
# A slow disk is no hang: it is expected to give at least so many bytes a second.
SECONDS, SECONDS_A_MPX, SLOWEST_DISK = 30.0, 2.0, 500_000  # the first for any photo
CHECK_SECONDS = 0.25  # between two looks at the clock; time in which this process was stopped counts as one
EXIT_SECONDS = 10.0  # that a process gets to end after it closed its pipes
PIPE = 1 << 20  # bytes
F_SETPIPE_SZ = 1031  # of Linux; in the module fcntl from Python 3.10 on, but not on every system
REMEDY = "it may be damaged, or made to do harm: leave it out"


class Reader(contextlib.AbstractContextManager[Any]):
    """Decoder processes, as many as threads read at the same time. Thread-safe; a context manager.

    Args:
        limits: default `Limits()`.
        ready: processes that are started right away, for photos that will be read soon.
        threads: that each process may use.
        most: processes at a time; who wants one more waits.
    """

    def __init__(
        self, *, limits: Limits | None = None, ready: int = 0, threads: int = 1, most: int | None = None
    ) -> None:
        self.limits = limits or Limits()
        self.threads = threads
        self.seconds = SECONDS
        self.free = None if most is None else threading.Semaphore(most)
        self.lock = threading.Lock()
        self.closed = threading.Event()
        self.busy: set[Decoder] = set()
        self.watch: threading.Thread | None = None
        self.idle = [Decoder(threads) for _ in range(ready)]

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all processes; photos that are being read are Cancelled."""
        self.closed.set()
        with self.lock:
            decoders = [*self.idle, *self.busy]
            self.idle.clear()
        for decoder in decoders:
            decoder.end()

    @contextmanager
    def open(
        self,
        source: Path | bytes,
        *,
        page: int = 0,
        colors_too: bool = False,
        keep_color: bool = False,
        allow_truncated: bool = False,
        stop: threading.Event | None = None,
    ) -> Iterator[OpenPhoto]:
        """A photo whose size is known, and for which nothing is allocated before `decode` is called.

        Args:
            source, page, colors_too, keep_color, allow_truncated: as for `read_photo`.
            stop: once it is set nobody waits for the photo any more, and its process is ended.

        Raises:
            InputError, DecodeError, TooLargeError: as `read_photo`; also where the decoder crashed or took too long.
            Cancelled: `stop` was set, or the reader was closed.
        """
        name = None if isinstance(source, bytes) else os.fspath(source)
        request = Request(name, dataclasses.asdict(self.limits), allow_truncated, page, colors_too, keep_color)
        photo = OpenPhoto(self, request, source, stop or threading.Event())
        try:
            photo.open()
            yield photo
        finally:
            photo.give_back()

    def read(
        self, source: Path | bytes, *, page: int = 0, colors_too: bool = False, allow_truncated: bool = False
    ) -> Photo:
        """Read a photo: as `read_photo`, but what it finds remarkable is in `Photo.remarks` and not in the log."""
        with self.open(source, page=page, colors_too=colors_too, allow_truncated=allow_truncated) as photo:
            return photo.decode()

    def lend(self, stop: threading.Event) -> Decoder:
        """A process that is alive, once there is one; Cancelled where nobody waits for it any more."""
        while self.free is not None and not self.free.acquire(timeout=POLL_SECONDS):
            if stop.is_set() or self.closed.is_set():
                raise Cancelled
        with self.lock:
            if self.closed.is_set():
                raise Cancelled
            while self.idle and not self.idle[-1].alive:  # somebody else has ended it
                self.idle.pop().end()
            decoder = self.idle.pop() if self.idle else Decoder(self.threads)
            self.busy.add(decoder)
            if self.watch is None:
                self.watch = threading.Thread(target=self.keep_time, name="reader", daemon=True)
                self.watch.start()
        return decoder

    def take_back(self, decoder: Decoder) -> None:
        """It goes to the others, unless it died or is in the middle of a photo."""
        with self.lock:
            self.busy.discard(decoder)
            goes_on = decoder.alive and not self.closed.is_set()
            if goes_on:
                self.idle.append(decoder)
        if not goes_on:
            decoder.end()
        if self.free is not None:
            self.free.release()

    def keep_time(self) -> None:
        """End processes that take too long."""
        while not self.closed.wait(CHECK_SECONDS):
            with self.lock:
                late = [decoder for decoder in self.busy if decoder.tick()]
            for decoder in late:
                decoder.process.kill()


class OpenPhoto:
    """A photo that a process has opened, and waits to decode: see `Reader.open`."""

    def __init__(self, reader: Reader, request: Request, source: Path | bytes, stop: threading.Event) -> None:
        self.reader, self.request, self.source, self.stop = reader, request, source, stop
        self.decoder: Decoder | None = None
        self.pixels = 0
        """Width times height."""

    def open(self) -> None:
        """Ask processes until one has opened it, and lives."""
        while not self.pixels:
            self.decoder = self.reader.lend(self.stop)
            with self.worth_a_try(self.decoder):
                self.pixels = self.decoder.begin(self.request, self.source, self.stop, self.reader.seconds)

    def decode(self) -> Photo:
        """The photo; once only. Memory for `pixels` has to be there."""
        while True:
            self.open()
            assert self.decoder is not None
            with self.worth_a_try(self.decoder):
                photo = self.decoder.finish(self.pixels)
                self.give_back()
                return photo

    @contextmanager
    def worth_a_try(self, decoder: Decoder) -> Iterator[None]:
        """Errors name the photo; the death of a process is one, unless the photo is to be tried once more."""
        used = decoder.photos > 0
        try:
            yield
        except ProcessDied:
            self.give_back()
            self.pixels = 0
            if self.stop.is_set() or self.reader.closed.is_set():
                raise Cancelled from None
            error = decoder.death_reason()
            error.path = self.request.path
            if not (used and decoder.crashed):
                raise error from None
            log.info("once more: %s", error)
        except ColorizeGANError as error:
            error.path = error.path or self.request.path
            raise

    def give_back(self) -> None:
        """Let others have the process."""
        if self.decoder is not None:
            self.reader.take_back(self.decoder)
            self.decoder = None


class ProcessDied(Exception):  # noqa: N818 (no error of the program)
    """A process died over its photo, or answered with what is no answer and was ended."""


class Decoder:
    """One process; used by one thread at a time."""

    def __init__(self, threads: int) -> None:
        environment = {**os.environ, **MALLOC_ENVIRONMENT, "VIPS_CONCURRENCY": str(threads)}
        self.process = subprocess.Popen(  # noqa: S603 (nothing here comes from a photo)
            child_command("colorizegan.photo.reader_process"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        self.requests = cast(BinaryIO, self.process.stdin)
        self.answers = cast(BinaryIO, self.process.stdout)
        widen(self.answers)
        self.photos = 0
        self.seconds = 0.0  # that the file of its photo may take
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

    def begin(self, request: Request, source: Path | bytes, stop: threading.Event, seconds: float) -> int:
        """Open a photo: its pixels. Its process then waits, for as long as it takes. ProcessDied or its error."""
        self.midway, self.stop = True, stop
        size = 0
        with contextlib.suppress(OSError, ValueError):
            size = len(source) if isinstance(source, bytes) else source.stat().st_size
        self.seconds = seconds + size / SLOWEST_DISK
        with self.exchange(self.seconds):
            send(self.requests, vars(request), [source] if isinstance(source, bytes) else [])
            return int(self.receive()["pixels"])

    def finish(self, pixels: int) -> Photo:
        """The photo that `begin` has opened, with memory for so many pixels. ProcessDied or its error."""
        with self.exchange(self.seconds + SECONDS_A_MPX * pixels / 1e6):
            send(self.requests, {})
            while "pixels" in (header := self.receive()):  # it begins again, as the file is damaged
                if header["pixels"] != pixels:
                    raise ValueError("another size than before")
                send(self.requests, {})
            photo = take_photo(header, self.answers, pixels)
        self.photos, self.midway = self.photos + 1, False
        return photo

    def receive(self) -> dict[str, Any]:
        """The next header; an error of the photo is raised."""
        header = receive(self.answers)
        if "error" in header:
            self.photos, self.midway = self.photos + 1, False
            known = header["error"] if header["error"] in errors.__all__ else "DecodeError"
            raise getattr(errors, known)(header["reason"], path=header["path"], remedy=header["remedy"])
        return header

    @contextmanager
    def exchange(self, seconds: float) -> Iterator[None]:
        """Some words with the process, for which it has so many seconds."""
        self.seconds_left = seconds
        try:
            yield
        except (EOFError, BrokenPipeError):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(EXIT_SECONDS)  # so that it ends by what it died of
            raise ProcessDied from None
        except (ValueError, KeyError, TypeError) as error:
            if isinstance(error, ColorizeGANError):
                raise
            self.confused = True  # whatever it is that answers, it is not our code any more
            self.process.kill()
            raise ProcessDied from None
        finally:
            self.seconds_left = None

    def tick(self) -> bool:
        """Let a bit of time go by; whether the photo has had its time, or nobody waits for it."""
        if self.seconds_left is None or self.late:
            return False
        self.seconds_left -= CHECK_SECONDS
        self.late = self.seconds_left < 0 or (self.stop is not None and self.stop.is_set())
        return self.late

    def death_reason(self) -> DecodeError:
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


def widen(pipe: Any) -> None:
    """Let a pipe hold more, where the system can: fewer turns between the processes for each photo."""
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import fcntl

        fcntl.fcntl(pipe.fileno(), F_SETPIPE_SZ, PIPE)
