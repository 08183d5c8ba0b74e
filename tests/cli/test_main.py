"""The command line as users meet it: names of results, exit statuses, what is said where; originals never touched."""

import importlib.metadata
import io
import json
import os
import pty
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import tomli
from command import call, command, digests, json_lines, on_a_terminal, python
from pictures import colors, pixels, put, waves
from PIL import Image
from tiny_bundle import make_tiny_bundle

import colorizegan
from colorizegan.colorizer import Colorizer
from colorizegan.model import bundle
from colorizegan.steer.look import Look


@dataclass
class Outcome:
    status: int
    out: bytes
    err: str

    @property
    def lines(self) -> list[str]:
        return self.err.splitlines()


def cli(*args: str | Path, stdin: bytes = b"") -> Outcome:
    """Run a command in this process."""
    result = call(*args, stdin=stdin)
    return Outcome(result.exit_code, result.stdout_bytes, result.stderr)


def opened(source: str | bytes) -> tuple[str, tuple[int, int], str | None]:
    """Mode, size and format of a picture."""
    with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
        return image.mode, image.size, image.format


# Results


@pytest.mark.parametrize("name", ["photo.jpg", "photo.png", "photo.tif", "photo.webp", "Photo 1.JPG", "ünïcödé.png"])
def test_one_photo(folder: Path, name: str) -> None:
    put(name)
    before = digests(folder)
    done = cli("colorize", name)
    assert (done.status, done.out) == (0, b"")
    target = Path(name).stem + ".colorized" + Path(name).suffix
    assert done.lines == [f"{name} -> {target}"]
    assert digests(folder).keys() == {*before, target}
    assert digests(folder)[name] == before[name]
    assert opened(target) == ("RGB", *opened(name)[1:])


def test_result_is_that_of_the_library(folder: Path) -> None:
    put("photo.png")
    cli("colorize", "photo.png", "--saturation", "1.5", "--size", "32")
    expected = Colorizer().colorize("photo.png", Look(saturation=1.5, size=32))
    assert np.array_equal(pixels("photo.colorized.png"), np.asarray(expected))


def test_folder_is_mirrored(folder: Path) -> None:
    for name in ("album/a.jpg", "album/1950/a.jpg", "album/1950/b.png"):
        put(name)
    Path("album/notes.txt").write_text("no photo")
    before = digests(folder)
    done = cli("colorize", "album", "-o", "out")
    assert done.status == 0
    after = digests(folder)
    assert after.keys() == {*before, "out/a.jpg", "out/1950/a.jpg", "out/1950/b.png"}
    assert after["out/a.jpg"] != after["out/1950/a.jpg"]
    assert all(after[name] == digest for name, digest in before.items())
    assert re.fullmatch(r"3 done, 0 skipped, 0 failed in [\d.]+ s", done.lines[-1])


def test_what_is_done_is_skipped(folder: Path) -> None:
    put("album/a.png")
    cli("colorize", "album", "-o", "out")
    put("album/b.png")
    made = Path("out/a.png").stat().st_mtime_ns
    done = cli("colorize", "album", "-o", "out")
    assert done.status == 0
    assert done.lines[0] == "album/a.png: done already; --overwrite does it again"
    assert done.lines[1] == "album/b.png -> out/b.png"
    assert Path("out/a.png").stat().st_mtime_ns == made
    assert cli("colorize", "album", "-o", "out", "--overwrite").status == 0
    assert Path("out/a.png").stat().st_mtime_ns > made


