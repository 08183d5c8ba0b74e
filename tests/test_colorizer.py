"""Colorizer: what goes in comes back in colour, of the same kind, size and dtype, with its lightness kept."""

import io
import logging
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import on_a_terminal
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import Array, encoded
from PIL import Image
from tiny_bundle import write_card

import colorizegan
from colorizegan import Colorizer, DecodeError, InputError, Look, ModelError, Photo, UsageError, read_photo, write_photo
from colorizegan.color.lab import rgb_to_lab, to_8_bit
from colorizegan.model.network_input import working_lightness, working_shape

TOPS: dict[str, float] = {"uint8": 255, "uint16": 65535, "float16": 1, "float32": 1, "float64": 1}


def picture(height: int, width: int, dtype: str = "uint8", seed: int = 0) -> Array:
    """Smooth waves and noise, (H, W)."""
    y, x = np.mgrid[0:height, 0:width]
    waves = 0.5 + 0.3 * np.sin(x / 9 + seed) * np.cos(y / 7)
    values = np.clip(waves + np.random.default_rng(seed).normal(0, 0.05, (height, width)), 0, 1)
    return (np.rint(values * TOPS[dtype]) if TOPS[dtype] > 1 else values).astype(dtype)


def lightness_of(x: Array) -> Array:
    if x.ndim == 2:
        x = np.repeat(x[..., None], 3, axis=2)
    return rgb_to_lab(x[..., :3].astype(np.float64) / TOPS[x.dtype.name])[..., 0]


# Arrays


@pytest.mark.parametrize("dtype", list(TOPS))
@pytest.mark.parametrize("channels", [None, 1, 2, 3, 4])
@pytest.mark.parametrize("stack", [None, 1, 3])
def test_array_kinds(colorizer: Colorizer, dtype: str, channels: int | None, stack: int | None) -> None:
    frames = [picture(40, 56, dtype, seed) for seed in range(stack or 1)]
    if channels is not None:
        frames = [np.repeat(frame[..., None], channels, axis=2) for frame in frames]
    x = frames[0] if stack is None else np.stack(frames)
    before = x.copy()
    result = colorizer.colorize(x)
    out = 4 if channels in (2, 4) else 3
    assert result.shape == (*(() if stack is None else (stack,)), 40, 56, out)
    assert result.dtype == x.dtype
    assert np.array_equal(x, before)
    for frame, rgb in zip(frames, [result] if stack is None else result, strict=True):
        single = frame if channels is None else frame[..., 0]
        bound = {"uint8": 0.5, "float16": 0.3}.get(dtype, 0.01)
        assert np.abs(lightness_of(rgb) - lightness_of(single)).mean() < bound
        assert np.ptp(rgb[..., :3].astype(float), axis=-1).mean() > 0.01 * TOPS[dtype]  # there is colour
        if out == 4:
            assert np.array_equal(rgb[..., 3], frame[..., -1])


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    dtype=st.sampled_from(list(TOPS)),
    seed=st.integers(0, 9),
    size=st.sampled_from([None, 16, 33, 64, 500]),
)
def test_any_size(colorizer: Colorizer, height: int, width: int, dtype: str, seed: int, size: int | None) -> None:
    x = picture(height, width, dtype, seed)[..., None]
    result = colorizer.colorize(x, Look(size=size))
    assert result.shape == (height, width, 3)
    assert result.dtype == x.dtype
    assert np.isfinite(result).all()
    apart = np.abs(lightness_of(result) - lightness_of(x[..., 0]))
    assert np.quantile(apart, 0.999) < 2


def test_views_and_byte_orders(colorizer: Colorizer) -> None:
    x = picture(40, 60, "uint16")
    plain = colorizer.colorize(x)
    swapped = colorizer.colorize(x.astype(">u2"))
    assert swapped.dtype == np.dtype(">u2")
    assert np.array_equal(swapped, plain)
    wide = np.zeros((80, 120), np.uint16)
    wide[::2, ::2] = x
    assert np.array_equal(colorizer.colorize(wide[::2, ::2]), plain)
    readonly = x.copy()
    readonly.flags.writeable = False
    assert np.array_equal(colorizer.colorize(readonly), plain)
    assert np.array_equal(colorizer.colorize(np.asfortranarray(x)), plain)


@pytest.mark.parametrize("x", [None, 5, 3.5, {"a": 1}, object(), iter([]), Array])
def test_other_kinds(colorizer: Colorizer, x: Any) -> None:
    with pytest.raises(UsageError, match=r"cannot colorize a .*give a path"):
        colorizer.colorize(x)


# Pillow images, files, bytes, photos, lists


