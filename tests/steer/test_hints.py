"""Hints: text and JSON in and out, places at the network's size, one clear error for everything else."""

import json
import os
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from colorizegan import Hint, InputError, Look, OutputError, UsageError
from colorizegan.color.lab import lab_to_rgb
from colorizegan.steer.hints import hint_planes, hints_path, parse_hint, points_of, read_hints, write_hints

colors = st.integers(0, 0xFFFFFF).map(lambda code: f"#{code:06x}")
some_hints = st.builds(Hint, st.integers(0, 99_999), st.integers(0, 99_999), colors)


@given(st.lists(some_hints, max_size=20))
def test_json_gives_the_hints_back(tmp_path_factory: pytest.TempPathFactory, hints: list[Hint]) -> None:
    path = hints_path(tmp_path_factory.mktemp("hints") / "photo.jpg")
    assert path.name == "photo.jpg.hints.json"
    write_hints(path, hints)
    assert read_hints(path) == tuple(hints)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@given(some_hints)
def test_text_gives_the_hint_back(hint: Hint) -> None:
    assert parse_hint(str(hint)) == hint


def test_the_color_is_lab_chroma() -> None:
    assert Hint(0, 0, "#808080").ab == pytest.approx((0, 0), abs=0.01)
    a, b = Hint(0, 0, "#ff0000").ab
    assert lab_to_rgb(np.array([53.24, a, b])) == pytest.approx([1, 0, 0], abs=0.005)


@pytest.mark.parametrize(
    ("color", "kept"), [("#fff", "#ffffff"), ("navy", "#000080"), ("DarkOliveGreen", "#556b2f"), ("#3A6EA5", "#3a6ea5")]
)
def test_colors_may_be_short_or_have_names(color: str, kept: str) -> None:
    assert Hint(1, 2, color).color == kept
    assert parse_hint(f"1,2,{color}") == Hint(1, 2, kept) == Look(hints=[(1, 2, color)]).hints[0]


@pytest.mark.parametrize(
    "color", [(58, 110, 165), [58, 110, 165], np.array([58, 110, 165], np.uint8), tuple(np.array([58, 110, 165]))]
)
def test_colors_may_be_three_numbers(color: Any) -> None:
    """As a pixel of an array has them; places of NumPy's are taken too."""
    x, y = np.argwhere(np.eye(3))[1]
    for hint in (Hint(1, 1, color), Hint(x, y, color), *Look(hints=[(x, y, color)]).points):
        assert hint == Hint(1, 1, "#3a6ea5")
        assert json.loads(json.dumps(vars(hint))) == {"x": 1, "y": 1, "color": "#3a6ea5"}


@pytest.mark.parametrize(
    "color",
    [
        (1, 2),
        (1, 2, 3, 4),
        (1, 2, 256),
        (0, -1, 0),
        (0.2, 0.4, 0.6),
        (True, 0, 0),
        None,
        7,
        ("1", "2", "3"),
        b"red",
        bytearray(b"red"),
        {1, 2, 3},
        {1: 0, 2: 0, 3: 0},
        iter((1, 2, 3)),
    ],
)
def test_numbers_that_are_no_color_are_refused(color: Any) -> None:
    with pytest.raises(UsageError, match=r"is none; write it as \(red, green, blue\), whole numbers 0 to 255"):
        Hint(1, 2, color)


class Row:
    """As of pandas: it goes through its numbers, and is no sequence."""

    def __iter__(self) -> Iterator[int]:
        return iter((1, 2, 255))


@pytest.mark.parametrize("color", [Row(), array("B", [1, 2, 255]), range(1, 4), np.array([1, 2, 255])])
def test_rows_of_other_libraries_are_colors(color: Any) -> None:
    assert Hint(1, 2, color) == Hint(1, 2, tuple(color))


def test_rows_of_torch_are_colors() -> None:
    torch = pytest.importorskip("torch")
    assert Hint(1, 2, torch.tensor([[1, 2, 255]])[0]).color == "#0102ff"
    with pytest.raises(UsageError, match="is none"):
        Hint(1, 2, torch.tensor([0.1, 0.2, 0.3]))


