"""Frames come as they are in the film: every one, with its time and its luma; what is no film is one line."""

import itertools
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from films import FFmpeg

from colorizegan.errors import ColorizeGANError, DecodeError, InputError, TooLargeError
from colorizegan.video.frames import Film, picture_stream
from colorizegan.video.pixels import canvas, luma_of, plane_of, whole_gray

SOURCE = ("-f", "lavfi", "-i", "testsrc2=s=64x48:r=12:d=1")


@pytest.mark.parametrize(
    ("form", "codec", "name", "worked_in"),
    [
        ("yuv420p", "libx264", "a.mp4", "yuv420p"),
        ("yuv422p", "libx264", "a.mov", "yuv422p"),
        ("yuv444p", "ffv1", "a.mkv", "yuv444p"),
        ("yuvj420p", "mjpeg", "a.avi", "yuv420p"),
        ("gray", "ffv1", "a.mkv", "yuv420p"),
        ("yuv420p10le", "libx264", "a.mp4", "yuv420p10le"),
        ("gray10le", "ffv1", "a.mkv", "yuv420p10le"),
        ("yuyv422", "rawvideo", "a.avi", "yuv422p"),
        ("yuv420p", "libvpx-vp9", "a.webm", "yuv420p"),
        ("yuv420p", "mpeg4", "a.ts", "yuv420p"),
    ],
)
def test_luma_is_what_an_independent_decoder_finds(
    ffmpeg: FFmpeg, tmp_path: Path, form: str, codec: str, name: str, worked_in: str
) -> None:
    path = ffmpeg.make(tmp_path / name, *SOURCE, "-pix_fmt", form, "-c:v", codec)
    ten = form.endswith("10le")
    planar = (
        form if form.startswith("gray") else "yuv420p10le" if ten else "yuv444p" if form == "yuv444p" else "yuv420p"
    )
    # Planes that need no conversion: the luma of all of these comes out of ffmpeg as it is.
    wanted = [frame[: 64 * 48 * (2 if ten else 1)] for frame in ffmpeg.decoded(path, planar)]
    with Film(path) as film:
        assert film.pixels.name == worked_in
        frames = list(film.frames())
        found = [luma_of(frame, film.pixels).copy() for frame in frames]
        for frame, luma in zip(frames, found, strict=True):
            new, same = canvas(frame, film.pixels)
            assert np.array_equal(same, luma)
            assert new.format.name.replace("yuvj", "yuv") == worked_in
            assert np.array_equal(plane_of(new, 0), luma)
            assert new.pts == frame.pts
    assert len(found) == len(wanted) == 12
    if form != "yuvj420p":  # ffmpeg makes narrow range of it
        for luma, raw in zip(found, wanted, strict=True):
            assert np.array_equal(luma.ravel(), raw.view(np.uint16) if ten else raw)


def test_pixels_of_rgb_and_of_deep_gray(ffmpeg: FFmpeg, tmp_path: Path) -> None:
    for form, dtype in (("gray16be", np.uint16), ("rgb24", np.uint8), ("rgb48be", np.uint16)):
        path = tmp_path / form / "%03d.png"
        path.parent.mkdir()
        ffmpeg.make(path, *SOURCE, "-vf", "format=gray,format=" + form)
        with Film(path, Fraction(12)) as film:
            frames = list(film.frames())
            assert len(frames) == 12
            assert whole_gray(frames[0], film.pixels).dtype == dtype
            assert film.rate == 12


def test_times_of_a_film_of_variable_rate(ffmpeg: FFmpeg, tmp_path: Path) -> None:
    path = ffmpeg.make(
        tmp_path / "v.mp4", *SOURCE, "-vf", "select='not(mod(n,3))+eq(n,4)'", "-fps_mode", "vfr", "-c:v", "libx264"
    )
    with Film(path) as film:
        found = [float(frame.pts * film.time_base) for frame in film.frames() if frame.pts is not None]
    assert found == pytest.approx([float(time) for time in ffmpeg.times(path)], abs=1e-6)
    assert len({round(b - a, 4) for a, b in itertools.pairwise(found)}) > 1


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.avi"])
def test_going_on_in_the_middle_gives_the_same_frames(ffmpeg: FFmpeg, tmp_path: Path, name: str) -> None:
    path = ffmpeg.make(tmp_path / name, *SOURCE, "-c:v", "libx264", "-g", "5", "-bf", "0" if name == "a.avi" else "2")
    with Film(path) as film:
        whole = [(frame.pts, luma_of(frame, film.pixels).tobytes()) for frame in film.frames()]
        for start in (3, 5, 8):
            since = whole[start][0]
            rest = [(frame.pts, luma_of(frame, film.pixels).tobytes()) for frame in film.frames(since=since)]
            assert rest == whole[start:]


