"""One network for many threads: batches of one size, results as if alone, errors that stay with their photo."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from colorizegan import ModelError, UsageError
from colorizegan.model.batching import BatchingNetwork
from colorizegan.model.bundle import open_bundle
from colorizegan.model.network import NetworkInput, Prediction
from colorizegan.model.predictor import Predictor


class Held(Predictor):
    """A network that waits to be let go, and fails at lightness 100."""

    def __init__(self, bundle: Path) -> None:
        super().__init__(open_bundle(bundle), threads=1)
        self.asked, self.go = threading.Event(), threading.Event()

    def predict_batch(self, inputs: Sequence[NetworkInput]) -> list[Prediction]:
        self.asked.set()
        assert self.go.wait(60)
        if any(photo.L.max() == 100 for photo in inputs):
            raise ModelError("the network failed")
        return super().predict_batch(inputs)


@pytest.fixture
def held(tiny_bundle: Path) -> Held:
    return Held(tiny_bundle)


@pytest.fixture
def network(held: Held) -> Iterator[BatchingNetwork]:
    network = BatchingNetwork(held, 3)
    yield network
    held.go.set()
    network.close()


def lightness(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(5, 95, (height, width)).astype(np.float32)


def ask_at_once(held: Held, network: BatchingNetwork, photos: list[np.ndarray]) -> list[Prediction | Exception]:
    """The first photo occupies the network; the others wait in this order, until all are let go."""
    with ThreadPoolExecutor(len(photos)) as pool:
        futures = []
        for count, L in enumerate(photos):
            futures.append(pool.submit(network.predict, L))
            assert held.asked.wait(60)
            while len(network.waiting) < count:
                pass
        held.go.set()
    return [future.exception() or future.result() for future in futures]


def test_photos_of_one_size_go_together_and_come_out_as_alone(held: Held, network: BatchingNetwork) -> None:
    # 16 x 24, 12 x 20 and 9 x 17 all become 16 x 24 with the multiple of 8; 32 x 24 does not.
    shapes = [(16, 24), (16, 24), (32, 24), (12, 20), (9, 17), (16, 24)]
    photos = [lightness(*shape, seed) for seed, shape in enumerate(shapes)]
    together = ask_at_once(held, network, photos)
    assert network.batch_sizes == {1: 3, 3: 1}
    for L, found in zip(photos, together, strict=True):
        alone = held.predict(L)
        assert isinstance(found, Prediction)
        assert np.array_equal(found.ab, alone.ab)
        assert np.array_equal(found.logits, alone.logits)


def test_one_photo_does_not_fail_for_another(held: Held, network: BatchingNetwork) -> None:
    photos = [lightness(16, 16), lightness(16, 16), np.full((16, 16), 100, np.float32)]
    first, second, third = ask_at_once(held, network, photos)
    assert isinstance(first, Prediction)
    assert isinstance(second, Prediction)
    assert isinstance(third, ModelError)


def test_wrong_input_fails_where_it_is_asked(network: BatchingNetwork) -> None:
    with pytest.raises(UsageError, match="hint_ab has shape"):
        network.predict(lightness(8, 8), hint_ab=np.zeros((2, 4, 4)), hint_mask=np.zeros((1, 8, 8)))


def test_it_is_the_network_that_it_holds(held: Held, network: BatchingNetwork) -> None:
    assert (network.card, network.digest, network.threads) == (held.card, held.digest, 1)


def test_a_closed_network_is_not_asked(held: Held, network: BatchingNetwork) -> None:
    held.go.set()
    network.close()
    with pytest.raises(ModelError, match="not asked any more"):
        network.predict(lightness(8, 8))