@pytest.mark.parametrize("hints", [(120, 80, "#fff"), "120,80,#fff", [(1, 2)], [(1, 2, "red", 3)], [None]])
def test_what_is_no_list_of_hints_is_told_with_the_form_that_is_meant(hints: Any) -> None:
    with pytest.raises(UsageError, match=r"is no hint; write hints=\[\(120, 80, \"#3a6ea5\"\)\]"):
        Look(hints=hints)


@pytest.mark.parametrize("there", [True, False])
def test_a_link_in_the_place_of_hints_is_not_replaced(tmp_path: Path, there: bool) -> None:
    path = hints_path(tmp_path / "a.jpg")
    path.symlink_to(tmp_path / "hints of another photo")
    if there:
        write_hints(tmp_path / "hints of another photo", [])
    with pytest.raises(OutputError, match="is a link, which is not replaced"):
        write_hints(path, [Hint(1, 2, "red")])
    assert path.is_symlink()


@pytest.mark.parametrize("text", ["1,2,#fffffg", "1,2,no such colour", "1,2,#ff"])
def test_what_is_no_color_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is none; write it as #rrggbb, #rgb or a name of CSS"):
        parse_hint(text)


@pytest.mark.parametrize("text", ["", "1,2", "-1,2,#ffffff", "1.5,2,#ffffff", "1,2,3,4"])
def test_bad_text_is_one_line_with_the_form_that_is_meant(text: str) -> None:
    with pytest.raises(UsageError, match="x,y,#rrggbb"):
        parse_hint(text)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"{}", "holds no list"),
        (b'{"schema": 2, "hints": []}', "schema 2"),
        (b'[{"x": 1, "y": 2}]', "hint 1 has not just"),
        (b'[{"x": 1, "y": 2, "color": "#000000"}, {"x": 1, "y": 2, "color": "rod"}]', "hint 2: the hint's colour"),
        (b'[{"x": true, "y": 2, "color": "#000000"}]', "hint 1: the hint's place"),
        (json.dumps([{"x": 1, "y": 2, "color": "#000000"}] * 1001).encode(), "at most 1000"),
        (b" " * (1 << 21), "too large"),
    ],
)
def test_bad_files_are_one_line_with_the_path(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "a.hints.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=reason) as caught:
        read_hints(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_hints(tmp_path / "none.json")
    with pytest.raises(InputError, match="is a folder, and no file of hints; move it away"):
        read_hints(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="is no file of hints"):
        read_hints(tmp_path / "pipe")


@given(st.integers(1, 5000), st.integers(1, 5000), st.data())
def test_points_lie_in_the_small_picture(height: int, width: int, data: st.DataObject) -> None:
    y, x = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    small = (data.draw(st.integers(1, 300)), data.draw(st.integers(1, 300)))
    (point,) = points_of([Hint(x, y, "#00ff00")], (height, width), small)
    assert 0 <= point.row < small[0]
    assert 0 <= point.column < small[1]
    # The middle of the pixel lies in the cell of the small picture that it is said to lie in.
    assert point.row <= (y + 0.5) * small[0] / height <= point.row + 1
    assert point.column <= (x + 0.5) * small[1] / width <= point.column + 1
    ab, mask = hint_planes([point], small)
    assert mask[0, point.row, point.column] == 1
    assert mask.sum() <= 9
    assert tuple(ab[:, point.row, point.column]) == pytest.approx((point.a, point.b), abs=1e-4)
    assert not ab[:, mask[0] == 0].any()


def test_of_two_hints_on_one_spot_the_later_one_counts() -> None:
    points = points_of([Hint(5, 5, "#ff0000"), Hint(5, 5, "#0000ff")], (10, 10), (10, 10))
    assert [(p.a, p.b) for p in points] == [Hint(5, 5, "#0000ff").ab]


@pytest.mark.parametrize(("x", "y"), [(10, 0), (0, 20), (10**6, 10**6)])
def test_a_hint_outside_names_the_size(x: int, y: int) -> None:
    with pytest.raises(UsageError, match="outside the picture; it has 10 x 20 pixels"):
        points_of([Hint(x, y, "#ff0000")], (20, 10), (20, 10))