def test_patterns_lists_and_formats(folder: Path) -> None:
    for name in ("scans/a.png", "scans/b.png", "scans/c.jpg", "scans/odd\nname.png"):
        put(name)
    assert cli("colorize", "scans/[ab].png", "-o", "one", "--format", "jpeg").status == 0
    assert sorted(digests(Path("one"))) == ["a.jpg", "b.jpg"]
    assert opened("one/a.jpg")[2] == "JPEG"
    Path("list.txt").write_text("scans/a.png\n\nscans/c.jpg\n")
    assert cli("colorize", "--from-file", "list.txt", "-o", "two").status == 0
    assert sorted(digests(Path("two"))) == ["a.png", "c.jpg"]
    nul = b"scans/odd\nname.png\0scans/b.png\0"
    done = cli("colorize", "-0", "-o", "three", stdin=nul)
    assert done.status == 0
    assert sorted(digests(Path("three"))) == ["b.png", "odd\nname.png"]
    assert done.lines[0] == "scans/odd?name.png -> three/odd?name.png"
    Path("loop").symlink_to("pool")
    Path("pool").symlink_to("loop")
    bad = b"a\0b\nloop/a.png\n" + bytes(Path("scans/c.jpg").absolute()) + b"\n"  # one bad name stops no other
    done = cli("colorize", "--from-file", "-", "-o", "five", stdin=bad)
    assert done.status == 1
    assert "E_INTERNAL" not in done.err, done.err
    assert [path.name for path in Path("five").rglob("*.jpg")] == ["c.jpg"]
    assert cli("colorize", "--from-file", "-", "-o", "four", stdin=b"scans/c.jpg\n").status == 0
    assert sorted(digests(Path("four"))) == ["c.jpg"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_lists_of_windows(folder: Path, encoding: str) -> None:
    """As PowerShell's > and Notepad write them; names as the file system has them."""
    put("scans/Fähre 1.png")
    put("scans/b.png")
    Path("list.txt").write_bytes("scans/Fähre 1.png\r\nscans/b.png\r\n".encode(encoding))
    done = cli("colorize", "--from-file", "list.txt", "-o", "out")
    assert done.status == 0, done.err
    assert sorted(digests(Path("out"))) == ["Fähre 1.png", "b.png"]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ("b.png\nFähre.png\n".encode("latin-1"), "F?hre.png: is not there, and its name in the list is not UTF-8; "),
        ("b.png\nFähre.png\n".encode("cp437"), "is not there, and its name in the list is not UTF-8; save the list as"),
        (b"b.png\nc.png\rd.png\r", "ends with a carriage return alone, as on old Macs; save the list with the line"),
        ("b.png\nб.png\n".encode() + "d.png".encode("utf-16-le"), "it holds a NUL byte; save the list as UTF-8, or"),
    ],
)
def test_lists_that_are_written_otherwise_are_told_with_what_to_do(folder: Path, raw: bytes, said: str) -> None:
    put("b.png")
    put("Fähre.png")
    Path("list.txt").write_bytes(raw)
    done = cli("colorize", "--from-file", "list.txt", "-o", "out")
    assert done.status == 1
    assert any(said in line and line.startswith("error: ") for line in done.lines), done.err
    assert Path("out/b.png").exists()  # the others are done


def test_a_torn_list_of_windows_is_one_line(folder: Path) -> None:
    Path("list.txt").write_bytes("scans/a.png\r\n".encode("utf-16") + b"x")
    done = cli("colorize", "--from-file", "list.txt", "-o", "out")
    assert done.status == 1
    assert done.err.startswith("error: list.txt: is no list of names that can be read: it is not in UTF-16")
    assert done.err.endswith("; save it as UTF-8 [E_INPUT]\n")


def test_a_photo_in_place_of_a_list_is_one_line(folder: Path) -> None:
    put("photo.jpg")
    for args, name in ((["photo.jpg"], "photo.jpg"), (["-"], "-"), (["-", "-0"], "-")):
        done = cli("colorize", "--from-file", *args, "-o", "out", stdin=Path("photo.jpg").read_bytes())
        assert done.status == 1
        wanted = f"{name}: is no list of names: it holds no text; name photos without --from-file [E_INPUT]"
        assert done.lines == [f"error: {wanted}"]
    many = "\0".join(["name"] * 1000).encode()  # without -0
    assert len(cli("colorize", "--from-file", "-", "-o", "out", stdin=many).lines[0]) < 400


def test_names_that_are_no_text(folder: Path) -> None:
    name = b"photo\xff.png"
    put("photo.png").rename(os.fsdecode(name))
    assert cli("colorize", "--from-file", "-", "-o", "out", stdin=name + b"\n").status == 0
    Path(os.fsdecode(b"out/" + name)).unlink()
    command("colorize", ".", "--model", bundle.WEIGHTS / "default")
    assert Path(os.fsdecode(b"photo\xff.colorized.png")).exists()
    listed = cli("colorize", ".", "--dry-run")
    assert listed.out == b"photo\xff.png -> photo\xff.colorized.png  (done already)\n"


def test_quality(folder: Path) -> None:
    put("photo.jpg")
    sizes = []
    for quality in ("30", "95"):
        cli("colorize", "photo.jpg", "--quality", quality, "--suffix", quality)
        sizes.append(Path(f"photo{quality}.jpg").stat().st_size)
    assert sizes[0] < sizes[1]


# Coloured input


