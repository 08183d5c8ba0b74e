"""photo: every format in and out, what the photo carries, and one clear refusal for everything that is no photo."""

import contextlib
import gc
import io
import json
import os
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest
import pyvips
from command import json_lines, python
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pictures import encoded, heic, tiff
from PIL import Image, ImageCms, ImageOps
from png_kinds import png_of

from colorizegan.color.lab import rgb_to_gray
from colorizegan.errors import ColorizeGANError, DecodeError, InputError, OutputError, TooLargeError
from colorizegan.photo.metadata.metadata import Metadata
from colorizegan.photo.photo import Limits, Photo
from colorizegan.photo.read import read_photo
from colorizegan.photo.write import encode_photo, write_photo

HEIGHT, WIDTH = 37, 53


def ramp(dtype: type = np.uint8, shape: tuple[int, ...] = (HEIGHT, WIDTH)) -> NDArray[np.integer]:
    """A smooth picture that no flip or turn maps to itself."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    values = (0.7 * x / shape[1] + 0.3 * (y / shape[0]) ** 2) * np.iinfo(dtype).max
    return values.astype(dtype)


def tinted(gray: NDArray[np.integer]) -> NDArray[np.integer]:
    """RGB with colours of its own."""
    top = np.iinfo(gray.dtype).max
    return np.dstack((gray, top - gray, np.roll(gray, 11, axis=1))).astype(gray.dtype)


# --- reading ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("format", "options", "tolerance"),
    [
        ("PNG", {}, 0), ("TIFF", {"compression": "tiff_lzw"}, 0), ("TIFF", {"compression": "tiff_deflate"}, 0),
        ("BMP", {}, 0), ("PPM", {}, 0), ("GIF", {}, 0), ("WEBP", {"lossless": True}, 0),
        ("JPEG", {"quality": 95}, 3), ("AVIF", {"quality": 95}, 4),
    ],
)  # fmt: skip
def test_gray_photos_of_every_format_keep_their_values(format: str, options: dict[str, object], tolerance: int) -> None:
    gray = ramp()
    photo = read_photo(encoded(Image.fromarray(gray), format, **options))
    assert photo.gray.dtype == np.uint8
    assert photo.gray.shape == gray.shape
    assert np.abs(photo.gray.astype(int) - gray).max() <= tolerance
    assert not photo.is_color
    assert photo.alpha is None


@pytest.mark.parametrize("format", ["png", "tiff", "pgm"])
def test_sixteen_bits_stay_sixteen_bits(format: str) -> None:
    gray = ramp(np.uint16)
    image = pyvips.Image.new_from_memory(gray.tobytes(), WIDTH, HEIGHT, 1, "ushort")
    raw = {
        "png": lambda: image.copy(interpretation="grey16").pngsave_buffer(),
        "tiff": lambda: image.copy(interpretation="grey16").tiffsave_buffer(compression="lzw", tile=True),
        "pgm": lambda: f"P5 {WIDTH} {HEIGHT} 65535\n".encode() + gray.astype(">u2").tobytes(),
    }[format]()
    photo = read_photo(raw)
    assert photo.gray.dtype == np.uint16
    assert np.array_equal(photo.gray, gray)


@pytest.mark.parametrize("mode", ["1", "P", "LA", "RGBA", "CMYK"])
def test_color_models_become_luminance(mode: str) -> None:
    color = Image.fromarray(tinted(ramp()))
    format = "JPEG" if mode == "CMYK" else "PNG"
    photo = read_photo(encoded(color.convert(mode), format))
    assert photo.gray.shape == (HEIGHT, WIDTH)
    assert (photo.alpha is not None) == (mode in ("LA", "RGBA"))
    assert photo.is_color == (mode in ("P", "RGBA", "CMYK"))
    if mode in ("P", "RGBA"):
        expected = rgb_to_gray(np.asarray(color.convert(mode).convert("RGB")))
        assert np.abs(photo.gray.astype(int) - expected).max() <= 1


def test_alpha_is_read_as_it_is() -> None:
    gray = ramp()
    photo = read_photo(encoded(Image.fromarray(np.dstack((gray, gray.T.reshape(gray.shape)))), "PNG"))
    assert photo.alpha is not None
    assert np.array_equal(photo.gray, gray)
    assert np.array_equal(photo.alpha, gray.T.reshape(gray.shape))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_photos_come_upright_whatever_their_orientation(orientation: int, format: str) -> None:
    image = Image.fromarray(ramp())
    exif = Image.Exif()
    exif[0x0112] = orientation
    lossless = {"lossless": True} if format == "WEBP" else {"quality": 100} if format == "JPEG" else {}
    raw = encoded(image, format, exif=exif.tobytes(), **lossless)
    photo = read_photo(raw)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(raw))).convert("L"))
    assert photo.gray.shape == expected.shape
    assert np.abs(photo.gray.astype(int) - expected).max() <= 2
    again = read_photo(encode_photo(np.dstack([photo.gray] * 3), photo))
    assert again.gray.shape == expected.shape, "the result would be turned twice"


def test_icc_profiles_are_honoured() -> None:
    """Gray under a linear profile is brighter in sRGB: the value follows from the two curves."""
    linear = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    gray = ramp()
    plain = read_photo(encoded(Image.fromarray(np.dstack([gray] * 3)), "PNG", icc_profile=linear))
    assert np.array_equal(plain.gray, gray), "sRGB by another name changes nothing"
    assert plain.metadata.profiled
    image = pyvips.Image.new_from_memory(np.dstack([gray] * 3).tobytes(), WIDTH, HEIGHT, 3, "uchar")
    p3 = image.copy(interpretation="srgb").icc_transform("p3", input_profile="srgb")
    photo = read_photo(p3.pngsave_buffer())
    assert np.abs(photo.gray.astype(int) - gray).max() <= 2


def test_sepia_is_no_color_but_a_landscape_is() -> None:
    gray = ramp().astype(np.float32)
    sepia = np.dstack((np.minimum(gray * 1.05 + 12, 255), gray * 0.95, gray * 0.75)).astype(np.uint8)
    assert not read_photo(encoded(Image.fromarray(sepia), "PNG")).is_color
    assert read_photo(encoded(Image.fromarray(tinted(ramp())), "PNG")).is_color


def test_several_pages_give_the_first_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    pages = [Image.fromarray(ramp()), Image.fromarray(255 - ramp())]
    photo = read_photo(encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    assert np.array_equal(photo.gray, ramp())
    assert "has 2 pages" in caplog.text


# --- refusing --------------------------------------------------------------------------------------------------------


def test_bombs_are_refused_by_their_header() -> None:
    with pytest.raises(TooLargeError, match="60000 x 60000 px, over the limit of 300 Mpx"):
        read_photo(png_of(60000, 60000))
    with pytest.raises(TooLargeError, match="over the limit of 10"):
        read_photo(encoded(Image.fromarray(ramp()), "PNG"), limits=Limits(bytes=10))
    frames = [Image.fromarray(np.full((8, 8), v, np.uint8)) for v in range(5)]
    with pytest.raises(TooLargeError, match="5 frames, over the limit of 4"):
        read_photo(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]), limits=Limits(frames=4))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"just some words\n" * 40, "is a text file"),
        (b"%PDF-1.7\n", "is a PDF document"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "is a PostScript file"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is an SVG drawing"),
        (b"PK\x03\x04" + bytes(60), "is a zip archive"),
        (b"SIMPLE  =                    T", "is a FITS file"),
        (bytes(range(256)), "no known picture format"),
        (b"\xff\xd8\xff\xe0" + bytes(100), "cannot be decoded"),
    ],
)
def test_what_is_no_photo_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    with pytest.raises(DecodeError, match=words) as caught:
        read_photo(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    for path, words in (
        (tmp_path / "missing.jpg", "does not exist"),
        (tmp_path, "is a folder"),
        (tmp_path / "pipe.jpg", "is no regular file"),
        (Path("/dev/zero"), "is no regular file"),
        (Path("nul\0byte.jpg"), "cannot be opened"),
    ):
        with pytest.raises(InputError, match=words):
            read_photo(path)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP", "BMP", "PPM", "GIF"])
def test_truncated_photos_are_refused_unless_allowed(format: str, caplog: pytest.LogCaptureFixture) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 300), np.uint8)
    raw = encoded(Image.fromarray(noise), format, **({"interlace": 0} if format == "GIF" else {}))
    half = raw[: len(raw) * 6 // 10]
    if format == "TIFF":  # Pillow writes the directory last: without it there is nothing to take
        image = pyvips.Image.new_from_memory(noise.tobytes(), 300, 200, 1, "uchar")
        raw = image.tiffsave_buffer(compression="none")
        half = raw[:8] + raw[8 : len(raw) * 9 // 10] if raw.find(b"II*") == 0 else raw
    with pytest.raises(DecodeError):
        read_photo(half)
    try:
        photo = read_photo(half, allow_truncated=True)
    except DecodeError:
        assert format in ("TIFF", "WEBP"), "nothing can be taken from these without their end"
        return
    assert "damaged" in caplog.text
    assert photo.gray.shape == (200, 300)
    there = slice(-80, None) if format == "BMP" else slice(80)  # BMP begins at the bottom
    assert np.abs(photo.gray[there].astype(int) - noise[there]).mean() < 20, "the part that is there"


@pytest.mark.parametrize("share", [0.05, 0.4, 0.8, 0.99])
@pytest.mark.parametrize(
    "format", ["JPEG", "PNG", "TIFF", "WEBP", "BMP", "PPM", "GIF", "AVIF", "HEIC", "TIFF in strips", "HEIC in tiles"]
)
def test_what_is_advised_for_a_cut_file_helps(format: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (160, 200), np.uint8)
    if format == "TIFF in strips":  # with its directory before them
        raw = tiff(noise, rowsperstrip=16, compression="zlib")
    else:
        tiles = {"tile_size": 64} if format == "HEIC in tiles" else {}
        raw = heic(noise, **tiles) if "HEIC" in format else encoded(Image.fromarray(noise), format)
    cut = raw[: round(len(raw) * share)]
    with pytest.raises(DecodeError) as refused:
        read_photo(cut)
    if "--allow-truncated" in str(refused.value):
        photo = read_photo(cut, allow_truncated=True)
        assert photo.gray.std() > 10
        assert any("damaged" in remark for remark in photo.remarks)
    else:
        assert "nothing can be read of it: copy it anew" in str(refused.value)
        with pytest.raises(DecodeError) as again:
            read_photo(cut, allow_truncated=True)
        assert str(again.value) == str(refused.value)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF"])
def test_an_error_that_is_kept_holds_no_picture(format: str) -> None:
    """It would take memory; and a picture that is closed while libvips speaks to the log ends the process."""
    raw = encoded(Image.fromarray(ramp(shape=(300, 400))), format)
    errors: list[DecodeError] = []
    for share in (0.1, 0.5, 0.9):
        with pytest.raises(DecodeError) as caught:
            read_photo(raw[: round(len(raw) * share)])
        errors.append(caught.value)
    held = [thing for thing in gc.get_objects() if type(thing) in (pyvips.Image, pyvips.Region)]
    assert len(errors) == 3
    assert held == []


@pytest.mark.slow
def test_hostile_files_are_refused_or_read(shared_data: Path, tmp_path: Path) -> None:
    """In a process of its own, so that a crash of a decoder shows as a failure of this test."""
    with tarfile.open(shared_data / "hostile.tar") as tar:
        tar.extractall(tmp_path, filter="data")
    program = """
