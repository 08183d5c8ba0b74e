"""Near-duplicates: the same photo in another guise is found, other photos are not, and a split keeps them together."""

import numpy as np
from pictures import encoded, pixels
from PIL import Image

from colorizegan.data.duplicates import NEAR, difference_hash, group_near, split_groups


def scene(seed: int) -> Image.Image:
    cells = np.random.default_rng(seed).integers(0, 256, (7, 9, 3), np.uint8)
    return Image.fromarray(cells).resize((240, 180), Image.Resampling.BICUBIC)


def code(image: Image.Image) -> int:
    return difference_hash(np.asarray(image))


def apart(first: int, second: int) -> int:
    return (first ^ second).bit_count()


def test_a_photo_made_smaller_darker_and_compressed_stays_near() -> None:
    for seed in range(5):
        image = scene(seed)
        darker = 0.8 * np.asarray(image.resize((100, 75)), np.float32) + 10
        squeezed = pixels(encoded(darker.astype(np.uint8), "JPEG", quality=30))
        assert apart(code(image), difference_hash(squeezed)) <= NEAR
        assert apart(code(image), code(image.crop((4, 3, 238, 177)))) <= NEAR


def test_other_photos_are_far() -> None:
    codes = [code(scene(seed)) for seed in range(40)]
    distances = [apart(a, b) for i, a in enumerate(codes) for b in codes[:i]]
    assert min(distances) > NEAR
    assert 28 < np.mean(distances) < 36  # half of 64 bits, as of coins


def test_groups_are_chains() -> None:
    start = 0b1111 << 20
    codes = [start, ~start & (1 << 64) - 1, start ^ 0xFF, start ^ 0xFFFF, start ^ (0xFFFFFF << 40)]
    assert group_near(codes).tolist() == [0, 1, 0, 0, 4]  # the fourth is near the third, not near the first
    assert group_near([]).tolist() == []


def test_a_split_keeps_groups_together_and_its_sizes() -> None:
    keys = [f"photo{i}" for i in range(100)]
    groups = np.arange(100)
    groups[10:40] = 10  # one series of thirty
    groups[50:53] = 50
    test, steer, train = (set(part.tolist()) for part in split_groups(keys, groups, (20, 15)))
    assert test | steer | train == set(range(100))
    assert (len(test), len(steer), len(train)) == (20, 15, 65)  # disjoint, then
    for series in (set(range(10, 40)), set(range(50, 53))):
        assert sum(bool(series & part) for part in (test, steer, train)) == 1
    assert set(range(10, 40)) <= train  # it has no room elsewhere


def test_one_photo_more_moves_few() -> None:
    keys = [f"photo{i}" for i in range(100)]
    before = {keys[i] for i in split_groups(keys, np.arange(100), (20,))[0]}
    keys.append("another")
    after = {keys[i] for i in split_groups(keys, np.arange(101), (20,))[0]}
    assert len(before & after) >= 19
