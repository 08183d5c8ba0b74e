"""The one thread that runs the network for many: photos of one size that wait at the same time go through together."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING

import numpy as np

from colorizegan.errors import ModelError
from colorizegan.model.predictor import Predictor

if TYPE_CHECKING:
    from numpy.typing import NDArray

Feeds = dict[str, "NDArray[np.float32]"]
Outputs = tuple["NDArray[np.float32]", "NDArray[np.float32]"]
Batch = list[tuple[Feeds, "Future[Outputs]"]]
Waiting = deque[tuple[Feeds, "Future[Outputs]"]]


class MicroBatcher(Predictor):
    """A predictor whose `predict` may be called from many threads; one thread of its own runs the network.

    It does not wait for a batch to fill: what is there when the network is free, and of one size, is taken. The result
    for a photo is the same as alone.

    Args:
        predictor: the network.
        most: photos in one batch.
        note: called with the size of each batch.
    """

    def __init__(self, predictor: Predictor, most: int, note: Callable[[int], None] = lambda count: None) -> None:
        self.__dict__.update(vars(predictor))  # the same network, reached by another way
        self.inner = predictor
        self.most = most
        self.note = note
        self.waiting: Waiting = deque()
        self.changed = threading.Condition()
        self.closed = False
        self.thread = threading.Thread(target=self.work, name="network", daemon=True)
        self.thread.start()

    def run(self, feeds: Feeds) -> Outputs:
        """As `Predictor.run`, for one photo (N = 1), in its turn."""
        result: Future[Outputs] = Future()
        with self.changed:
            if self.closed:
                raise ModelError("is not asked any more, as the service ends", path=self.bundle.path)
            self.waiting.append((feeds, result))
            self.changed.notify()
        return result.result()

    def close(self) -> None:
        """End the thread; photos that wait fail."""
        with self.changed:
            self.closed = True
            left = [result for _, result in self.waiting]
            self.waiting.clear()
            self.changed.notify()
        for result in left:
            result.set_exception(ModelError("was not asked any more, as the service ends", path=self.bundle.path))
        self.thread.join(10)

    def work(self) -> None:
        while (batch := self.take()) is not None:
            self.note(len(batch))
            try:
                self.answer(batch)
            except Exception as error:
                if len(batch) == 1:
                    batch[0][1].set_exception(error)
                    continue
                for one in batch:  # one photo must not fail for another
                    try:
                        self.answer([one])
                    except Exception as its_own:
                        one[1].set_exception(its_own)
            del batch

    def answer(self, batch: Batch) -> None:
        """Run the network on photos of one size."""
        feeds = [feeds for feeds, _ in batch]
        outputs = self.inner.run({name: np.concatenate([one[name] for one in feeds]) for name in feeds[0]})
        for i, (_, result) in enumerate(batch):
            ab, logits = (np.array(array[i : i + 1]) for array in outputs)  # copies, so that the batch can go
            result.set_result((ab, logits))

    def take(self) -> Batch | None:
        """The next photo and others of its size, in the order in which they came; None at the end."""
        with self.changed:
            while not self.waiting and not self.closed:
                self.changed.wait()
            if not self.waiting:
                return None
            shape = self.waiting[0][0]["L"].shape
            batch: Batch = []
            others: Waiting = deque()
            for one in self.waiting:
                (batch if one[0]["L"].shape == shape and len(batch) < self.most else others).append(one)
            self.waiting = others
            return batch
