"""A film in, a film out: everything but the picture's colours stays, a stop costs nothing that was finished."""

import ctypes
import hashlib
import shutil
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from command import command, python
from films import FFmpeg

import colorizegan
from colorizegan.colorizer import Colorizer
from colorizegan.errors import InputError, OutputError, UsageError
from colorizegan.steer.hints import Hint
from colorizegan.steer.look import Look
from colorizegan.video.colorize_video import colorize_steps, colorize_video
from colorizegan.video.formats import CODECS, CONTAINERS
from colorizegan.video.options import FilmHint, FilmOptions

GRAY = "format=gray,format=yuv420p"
MOVING = ("-f", "lavfi", "-i", "testsrc2=s=192x96:r=12:d=2")
SOUND = ("-f", "lavfi", "-i", "sine=f=440:d=2", "-f", "lavfi", "-i", "sine=f=880:d=2")
PAL = "setparams=color_primaries=smpte170m:color_trc=smpte170m:colorspace=smpte170m,setsar=16/15"
ODD = f"{GRAY},crop=191:95:0:0:exact=1"
H264 = ("-c:v", "libx264", "-preset", "veryfast")

# What must be the same, by ffprobe: all but codec, pixel format, sizes in bytes and the encoder's own words.
STREAM = (
    "stream=index,codec_type,width,height,sample_aspect_ratio,display_aspect_ratio,color_range,color_space,"
    "color_transfer,color_primaries,field_order,r_frame_rate,avg_frame_rate,time_base,start_pts,duration_ts,nb_frames:"
    "stream_disposition:stream_tags=language,title,handler_name:stream_side_data=rotation:format=start_time,nb_streams:"
    "format_tags=title,artist:chapter"
)


def facts(ffmpeg: FFmpeg, path: Path) -> dict[str, Any]:
    return ffmpeg.ask(path, "-show_entries", STREAM)


def copied_packets(path: Path, ffmpeg: FFmpeg) -> dict[int, str]:
    """A digest of the bytes and times of each stream that is no picture."""
    found = ffmpeg.ask(path, "-show_packets", "-show_data_hash", "sha256")["packets"]
    digests: dict[int, Any] = {}
    for packet in found:
        if packet["codec_type"] != "video":
            digest = digests.setdefault(packet["stream_index"], hashlib.sha256())
            digest.update(repr([packet.get(key) for key in ("pts", "duration", "data_hash")]).encode())
    return {index: digest.hexdigest() for index, digest in digests.items()}


def make(ffmpeg: FFmpeg, folder: Path, kind: str) -> Path:
    """One of the kinds of films that there are."""
    subtitles, chapters = folder / "s.srt", folder / "c.txt"
    subtitles.write_text("1\n00:00:00,200 --> 00:00:01,000\nGood evening.\n")
    chapters.write_text(
        ";FFMETADATA1\ntitle=A film\nartist=Nobody\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1000\ntitle=One\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=1000\nEND=2000\ntitle=Two\n"
    )
    form = ("-vf", GRAY)
    vary = ("-vf", f"{GRAY},select='not(mod(n,3))+not(mod(n,5))'", "-fps_mode", "vfr")
    narrow = (
        "-vf",
        "format=gray,format=yuv420p10le,setparams=color_primaries=bt2020:color_trc=bt2020-10:colorspace=bt2020nc",
    )
    all_made: dict[str, tuple[str, ...]] = {
        "vary.mp4": (*MOVING, *SOUND[:4], *vary, *H264, "-c:a", "aac"),
        "ntsc.mkv": ("-f", "lavfi", "-i", "testsrc2=s=192x96:r=30000/1001:d=1", *form, *H264),
        "ten.mp4": (*MOVING, *narrow, *H264),
        "full.mp4": (*MOVING, "-vf", "format=gray,scale=out_range=full,format=yuv420p", "-color_range", "pc", *H264),
        "bt601.mov": (*MOVING, "-vf", f"{GRAY},{PAL}", *H264),
        "sounds.mkv": (
            *MOVING, *SOUND, "-map", "0", "-map", "1", "-map", "2", *form, *H264, "-c:a:0", "aac", "-c:a:1", "flac",
            "-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=fra", "-disposition:a:1", "comment",
        ),
        "words.mp4": (
            *MOVING, *SOUND[:4], "-i", str(subtitles), "-i", str(chapters), "-map", "0", "-map", "1", "-map", "2",
            "-map_metadata", "3", *form, *H264, "-c:a", "aac", "-c:s", "mov_text", "-metadata:s:s:0", "language=deu",
        ),
        "words.mkv": (
            *MOVING, "-i", str(subtitles), "-i", str(chapters), "-map", "0", "-map", "1", "-map_metadata", "2", *form,
            *H264, "-c:s", "srt", "-attach", str(subtitles), "-metadata:s:t:0", "mimetype=text/plain",
        ),
        "odd.mkv": ("-f", "lavfi", "-i", "testsrc2=s=192x96:r=12:d=1", "-vf", ODD, "-c:v", "ffv1"),
        "fields.mp4": (
            "-f", "lavfi", "-i", "testsrc2=s=192x96:r=24:d=2", "-vf", f"{GRAY},interlace", *H264, "-flags",
            "+ilme+ildct",
        ),
        "stream.ts": (*MOVING, *SOUND[:4], *form, *H264, "-c:a", "mp2"),
        "web.webm": (*MOVING, *SOUND[:4], *form, "-c:v", "libvpx-vp9", "-deadline", "realtime", "-c:a", "libopus"),
        "old.avi": (*MOVING, *SOUND[:4], *form, "-c:v", "mpeg4", "-c:a", "pcm_s16le"),
    }  # fmt: skip
    if kind == "turned.mp4":
        straight = ffmpeg.make(folder / "straight.mp4", *MOVING, *form, *H264)
        return ffmpeg.make(folder / kind, "-i", str(straight), "-c", "copy", "-metadata:s:v", "rotate=90")
    return ffmpeg.make(folder / kind, *all_made[kind])