def test_pillow_image(colorizer: Colorizer) -> None:
    gray = picture(40, 56)
    image = Image.fromarray(gray)
    image.info = {"dpi": (300, 300), "icc_profile": b"gray profile", "exif": b"Exif\0\0"}
    result = colorizer.colorize(image)
    assert (result.mode, result.size) == ("RGB", (56, 40))
    assert np.array_equal(np.asarray(result), colorizer.colorize(gray))
    assert result.info == {"dpi": (300, 300), "exif": b"Exif\0\0"}
    assert colorizer.colorize(image.convert("LA")).mode == "RGBA"
    deep = colorizer.colorize(Image.fromarray(gray.astype(np.uint16) * 257))
    assert (deep.mode, deep.size) == ("RGB", (56, 40))


def test_path(colorizer: Colorizer, tmp_path: Path) -> None:
    gray = picture(40, 56)
    path = tmp_path / "photo.png"
    path.write_bytes(encoded(Image.fromarray(gray)))
    before = path.read_bytes()
    for source in (path, str(path)):
        result = colorizer.colorize(source)
        assert result.mode == "RGB"
        assert np.array_equal(np.asarray(result), colorizer.colorize(gray))
    assert path.read_bytes() == before
    path.write_bytes(encoded(Image.fromarray(np.dstack((gray, gray)))))
    assert colorizer.colorize(path).mode == "RGBA"


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("JPEG", {"quality": 95}), ("TIFF", {}), ("WEBP", {})])
def test_bytes_come_back_in_the_same_format(colorizer: Colorizer, kind: str, options: dict[str, Any]) -> None:
    raw = encoded(Image.fromarray(picture(40, 56)), kind, **options)
    result = colorizer.colorize(raw)
    assert isinstance(result, bytes)
    image = Image.open(io.BytesIO(result))
    assert (image.format, image.mode, image.size) == (kind, "RGB", (56, 40))


def test_16_bit_bytes_stay_16_bit(colorizer: Colorizer) -> None:
    gray = picture(40, 56, "uint16")
    photo = read_photo(colorizer.colorize(encoded(Image.fromarray(gray))))
    assert photo.gray.dtype == np.uint16
    assert np.abs(photo.gray.astype(int) - gray).mean() < 100


def test_photo(colorizer: Colorizer) -> None:
    gray = picture(40, 56)
    photo = read_photo(encoded(Image.fromarray(gray)))
    assert isinstance(photo, Photo)
    expected = colorizer.colorize(gray)
    assert np.array_equal(colorizer.colorize(photo), expected)


def test_list(colorizer: Colorizer, tmp_path: Path) -> None:
    gray = picture(40, 56)
    image = Image.fromarray(gray)
    image.save(tmp_path / "a.png")
    results = colorizer.colorize([gray, image, tmp_path / "a.png", encoded(image), [gray]])
    assert [type(r) for r in results] == [np.ndarray, Image.Image, Image.Image, bytes, list]
    assert colorizer.colorize(()) == []


