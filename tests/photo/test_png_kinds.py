"""No valid PNG is called damaged, whatever its type, depth, order and chunks; and its brightness is read as it is."""

import numpy as np
import pytest
from png_kinds import DEPTHS, chunk, every_kind

from colorizegan import DecodeError, read_photo

FILES = list(every_kind())


def test_there_are_all_types_and_depths() -> None:
    assert {(color, depth) for _, _, color, depth, _ in FILES} == {(c, d) for c, ds in DEPTHS.items() for d in ds}
    assert len({name for name, *_ in FILES}) == len(FILES) > 600


@pytest.mark.parametrize("color", DEPTHS)
def test_every_valid_png_is_read(color: int) -> None:
    refused: list[str] = []
    for name, file, kind, depth, picture in FILES:
        if kind != color:
            continue
        try:
            photo = read_photo(file)
        except DecodeError as error:
            refused.append(f"{name}: {error}")
            continue
        assert photo.gray.shape == picture.shape[:2], name
        assert photo.gray.dtype == (np.uint16 if depth == 16 else np.uint8), name
        assert not [remark for remark in photo.remarks if "damaged" in remark], name
        if color in (0, 3, 4) and not any(what in name for what in ("gAMA", "cICP")):
            wanted = np.rint(picture[..., 0].astype(float) * (65535 if depth == 16 else 255) / ((1 << depth) - 1))
            assert np.abs(photo.gray.astype(int) - wanted).max() <= 1, name
        if color in (4, 6):
            assert photo.alpha is not None, name
    assert not refused


@pytest.mark.parametrize("cut", [1, 40, 200])
def test_cut_ones_are_refused(cut: int) -> None:
    file = FILES[0][1]
    with pytest.raises(DecodeError):
        read_photo(file[:-cut] if cut > 1 else file[: len(file) // 2])


@pytest.mark.parametrize("allow_truncated", [False, True])
def test_what_apples_tools_made_of_one_is_named(allow_truncated: bool) -> None:
    whole = FILES[0][1]
    with pytest.raises(DecodeError, match=r"Apple's tools .*\(CgBI\), which is not read; on a Mac: ") as caught:
        read_photo(whole[:8] + chunk(b"CgBI", b"\x50\0\x20\x06") + whole[8:], allow_truncated=allow_truncated)
    assert "damaged" not in str(caught.value)
