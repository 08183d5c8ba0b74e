"""Photos that are nearly the same: a perceptual hash, groups of near-duplicates, and splits that keep groups together.

Photos of one series on both sides of a split would let a network score well by remembering.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorizegan.color.lab import rgb_to_lab

NEAR = 8  # bits of 64 in which the hashes of two near-duplicates may differ; unlike photos differ in about 32


def difference_hash(rgb: NDArray[np.uint8]) -> int:
    """64 bits: whether brightness rises from each cell of a 9x8 picture to its right neighbour (dHash, Krawetz 2013).

    rgb: (H, W, 3) uint8 sRGB. Size, compression and small changes of tone leave most bits as they are.
    """
    # Reduced as it is to 4 x the cells first: Lab of all pixels would cost a hundred times more and change nothing.
    small = np.asarray(Image.fromarray(rgb).resize((36, 32), Image.Resampling.BOX), np.float32) / 255
    lightness = Image.fromarray(rgb_to_lab(small)[..., 0])
    cells = np.asarray(lightness.resize((9, 8), Image.Resampling.BOX))
    return int.from_bytes(np.packbits(cells[:, 1:] > cells[:, :-1]).tobytes(), "big")


def group_near(hashes: Sequence[int], near: int = NEAR) -> NDArray[np.int64]:
    """(N,) number of the group of each photo: two photos share one if a chain of near-duplicates joins them."""
    codes = np.asarray(hashes, np.uint64)
    group = np.arange(len(codes))
    bits = np.array([bin(byte).count("1") for byte in range(256)], np.uint8)
    for i in range(len(codes) - 1):
        apart = bits[(codes[i + 1 :] ^ codes[i]).view(np.uint8).reshape(-1, 8)].sum(1)
        for j in i + 1 + np.flatnonzero(apart <= near):
            old, new = max(group[i], group[j]), min(group[i], group[j])
            if old != new:
                group[group == old] = new
    return group


def split_groups(keys: Sequence[str], groups: NDArray[np.int64], sizes: Sequence[int]) -> list[NDArray[np.int64]]:
    """Disjoint sets of photos of about the given sizes, and the rest as the last one; no group is in two of them.

    Which groups go where follows from hashes of the photos' keys, so that a photo more moves few others. A group too
    large for the room that is left goes to the rest. groups: (N,) from `group_near` -> len(sizes) + 1 sorted arrays of
    indices.
    """
    members: dict[int, list[int]] = {}
    for index, group in enumerate(groups):
        members.setdefault(int(group), []).append(index)

    def lot(group: list[int]) -> str:
        return min(hashlib.sha256(keys[i].encode("utf-8", "surrogateescape")).hexdigest() for i in group)

    sets: list[list[int]] = [[] for _ in (*sizes, 0)]
    for group in sorted(members.values(), key=lot):
        room = (n for n, size in enumerate(sizes) if len(sets[n]) + len(group) <= size)
        sets[next(room, len(sizes))] += group
    return [np.array(sorted(chosen), np.int64) for chosen in sets]
