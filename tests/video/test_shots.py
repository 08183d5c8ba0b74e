"""Shots are found whatever moves, flickers or flashes in them, and motion is found where it is."""

import io
import tarfile
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import pytest
from films import texture, write
from numpy.typing import NDArray
from PIL import Image

from colorizegan.video.dissolves import cut_dissolves
from colorizegan.video.motion import Motion, even_contrast, match
from colorizegan.video.shots import find_shots, is_empty, is_lettering, look_at

SHAPE = (192, 256)
Plane = NDArray[np.float32]


def pan(seed: int, count: int, step: int = 2) -> list[Plane]:
    """A camera that moves over a picture."""
    wide = texture(seed, SHAPE[0], SHAPE[1] + step * count)
    return [np.ascontiguousarray(wide[:, i * step : i * step + SHAPE[1]]) for i in range(count)]


def found(frames: Iterable[Plane]) -> list[str]:
    """What each frame is in its shot: o opens it, . goes on, ~ rides."""
    steps = list(cut_dissolves(find_shots(look_at(i, SHAPE, L) for i, L in enumerate(frames))))
    assert [step.view.number for step in steps] == list(range(len(steps)))
    return ["o" if step.opens else "~" if step.rides else "." for step in steps]


def test_a_pan_is_one_shot_and_its_motion_is_found() -> None:
    frames = pan(1, 12, step=4)
    assert "".join(found(frames)) == "o" + "." * 11
    back, ahead = match(even_contrast(frames[0]), even_contrast(frames[1]), (96, 128))
    middle = (slice(8, -8), slice(8, -8))
    # In cells of two pixels: what is at x now was at x + 2 cells before.
    assert np.abs(back.flow[middle][..., 0] - 2).mean() < 0.1
    assert np.abs(ahead.flow[middle][..., 0] + 2).mean() < 0.1
    assert back.trust[middle].mean() > 0.9


def test_what_was_hidden_is_not_trusted() -> None:
    ground, thing = texture(2, *SHAPE), texture(3, 80, 80)
    frames = []
    for x in (40, 52):
        frame = ground.copy()
        frame[56:136, x : x + 80] = thing
        frames.append(frame)
    back, _ = match(even_contrast(frames[0]), even_contrast(frames[1]), (96, 128))
    uncovered, still = back.trust[32:64, 21:26], back.trust[:20, 90:]
    assert uncovered.mean() < 0.5
    assert still.mean() > 0.9


def test_motions_one_after_the_other() -> None:
    frames = [even_contrast(frame) for frame in pan(4, 3, step=4)]
    first, _ = match(frames[0], frames[1], (96, 128))
    second, _ = match(frames[1], frames[2], (96, 128))
    both = second.after(first)
    assert np.abs(both.flow[8:-8, 8:-12, 0] - 4).mean() < 0.2
    assert np.array_equal(Motion.none(96, 128).after(first).flow, first.flow)


def test_hard_cuts_are_found() -> None:
    assert "".join(found([*pan(5, 6), *pan(6, 5), *pan(7, 7)])) == "o.....o....o......"


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_flash_is_no_cut(length: int) -> None:
    frames = pan(8, 12, step=0)
    for i in range(5, 5 + length):
        frames[i] = np.clip(100 - texture(50 + i, *SHAPE) / 4, 0, 100).astype(np.float32)
    assert "".join(found(frames)) == "o...." + "~" * length + "." * (7 - length)


def test_a_white_flash_is_no_cut_and_a_black_gap_is() -> None:
    frames = pan(8, 12, step=0)
    frames[5] = frames[6] = np.full(SHAPE, 97, np.float32)
    assert "".join(found(frames)) == "o....~~....."
    frames[5] = frames[6] = np.full(SHAPE, 2, np.float32)
    assert "".join(found(frames)) == "o....o.o...."


def test_frames_without_a_picture_are_one_shot() -> None:
    rng = np.random.default_rng(1)
    black = [np.clip(rng.normal(3, 1, SHAPE), 0, 100).astype(np.float32) for _ in range(30)]
    white = [np.full(SHAPE, 97, np.float32)] * 9
    assert "".join(found([*pan(8, 8), *black, *pan(9, 8), *white])) == f"o.......o{29 * '.'}o.......o........"


