"""Several networks as one: the mean of their colours. Unlike networks err unlike, so that the mean errs less."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PIL import Image

from colorizegan.model.card import Architecture
from colorizegan.model.network import Network, NetworkInput, Prediction
from colorizegan.model.network_input import GRID, resized, softened

LINEAR = Image.Resampling.BILINEAR


class JoinedNetwork(Network):
    """The weighted mean of the ab of two or more networks, each at its own working size. Thread-safe.

    The distribution over colours, where any of them has one, is that of the first that has one. weights: above 0.
    """

    def __init__(self, networks: Sequence[Network], weights: Sequence[float]) -> None:
        self.networks = tuple(networks)
        self.shares = [weight / sum(weights) for weight in weights]
        self.threads = max(network.threads for network in networks)
        names = [f"{n.card.name}:{w:g}" for n, w in zip(networks, weights, strict=True)]
        self.digest = "+".join(f"{n.digest}:{share:.4g}" for n, share in zip(networks, self.shares, strict=True))
        cards = [network.card for network in networks]
        self.teller = next((i for i, card in enumerate(cards) if card.has_distribution), 0)
        self.size = max(card.working_size for card in cards)
        alike = len({(card.working_size, card.detail) for card in cards}) == 1
        self.card = replace(
            cards[self.teller],
            name=" + ".join(names),
            version=" + ".join(card.version for card in cards),
            licence=" + ".join(card.licence for card in cards),
            network=Architecture("mean of networks", sum(card.network.parameters for card in cards), 1),
            working_size=self.size,
            detail=cards[0].detail if alike else 1.0,
            chroma=cards[self.teller].chroma * self.shares[self.teller],
            contrast=0.0,  # that of a mean of several is no power of it
            data=tuple(source for card in cards for source in card.data),
            files={},
        )
        self.alike = alike

    def predict_batch(self, inputs: Sequence[NetworkInput]) -> list[Prediction]:
        """As `Network.predict_batch`, one after the other."""
        return [self._mean(photo) for photo in inputs]

    def _mean(self, photo: NetworkInput) -> Prediction:
        found = [network.predict_batch([self._at_size_of(network, photo)])[0] for network in self.networks]
        height, width = photo.L.shape
        half, quarter = (-(-height // 2), -(-width // 2)), (-(-height // 4), -(-width // 4))
        ab = sum(share * resized(one.ab, half, LINEAR) for share, one in zip(self.shares, found, strict=True))
        teller = found[self.teller]
        return replace(teller, ab=np.asarray(ab, np.float32), logits=resized(teller.logits, quarter, LINEAR))

    def _at_size_of(self, network: Network, photo: NetworkInput) -> NetworkInput:
        """The photo as this network is used to see it; hints stay where they are."""
        if self.alike:
            return photo
        card, (height, width) = network.card, photo.L.shape
        scale = card.working_size / self.size
        h, w = (max(GRID, round(side * scale / GRID) * GRID) for side in (height, width))
        L = softened(resized(np.asarray(photo.L, np.float32)[None], (h, w))[0], card.detail)
        if photo.hint_ab is None or photo.hint_mask is None:
            return NetworkInput(L)
        rows, columns = np.nonzero(photo.hint_mask[0])
        place = rows * h // height, columns * w // width  # every hinted pixel has one: none is lost by making smaller
        ab, mask = np.zeros((2, h, w), np.float32), np.zeros((1, h, w), np.float32)
        ab[:, place[0], place[1]] = photo.hint_ab[:, rows, columns]
        mask[0, place[0], place[1]] = 1
        return NetworkInput(L, ab, mask)
