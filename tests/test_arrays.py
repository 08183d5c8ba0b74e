"""Arrays and Pillow images: which axis means what, and that nothing is lost on the way to gray and back."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nst
from pictures import Array, encoded
from PIL import Image

from colorizegan.arrays import array_like, frames_of, image_from_rgb, photo_from_array, photo_from_image
from colorizegan.errors import DecodeError, UsageError


@pytest.mark.parametrize(
    ("shape", "count", "frame"),
    [
        ((5, 7), 1, (5, 7)),
        ((5, 7, 1), 1, (5, 7, 1)),
        ((5, 7, 2), 1, (5, 7, 2)),
        ((5, 7, 3), 1, (5, 7, 3)),
        ((5, 7, 4), 1, (5, 7, 4)),
        ((5, 7, 9), 5, (7, 9)),  # a stack of gray photos
        ((3, 7, 9), 3, (7, 9)),  # channels come last, so this is a stack too
        ((1, 7, 9), 1, (7, 9)),
        ((6, 7, 9, 1), 6, (7, 9, 1)),
        ((6, 7, 9, 3), 6, (7, 9, 3)),
        ((6, 7, 3, 1), 6, (7, 3, 1)),
        ((4, 4), 1, (4, 4)),
    ],
)
def test_what_a_shape_means(shape: tuple[int, ...], count: int, frame: tuple[int, ...]) -> None:
    frames, stack = frames_of(np.zeros(shape, np.uint8))
    assert len(frames) == count
    assert frames[0].shape == frame
    assert stack == (frame != shape)


@pytest.mark.parametrize("shape", [(), (5,), (0, 5), (5, 0, 3), (2, 5, 5, 5), (1, 2, 5, 5, 3)])
def test_shapes_that_are_no_photo(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match=r"is no photo; give HxW"):
        frames_of(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, ">u2"])
def test_integers_keep_their_values(dtype: str) -> None:
    x = np.arange(35, dtype=dtype).reshape(5, 7) * 7
    frame = photo_from_array(x)
    assert np.array_equal(frame.gray, x)
    assert frame.gray.dtype.isnative
    assert frame.alpha is None


@settings(max_examples=50)
@given(nst.arrays(st.sampled_from([np.float16, np.float32, np.float64]), (4, 5), elements=st.floats(0, 1, width=16)))
def test_floats_become_16_bit(x: Array) -> None:
    gray = photo_from_array(x).gray
    assert gray.dtype == np.uint16
    assert np.abs(gray / 65535 - x).max() <= 0.5 / 65535 + 1e-7


@pytest.mark.parametrize("values", [[0, 1.01], [-0.01, 1], [0, float("nan")], [0, float("inf")], [0, 255.0]])
def test_floats_out_of_range(values: list[float]) -> None:
    with pytest.raises(UsageError, match=r"float values go from .*divide by 255"):
        photo_from_array(np.array([values]))


@pytest.mark.parametrize("dtype", [bool, np.int8, np.int32, np.uint32, np.int64, complex, object, "U3"])
def test_other_dtypes(dtype: Any) -> None:
    with pytest.raises(UsageError, match="convert to uint8"):
        photo_from_array(np.zeros((4, 4), dtype))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [2, 4])
def test_alpha_comes_back_untouched(dtype: type, channels: int) -> None:
    rng = np.random.default_rng(0)
    x = (rng.random((6, 5, channels)) * (1 if dtype == np.float32 else 256)).astype(dtype)
    frame = photo_from_array(x)
    result = array_like(np.zeros((6, 5, 3), frame.gray.dtype), frame.alpha, x.dtype)
    assert result.shape == (6, 5, 4)
    assert result.dtype == x.dtype
    assert np.array_equal(result[..., 3], x[..., -1])


def test_pillow_modes() -> None:
    gray = np.arange(0, 240, 4, dtype=np.uint8).reshape(6, 10)
    image = Image.fromarray(gray)
    for mode in ("L", "RGB", "CMYK", "YCbCr", "I", "P"):
        frame = photo_from_image(image.convert(mode))
        assert np.abs(frame.gray.astype(int) - gray).max() <= (1 if mode in ("YCbCr", "CMYK") else 0), mode
        assert frame.alpha is None
    assert set(np.unique(photo_from_image(image.convert("1")).gray)) == {0, 255}
    for mode in ("LA", "PA", "RGBA", "La", "RGBa"):
        frame = photo_from_image(
            image.convert("LA").convert("RGBA").convert(mode) if mode != "La" else image.convert("LA").convert("La")
        )
        assert np.array_equal(frame.gray, gray), mode
        assert frame.alpha is not None, mode
        assert (frame.alpha == 255).all()


def test_pillow_16_bit() -> None:
    gray = (np.arange(60, dtype=np.uint16) * 1000).reshape(6, 10)
    assert np.array_equal(photo_from_image(Image.fromarray(gray)).gray, gray)
    big = Image.frombytes("I;16B", (10, 6), gray.astype(">u2").tobytes())
    assert np.array_equal(photo_from_image(big).gray, gray)
    assert np.array_equal(photo_from_image(Image.fromarray(gray.astype(np.int32))).gray, gray)


def test_palette_with_transparency() -> None:
    image = Image.fromarray(np.array([[0, 1], [1, 0]], np.uint8)).convert("P")
    image.info["transparency"] = 0
    frame = photo_from_image(image)
    assert frame.alpha is not None
    assert frame.alpha.tolist() == [[0, 255], [255, 0]]


def test_pillow_images_that_are_no_photo() -> None:
    with pytest.raises(UsageError, match="mode F"):
        photo_from_image(Image.new("F", (4, 4)))
    with pytest.raises(UsageError, match="beyond 16 bit"):
        photo_from_image(Image.new("I", (4, 4), 70000))
    with pytest.raises(UsageError, match="is no photo"):
        photo_from_image(Image.new("L", (0, 4)))


def test_pillow_image_of_a_truncated_file() -> None:
    raw = encoded(np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8))
    image = Image.open(BytesIO(raw[:-2000]))
    with pytest.raises(DecodeError, match="cannot be read"):
        photo_from_image(image)


def test_16_bit_colour_is_rounded_for_pillow() -> None:
    rgb = np.array([[[0, 128, 129], [65535, 257 * 7 + 128, 257 * 7 + 129]]], np.uint16)
    assert np.asarray(image_from_rgb(rgb, None)).tolist() == [[[0, 0, 1], [255, 7, 8]]]
    assert image_from_rgb(rgb, rgb[..., 0]).mode == "RGBA"
