"""Work for many clients at once: a bounded queue, a few photos under way, one network, decoders in processes apart.

What a client wants done is a function of a `QueuedPhoto`; it runs in a thread once it is its turn, and is given up as
soon as nobody waits for it any more. No HTTP here.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from colorizegan.colorizer import Colorizer
from colorizegan.errors import UsageError
from colorizegan.machine import Cancelled, MemoryBudget, give_back_memory
from colorizegan.model.batching import BatchingNetwork
from colorizegan.model.network import Network, NetworkInput, Prediction
from colorizegan.photo.photo import Photo
from colorizegan.photo.reader import Reader
from colorizegan.serve.limits import ServiceLimits
from colorizegan.serve.problems import BusyError, LateError
from colorizegan.steer.palette import Palette

Answer = TypeVar("Answer")

PREDICTIONS = 4  # photos of which it is remembered what the network says: 6 MB each
RETRY_SECONDS = (1, 60)  # bounds of what Retry-After says


class PhotoQueue:
    """Colorizes for many clients. Close it in the end."""

    def __init__(self, colorizer: Colorizer, limits: ServiceLimits | None = None) -> None:
        self.limits = limits or ServiceLimits()
        self.network = BatchingNetwork(colorizer.network, self.limits.batch)
        self.colorizer = Colorizer(self.network)
        self.folder = tempfile.TemporaryDirectory(prefix="colorizegan-serve-")  # mode 0700
        self.reader = Reader(limits=self.limits.photo, ready=self.limits.decoders, most=self.limits.decoders)
        self.budget = MemoryBudget(self.limits.pixels)
        self.pool = ThreadPoolExecutor(self.limits.batch, thread_name_prefix="photo")
        self.lock = threading.Lock()
        self.predictions: dict[bytes, Prediction] = {}
        self.waiting = 0
        self.working = 0
        self.spooled = 0  # bytes of uploads on the disk
        self.closing = False  # nothing new is begun
        self.closed = False
        self.seconds_taken: deque[float] = deque([1.0], 50)  # by the last photos

    @property
    def path(self) -> Path:
        """The private folder for what is under way."""
        return Path(self.folder.name)

    def check_room(self) -> None:
        """BusyError where the queue is full, or the service about to end."""
        if self.closing:
            raise BusyError("the service is about to end", remedy="try again in a moment")
        if self.waiting >= self.limits.queue:
            error = BusyError("the queue is full", remedy="try again in a moment")
            seconds = self.waiting * sum(self.seconds_taken) / len(self.seconds_taken) / self.limits.batch
            error.seconds = round(min(max(seconds, RETRY_SECONDS[0]), RETRY_SECONDS[1]))
            raise error

    async def run(
        self,
        work: Callable[[QueuedPhoto], Answer],
        gone: Callable[[], Awaitable[object]],
        release: Callable[[], None] = lambda: None,
    ) -> Answer:
        """Do `work` with its QueuedPhoto in a thread when it is its turn.

        Args:
            gone: waits until the client is there no more.
            release: called once, when the work has ended or will never begin; not before, whatever is raised here.

        Raises BusyError (the queue is full), LateError (it took too long, and is given up), Cancelled (the client is
        gone), and what `work` raises.
        """
        try:
            self.check_room()
            queued = QueuedPhoto(self)
            with self.lock:
                self.waiting += 1
            future = self.pool.submit(self.do, work, queued)
        except BaseException:  # the pool takes nothing any more: the service has ended
            release()
            raise
        future.add_done_callback(lambda done: self.ended(done, release))
        answer = asyncio.wrap_future(future)
        leaving = asyncio.ensure_future(gone())
        try:
            await asyncio.wait({answer, leaving}, timeout=self.limits.seconds, return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                try:
                    return answer.result()
                except (Cancelled, asyncio.CancelledError):
                    self.check_room()  # says so where it is the service that ends
                    raise
            if leaving.done():
                raise Cancelled
            what = f"the answer took more than {self.limits.seconds:.0f} s"
            raise LateError(what, remedy="try again later, or with a smaller photo")
        finally:
            leaving.cancel()
            if not answer.done():
                queued.stop.set()
                future.cancel()
                answer.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody asks any more

    def do(self, work: Callable[[QueuedPhoto], Answer], queued: QueuedPhoto) -> Answer:
        """One turn, in a thread of the pool."""
        with self.lock:
            self.waiting -= 1
            self.working += 1
        start = time.perf_counter()
        try:
            queued.check()
            if self.closing:
                self.check_room()
            return work(queued)
        finally:
            with self.lock:
                self.working -= 1
                idle = not self.working and not self.waiting
                if not queued.stop.is_set():
                    self.seconds_taken.append(time.perf_counter() - start)
            if idle:
                give_back_memory()

    def ended(self, future: Future[Answer], release: Callable[[], None]) -> None:
        if future.cancelled():
            with self.lock:
                self.waiting -= 1
        release()

    def close(self) -> None:
        """End everything; requests under way fail. May be called twice."""
        self.closing = self.closed = True
        self.reader.close()
        self.network.close()
        self.pool.shutdown(wait=True, cancel_futures=True)
        self.folder.cleanup()


class AskedNetwork(Network):
    """The service's network, which is not asked any more once `check` raises: a request may ask it dozens of times.

    What it says of a photo without hints is remembered for a moment: with each new hint it is wanted again.
    """

    def __init__(self, queue: PhotoQueue, check: Callable[[], None]) -> None:
        network = queue.network
        self.card, self.digest, self.threads = network.card, network.digest, network.threads
        self.queue, self.check = queue, check

    def predict_batch(self, inputs: Sequence[NetworkInput]) -> list[Prediction]:
        """As `Network.predict_batch`, and what `check` raises."""
        self.check()
        network, known, lock = self.queue.network, self.queue.predictions, self.queue.lock
        if len(inputs) != 1 or inputs[0].hint_mask is not None:
            return network.predict_batch(inputs)
        L = inputs[0].L
        key = hashlib.sha256(repr((L.shape, L.dtype)).encode() + L.tobytes()).digest()
        with lock:
            found = known.get(key)
        if found is None:
            found = network.predict_batch(inputs)[0]
            with lock:
                known[key] = found
                while len(known) > PREDICTIONS:
                    del known[next(iter(known))]
        return [found]


@dataclass
class QueuedPhoto:
    """A client's photo in the queue, and whether anybody waits for it."""

    queue: PhotoQueue
    stop: threading.Event = field(default_factory=threading.Event)
    """Set when nobody waits for the answer any more."""

    def __post_init__(self) -> None:
        self.colorizer = Colorizer(AskedNetwork(self.queue, self.check))

    def check(self) -> None:
        """Cancelled where nobody waits for the answer any more."""
        if self.stop.is_set() or self.queue.closed:
            raise Cancelled

    @contextmanager
    def photo(self, path: Path, **how: bool) -> Iterator[Photo]:
        """An upload in memory, which is given back at the end of the block; `how`: see `Reader.open`."""
        queue = self.queue
        with queue.reader.open(path, stop=self.stop, **how) as opened, queue.budget.reserve(opened.pixels, self.stop):
            photo = opened.decode()
            self.check()
            yield photo

    def palette(self, path: Path | None) -> Palette | None:
        """The colours of an upload that others take over; None where there is none."""
        if path is None:
            return None
        with self.photo(path, colors_too=True) as photo:
            if photo.rgb is None:
                raise UsageError("the photo that was sent as 'like' has no colours", remedy="send a colour photo")
            return self.colorizer.palette(photo.rgb)