import json, sys, time
from pathlib import Path
from colorizegan.errors import ColorizeGANError
from colorizegan.photo.read import read_photo
for path in sorted(p for p in Path(sys.argv[1]).rglob('*') if p.is_file()):
    for allow in (False, True):
        start = time.monotonic()
        try:
            photo = read_photo(path, allow_truncated=allow)
            what = [*photo.gray.shape, str(photo.gray.dtype)]
        except ColorizeGANError as error:
            what = str(error)
        print(json.dumps([str(path), allow, what, time.monotonic() - start]), flush=True)
"""
    rows = json_lines(python("-W", "error", "-c", program, tmp_path).stdout)
    assert len(rows) == 2 * 366
    assert all(seconds < 10 for *_, seconds in rows)
    read = [what for _, allow, what, _ in rows if isinstance(what, list) and not allow]
    refused = [(path, what) for path, _, what, _ in rows if isinstance(what, str)]
    assert len(read) > 120, "valid oddities are photos too"
    assert all("\n" not in what and what.startswith(path) and what.endswith("]") for path, what in refused)
    assert not any("[E_INTERNAL]" in what for _, what in refused)


@given(st.data())
def test_any_damage_is_refused_or_read(data: st.DataObject) -> None:
    format = data.draw(st.sampled_from(["JPEG", "PNG", "WEBP", "GIF", "BMP", "PPM", "TIFF"]))
    raw = bytearray(encoded(Image.fromarray(ramp()), format))
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    del raw[data.draw(st.integers(1, len(raw))) :]
    with contextlib.suppress(ColorizeGANError):  # anything else that is raised fails the test
        photo = read_photo(bytes(raw), limits=Limits(pixels=10**6))
        assert photo.gray.ndim == 2


# --- writing ---------------------------------------------------------------------------------------------------------


def pixels_of(path: Path) -> NDArray[np.integer]:
    """Pixels (H, W, C) of a file, by another reader where there is one."""
    if path.suffix == ".bmp":
        return np.asarray(Image.open(path))
    if path.suffix == ".pnm":
        head, size, top, data = path.read_bytes().split(b"\n", 3)
        width, height = map(int, size.split())
        assert head == b"P6"
        return np.frombuffer(data, np.uint8 if int(top) < 256 else ">u2").reshape(height, width, 3)
    return pyvips.Image.new_from_file(str(path)).numpy()


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("format", ["png", "tiff", "pnm", "bmp", "webp", "jpeg", "avif"])
def test_written_photos_read_back(format: str, bits: int, tmp_path: Path) -> None:
    dtype = np.uint8 if bits == 8 else np.uint16
    gray, alpha = ramp(dtype), np.full((HEIGHT, WIDTH), np.iinfo(dtype).max, dtype)
    rgb = tinted(gray)
    path = tmp_path / f"out.{format}"
    write_photo(rgb, Photo(gray, alpha=alpha), path, format=format)
    back = pixels_of(path).astype(float)
    deep = bits == 16 and format in ("png", "tiff", "pnm")
    apart = np.abs(back[..., :3] - rgb / (1 if deep or bits == 8 else 257))
    if format in ("webp", "jpeg", "avif"):  # halved colour spills over edges
        assert apart.mean() < 6
    else:
        assert apart.max() <= (0 if deep or bits == 8 else 0.5)
    # libwebp leaves out an alpha that is opaque throughout
    assert back.shape[2] == (4 if format in ("png", "tiff", "avif") else 3)
    assert [left.name for left in tmp_path.iterdir()] == [path.name]
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask


def test_transparency_is_laid_on_white_where_the_format_has_none() -> None:
    gray = np.zeros((8, 8), np.uint8)
    raw = encode_photo(np.dstack([gray] * 3), Photo(gray, alpha=gray), format="bmp")
    assert np.asarray(Image.open(io.BytesIO(raw))).min() == 255


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    gray = ramp()
    rgb = np.dstack([gray] * 3)
    (tmp_path / "folder.png").mkdir()
    for target, words in (
        (tmp_path / "none" / "out.png", "cannot be written"),
        (tmp_path / "folder.png", "cannot be written"),
        (tmp_path / ("n" * 300 + ".png"), "cannot be written"),
    ):
        with pytest.raises(OutputError, match=words) as caught:
            write_photo(rgb, Photo(gray), target)
        assert str(target) in str(caught.value)
    wide = np.zeros((1, 70000), np.uint8)
    with pytest.raises(OutputError, match="70000 x 1 px cannot be written as jpeg"):
        write_photo(np.dstack([wide] * 3), Photo(wide), tmp_path / "out.jpg")
    with pytest.raises(OutputError, match="'gif' cannot be written"):
        encode_photo(rgb, Photo(gray), format="gif")
    assert [left.name for left in tmp_path.iterdir()] == ["folder.png"]


def test_a_crash_while_writing_keeps_the_old_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gray = ramp()
    (tmp_path / "out.png").write_bytes(b"the old one")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left on device"):
        write_photo(np.dstack([gray] * 3), Photo(gray), tmp_path / "out.png")
    assert [left.name for left in tmp_path.iterdir()] == ["out.png"]
    assert (tmp_path / "out.png").read_bytes() == b"the old one"


# --- what the photo carries ------------------------------------------------------------------------------------------

TAGS = {
    "Make": "Zeiss", "Model": "Ikonta", "DateTimeOriginal": "1936:06:01 12:00:00",
    "Artist": "R. Müller", "Copyright": "public domain", "ImageDescription": "Brücke über die Elbe",
    "IPTC:Keywords": "bridge", "IPTC:City": "Dresden", "XMP:Creator": "R. Müller", "XMP:Rating": "4",
}  # fmt: skip


def read_tags(exiftool: str, path: Path) -> dict[str, str]:
    done = subprocess.run([exiftool, "-j", "-G", str(path)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)[0]


@pytest.mark.parametrize("format", ["jpeg", "png", "tiff", "webp"])
def test_metadata_travels_and_strip_removes_it(format: str, exiftool: str, tmp_path: Path) -> None:
    source, target, bare = (tmp_path / f"{name}.{format}" for name in ("source", "target", "bare"))
    source.write_bytes(encoded(Image.fromarray(ramp()), format.upper(), dpi=(300, 300)))
    settings = [f"-{name}={value}" for name, value in TAGS.items()]
    settings += ["-GPSLatitude=48.8583", "-GPSLatitudeRef=N", "-overwrite_original"]
    subprocess.run([exiftool, "-q", *settings, str(source)], check=True)
    before = read_tags(exiftool, source)
    photo = read_photo(source)
    rgb = np.dstack([photo.gray] * 3)
    write_photo(rgb, photo, target, note={"tool": "test 1.0", "model": "default"})
    write_photo(rgb, photo, bare, strip=True)
    after, stripped = read_tags(exiftool, target), read_tags(exiftool, bare)
    private = [key for key in before if key.split(":")[0] in ("EXIF", "IPTC", "XMP")]
    assert len(private) >= (8 if format != "webp" else 6), before
    # How the file itself is laid out is the result's own; the toolkit's name is that of who wrote the packet first.
    own = ("EXIF:Strip", "EXIF:Rows", "EXIF:Photometric", "EXIF:Samples", "EXIF:BitsPer", "EXIF:Compression")
    own += ("EXIF:Planar", "EXIF:Predictor", "EXIF:SampleFormat", "EXIF:ImageWidth", "EXIF:ImageHeight")
    own += ("EXIF:ResolutionUnit", "EXIF:FillOrder", "EXIF:SubfileType", "EXIF:PageNumber", "EXIF:Orientation")
    for key in private:
        if not key.startswith(own):
            assert after.get(key) == before[key], key
    if format != "webp":
        assert photo.metadata.density == pytest.approx((300 / 25.4, 300 / 25.4), rel=1e-2)
        assert read_photo(target).metadata.density == pytest.approx(photo.metadata.density, rel=1e-2)
    assert "algorithmically" in json.dumps(after).lower()
    assert "test 1.0" in json.dumps(after)
    left = [key for key in stripped if key.split(":")[0] in ("EXIF", "IPTC", "XMP") and not key.startswith(own)]
    assert [key for key in left if "Resolution" not in key] == []
    assert "Dresden" not in json.dumps(stripped)


def test_the_srgb_profile_replaces_the_source_profile() -> None:
    gray = ramp()
    photo = Photo(gray, format="jpeg", metadata=Metadata(profiled=True))
    for format in ("jpeg", "png", "tiff", "webp"):
        raw = encode_photo(np.dstack([gray] * 3), photo, format=format)
        profile = Image.open(io.BytesIO(raw)).info["icc_profile"]
        name = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile)))
        assert "sRGB" in name
    assert "icc_profile" not in Image.open(io.BytesIO(encode_photo(np.dstack([gray] * 3), Photo(gray)))).info