KINDS = [
    "vary.mp4", "ntsc.mkv", "turned.mp4", "ten.mp4", "full.mp4", "bt601.mov", "sounds.mkv", "words.mp4", "words.mkv",
    "odd.mkv", "fields.mp4", "stream.ts", "web.webm", "old.avi",
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_everything_but_the_picture_stays(ffmpeg: FFmpeg, tmp_path: Path, colorizer: Colorizer, kind: str) -> None:
    source = make(ffmpeg, tmp_path, kind)
    before = source.read_bytes()
    target = tmp_path / "out" / kind
    report = colorize_video(source, target, colorizer=colorizer)
    assert source.read_bytes() == before
    assert [path.name for path in target.parent.iterdir()] == [kind]
    assert ffmpeg.times(target) == ffmpeg.times(source)
    assert report.frames == len(ffmpeg.times(source))
    wanted, found = facts(ffmpeg, source), facts(ffmpeg, target)
    for table in (wanted, found):
        for stream in table["streams"]:
            old = not hasattr(av.VideoCodecContext, "field_order")  # PyAV 17, the newest for Python 3.10
            if old and kind.endswith(".mkv"):
                stream.pop("avg_frame_rate", None)
            if old or kind == "old.avi":  # MPEG-4 in AVI does not say that it is progressive
                stream.pop("field_order", None)
    if kind == "vary.mp4":  # an edit list counts milliseconds, and the mean rate follows from the duration
        durations = [table["streams"][0].pop("duration_ts") / 12288 for table in (wanted, found)]
        rates = [Fraction(table["streams"][0].pop("avg_frame_rate")) for table in (wanted, found)]
        assert durations[0] == pytest.approx(durations[1], abs=0.001)
        assert float(rates[0]) == pytest.approx(float(rates[1]), rel=0.05)
    assert found == wanted
    assert copied_packets(target, ffmpeg) == copied_packets(source, ffmpeg)


@pytest.mark.parametrize(
    ("name", "form", "codec"),
    [
        ("a.mp4", "yuv420p", "h264"), ("a.mkv", "yuv420p", "ffv1"), ("a.mp4", "yuv420p", "hevc"),
        ("a.webm", "yuv420p", "vp9"), ("a.mkv", "yuv420p10le", "ffv1"), ("a.mp4", "yuv420p10le", "h264"),
    ],
)  # fmt: skip
def test_luma_is_the_source_s_code_by_code(
    ffmpeg: FFmpeg, tmp_path: Path, colorizer: Colorizer, name: str, form: str, codec: str
) -> None:
    given = tmp_path / f"in{Path(name).suffix if name != 'a.webm' else '.mkv'}"
    source = ffmpeg.make(given, *MOVING, "-vf", f"format=gray,format={form}", *H264)
    target = tmp_path / "out" / name
    colorize_video(source, target, colorizer=colorizer, options=FilmOptions(codec=codec, quality=100))
    for one, other in zip(ffmpeg.decoded(source, form), ffmpeg.decoded(target, form), strict=True):
        luma = 192 * 96 * (2 if form.endswith("10le") else 1)
        assert np.array_equal(one[:luma], other[:luma])
        assert not np.array_equal(one[luma:], other[luma:])


def test_a_stopped_film_goes_on_and_becomes_the_same(ffmpeg: FFmpeg, tmp_path: Path, colorizer: Colorizer) -> None:
    source = long_film(ffmpeg, tmp_path)
    options = FilmOptions(part_frames=(4, 10))  # parts in the middle of a shot
    whole, target = tmp_path / "whole.mkv", tmp_path / "stopped.mkv"
    colorize_video(source, whole, colorizer=colorizer, options=options)
    made: list[int] = []
    for stop in (3, 17, 29, 44):
        steps = colorize_steps(source, target, colorizer, options)
        for progress in steps:
            if progress.made:
                made.append(progress.frames)
            if progress.frames >= stop:
                break
        steps.close()
        assert not target.exists()
    report = colorize_video(source, target, colorizer=colorizer, options=options)
    assert report.frames == 60
    assert len(made) < 3 + 17 + 29 + 44 - 30  # finished parts were not done again
    assert target.read_bytes() == whole.read_bytes()
    assert not list(tmp_path.glob(".colorizegan*"))


@pytest.mark.parametrize("name", ["out.mkv", "out-%04d.png"])
def test_a_second_run_on_the_same_result_is_refused(
    ffmpeg: FFmpeg, tmp_path: Path, colorizer: Colorizer, tiny_bundle: Path, name: str
) -> None:
    source, target = long_film(ffmpeg, tmp_path), tmp_path / name
    steps = colorize_steps(source, target, colorizer, FilmOptions())
    next(steps)
    arguments = ("video", source, "-o", target, "--model", tiny_bundle, "-q")
    second = command(*arguments, status=1)
    assert len(second.stderr.splitlines()) == 1
    assert "is being made by another run" in second.stderr
    assert "E_OUTPUT" in second.stderr
    while next(steps, None) is not None:  # the first one has lost nothing
        pass
    assert not command(*arguments).stderr
    assert len(list(tmp_path.glob("out*"))) == (1 if name == "out.mkv" else 60)


def test_other_options_start_anew(ffmpeg: FFmpeg, tmp_path: Path, colorizer: Colorizer) -> None:
    source, target = long_film(ffmpeg, tmp_path), tmp_path / "out.mp4"
    options = FilmOptions(look=Look(saturation=0.0), part_frames=(48, 10))
    steps = colorize_steps(source, target, colorizer, options)
    while next(steps).frames < 30:
        pass
    steps.close()
    first = next(colorize_steps(source, target, colorizer, FilmOptions()))
    assert first.made


def long_film(ffmpeg: FFmpeg, folder: Path) -> Path:
    """60 frames in three shots."""
    return ffmpeg.make(
        folder / "long.mp4", "-f", "lavfi", "-i", "testsrc2=s=192x96:r=12:d=2", "-f", "lavfi", "-i",
        "mandelbrot=s=192x96:r=12", "-f", "lavfi", "-i", "testsrc=s=192x96:r=12:d=1", "-filter_complex",
        f"[1:v]trim=duration=2[m];[0:v][m][2:v]concat=n=3,{GRAY}", *H264,
    )  # fmt: skip


# `video`, killed at the moment before it gives a file its name for the nth time, or when it has made n frames.
KILLED = """
import os, signal, sys
from pathlib import Path

from colorizegan.colorizer import Colorizer
from colorizegan.video.colorize_video import colorize_steps
from colorizegan.video.options import FilmOptions

source, target, model, frames, names = sys.argv[1:]
left = [int(names), int(frames)]

def count(which):
    left[which] -= 1
    if not left[which]:
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(lambda event, _: count(0) if event == "os.rename" else None)
for progress in colorize_steps(Path(source), Path(target), Colorizer(model), FilmOptions(codec="ffv1")):
    if progress.made:
        count(1)
"""
NEVER = 10**9


@pytest.mark.slow
def test_kill_at_any_point_and_go_on(ffmpeg: FFmpeg, tmp_path: Path, tiny_bundle: Path) -> None:
    source = ffmpeg.make(tmp_path / "k.mp4", "-f", "lavfi", "-i", "testsrc2=s=192x96:r=24:d=30", "-vf", GRAY, *H264)
    whole, target = tmp_path / "whole.mkv", tmp_path / "killed.mkv"
    arguments = ("video", source, "--model", tiny_bundle, "-q", "--codec", "ffv1", "-o")
    command(*arguments, whole)
    # Of the film's 720 frames 240 make a part. The names are those of the parts, of what is remembered, and the film's.
    for frames, names in [(NEVER, 1), (100, NEVER), (NEVER, 2), (NEVER, 4), (300, NEVER), (NEVER, 2), (NEVER, 3)]:
        python("-c", KILLED, source, target, tiny_bundle, frames, names, status=-signal.SIGKILL)
        assert not target.exists()
    command(*arguments, target)
    assert target.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["k.mp4", "killed.mkv", "whole.mkv"]


def test_a_part_of_a_film(ffmpeg: FFmpeg, tmp_path: Path, colorizer: Colorizer) -> None:
    source = make(ffmpeg, tmp_path, "words.mp4")
    target = tmp_path / "part.mp4"
    options = FilmOptions(start=Fraction(1, 2), end=Fraction(3, 2))
    assert colorize_video(source, target, colorizer=colorizer, options=options).frames == 12
    times = [float(time) for time in ffmpeg.times(target)]
    assert times == pytest.approx([i / 12 for i in range(12)], abs=1e-3)
    sound = ffmpeg.ask(target, "-select_streams", "a", "-show_entries", "packet=pts_time")["packets"]
    assert 0.9 < float(sound[-1]["pts_time"]) < 1.1


def late_clock(ffmpeg: FFmpeg, folder: Path) -> Path:
    """A recorded broadcast: 2 s whose clock begins at 100 s."""
    form = ("-vf", GRAY, *H264, "-bf", "0", "-c:a", "mp2", "-output_ts_offset", "100")
    return ffmpeg.make(folder / "late.ts", *MOVING, *SOUND[:4], *form)


def test_times_are_counted_from_where_the_film_begins(ffmpeg: FFmpeg, tmp_path: Path, colorizer: Colorizer) -> None:
    source, target = late_clock(ffmpeg, tmp_path), tmp_path / "part.mkv"
    options = FilmOptions(start=Fraction(1, 2), end=Fraction(3, 2), quality=100)
    assert colorize_video(source, target, colorizer=colorizer, options=options).frames == 12
    assert float(ffmpeg.times(target)[0]) == pytest.approx(0, abs=1 / 24)
    luma = 192 * 96
    wanted, found = (ffmpeg.decoded(path, "yuv420p") for path in (source, target))
    assert np.array_equal(found[0][:luma], wanted[6][:luma])


def test_hints_lie_where_they_are_meant(ffmpeg: FFmpeg, tmp_path: Path, colorizer: Colorizer) -> None:
    """In a part of a film and on any clock; those of other parts have no say in it."""
    source = late_clock(ffmpeg, tmp_path)

    def made(name: str, *hints: FilmHint) -> bytes:
        options = FilmOptions(hints=hints, codec="ffv1", start=Fraction(1, 2), end=Fraction(3, 2))
        colorize_video(source, tmp_path / name, colorizer=colorizer, options=options)
        return (tmp_path / name).read_bytes()

    inside, before, behind = (FilmHint(Hint(96, 48, "#d02020"), Fraction(time, 4)) for time in (4, 1, 7))
    plain = made("plain.mkv")
    assert made("inside.mkv", inside) != plain
    assert made("elsewhere.mkv", before, behind) == plain
    with pytest.raises(UsageError, match="behind the end"):
        made("late.mkv", FilmHint(Hint(1, 1, "#d02020"), Fraction(3)))
    with pytest.raises(UsageError, match="192 x 96 pixels"):
        made("outside.mkv", FilmHint(Hint(192, 1, "#d02020"), Fraction(1)))
    assert not list(tmp_path.glob(".colorizegan*"))  # what was refused leaves nothing behind


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm", ".avi", ".ts"])
def test_every_codec_can_be_read_from_every_container_that_takes_it(
    ffmpeg: FFmpeg, tmp_path: Path, colorizer: Colorizer, suffix: str
) -> None:
    source = ffmpeg.moving(tmp_path / "a.mkv", seconds=0.5)
    for codec in CODECS:
        options, target = FilmOptions(codec=codec), tmp_path / codec / f"out{suffix}"
        if codec not in CONTAINERS[suffix][1]:
            with pytest.raises(UsageError, match=f"{suffix} does not hold {codec}"):
                next(colorize_steps(source, target, colorizer, options))
            assert not target.parent.exists()
            continue
        colorize_video(source, target, colorizer=colorizer, options=options)
        found = subprocess.run(
            ["ffprobe", "-v", "error", "-count_frames", "-show_entries", "stream=codec_name,nb_read_frames", "-of",
             "csv=p=0", str(target)], capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert set(found.stdout.split()) == {f"{codec},6"}
        assert not found.stderr


def test_h264_is_the_same_each_time(ffmpeg: FFmpeg, tmp_path: Path, colorizer: Colorizer) -> None:
    """Whatever was in memory before: rows of 190 pixels once read what was never written."""
    source = ffmpeg.moving(tmp_path / "a.mkv", size="190x94", rate="24", seconds=3)
    perturb = getattr(ctypes.CDLL(None), "mallopt", None)
    if perturb is None:
        pytest.skip("this C library does not fill memory")
    made = set[bytes]()
    try:
        for filling in (0, 85, 170, 254):
            perturb(-6, filling)
            target = tmp_path / f"{filling}.mkv"
            colorize_video(source, target, colorizer=colorizer)
            made.add(target.read_bytes())
    finally:
        perturb(-6, 0)
    assert len(made) == 1


def test_a_film_that_breaks_off_says_so(ffmpeg: FFmpeg, tmp_path: Path, colorizer: Colorizer) -> None:
    whole = ffmpeg.moving(tmp_path / "whole.mp4", "--", "-movflags", "+faststart", seconds=4)
    raw = whole.read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(raw[: len(raw) // 2])
    report = colorize_video(cut, tmp_path / "out.mp4", colorizer=colorizer)
    assert report.frames < 36
    assert [remark for remark in report.remarks if "of 4.0 seconds" in remark]
    for end in (None, Fraction(1)):
        options = FilmOptions(end=end, overwrite=True)
        assert not colorize_video(whole, tmp_path / "out.mp4", colorizer=colorizer, options=options).remarks


@pytest.mark.parametrize("seed", [3, 12, 20])
def test_a_damaged_broadcast_is_made_and_its_damage_told(
    ffmpeg: FFmpeg, tmp_path: Path, colorizer: Colorizer, seed: int
) -> None:
    """Damage makes times of the sound go back, and makes up streams: at the beginning, or on the way."""
    raw = bytearray(late_clock(ffmpeg, tmp_path).read_bytes())
    rng = np.random.default_rng(seed)
    for place in rng.integers(3000, len(raw), 250):
        raw[place] ^= int(rng.integers(1, 256))
    source = tmp_path / "damaged.ts"
    source.write_bytes(raw)
    report = colorize_video(source, tmp_path / "out.ts", colorizer=colorizer)
    assert [remark for remark in report.remarks if "damaged in the film itself" in remark]
    assert len(ffmpeg.times(tmp_path / "out.ts")) == report.frames > 12


def test_pictures_in_and_out_keep_16_bits(ffmpeg: FFmpeg, tmp_path: Path, colorizer: Colorizer) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    ffmpeg.make(folder / "%04d.png", *MOVING, "-vf", "format=gray16be", "-start_number", "7", "-frames:v", "5")
    report = colorize_video(folder / "%04d.png", tmp_path / "out" / "%04d.png", colorizer=colorizer)
    assert report.frames == 5
    assert sorted(path.name for path in (tmp_path / "out").glob("*.png")) == [f"{i:04d}.png" for i in range(7, 12)]
    found = ffmpeg.ask(tmp_path / "out" / "0007.png", "-show_entries", "stream=pix_fmt,width,height")["streams"][0]
    assert found == {"pix_fmt": "rgb48be", "width": 192, "height": 96}
    colorize_video(folder / "%04d.png", tmp_path / "film.mkv", colorizer=colorizer)
    assert len(ffmpeg.times(tmp_path / "film.mkv")) == 5


@pytest.mark.parametrize("spelling", ["%04d.png", "%4d.png", "../pictures/%04d.png", "link/%04d.png"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_pictures_are_never_replaced_by_their_own_results(
    ffmpeg: FFmpeg, tmp_path: Path, colorizer: Colorizer, spelling: str, overwrite: bool
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "link").symlink_to(folder)
    ffmpeg.make(folder / "%04d.png", *MOVING, "-vf", "format=gray", "-frames:v", "3")
    before = {path.name: path.read_bytes() for path in folder.glob("*.png")}
    with pytest.raises(OutputError, match="are the pictures themselves"):
        colorize_video(
            folder / "%04d.png", folder / spelling, colorizer=colorizer, options=FilmOptions(overwrite=overwrite)
        )
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def test_pictures_of_others_stay(ffmpeg: FFmpeg, tmp_path: Path, colorizer: Colorizer) -> None:
    source = ffmpeg.make(tmp_path / "made.mp4", *MOVING, "-vf", GRAY, *H264, "-frames:v", "3")
    out = tmp_path / "out" / "%d.png"
    out.parent.mkdir()
    (out.parent / "2.png").write_bytes(b"a picture of somebody else")
    with pytest.raises(OutputError, match="such pictures are there already, and nothing says that this program made"):
        colorize_video(source, out, colorizer=colorizer)
    assert [path.read_bytes() for path in out.parent.iterdir()] == [b"a picture of somebody else"]
    for overwrite in (True, False):  # once they are its own, it goes on with them
        colorize_video(source, out, colorizer=colorizer, options=FilmOptions(overwrite=overwrite))
        assert len(list(out.parent.glob("*.png"))) == 3


def test_a_gap_among_pictures_is_told_and_they_may_begin_anywhere(
    ffmpeg: FFmpeg, tmp_path: Path, colorizer: Colorizer
) -> None:
    pictures = tmp_path / "pictures" / "%d.png"
    pictures.parent.mkdir()
    ffmpeg.make(pictures, *MOVING, "-vf", "format=gray", "-start_number", "123456", "-frames:v", "4")
    folder = pictures.parent.rename(tmp_path / "50%d 100% done")
    report = colorize_video(folder / "%d.png", tmp_path / "out.mkv", colorizer=colorizer)
    assert report.frames == 4
    (folder / "123458.png").unlink()
    with pytest.raises(InputError, match=r"123458\.png is missing"):
        colorize_video(folder / "%d.png", tmp_path / "gap.mkv", colorizer=colorizer)
    with pytest.raises(InputError, match="no such pictures"):
        colorize_video(tmp_path / "none" / "%d.png", tmp_path / "none.mkv", colorizer=colorizer)


def test_a_film_may_be_named_like_a_pattern(ffmpeg: FFmpeg, tmp_path: Path, colorizer: Colorizer) -> None:
    made = ffmpeg.make(tmp_path / "made.mp4", *MOVING, "-vf", GRAY, *H264)
    source = made.rename(tmp_path / "100%done.mp4")
    assert colorize_video(source, tmp_path / "100%d.mp4", colorizer=colorizer).frames == 24


def test_a_film_in_colour_is_left_alone(ffmpeg: FFmpeg, tmp_path: Path, colorizer: Colorizer) -> None:
    source = ffmpeg.make(tmp_path / "c.mp4", *MOVING, *H264, "-pix_fmt", "yuv420p")
    report = colorize_video(source, tmp_path / "out.mp4", colorizer=colorizer)
    assert "in colour already" in report.skipped
    assert not (tmp_path / "out.mp4").exists()
    forced = colorize_video(source, tmp_path / "out.mp4", colorizer=colorizer, options=FilmOptions(force=True))
    assert forced.frames == 24
    assert any("in colour already" in remark for remark in forced.remarks)


def test_a_toned_film_is_not_in_colour(ffmpeg: FFmpeg, tmp_path: Path, colorizer: Colorizer) -> None:
    toned = "format=gray,format=rgb24,colorchannelmixer=1:0:0:0:0:.9:0:0:0:0:.75,format=yuv420p"
    source = ffmpeg.make(tmp_path / "t.mp4", *MOVING, "-vf", toned, *H264)
    assert not colorize_video(source, tmp_path / "out.mp4", colorizer=colorizer).skipped


def test_saturation_0_is_gray_and_a_hint_colours(ffmpeg: FFmpeg, tmp_path: Path, colorizer: Colorizer) -> None:
    source = ffmpeg.make(tmp_path / "g.mp4", *MOVING, "-vf", GRAY, *H264)
    gray = FilmOptions(look=Look(saturation=0.0), quality=100)
    colorize_video(source, tmp_path / "gray.mp4", colorizer=colorizer, options=gray)
    luma = 192 * 96
    assert all((frame[luma:] == 128).all() for frame in ffmpeg.decoded(tmp_path / "gray.mp4", "yuv420p"))
    chroma = []
    for name, color in (("red.mp4", "#d02020"), ("blue.mp4", "#2020d0")):
        hints = (FilmHint(Hint(96, 48, color), Fraction(1)),)
        colorize_video(source, tmp_path / name, colorizer=colorizer, options=FilmOptions(hints=hints, quality=100))
        frame = ffmpeg.decoded(tmp_path / name, "yuv420p")[12]
        chroma.append([int(frame[luma + i * luma // 4 + 24 * 96 + 48]) for i in (0, 1)])
    assert chroma[1][0] > chroma[0][0] + 10  # Cb
    assert chroma[0][1] > chroma[1][1] + 10  # Cr
    late = (FilmHint(Hint(1, 1, "#d02020"), Fraction(9)),)
    with pytest.raises(UsageError, match="behind the end"):
        colorize_video(source, tmp_path / "late.mp4", colorizer=colorizer, options=FilmOptions(hints=late))


def test_nothing_is_lost_or_overwritten(ffmpeg: FFmpeg, tmp_path: Path, colorizer: Colorizer) -> None:
    source = ffmpeg.make(tmp_path / "g.mp4", *MOVING, "-vf", GRAY, *H264)
    with pytest.raises(OutputError, match="itself"):
        colorize_video(source, source, colorizer=colorizer, options=FilmOptions(overwrite=True))
    target = tmp_path / "there.mp4"
    target.write_bytes(b"mine")
    assert "done already" in colorize_video(source, target, colorizer=colorizer).skipped
    assert target.read_bytes() == b"mine"
    with pytest.raises(UsageError, match="no film is written with the ending"):
        colorize_video(source, tmp_path / "out.xyz", colorizer=colorizer)
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        colorize_video(source, tmp_path / "file" / "out.mp4", colorizer=colorizer)


def test_a_full_disk_is_one_line_and_costs_nothing(
    ffmpeg: FFmpeg, tmp_path: Path, colorizer: Colorizer, tiny_bundle: Path
) -> None:
    source = ffmpeg.make(tmp_path / "g.mp4", *MOVING, "-vf", GRAY, *H264)
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000));"
        "from colorizegan.cli.main import main; main()"
    )
    target = tmp_path / "out.mp4"
    done = python("-c", code, "video", source, "-o", target, "--model", tiny_bundle, status=1)
    assert len(done.stderr.splitlines()) == 1
    assert "E_OUTPUT" in done.stderr
    assert not target.exists()
    assert not list(tmp_path.rglob("*.part"))
    assert colorize_video(source, target, colorizer=colorizer).frames == 24


@pytest.mark.parametrize("size", ["12k", "48k", "80k"])
def test_a_disk_that_is_really_full_is_one_line(ffmpeg: FFmpeg, tmp_path: Path, tiny_bundle: Path, size: str) -> None:
    source, disk = long_film(ffmpeg, tmp_path), tmp_path / "disk"
    disk.mkdir()
    mount = f"mount -t tmpfs -o size={size} tmpfs {disk}"
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-rm", "sh", "-c", mount], check=False).returncode:
        pytest.skip("no small disk can be made here")
    making = f"{sys.executable} -m colorizegan video {source} -o {disk}/out.mp4 -q --model {tiny_bundle}"
    script = f"{mount} && {{ {making}; echo $?; find {disk} -name '*.part' -o -name 'out*'; }}"
    done = subprocess.run(["unshare", "-rm", "sh", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1"]
    assert len(done.stderr.splitlines()) == 1
    assert "the disk is full" in done.stderr
    assert "E_OUTPUT" in done.stderr


def test_the_public_name() -> None:
    assert colorizegan.colorize_video is colorize_video