def test_coloured_input_is_left_alone_unless_forced(folder: Path) -> None:
    put("gray.png")
    put("colour.png", colors())
    done = cli("colorize", ".")
    assert done.status == 0
    assert done.lines[0] == "colour.png: in colour already, left alone; --force colorizes it anyway"
    assert sorted(digests(folder)) == ["colour.png", "gray.colorized.png", "gray.png"]
    assert cli("colorize", "colour.png", "--force").status == 0
    assert Path("colour.colorized.png").exists()


# Pipes


def test_standard_input_and_output(folder: Path) -> None:
    put("photo.jpg")
    cli("colorize", "photo.jpg")
    expected = Path("photo.colorized.jpg").read_bytes()
    raw = Path("photo.jpg").read_bytes()
    for args, stdin in ((["-"], raw), (["-", "-o", "-"], raw), (["photo.jpg", "-o", "-"], b"")):
        done = cli("colorize", *args, stdin=stdin)
        assert (done.status, done.err) == (0, ""), args
        assert opened(done.out)[2] == "JPEG"
        assert np.array_equal(pixels(done.out), pixels(expected)), args
    assert cli("colorize", "-", "-o", "new.png", stdin=raw).status == 0
    assert opened("new.png")[2] == "PNG"
    assert opened(cli("colorize", "-", "--format", "webp", stdin=raw).out)[2] == "WEBP"
    assert sorted(digests(folder)) == ["new.png", "photo.colorized.jpg", "photo.jpg"]


def test_coloured_photo_passes_through_a_pipe(folder: Path) -> None:
    raw = put("colour.png", colors()).read_bytes()
    done = cli("colorize", "-", stdin=raw)
    assert (done.status, done.out) == (0, raw)
    assert done.lines == ["standard input: in colour already, left alone; --force colorizes it anyway"]


def test_bad_standard_input(folder: Path) -> None:
    for stdin in (b"", b"no photo"):
        done = cli("colorize", "-", stdin=stdin)
        assert (done.status, done.out, len(done.lines)) == (1, b"", 1)
        assert done.err.startswith("error: standard input: ")
        assert "[E_DECODE]" in done.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("args", [["colorize", "photo.png", "-o", "-"], ["colorize", "photo.png", "-n"], ["models"]])
