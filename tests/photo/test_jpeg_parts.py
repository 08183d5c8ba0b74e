"""A large JPEG is encoded in parts: to every decoder it is the one that is encoded as one."""

import io

import numpy as np
import pytest
import pyvips
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pictures import pixels
from PIL import Image

from colorizegan.errors import OutputError
from colorizegan.photo.jpeg_parts import save_jpeg
from colorizegan.photo.metadata.metadata import Metadata
from colorizegan.photo.photo import Photo
from colorizegan.photo.read import read_photo
from colorizegan.photo.write import PageWriter, encode_photo


def picture(height: int, width: int) -> NDArray[np.uint8]:
    """Colours that change from pixel to pixel and from place to place."""
    dice = np.random.default_rng(height * width)
    slope = np.linspace(0, 180, height, dtype=np.float32)[:, None, None]
    return (slope + dice.integers(0, 70, (height, width, 3))).astype(np.uint8)


@given(
    st.integers(1, 150),
    st.integers(1, 70),
    st.sampled_from([1, 50, 89, 90, 95, 100]),
    st.sampled_from([256, 1024, 4096]),
)
def test_parts_decode_to_the_pixels_of_the_whole(height: int, width: int, quality: int, part: int) -> None:
    image = pyvips.Image.new_from_array(picture(height, width), interpretation="srgb")
    settings = {"Q": quality, "subsample_mode": "auto", "keep": "none"}
    head, pieces = save_jpeg(image, 2, part=part, **settings)
    assert len(pieces) > 1 or height <= max(16, part // width)
    raw = b"".join((head, *pieces))
    whole = image.jpegsave_buffer(**settings)
    assert np.array_equal(pixels(raw), pixels(whole))
    strict = pyvips.Image.new_from_buffer(raw, "", fail_on="warning")  # libjpeg warns of a marker in the wrong place
    assert strict.write_to_memory() == pyvips.Image.new_from_buffer(whole, "").write_to_memory()


def test_a_large_result_is_the_same_for_any_threads_and_keeps_what_it_carries() -> None:
    rgb = picture(1300, 3000)
    metadata = Metadata(xmp=b"<x:xmpmeta/>", comments=(("Comment", "the mill"),), profiled=True)
    photo = Photo(rgb[..., 0], metadata=metadata)
    files = [io.BytesIO(), io.BytesIO()]
    for file, threads in zip(files, (1, 3), strict=True):
        PageWriter(file, "jpeg", 95, threads=threads).add(rgb, photo)
    raw = files[0].getvalue()
    assert raw == files[1].getvalue() == encode_photo(rgb, photo, format="jpeg")
    assert raw.count(b"\xff\xd0") == 1  # restart markers: two parts
    assert b"\xff\xd1" not in raw
    again = read_photo(raw)
    assert (again.gray.shape, again.metadata.xmp) == ((1300, 3000), b"<x:xmpmeta/>")
    with Image.open(io.BytesIO(raw)) as image:
        assert (image.info["comment"], "icc_profile" in image.info) == (b"the mill", True)
    whole = io.BytesIO()
    Image.fromarray(rgb).save(whole, "JPEG", quality=95, subsampling=0)
    assert np.array_equal(pixels(raw), pixels(whole.getvalue()))


def test_a_picture_too_high_for_jpeg_is_refused_as_one_too_wide_is() -> None:
    high = np.zeros((70000, 40, 3), np.uint8)
    with pytest.raises(OutputError, match="40 x 70000 px cannot be written as jpeg"):
        encode_photo(high, Photo(high[..., 0]), format="jpeg")
