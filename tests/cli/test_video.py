"""The command `video` as users meet it: names of results, statuses, what is said where."""

import json
from pathlib import Path
from typing import Any

import command
import pytest
from films import FFmpeg
from PIL import Image

from colorizegan.video.frames import Film
from colorizegan.video.results import FilmResult

MOVING = ("-f", "lavfi", "-i", "testsrc2=s=96x64:r=12:d=1", "-vf", "format=gray,format=yuv420p", "-c:v", "libx264")


class Outcome:
    def __init__(self, result: Any) -> None:
        self.status, self.err = result.exit_code, result.stderr.splitlines()
        self.json = command.json_lines(result.stdout) if "{" in result.stdout else []
        self.out = result.stdout.splitlines()


@pytest.fixture
def video(tiny_bundle: Path) -> Any:
    def call(*args: str | Path, model: bool = True) -> Outcome:
        given = ["video", *args, *(["--model", tiny_bundle] if model else [])]
        return Outcome(command.call(*given))

    return call


def test_a_film_gets_its_result_beside_it_and_once(video: Any, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    source = ffmpeg.make(tmp_path / "a.mp4", *MOVING)
    first = video(source)
    assert first.status == 0
    assert first.err == [f"{source} -> {tmp_path / 'a.colorized.mp4'}"]
    again = video(source)
    assert again.status == 0
    assert "done already" in again.err[0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.colorized.mp4", "a.mp4"]


def test_a_folder_with_a_bad_film(video: Any, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    album = tmp_path / "films"
    (album / "deep").mkdir(parents=True)
    ffmpeg.make(album / "deep" / "a.mkv", *MOVING)
    ffmpeg.make(album / "b.mpg", *MOVING[:-1], "mpeg1video", "-r", "25")
    (album / "bad.mp4").write_bytes(b"no film")
    (album / "photo.jpg").write_bytes(b"no film either")
    out = video(album, "-o", tmp_path / "out", "--json")
    assert out.status == 1
    assert sorted(line["status"] for line in out.json[:-1]) == ["done", "done", "failed"]
    assert out.json[-1]["summary"] | {"seconds": 0} == {"done": 2, "skipped": 0, "failed": 1, "seconds": 0}
    assert [line for line in out.err if "bad.mp4" in line and "E_DECODE" in line]
    assert (tmp_path / "out" / "deep" / "a.mkv").is_file()
    assert (tmp_path / "out" / "b.mkv").is_file()
    lines = command.json_lines(tmp_path / "out" / "colorizegan.jsonl")
    assert {line["status"] for line in lines} == {"done", "failed"}


def test_hints_are_kept_beside_the_film_and_found_again(video: Any, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    source = ffmpeg.make(tmp_path / "a.mp4", *MOVING)
    kept = tmp_path / "a.mp4.hints.json"
    assert (
        video(source, "--hint", "40,30,#3a6ea5@00:00.5", "-o", tmp_path / "hinted.mkv", "--codec", "ffv1").status == 0
    )
    assert json.loads(kept.read_text()) == {
        "schema": 1, "hints": [{"x": 40, "y": 30, "color": "#3a6ea5", "time": 0.5}],
    }  # fmt: skip
    assert video(source, "-o", tmp_path / "found.mkv", "--codec", "ffv1").status == 0
    assert video(source, "-o", tmp_path / "plain.mkv", "--codec", "ffv1", "--no-hints").status == 0
    hinted, found, plain = ((tmp_path / f"{name}.mkv").read_bytes() for name in ("hinted", "found", "plain"))
    assert hinted == found
    assert hinted != plain
    kept.write_text('{"schema": 1, "hints": [{"x": 1}]}')
    broken = video(source, "-o", tmp_path / "broken.mkv")
    assert broken.status == 1
    assert "hint 1" in broken.err[0]


@pytest.mark.parametrize("lead", ["hints of another film.json", "nowhere"])
def test_a_link_in_the_place_of_hints_is_neither_read_nor_replaced(
    video: Any, ffmpeg: FFmpeg, tmp_path: Path, lead: str
) -> None:
    source, kept = ffmpeg.make(tmp_path / "a.mp4", *MOVING), tmp_path / "a.mp4.hints.json"
    (tmp_path / "hints of another film.json").write_text('{"schema": 1, "hints": []}')
    kept.symlink_to(tmp_path / lead)
    out = video(source)
    assert (out.status, out.err) == (
        1,
        [f"error: {kept}: is a link, which is not followed; put the file itself there [E_INPUT]"],
    )
    assert video(source, "--hint", "40,30,#3a6ea5@0.5").status == 0
    assert kept.is_symlink()
    assert (tmp_path / "hints of another film.json").read_text() == '{"schema": 1, "hints": []}'


def test_a_film_is_made_where_its_hints_cannot_be_kept(video: Any, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    source = ffmpeg.make(tmp_path / "a.mp4", *MOVING)
    (tmp_path / "a.mp4.hints.json").mkdir()
    out = video(source, "--hint", "40,30,#3a6ea5@00:00.5", "-o", tmp_path / "hinted.mkv")
    assert out.status == 0
    kept = tmp_path / "a.mp4.hints.json"
    assert f"{kept}: the hints cannot be kept (cannot be written (Is a directory))" in out.err
    assert (tmp_path / "hinted.mkv").is_file()
    out = video(source, "-o", tmp_path / "plain.mkv")
    assert out.status == 1
    assert out.err == [f"error: {kept}: is a folder, and no file of hints; move it away, or name a file [E_INPUT]"]
    assert video(source, "-o", tmp_path / "plain.mkv", "--no-hints").status == 0


def test_a_preview_shows_every_shot(video: Any, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    source = ffmpeg.make(
        tmp_path / "two.mp4", "-f", "lavfi", "-i", "testsrc2=s=96x64:r=12:d=1", "-f", "lavfi", "-i",
        "mandelbrot=s=96x64:r=12", "-filter_complex",
        "[1:v]trim=duration=1[m];[0:v][m]concat=n=2,format=gray,format=yuv420p", "-c:v", "libx264",
    )  # fmt: skip
    out = video(source, "--preview", "--json")
    assert out.status == 0
    assert out.json[0]["shots"] == 2
    with Image.open(tmp_path / "two.preview.jpg") as sheet:
        assert sheet.size == (640, 213)
    assert not (tmp_path / "two.colorized.mp4").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        ("--hint", "40,30,#3a6ea5"), ("--start", "soon"), ("--start", "9", "--end", "3"), ("--rate", "0x"),
        ("--codec", "mpeg1"), ("--quality", "0"), ("-o", "film.xyz/"),
    ],
)  # fmt: skip
def test_wrong_options_are_one_line(video: Any, ffmpeg: FFmpeg, tmp_path: Path, wrong: tuple[str, ...]) -> None:
    source = ffmpeg.make(tmp_path / "a.mp4", *MOVING)
    if wrong[0] == "-o":
        wrong = ("-o", str(tmp_path / "film.mpg"))  # a format that is read only
    out = video(source, *wrong)
    assert out.status == 2
    assert len(out.err) == 1
    assert out.err[0].startswith("error: ")


def test_a_photo_is_not_taken_for_a_film(video: Any, tmp_path: Path) -> None:
    photo = tmp_path / "portrait.jpg"
    Image.new("L", (32, 32)).save(photo)
    (tmp_path / "portrait.jpg.hints.json").write_text('{"schema": 1, "hints": [{"x": 1, "y": 1, "color": "#112233"}]}')
    out = video(photo)
    assert out.status == 1
    assert out.err == [f"error: {photo}: is a photo; use colorizegan colorize portrait.jpg [E_INPUT]"]


def test_a_film_is_not_taken_for_a_photo(ffmpeg: FFmpeg, tmp_path: Path) -> None:
    for name in ("a.mp4", "a.mov", "a.mkv", "a.avi", "a.ts"):
        source = ffmpeg.make(tmp_path / name, *MOVING)
        result = command.call("colorize", source)
        assert result.exit_code == 1
        assert "is a film, not a photo; colorizegan video takes films" in result.stderr


def test_a_fault_in_one_film_does_not_stop_the_others(
    video: Any, ffmpeg: FFmpeg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.mp4", "b.mp4"):
        ffmpeg.make(tmp_path / name, *MOVING)

    def fails(self: Film, path: Path, *rest: Any) -> None:
        if path.name == "a.mp4":
            raise AttributeError("a fault of ours")
        whole(self, path, *rest)

    whole = Film.__init__
    monkeypatch.setattr(Film, "__init__", fails)
    out = video(tmp_path, "-o", tmp_path / "out", "--json")
    assert out.status == 1
    assert [line["status"] for line in out.json[:-1]] == ["failed", "done"]
    assert out.json[0]["code"] == "E_INTERNAL"


def test_standard_input_and_output_are_no_films(video: Any, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    source = ffmpeg.make(tmp_path / "a.mp4", *MOVING)
    for asked in ((source, "-o", "-"), ("-",), ("",)):
        out = video(*asked, model=False)
        assert out.status == 2
        assert len(out.err) == 1


def test_a_preview_goes_into_a_new_folder(video: Any, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    source = ffmpeg.make(tmp_path / "a.mp4", *MOVING)
    sheet = tmp_path / "sheets" / "a.preview.jpg"
    assert video(source, "--preview", "-o", tmp_path / "sheets").err == [f"{source} -> {sheet}  (1 shot)"]
    assert sheet.is_file()


@pytest.mark.parametrize(("number", "said"), [(40, "nothing is kept yet"), (66, "goes on from here")])
def test_a_stop_says_what_is_kept(
    video: Any, ffmpeg: FFmpeg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, said: str
) -> None:
    """A cut at frame 60 ends the first part."""
    source, add = ffmpeg.two_shots(tmp_path / "a.mp4", first=5), FilmResult.add

    def stop(self: FilmResult, frame: Any, colors: Any) -> None:
        add(self, frame, colors)
        if colors.number == number:
            raise SystemExit(143)

    monkeypatch.setattr(FilmResult, "add", stop)
    out = video(source)
    assert out.status == 143
    assert said in out.err[0]
    assert bool(list(tmp_path.glob(".colorizegan*"))) == (number > 60)


def test_nothing_to_do_has_a_status_of_its_own(video: Any, tmp_path: Path) -> None:
    assert video(tmp_path).status == 3
    out = video(tmp_path / "none.mp4")
    assert out.status == 1
    assert "no such file" in out.err[0]


def test_a_dry_run_only_lists(video: Any, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    source = ffmpeg.make(tmp_path / "a.mpg", *MOVING[:-1], "mpeg1video", "-r", "25")
    out = video(source, "-n", model=False)
    assert out.out == [f"{source} -> {tmp_path / 'a.colorized.mkv'}"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mpg"]


@pytest.mark.parametrize(
    "options", [["--model", "no/such"], ["--like", "no.jpg"], ["--start", "soon"], ["--hint", "1,2@3"]]
)
def test_a_dry_run_refuses_what_the_run_refuses(video: Any, ffmpeg: FFmpeg, tmp_path: Path, options: list[str]) -> None:
    source = ffmpeg.make(tmp_path / "a.mp4", *MOVING)
    dry, real = (video(source, *options, *more, model="--model" not in options) for more in (["-n"], []))
    assert (dry.status, dry.err) == (real.status, real.err)
    assert dry.out == []


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv", "avi", "ts"])
def test_a_film_of_others_in_the_place_of_a_result_is_told(
    video: Any, ffmpeg: FFmpeg, tmp_path: Path, ending: str
) -> None:
    source, target = ffmpeg.make(tmp_path / f"a.{ending}", *MOVING), tmp_path / f"a.colorized.{ending}"
    assert video(source).status == 0
    assert "done already" in video(source).err[0]
    for other in (source.read_bytes(), b"", b"no film"):
        target.write_bytes(other)
        out = video(source)
        if ending == "ts":  # holds no comment
            assert "done already" in out.err[0]
        else:
            assert (out.status, target.read_bytes()) == (1, other)
            assert "nothing in it says that this program made it, so it stays; --overwrite replaces it" in out.err[0]
    assert video(source, "--overwrite").status == 0


def test_a_film_that_had_a_comment_keeps_it_and_is_known_by_its_name(
    video: Any, ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    source = ffmpeg.make(tmp_path / "a.mp4", *MOVING, "-metadata", "comment=Grandmother")
    assert video(source).status == 0
    assert "done already" in video(source).err[0]


def test_a_result_that_got_another_comment_is_known_by_the_ledger_alone(
    video: Any, ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    (tmp_path / "films").mkdir()
    source = ffmpeg.make(tmp_path / "films/a.mkv", *MOVING)
    for told, status, name in ((tmp_path / "out", 0, "out/a.mkv"), (tmp_path / "single.mkv", 1, "single.mkv")):
        given = source.parent if status == 0 else source
        assert video(given, "-o", told).status == 0
        result, noted = tmp_path / name, tmp_path / "noted.mkv"
        ffmpeg.make(noted, "-i", str(result), "-c", "copy", "-metadata", "comment=nice")
        noted.replace(result)
        out = video(given, "-o", told)
        assert out.status == status
        assert ("nothing in it says that this program made it" in out.err[0]) == (status == 1)


def test_a_dry_run_refuses_what_is_in_the_way_of_a_result(video: Any, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    """Films of others, unless the ledger knows them, numbered pictures of others, and films that are not there."""
    source, out, numbered = ffmpeg.make(tmp_path / "a.mp4", *MOVING), tmp_path / "out", tmp_path / "n" / "%05d.png"
    numbered.parent.mkdir()
    Image.new("L", (8, 8)).save(numbered.with_name("00001.png"))
    (tmp_path / "a.colorized.mp4").write_bytes(source.read_bytes())
    (tmp_path / "photo.jpg").touch()
    none = tmp_path / "none.mp4"
    for args in (
        [source],
        [source, "-o", numbered],
        [none],
        [tmp_path / "no%d.png", "-o", numbered],
        [tmp_path / "photo.jpg"],
    ):
        dry, real = (video(*args, *more) for more in (["-n"], []))
        assert (dry.status, dry.err) == (real.status, real.err) == (1, dry.err)
        assert (dry.out, len(dry.err)) == ([], 1)
    assert video(source, "-o", numbered, "-n", "--overwrite").out == [f"{source} -> {numbered}"]
    assert video(source, "-o", f"{out}/").status == 0
    result = out / "a.mp4"
    result.write_bytes(source.read_bytes())
    assert video(source, "-o", f"{out}/", "-n").out == [f"{source} -> {result}  (done already)"]
    assert "done already" in video(source, "-o", f"{out}/").err[0]


def test_a_preview_never_replaces_another_film_of_the_run(video: Any, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    source, other = ffmpeg.make(tmp_path / "a.mp4", *MOVING), ffmpeg.make(tmp_path / "b.mp4", *MOVING)
    before = other.read_bytes()
    (tmp_path / "a.preview.jpg").hardlink_to(other)
    for more in (["-n"], []):
        out = video(source, other, "--preview", "--overwrite", *more)
        assert out.status == 1
        assert "is another input's original, which is never touched" in out.err[0]
        assert other.read_bytes() == before


def test_a_dry_run_says_done_already_where_the_run_does(video: Any, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    source = ffmpeg.make(tmp_path / "a.mp4", *MOVING)
    numbered = tmp_path / "out" / "%05d.png"
    numbered.parent.mkdir()
    numbered.touch()  # a file of just that name says nothing of the pictures
    assert video(source, "-o", numbered, "-n").out == [f"{source} -> {numbered}"]
    link = tmp_path / "a.colorized.mp4"
    link.symlink_to("nowhere")
    assert [video(source, *more).status for more in ([], ["-n"])] == [1, 1]
    sheet = tmp_path / "a.preview.jpg"
    sheet.symlink_to("nowhere")
    for more in ([], ["-n"]):
        out = video(source, "--preview", *more)
        assert (out.status, out.out) == (1, [])
        assert f"{sheet}: is a link that leads nowhere" in out.err[0]
    sheet.unlink()
    assert video(source, "--preview").status == 0
    assert video(source, "--preview", "-n").out == [f"{source} -> {sheet}  (done already)"]