def test_a_full_disk_behind_standard_output_is_one_line(folder: Path, args: list[str]) -> None:
    put("photo.png")
    with Path("/dev/full").open("w") as full:
        done = command(*args, status=1, cwd=folder, capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert done.stderr == "error: the disk is full; make room, or write elsewhere [E_OUTPUT]\n"


def test_real_pipe(folder: Path) -> None:
    raw = put("photo.png").read_bytes()
    done = command("colorize", "-", "--model", bundle.WEIGHTS / "default", input=raw, text=False)
    assert (done.stderr, done.stdout) == (b"", cli("colorize", "-", stdin=raw).out)


# Originals


@pytest.mark.parametrize(
    "args",
    [
        ["photo.png", "-o", "photo.png"],
        ["photo.png", "-o", "."],
        ["photo.png", "--suffix", ""],
        ["photo.png", "-o", "link.png"],
        ["photo.png", "-o", "hard.png"],
        ["link.png", "-o", "photo.png"],
        ["sub/../photo.png", "-o", "sub/../photo.png"],
    ],
)
@pytest.mark.parametrize("overwrite", [[], ["--overwrite"]])
def test_original_is_never_the_target(folder: Path, args: list[str], overwrite: list[str]) -> None:
    put("photo.png")
    Path("link.png").symlink_to("photo.png")
    os.link("photo.png", "hard.png")
    Path("sub").mkdir()
    before = digests(folder)
    done = cli("colorize", *args, *overwrite)
    assert done.status == 1
    assert len(done.lines) == 1
    assert "never touched" in done.err
    assert "[E_OUTPUT]" in done.err
    assert digests(folder) == before
    assert Path("link.png").is_symlink()


def test_another_inputs_original_is_never_the_target(folder: Path) -> None:
    put("x.png")
    put("x.colorized.png", waves(seed=5))
    before = digests(folder)
    done = cli("colorize", "x.png", "x.colorized.png", "--overwrite")
    assert done.status == 1
    assert "another input's original" in done.lines[0]
    assert before.items() <= digests(folder).items()


@pytest.mark.parametrize("args", [["photo.png"], ["album", "-o", "out"], ["photo.png", "-o", "link.png"], ["*.png"]])
@pytest.mark.parametrize("overwrite", [[], ["--overwrite"]])
def test_a_link_that_leads_nowhere_is_never_replaced(folder: Path, args: list[str], overwrite: list[str]) -> None:
    """What it leads to may be on a drive that is not there at the moment."""
    put("photo.png")
    put("album/photo.png")
    links = [Path("photo.colorized.png"), Path("out/photo.png"), Path("link.png")]
    links[1].parent.mkdir()
    for link in links[:2] if args == ["*.png"] else links:
        link.symlink_to("/mnt/not there/photo.png")
    done = cli("colorize", *args, *overwrite)
    assert done.status == 1
    (line,) = [line for line in done.lines if line.startswith("error: ")]
    assert "is a link that leads nowhere, which is not replaced; remove the link, or name another output" in line
    for link in links[:2]:
        assert link.is_symlink()
    for link in links:  # the remedy
        link.unlink(missing_ok=True)
    assert cli("colorize", *args, *overwrite).status == 0


@pytest.mark.parametrize(
    ("more", "ending"),
    [(["--proposals=2"], ".proposals.png"), (["--confidence"], ".confidence.png"), (["--confidence"], ".unsure.png")],
)
def test_nor_where_another_picture_goes(folder: Path, more: list[str], ending: str) -> None:
    put("photo.png")
    link = Path(f"photo.colorized.png{ending}")
    link.symlink_to("/mnt/not there/x.png")
    for overwrite in ([], ["--overwrite"]):
        cli("colorize", "photo.png", *more, *overwrite)
        assert link.is_symlink()


LEDGER_PLACES = {
    "link to a file": lambda path: path.symlink_to("../precious"),
    "dangling link": lambda path: path.symlink_to("/mnt/not there/ledger"),
    "pipe": os.mkfifo,
    "folder": lambda path: path.mkdir(),
    "second name": lambda path: os.link("precious", path),
}


@pytest.mark.parametrize("kind", LEDGER_PLACES)
def test_what_stands_in_the_ledgers_place_is_told_with_a_remedy_that_works(folder: Path, kind: str) -> None:
    Path("precious").write_text("as it was")
    put("album/a.png")
    put("album/b.png")
    Path("out").mkdir()
    ledger = Path("out/colorizegan.jsonl")
    LEDGER_PLACES[kind](ledger)
    done = cli("colorize", "album", "-o", "out")
    assert done.status == 1
    assert done.err.count("error: ") == 1
    assert "; move it away, or name another folder for the results [E_OUTPUT]" in done.lines[-1]
    assert "goes on" not in done.err  # the same command would say the same
    assert cli("colorize", "album", "-o", "another").status == 0
    ledger.rename("moved")
    assert cli("colorize", "album", "-o", "out").status == 0
    assert sorted(digests(Path("out"))) == ["a.png", "b.png"]
    assert Path("precious").read_text() == "as it was"


def test_target_that_is_no_file(folder: Path) -> None:
    put("photo.png")
    os.mkfifo("pipe.png")
    Path("photo.colorized.png").mkdir()
    for args in (["-o", "pipe.png"], [], ["-o", os.devnull]):
        done = cli("colorize", "photo.png", *args, "--overwrite")
        assert done.status == 1
        assert "is no file" in done.err
    assert Path("pipe.png").is_fifo()
    assert Path(os.devnull).is_char_device()


# Bad input: one line with code and path, exit status, nothing left behind


def truncated(path: Path) -> None:
    put(path, waves(400, 600, grain=8))
    path.write_bytes(path.read_bytes()[:-9000])


BAD_INPUT = {
    "text": (lambda path: path.write_text("not a photo"), "E_DECODE"),
    "empty": (lambda path: path.touch(), "E_DECODE"),
    "truncated": (truncated, "E_DECODE"),
    "missing": (lambda path: None, "E_INPUT"),
    "pipe": (lambda path: os.mkfifo(path), "E_INPUT"),
    "broken link": (lambda path: path.symlink_to("nowhere"), "E_INPUT"),
}


@pytest.mark.parametrize("kind", BAD_INPUT)
def test_bad_input(folder: Path, kind: str) -> None:
    make, code = BAD_INPUT[kind]
    make(folder / "bad.jpg")
    before = digests(folder)
    done = cli("colorize", "bad.jpg")
    assert (done.status, done.out, len(done.lines)) == (1, b"", 1), done.err
    assert done.err.startswith("error: bad.jpg: ")
    assert done.err.endswith(f"[{code}]\n")
    assert digests(folder) == before


def test_one_bad_file_never_stops_the_rest(folder: Path) -> None:
    for name in ("a.jpg", "c.jpg"):
        put(name)
    Path("b.jpg").write_text("no photo")
    Path("d.jpg").symlink_to("nowhere")
    done = cli("colorize", ".", "missing.jpg")
    assert done.status == 1
    assert [line for line in done.lines if line.startswith("error: ")] == [
        line for line in done.lines if re.match(r"error: (b|d|missing)\.jpg: .* \[E_(DECODE|INPUT)\]$", line)
    ]
    assert done.lines[-1].startswith("2 done, 0 skipped, 3 failed")
    assert Path("a.colorized.jpg").exists()
    assert Path("c.colorized.jpg").exists()


def test_truncated_photo_where_allowed(folder: Path) -> None:
    truncated(folder / "bad.jpg")
    assert cli("colorize", "bad.jpg", "--allow-truncated").status == 0
    assert opened("bad.colorized.jpg")[1] == (600, 400)


@pytest.mark.parametrize("args", [["empty"], ["*.jpg"], ["empty", "none/**"], ["--from-file", "empty/list"]])
def test_nothing_matched(folder: Path, args: list[str]) -> None:
    Path("empty").mkdir()
    Path("empty/list").touch()
    done = cli("colorize", *args)
    assert (done.status, done.out) == (3, b"")
    assert len(done.lines) == 1
    assert "no photos found" in done.err
    assert args[-1] in done.err


def library(root: Path, kind: str) -> Path:
    """As Photos, iPhoto and Lightroom have them: photos under names of their own, and small copies."""
    place = root / f"My {kind}"
    put(place / "originals/0/0A1B.png")
    put(place / "resources/derivatives/0/0A1B_1.png")
    return place


@pytest.mark.parametrize("kind", ["Photos.photoslibrary", "iPhoto.photolibrary", "Library.LRLIBRARY", "A.aplibrary"])
def test_libraries_of_other_programs_are_searched_where_they_are_named(folder: Path, kind: str) -> None:
    put("album/a.png")
    put("album/@eaDir/a.png/SYNOPHOTO_THUMB_M.png")
    place = library(Path("album/deep"), kind)
    (Path("album/empty.lrdata") / "previews").mkdir(parents=True)  # no photos, no word
    told = f"1 library of other programs left out: {place}; name a folder itself to search it"
    for names in (["album"], ["album/"], ["album/**/*.png"], ["album/*"], ["."]):
        done = cli("colorize", *names, "-o", "out", "--dry-run")
        assert (done.status, done.out.count(b"->")) == (0, 1), done.out
        assert told in done.err
        assert done.err.count("left out") == 1
    done = cli("colorize", "album", place, "-o", "out", "--dry-run")
    assert (done.out.count(b"->"), done.err) == (3, "")
    for names in ([place], [f"{place}/**/*.png"], [f"album/*/*{Path(kind).suffix}/**/*.png"]):
        done = cli("colorize", *names, "-o", "out", "--dry-run")
        assert (done.status, done.out.count(b"->"), done.err) == (0, 2, ""), done
    done = cli("colorize", "album", place / "originals/0", "-o", "out", "--dry-run")  # a part of it
    assert done.out.count(b"->") == 2
    assert told in done.err
    Path("link").symlink_to(place)
    for other in (f"{place}/", f"./album/../{place}", place.absolute(), f"{place.absolute()}/.", "link", f"{place}/**"):
        done = cli("colorize", "album", other, "-o", "out", "--dry-run")
        assert (done.out.count(b"->"), done.err) == (3, ""), other
    done = cli("colorize", "album", f"{place}/originals/0/0A1B.png", "-o", "out", "--dry-run")  # one photo is not all
    assert (done.out.count(b"->"), told in done.err) == (2, True)
    alone = cli("colorize", "album/deep")
    assert alone.status == 3
    assert told in alone.err
    assert cli("colorize", "album", "-q", "-n").err == ""
    for photo in place.rglob("*.png"):
        photo.rename(photo.with_name(f"{photo.stem}-colour.png"))
    for names in (["album"], ["album/**/*.png"], ["album/deep/*"]):  # which are no photos, but results
        assert "left out" not in cli("colorize", *names, "--suffix", "-colour", "-n").err
        assert "left out" in cli("colorize", *names, "-n").err


def test_system_folders_are_left_out_of_patterns_too(folder: Path) -> None:
    put("album/a.png")
    for system in ("@eaDir/a.png", "__MACOSX", "$RECYCLE.BIN", "lost+found"):
        put(Path("album", system, "x.png"))
    for pattern in ("album/**/*.png", "album/*", "*/*/*.png", "**"):
        done = cli("colorize", pattern, "-o", "out", "--dry-run")
        assert done.out.count(b"->") == (0 if pattern == "*/*/*.png" else 1), (pattern, done.out)
    assert cli("colorize", "album/@eaDir/**/*.png", "-o", "out", "--dry-run").out.count(b"->") == 1


def test_unwritable_target(folder: Path) -> None:
    put("photo.jpg")
    Path("file").touch()
    before = digests(folder)
    for output in ("file/out.jpg", "file/out/", "/proc/colorizegan/x.jpg"):
        done = cli("colorize", "photo.jpg", "-o", output)
        assert (done.status, len(done.lines)) == (1, 1)
        assert "[E_OUTPUT]" in done.err
    assert digests(folder) == before


@pytest.mark.parametrize("damage", ["model.onnx", "model.safetensors", "card.json"])
def test_corrupt_model_is_one_line_for_all_photos(folder: Path, tiny_bundle: Path, damage: str) -> None:
    corrupt = shutil.copytree(tiny_bundle, folder.parent / "corrupt")
    (corrupt / damage).write_bytes(b"damaged")
    for i in range(5):
        put(f"{i}.png")
    before = digests(folder)
    done = cli("colorize", ".", "--model", corrupt)
    assert (done.status, len(done.lines)) == (1, 1)
    assert f"{corrupt / damage}: " in done.err
    assert "[E_MODEL]" in done.err
    assert digests(folder) == before


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["colorize"],
        ["colorize", "x.jpg", "--saturation", "nan"],
        ["colorize", "x.jpg", "--size", "1"],
        ["colorize", "x.jpg", "--format", "pdf"],
        ["colorize", "x.jpg", "--format", ""],
        ["colorize", "x.jpg", "--format", "heic"],
        ["colorize", "x.jpg", "-o", "y.png", "--format", "jpeg"],
        ["colorize", "x.jpg", "--suffix", "a/b"],
        ["colorize", "-", "x.jpg"],
        ["colorize", "x.jpg", "y.jpg", "-o", "-"],
        ["colorize", "x.jpg", "y.jpg", "-o", "z.jpg"],
        ["colorize", "x.jpg", "-o", "-", "--json"],
        ["train", "--data", "x"],
        ["export", "x"],
    ],
)
def test_wrong_usage(folder: Path, args: list[str]) -> None:
    put("x.jpg")
    before = digests(folder)
    done = cli(*args)
    assert (done.status, done.out) == (2, b"")
    if args:
        assert len(done.lines) == 1
        assert re.fullmatch(r"error: .+ \[E_USAGE\]\n", done.err)
    assert digests(folder) == before