def test_interlaced_frames_are_told_and_made_whole(ffmpeg: FFmpeg, tmp_path: Path) -> None:
    path = ffmpeg.make(
        tmp_path / "i.mp4", "-f", "lavfi", "-i", "testsrc2=s=64x48:r=24:d=1", "-vf", "interlace", "-c:v", "libx264",
        "-flags", "+ilme+ildct",
    )  # fmt: skip
    with Film(path) as film:
        assert film.interlaced
        plain, whole = list(film.frames()), list(film.frames(deinterlace=True))
    assert [frame.pts for frame in plain] == [frame.pts for frame in whole]
    assert not np.array_equal(plane_of(plain[5], 0), plane_of(whole[5], 0))


def refused(path: Path) -> ColorizeGANError:
    with pytest.raises(ColorizeGANError) as caught, Film(path) as film:
        list(film.frames())
    text = str(caught.value)
    assert "\n" not in text
    assert path.name in text
    return caught.value


def test_what_is_no_film_is_one_line(ffmpeg: FFmpeg, tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("no film " * 1000)
    ffmpeg.make(tmp_path / "sound.mp4", "-f", "lavfi", "-i", "sine=d=1")
    whole = ffmpeg.make(tmp_path / "whole.mp4", *SOURCE, "-c:v", "libx264").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])  # its table of frames is at the end
    ffmpeg.make(tmp_path / "sound.mp3", "-f", "lavfi", "-i", "sine=d=1")
    for name in ("empty.mp4", "text.mp4", "sound.mp4", "sound.mp3", "cut.mp4"):
        assert isinstance(refused(tmp_path / name), DecodeError)
        assert "nvalid" not in str(refused(tmp_path / name))  # FFmpeg's words help nobody
    assert "sound" in str(refused(tmp_path / "sound.mp4"))
    assert "empty" in str(refused(tmp_path / "empty.mp4"))
    assert isinstance(refused(tmp_path / "none.mp4"), InputError)
    assert isinstance(refused(tmp_path), InputError)


def test_an_encrypted_film_is_refused(ffmpeg: FFmpeg, tmp_path: Path) -> None:
    key = "76a6c65c5ea762046bd749a2e632ccbb"
    path = ffmpeg.make(
        tmp_path / "e.mp4", *SOURCE, "-c:v", "libx264", "-encryption_scheme", "cenc-aes-ctr", "-encryption_key", key,
        "-encryption_kid", "a7e61c373e219033c21091fa607bf3b8",
    )  # fmt: skip
    assert "encrypted" in str(refused(path))


def test_a_film_with_huge_frames_is_refused_before_it_is_decoded(ffmpeg: FFmpeg, tmp_path: Path) -> None:
    path = ffmpeg.make(tmp_path / "h.mp4", *SOURCE, "-c:v", "libx264")
    with av.open(path) as container:
        assert picture_stream(container, path, 64 * 48).width == 64
        with pytest.raises(TooLargeError, match=r"h\.mp4: has frames of 64 x 48 pixels"):
            picture_stream(container, path, 64 * 48 - 1)


def test_a_playlist_opens_nothing(ffmpeg: FFmpeg, tmp_path: Path) -> None:
    film = ffmpeg.make(tmp_path / "secret.ts", *SOURCE, "-c:v", "libx264")
    for name, text in (
        ("list.mp4", f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{film}\n#EXT-X-ENDLIST\n"),
        ("joined.mp4", f"ffconcat version 1.0\nfile '{film}'\n"),
    ):
        (tmp_path / name).write_text(text)
        assert isinstance(refused(tmp_path / name), DecodeError)


def test_damage_in_the_middle_is_counted_and_the_rest_is_there(ffmpeg: FFmpeg, tmp_path: Path) -> None:
    path = ffmpeg.make(tmp_path / "d.mkv", *SOURCE, "-c:v", "ffv1", "-level", "3", "-slicecrc", "1")
    raw = bytearray(path.read_bytes())
    middle = len(raw) // 2
    raw[middle : middle + 200] = b"\x55" * 200
    path.write_bytes(raw)
    with Film(path) as film:
        count = sum(1 for _ in film.frames())
        assert count + film.damaged >= 11
        assert count >= 10