def test_bad_files(colorizer: Colorizer, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing\.jpg"):
        colorizer.colorize(tmp_path / "missing.jpg")
    (tmp_path / "text.jpg").write_text("no photo")
    with pytest.raises(DecodeError, match=r"text\.jpg"):
        colorizer.colorize(str(tmp_path / "text.jpg"))
    with pytest.raises(DecodeError):
        colorizer.colorize(b"no photo")


# Settings


def test_saturation(colorizer: Colorizer) -> None:
    x = picture(40, 56)
    results = {s: colorizer.colorize(x, Look(saturation=s)) for s in (0, 0.5, 1, 4)}
    assert np.array_equal(results[0], np.repeat(x[..., None], 3, axis=2))
    chroma = [np.ptp(rgb.astype(int), axis=-1).mean() for rgb in results.values()]
    assert chroma == sorted(chroma)
    assert np.array_equal(results[1], colorizer.colorize(x))
    for bad in (-0.1, 4.1, float("nan")):
        with pytest.raises(UsageError, match="saturation is"):
            colorizer.colorize(x, Look(saturation=bad))


def test_size(colorizer: Colorizer) -> None:
    x = picture(200, 300)
    assert np.array_equal(colorizer.colorize(x), colorizer.colorize(x, Look(size=64)))  # the tiny card's working size
    assert not np.array_equal(colorizer.colorize(x), colorizer.colorize(x, Look(size=128)))
    for bad in (0, 15, 5000):
        with pytest.raises(UsageError, match="size is"):
            colorizer.colorize(x, Look(size=bad))


@given(height=st.integers(1, 20000), width=st.integers(1, 20000), size=st.integers(16, 1024))
def test_network_sees_the_photo_unsquashed(height: int, width: int, size: int) -> None:
    h, w = working_shape(height, width, size)
    assert h % 4 == w % 4 == 0
    assert 4 <= min(h, w) <= max(size + 2, 4)
    assert max(h, w) <= 4 * size + 2
    assert h <= height + 3  # never enlarged, but for the rounding
    assert w <= width + 3
    scale = min(1, size / min(height, width), 4 * size / max(height, width))
    for side, full in ((h, height), (w, width)):
        assert side == 4 or abs(side - full * scale) <= 2


def test_working_shapes() -> None:
    assert working_shape(256, 384, 256) == (256, 384)
    assert working_shape(3000, 4000, 256) == (256, 340)
    assert working_shape(100, 80, 256) == (100, 80)
    assert working_shape(1000, 100_000, 256) == (12, 1024)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_downscaling_is_antialiased(dtype: str) -> None:
    top = int(TOPS[dtype])
    stripes = np.zeros((640, 960), dtype)
    stripes[:, ::2] = top  # the finest there are: they must melt to even gray
    L = working_lightness(stripes, 64)
    assert L.shape == (64, 96)
    assert L.dtype == np.float32
    assert np.ptp(L[2:-2, 2:-2]) < 1
    assert L.mean() == pytest.approx(rgb_to_lab(np.full(3, 0.5))[0], abs=0.5)
    ramp = np.linspace(0, top, 960).astype(dtype)[None].repeat(640, axis=0)
    assert (np.diff(working_lightness(ramp, 64)[0]) > 0).all()


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_detail_softens_what_is_sharp_and_nothing_else(dtype: str) -> None:
    """A detail of 0.75 is what a photo of 0.75 of the size looks like at that size, whatever the photo's own size."""
    x = picture(480, 640, dtype)
    sharp, soft = working_lightness(x, 64), working_lightness(x, 64, 0.75)
    assert soft.shape == sharp.shape == (64, 84)
    enlarged = Image.fromarray(working_lightness(x, 48)).resize((84, 64), Image.Resampling.BICUBIC)
    assert np.abs(soft - np.asarray(enlarged)).mean() < 1.5
    assert np.abs(np.diff(soft)).mean() < 0.9 * np.abs(np.diff(sharp)).mean()
    assert soft.mean() == pytest.approx(sharp.mean(), abs=0.5)
    assert working_lightness(np.full((3, 500), 9, dtype), 64, 0.1).shape == working_lightness(x[:3, :500], 64).shape


def test_the_card_says_how_soft(tiny_bundle: Path, tmp_path: Path) -> None:
    """The entry is heeded by every way in: a picture comes out as it does for the softened lightness."""
    soft = shutil.copytree(tiny_bundle, tmp_path / "soft")
    write_card(soft, detail=0.5)
    x = picture(200, 300)
    plain, softened = Colorizer(tiny_bundle), Colorizer(soft)
    wanted = plain.network.predict(working_lightness(x, 64, 0.5))
    assert np.array_equal(softened.predict(x).ab, wanted.ab)
    assert not np.array_equal(plain.predict(x).ab, wanted.ab)
    assert np.array_equal(softened.colorize(x), softened.paint(x, wanted.ab))


def test_depths_agree(colorizer: Colorizer) -> None:
    x = picture(300, 400)
    shallow, deep = (working_lightness(y, 64) for y in (x, x.astype(np.uint16) * 257))
    assert np.abs(shallow - deep).max() < 1.5
    assert np.abs(colorizer.colorize(x / 255) * 255 - colorizer.colorize(x)).mean() < 1


# Sameness


def test_same_bytes_over_runs_threads_and_instances(tiny_bundle: Path) -> None:
    raw = encoded(Image.fromarray(picture(700, 900)), "JPEG", quality=90)
    results = {Colorizer(tiny_bundle, threads=threads).colorize(raw) for threads in (1, 2, 3, None)}
    assert len(results) == 1


def test_threads_may_share_a_colorizer(tiny_bundle: Path) -> None:
    colorizer = Colorizer(tiny_bundle, threads=2)
    pictures = [picture(40 + 8 * (i % 5), 56, seed=i) for i in range(20)]
    alone = [colorizer.colorize(x).tobytes() for x in pictures]
    with ThreadPoolExecutor(5) as pool:
        assert list(pool.map(lambda x: colorizer.colorize(x).tobytes(), pictures)) == alone


# Prediction


def test_predict(colorizer: Colorizer, tmp_path: Path) -> None:
    gray = picture(128, 200)
    image = Image.fromarray(gray)
    image.save(tmp_path / "a.png")
    first = colorizer.predict(gray)
    assert first.ab.shape == (2, 32, 50)
    assert first.logits.shape[1:] == first.confidence().shape == (16, 25)
    for x in (gray[..., None], image, tmp_path / "a.png", encoded(image), read_photo(encoded(image))):
        assert np.array_equal(colorizer.predict(x).ab, first.ab)
    assert colorizer.predict(gray, Look(size=128)).ab.shape == (2, 64, 100)
    with pytest.raises(UsageError, match="is a stack"):
        colorizer.predict(np.zeros((3, 8, 8), np.uint8))
    with pytest.raises(UsageError, match="cannot colorize a list"):
        colorizer.predict([gray])


# The package


def test_module_function(tiny_bundle: Path, colorizer: Colorizer) -> None:
    x = picture(40, 56)
    result = colorizegan.colorize(x, Look(saturation=0.5, size=32), model=tiny_bundle)
    assert np.array_equal(result, colorizer.colorize(x, Look(saturation=0.5, size=32)))
    with pytest.raises(ModelError):
        colorizegan.colorize(x, model="no-such-model")


@pytest.mark.parametrize("wish", ["saturation", "size", "hints", "like"])
def test_old_keywords_say_what_to_write_now(colorizer: Colorizer, tiny_bundle: Path, wish: str) -> None:
    x: Any = picture(40, 56)
    old: Any = {wish: 1}
    for call in (colorizer.colorize, colorizer.predict, colorizer.propose, colorizegan.colorize):
        with pytest.raises(UsageError, match=rf"{wish}= belongs to Look now; write Look\({wish}=\.\.\.\)"):
            call(x, **old)
    with pytest.raises(UsageError, match=r"write Colorizer\(\)\.propose"):
        colorizegan.colorize(x, **{"proposals": 3})  # pyright: ignore[reportCallIssue, reportArgumentType]
    with pytest.raises(TypeError, match="unexpected keyword argument 'color'"):
        colorizer.colorize(x, **{"color": 3})  # pyright: ignore[reportCallIssue, reportArgumentType]


def test_many_photos_with_an_error_for_each_that_fails(tiny_bundle: Path, tmp_path: Path) -> None:
    image = Image.fromarray(picture(40, 56))
    photos = [image, tmp_path / "missing.jpg", np.zeros((8, 8), np.uint8)]
    results = list(colorizegan.colorize_many(photos, Look(saturation=0.5), model=tiny_bundle))
    assert [x for x, _ in results] == photos
    assert isinstance(results[1][1], InputError)
    assert results[0][1] == colorizegan.colorize(image, Look(saturation=0.5), model=tiny_bundle)
    assert results[2][1].shape == (8, 8, 3)


def test_many_photos_show_a_bar_on_a_terminal_if_asked(tiny_bundle: Path) -> None:
    """Nothing is done before it is asked for; how many there are is told where it is known."""
    code = f"""if True:
        import numpy, sys, colorizegan
        photos = [numpy.full((40, 56), 90 + i, numpy.uint8) for i in range(2)]
        some = colorizegan.colorize_many({{}}, model={str(tiny_bundle)!r}, progress={{}})
        print("asked", file=sys.stderr)
        list(some)"""
    for album, progress, bar in (("photos", True, "2/2"), ("photos", False, ""), ("(x for x in photos)", True, "2/?")):
        before, _, shown = on_a_terminal("-c", code.format(album, progress)).partition("asked")
        assert not before
        assert (bar in shown) if bar else not shown.strip()


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_the_same_picture_in_every_kind_gives_the_same_colors(colorizer: Colorizer, tmp_path: Path, dtype: str) -> None:
    """Coloured pictures: their brightness is made by one function, however they come in."""
    rgb = np.random.default_rng(0).integers(0, int(TOPS[dtype]) + 1, (50, 70, 3)).astype(dtype)
    photo = Photo(rgb[..., 0])
    write_photo(rgb, photo, tmp_path / "photo.png")
    raw = (tmp_path / "photo.png").read_bytes()
    as_array = colorizer.colorize(rgb)
    assert np.array_equal(as_array, colorizer.colorize(read_photo(raw)))
    pixels = read_photo(colorizer.colorize(raw), colors_too=True).rgb
    assert pixels is not None
    assert np.array_equal(as_array, pixels)
    small = np.asarray(colorizer.colorize(tmp_path / "photo.png"))
    with (tmp_path / "photo.png").open("rb") as file:
        assert np.array_equal(small, np.asarray(colorizer.colorize(file)))
    assert np.array_equal(small, to_8_bit(as_array))
    if dtype == "uint8":
        assert np.array_equal(small, np.asarray(colorizer.colorize(Image.fromarray(rgb))))


def test_library_is_quiet(
    colorizer: Colorizer, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.INFO):
        colorizer.colorize(picture(40, 56))
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")