def test_unreadable_list(folder: Path) -> None:
    done = cli("colorize", "--from-file", "missing.txt")
    assert done.status == 1
    assert done.err == "error: missing.txt: cannot be read (No such file or directory) [E_INPUT]\n"


def test_traceback_only_with_debug(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("bad.jpg").write_text("no photo")
    assert "Traceback" not in cli("colorize", "bad.jpg").err
    assert "Traceback" in cli("colorize", "bad.jpg", "--debug").err

    def explode(*args: object, **options: object) -> None:
        raise RuntimeError("two\nlines")

    put("good.jpg")
    monkeypatch.setattr("colorizegan.photo.reader.Reader.open", explode)
    done = cli("colorize", "good.jpg")
    assert (done.status, len(done.lines)) == (1, 1)
    assert "good.jpg: unexpected RuntimeError: two lines; please report" in done.err
    assert "in explode" in cli("colorize", "good.jpg", "--debug").err


# What is said


def test_json(folder: Path) -> None:
    put("a.png")
    put("b.png", colors())
    Path("c.png").write_text("no photo")
    done = cli("colorize", ".", "--json")
    assert done.status == 1
    *lines, summary = json_lines(done.out)
    a, b, c = lines
    assert a["input"] == "a.png"
    assert a["output"] == "a.colorized.png"
    assert (a["status"], a["code"], a["width"], a["height"]) == ("done", None, 64, 48)
    assert (b["status"], b["width"]) == ("skipped", 64)
    assert "in colour already" in b["message"]
    assert (c["status"], c["code"]) == ("failed", "E_DECODE")
    assert c["message"].startswith("c.png: ")
    assert [summary["summary"][status] for status in ("done", "skipped", "failed")] == [1, 1, 1]


def test_quiet(folder: Path) -> None:
    for i in range(3):
        put(f"{i}.png")
    assert cli("colorize", ".", "-q") == Outcome(0, b"", "")
    assert cli("colorize", ".", "-q") == Outcome(0, b"", "")
    assert len(cli("colorize", ".", "missing.png", "-q").lines) == 1


def test_dry_run_writes_nothing(folder: Path) -> None:
    put("album/a.png")
    put("album/b.png")
    cli("colorize", "album/a.png")
    before = digests(folder)
    done = cli("colorize", "album", "--dry-run")
    assert (done.status, done.err) == (0, "")
    assert done.out.decode().splitlines() == [
        "album/a.png -> album/a.colorized.png  (done already)",
        "album/b.png -> album/b.colorized.png",
    ]
    lines = json_lines(cli("colorize", "album", "-n", "--json").out)
    assert [line.get("status") for line in lines] == ["skipped", "planned", None]
    assert lines[-1] == {"summary": {"planned": 1, "skipped": 1, "failed": 0, "left_out": {}}}
    assert digests(folder) == before


def test_progress_bar_only_on_a_terminal(folder: Path) -> None:
    for i in range(3):
        put(f"{i}.png")
    args = ["-m", "colorizegan", "colorize", ".", "--overwrite", "--model", bundle.WEIGHTS / "default"]
    text = on_a_terminal(*args)
    assert "3/3" in text
    assert "\x1b[" in text
    assert "0.png ->" not in text
    assert "3 done" in text
    without_colour = on_a_terminal(*args, NO_COLOR="1")
    assert "3/3" in without_colour
    assert not re.search(r"\x1b\[[\d;]*3\dm|\x1b\[38", without_colour)
    assert "3/3" not in on_a_terminal(*args, "--quiet")
    plain = python(*args)
    assert "\x1b" not in plain.stderr
    assert len(plain.stderr.splitlines()) == 4


def test_photo_is_not_written_to_a_terminal(folder: Path) -> None:
    put("photo.png")
    leader, follower = pty.openpty()
    streams = {"capture_output": False, "stdout": follower, "stderr": subprocess.PIPE}
    done = command("colorize", "photo.png", "-o", "-", status=2, **streams)
    os.close(leader)
    os.close(follower)
    assert "terminal" in done.stderr


# Other commands


def test_models(folder: Path) -> None:
    done = cli("models")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith(b"default  tiny 0 of 2025-01-01, MIT\n")
    [line] = cli("models", "--json").out.splitlines()
    entry = json.loads(line)
    assert entry["bundle"] == "default"
    assert entry["card"]["working_size"] == 64
    assert len(entry["digest"]) == 64


def test_a_model_of_many_sources_names_the_first(folder: Path, shipped: Path) -> None:
    card = shipped / "default/card.json"
    facts = json.loads(card.read_bytes())
    facts["data"] = [{"name": f"source-{n}", "count": n + 1, "licence": "CC0-1.0"} for n in range(130)]
    card.write_text(json.dumps(facts))
    done = cli("models")
    said = "  trained on 130 sources: source-0 (1), source-1 (2), source-2 (3), ...; --json names all"
    assert said in done.out.decode().splitlines()
    assert len(json.loads(cli("models", "--json").out)["card"]["data"]) == 130
    facts["data"] = facts["data"][:3]
    card.write_text(json.dumps(facts))
    assert "  trained on source-0 (1), source-1 (2), source-2 (3)" in cli("models").out.decode().splitlines()


def test_models_where_one_is_damaged(folder: Path, shipped: Path) -> None:
    (shipped / "default/model.onnx").write_bytes(b"")
    done = cli("models")
    assert done.status == 1
    assert "[E_MODEL]" in done.err


def test_doctor(folder: Path) -> None:
    done = cli("doctor")
    assert (done.status, done.err) == (0, "")
    text = done.out.decode()
    for fact in (f"colorizegan: {colorizegan.__version__}", "onnxruntime: 1.", "threads: ", "cpu", "result: passed"):
        assert fact in text
    assert "300" in text  # the limit of 300 Mpx
    facts = json.loads(cli("doctor", "--json").out)
    assert facts["self-test"]["result"] == "passed"
    assert facts["self-test"]["mean change of lightness"] < 0.5


def test_doctor_tells_extras_and_what_cuda_needs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def version(package: str) -> str:
        if package in ("fastapi", "uvicorn"):
            raise importlib.metadata.PackageNotFoundError(package)
        return "1"

    monkeypatch.setattr(importlib.metadata, "version", version)
    facts = json.loads(cli("doctor", "--json").out)
    assert facts["extras"]["serve"] == ('lacks fastapi, uvicorn; in the folder of ColorizeGAN: pip install ".[serve]"')
    assert facts["extras"]["train"] == "installed"
    assert {"bench", "notebook", "video"} <= facts["extras"].keys()
    assert "onnxruntime-gpu in place of onnxruntime" in facts["machine"]["cuda"]
    assert "onnxruntime-directml in place of onnxruntime" in facts["machine"]["dml"]
    providers = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: providers)
    assert json.loads(cli("doctor", "--json").out)["machine"]["cuda"] == "available"


