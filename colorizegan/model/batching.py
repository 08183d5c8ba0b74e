"""The one thread that runs the network for many: photos of one size that wait at the same time go through together."""

import threading
from collections import Counter, deque
from collections.abc import Sequence
from concurrent.futures import Future

from colorizegan.errors import ModelError
from colorizegan.model.network import Network, NetworkInput, Prediction

Waiting = tuple[NetworkInput, "Future[Prediction]"]


class BatchingNetwork(Network):
    """A network that may be asked from many threads; one thread of its own runs it. Close it in the end.

    It does not wait for a batch to fill: what is there when the network is free, at most `max_batch` photos of one
    size, is taken. The result for a photo is the same as alone.
    """

    def __init__(self, network: Network, max_batch: int) -> None:
        self.network = network
        self.card, self.digest, self.threads = network.card, network.digest, network.threads
        self.max_batch = max_batch
        self.batch_sizes = Counter[int]()  # how often so many photos were taken at once
        self.waiting: deque[Waiting] = deque()
        self.changed = threading.Condition()
        self.closed = False
        self.thread = threading.Thread(target=self.run, name="network", daemon=True)
        self.thread.start()

    def predict_batch(self, inputs: Sequence[NetworkInput]) -> list[Prediction]:
        """As `Network.predict_batch`, in turn with what other threads ask."""
        results: list[Future[Prediction]] = [Future() for _ in inputs]
        with self.changed:
            if self.closed:
                raise closing()
            self.waiting.extend(zip(inputs, results, strict=True))
            self.changed.notify()
        return [result.result() for result in results]

    def close(self) -> None:
        """End the thread; photos that wait fail."""
        with self.changed:
            self.closed = True
            left = [result for _, result in self.waiting]
            self.waiting.clear()
            self.changed.notify()
        for result in left:
            result.set_exception(closing())
        self.thread.join(10)

    def run(self) -> None:
        """What the thread does until `close`."""
        while (batch := self.next_batch()) is not None:
            self.batch_sizes[len(batch)] += 1
            try:
                self.predict_waiting(batch)
            except Exception as error:
                if len(batch) == 1:
                    batch[0][1].set_exception(error)
                    continue
                for one in batch:  # one photo must not fail for another
                    try:
                        self.predict_waiting([one])
                    except Exception as its_own:
                        one[1].set_exception(its_own)
            del batch

    def predict_waiting(self, batch: list[Waiting]) -> None:
        """Run the network on photos of one size, and hand out the results."""
        predictions = self.network.predict_batch([photo for photo, _ in batch])
        for (_, result), prediction in zip(batch, predictions, strict=True):
            result.set_result(prediction)

    def next_batch(self) -> list[Waiting] | None:
        """The next photo and others of its size, in the order in which they came; None at the end."""
        multiple = self.card.network.multiple
        with self.changed:
            while not self.waiting and not self.closed:
                self.changed.wait()
            if not self.waiting:
                return None
            shape = self.waiting[0][0].padded_shape(multiple)
            batch: list[Waiting] = []
            others: deque[Waiting] = deque()
            for one in self.waiting:
                fits = len(batch) < self.max_batch and one[0].padded_shape(multiple) == shape
                (batch if fits else others).append(one)
            self.waiting = others
            return batch


def closing() -> ModelError:
    return ModelError("the network is not asked any more, as the service ends")