def test_flicker_of_brightness_weave_and_dust_are_no_cuts() -> None:
    rng = np.random.default_rng(9)
    still = texture(9, SHAPE[0] + 8, SHAPE[1] + 8)
    frames = []
    for _ in range(20):
        y, x = rng.integers(0, 8, 2)
        frame = still[y : y + SHAPE[0], x : x + SHAPE[1]] * rng.uniform(0.6, 1.2) + rng.normal(0, 1.5, SHAPE)
        for _ in range(6):
            y, x = rng.integers(4, 180, 2)
            frame[y : y + 4, x : x + 4] = rng.choice([0, 100])
        frames.append(np.clip(frame, 0, 100).astype(np.float32))
    assert "".join(found(frames)) == "o" + "." * 19


def test_nothing_leads_through_a_fade() -> None:
    out = [frame * np.float32(1 - i / 7) for i, frame in enumerate(pan(10, 8))]
    fade_in = [frame * np.float32((i + 1) / 8) for i, frame in enumerate(pan(10, 8))]
    steps = found([*out, *fade_in])
    assert steps[7] == "o"  # black, one frame
    assert steps[8] == "o"
    assert steps[1:7] == ["."] * 6


def dissolve(first: list[Plane], second: list[Plane], length: int) -> list[Plane]:
    """The last frames of one mixed with the first of the other."""
    shares = [np.float32((i + 1) / (length + 1)) for i in range(length)]
    mixed = [(1 - s) * a + s * b for s, a, b in zip(shares, first[-length:], second, strict=False)]
    return [*first[:-length], *mixed, *second[length:]]


@pytest.mark.parametrize("length", [12, 24, 48])
def test_a_dissolve_is_a_cut_in_its_middle(length: int) -> None:
    frames = dissolve(pan(11, 60, step=0), pan(12, 100, step=0), length)
    opens = [i for i, one in enumerate(found(frames)) if one == "o"]
    assert len(opens) == 2
    assert abs(opens[1] - (60 - length / 2)) <= 3
    # What is gone on with from there has no other cuts.
    assert found(frames[opens[1] :]).count("o") == 1


def test_light_that_changes_and_a_pan_over_an_empty_wall_are_no_dissolve() -> None:
    still = texture(13, *SHAPE)
    dimmed = [still * np.float32(0.6 + 0.4 * abs(i - 30) / 30) for i in range(60)]
    assert found(dimmed).count("o") == 1
    wide = np.hstack((texture(14, SHAPE[0], 300), np.full((SHAPE[0], 160), 50, np.float32), texture(15, SHAPE[0], 300)))
    wide = cv2.GaussianBlur(wide, (0, 0), 2)
    frames = [np.asarray(wide[:, i * 6 : i * 6 + SHAPE[1]], np.float32) for i in range(80)]
    assert found(frames).count("o") == 1


def test_frames_without_a_picture_are_empty() -> None:
    noise = np.random.default_rng(0).normal(0, 1, SHAPE).astype(np.float32)
    for level in (0, 50, 100):
        assert is_empty(np.clip(level + noise, 0, 100).astype(np.float32))
    assert not is_empty(texture(1, *SHAPE))


def lettering(ground: int, ink: int, noise: float, lines: int) -> Plane:
    page = np.full((240, 320), ground, np.uint8)
    for i in range(lines):
        write(page, "the clock had stopped", (20, 30 + 30 * i), 22, ink)
    grain = np.random.default_rng(0).normal(0, noise, page.shape)
    return np.clip((page + grain) / 2.55, 0, 100).astype(np.float32)


@pytest.mark.parametrize("page", [(10, 230, 3, 5), (25, 220, 8, 5), (60, 230, 8, 3), (128, 255, 8, 1)])
def test_titles_are_lettering(page: tuple[int, int, float, int]) -> None:
    assert is_lettering(lettering(*page))


def test_a_leader_is_lettering() -> None:
    leader = np.full((240, 320), 130, np.uint8)
    for radius in (80, 90):
        cv2.circle(leader, (160, 120), radius, (250,), 3)
    cv2.line(leader, (0, 120), (320, 120), (20,), 2)
    write(leader, "5", (130, 60), 110, 0)
    assert is_lettering((leader / 2.55).astype(np.float32))


def test_photos_are_not_lettering(shared_data: Path) -> None:
    wrong = []
    with tarfile.open(shared_data / "historic.tar") as tar:
        for member in tar:
            if member.isfile() and member.name.endswith((".webp", ".jpg", ".png")):
                file = tar.extractfile(member)
                assert file is not None
                image = Image.open(io.BytesIO(file.read())).convert("L").resize((300, 224), Image.Resampling.BOX)
                if is_lettering(np.asarray(np.asarray(image) / 2.55, np.float32)):
                    wrong.append(member.name)
    assert not wrong