def test_doctor_finds_what_is_wrong(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = cli("doctor", "--model", "missing")
    assert done.status == 1
    assert b"result: failed" in done.out
    assert "[E_MODEL]" in done.err
    monkeypatch.setattr(
        Colorizer, "paint", lambda self, gray, ab, saturation: np.repeat(gray[..., None] // 2, 3, axis=2)
    )
    done = cli("doctor")
    assert done.status == 1
    assert "lightness was not kept" in done.err


@pytest.mark.parametrize(
    ("args", "module", "extra"),
    [
        (["train", "--data", "x", "-o", "y"], "torch", "train"),
        (["export", "x", "-o", "y"], "torch", "train"),
        (["convert", "x.pth", "-o", "y"], "torch", "train"),
        (["finetune", "x", "-o", "y"], "torch", "train,bench"),
        (["finetune", "x", "-o", "y"], "scipy", "train,bench"),
        (["evaluate", "--data", "x"], "scipy", "bench"),
        (["evaluate", "--data", "photos", "--squeezenet", "weights"], "torch", "train"),
        (["serve", "--port", "0"], "fastapi", "serve"),
        (["video", "film.mp4"], "av", "video"),
        (["data", "inspect", "pipe:cat x.tar"], "webdataset", "train"),
    ],
)
def test_missing_extra(folder: Path, args: list[str], module: str, extra: str, repository: Path) -> None:
    put("photos/photo.png")
    Path("weights").touch()
    code = f"import sys; sys.modules[{module!r}] = None; import colorizegan.cli.main as c"
    code += f"; sys.argv[1:] = {args!r}; c.main()"
    done = python("-c", code, status=1)
    assert len(done.stderr.splitlines()) == 1
    assert f"needs {module}" in done.stderr
    # from the clone: a name of PyPI could be a stranger's package
    assert done.stderr.endswith(f'in the folder of ColorizeGAN: pip install ".[{extra}]" [E_EXTRA]\n')
    extras = tomli.loads((repository / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(extra.split(",")) <= extras.keys()


@pytest.mark.parametrize("args", [["--help"], ["--version"], ["colorize", "--help"], []])
def test_help_is_light(args: list[str]) -> None:
    done = python("-X", "importtime", "-m", "colorizegan", *args, status=0 if args else 2)
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "typer" in loaded
    assert not loaded & {"numpy", "PIL", "onnxruntime", "pyvips", "torch", "rich"}


def test_ctrl_c_while_it_loads_is_no_traceback() -> None:
    code = """
import os, runpy, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored
def press(event, given):
    if event == "import" and given[0] == "typer":
        os.kill(os.getpid(), signal.SIGINT)
sys.addaudithook(press)
runpy.run_module("colorizegan", run_name="__main__")
"""
    done = python("-c", code, "--help", status=-signal.SIGINT)
    assert (done.stdout, done.stderr) == ("", "")


def test_version() -> None:
    assert cli("--version") == Outcome(0, f"{colorizegan.__version__}\n".encode(), "")


def test_other_bundles_by_path(folder: Path) -> None:
    put("photo.png")
    other = make_tiny_bundle(folder.parent / "other", seed=7)
    shutil.make_archive(str(folder.parent / "zipped"), "zip", other)
    cli("colorize", "photo.png", "-o", "default.png")
    cli("colorize", "photo.png", "-o", "folder.png", "--model", other)
    assert cli("colorize", "photo.png", "-o", "zip.png", "--model", folder.parent / "zipped.zip").status == 0
    found = digests(folder)
    assert found["folder.png"] != found["default.png"]
    assert np.array_equal(pixels("folder.png"), pixels("zip.png"))
