"""The ledger is a regular file in its folder, whatever somebody put in its place; bad lines are passed over."""

import hashlib
import json
import os
import time
from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorizegan.batch.ledger import Entry, Ledger, as_entry
from colorizegan.batch.plan import make_plan
from colorizegan.batch.run import run_jobs
from colorizegan.colorize_file import FileOptions
from colorizegan.colorizer import Colorizer
from colorizegan.errors import OutputError
from colorizegan.photo.metadata.xmp import PACKET

GRAY = np.add.outer(np.arange(48), 3 * np.arange(64)).astype(np.uint8)


def album(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        Image.fromarray(GRAY).save(folder / name)
    return folder


@pytest.mark.parametrize("kind", ["link to a file", "dangling link", "pipe", "second name", "folder"])
def test_nothing_is_written_through_what_stands_in_the_ledgers_place(tmp_path: Path, kind: str) -> None:
    victim, home = tmp_path / "victim", tmp_path / "album"
    victim.write_text("as it was")
    home.mkdir()
    path = home / "colorizegan.jsonl"
    {
        "link to a file": lambda: path.symlink_to(victim), "dangling link": lambda: path.symlink_to(tmp_path / "new"),
        "pipe": lambda: os.mkfifo(path), "second name": lambda: os.link(victim, path), "folder": path.mkdir,
    }[kind]()  # fmt: skip
    with pytest.raises(OutputError, match="the ledger cannot be written"):
        Ledger(home).add(Entry("a.jpg", "done"))
    assert victim.read_text() == "as it was"
    assert not (tmp_path / "new").exists()


BAD = [
    b'{"output":["x"],"status":"done"}', b'{"output":"a\\u0000b","status":"writing","output_sha256":"0"}',
    b"[" * 100_000,
    b'{"output":"../../etc/passwd","status":"writing","output_sha256":"x"}',
    b'{"output":"/dev/zero","status":"writing"}',
    b'{"output":"a","status":"done","size":"many"}', b"[]", b"null", b'"x"', b"\xff\xfe", b'{"status":"done"}',
    b'{"output":"a","status":"done","settings":[]}',
]  # fmt: skip


@pytest.mark.parametrize("line", BAD)
def test_a_bad_line_is_passed_over(tmp_path: Path, line: bytes) -> None:
    good = json.dumps({"output": "good.jpg", "status": "done"}).encode()
    assert as_entry(line) is None
    (tmp_path / "colorizegan.jsonl").write_bytes(line + b"\n" + good + b"\n")
    assert set(Ledger(tmp_path).known) == {"good.jpg"}


def test_the_last_line_of_a_result_counts_whatever_its_name(tmp_path: Path) -> None:
    names = ["a.jpg", "Café/ä \udcff.jpg", 'quote".jpg', "back\\slash.jpg", "c:/x.jpg"[3:]]
    first = Ledger(tmp_path)
    for name in names:
        first.add(Entry(name, "failed", "/in/x", code="E_DECODE"))
        first.add(Entry(name, "writing", "/in/x", output_sha256="1" * 64))
        first.add(Entry(name, "done", "/in/x", output_sha256="1" * 64, message='with "output_sha256": "'))
    second = Ledger(tmp_path)
    second.add(Entry("new.jpg", "done"))
    assert set(second.known) == set(names)
    for name in names:
        entry = second.entry(tmp_path / name)
        assert entry is not None
        assert (entry.output, entry.status, entry.output_sha256) == (name, "done", "1" * 64)


def test_what_was_written_and_not_noted_is_noted_once(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    digest = hashlib.sha256(b"x").hexdigest()
    Ledger(tmp_path, (1, 2)).add(Entry("a.jpg", "writing", "/in/a.jpg", output_sha256=digest))
    for _ in range(2):
        entry = Ledger(tmp_path).entry(tmp_path / "a.jpg")
        assert entry is not None
        assert entry.output_sha256 == digest
    lines = (tmp_path / "colorizegan.jsonl").read_text().splitlines()
    assert [json.loads(line)["status"] for line in lines] == ["done"]


def test_a_name_of_any_length_is_colorized(tmp_path: Path, tiny_bundle: Path) -> None:
    names = ["a" * 241 + ".png", "b" * 251 + ".png", "é" * 125 + ".png"]
    folder = album(tmp_path / "album", *names)
    for output in (None, str(tmp_path / "out")):
        plan = make_plan([str(folder)], output)
        results = list(run_jobs(plan.jobs, Colorizer(tiny_bundle), FileOptions()))
        assert [result.status for result in results] == ["done"] * 3, [result.reason for result in results]
        assert all(result.job.target.is_file() for result in results)
        again = make_plan([str(folder)], output)
        assert [job.target for job in again.jobs] == [job.target for job in plan.jobs], "results are no photos"


def test_a_sidecar_comes_along_where_its_name_is_too_long(tmp_path: Path, tiny_bundle: Path) -> None:
    folder = album(tmp_path / "album", name := "b" * 247 + ".png")
    (folder / f"{name}.xmp").write_text(PACKET)
    (result,) = run_jobs(make_plan([str(folder)]).jobs, Colorizer(tiny_bundle), FileOptions())
    assert (result.status, result.remarks) == ("done", ())
    assert [b"colorizegan:tool" in path.read_bytes() for path in sorted(folder.glob("*.xmp"))] == [False, True]


def test_own_pictures_and_folders_of_systems_are_no_photos(tmp_path: Path) -> None:
    folder = album(tmp_path / "album", "a.png", "a.confidence.png", "a.unsure.png", "a.proposals.png")
    for system in (
        "@eaDir",
        "#recycle",
        "$RECYCLE.BIN",
        "__MACOSX",
        "@Recycle",
        "@Transcode",
        "Network Trash Folder",
        "RECYCLER",
        ".hidden",
    ):
        album(folder / system, "thumb.jpg")
    assert [job.source.name for job in make_plan([str(folder)]).jobs if isinstance(job.source, Path)] == ["a.png"]


def test_files_of_formats_that_are_not_read_are_counted(tmp_path: Path) -> None:
    folder = album(tmp_path / "album", "a.png")
    for name in ("b.jp2", "c.PSD", "d.psd", "e.dng", "notes.txt"):
        (folder / name).write_bytes(b"x")
    assert make_plan([str(folder)]).left_out == {".jp2": 1, ".psd": 2, ".dng": 1}


def test_a_run_that_is_left_early_ends_with_the_photos_under_way(tmp_path: Path, tiny_bundle: Path) -> None:
    """Photos that never began are not waited for: the end comes long before the seconds that those under way get."""
    folder = album(tmp_path / "album", *(f"{number}.png" for number in range(60)))
    plan = make_plan([str(folder)], str(tmp_path / "out"))
    results = run_jobs(plan.jobs, Colorizer(tiny_bundle), FileOptions(), workers=1)
    next(results)
    start = time.monotonic()
    assert isinstance(results, Generator)
    results.close()
    assert time.monotonic() - start < 3.5
    assert 1 <= len(list((tmp_path / "out").iterdir())) < 60
    assert not list((tmp_path / "out").glob(".*"))
