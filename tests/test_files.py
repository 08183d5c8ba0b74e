"""Files: whole or not at all, links and pipes not followed, parts of living processes left alone."""

import contextlib
import errno
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from colorizegan.errors import OutputError
from colorizegan.files import (
    atomic_file,
    fitting_name,
    make_folder,
    open_regular,
    remove_leftovers,
    results_folder,
    write_atomic,
)

HOLDER = """
import sys
from pathlib import Path
from colorizegan.files import atomic_file
with atomic_file(Path(sys.argv[1])) as file:
    file.write(b"half")
    file.flush()
    print("writing", flush=True)
    sys.stdin.read()
"""


def test_what_went_wrong_first_is_told_though_closing_goes_wrong_too(tmp_path: Path) -> None:
    def write() -> None:
        with atomic_file(tmp_path / "a") as file:
            file.write(b"in the buffer")
            os.close(file.fileno())
            raise ValueError("first")

    with pytest.raises(ValueError, match="first"):
        write()
    assert not list(tmp_path.iterdir())


def test_parts_of_a_living_process_stay_and_those_of_a_killed_one_go(tmp_path: Path) -> None:
    target = tmp_path / "a.jpg"
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, target], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdin is not None
    holder.stdout.readline()
    remove_leftovers([target])
    remove_leftovers(folders=[tmp_path])
    assert len(list(tmp_path.glob(".colorizegan-*.part"))) == 1
    holder.kill()
    holder.wait()
    holder.stdout.close()
    holder.stdin.close()
    remove_leftovers([target])
    assert list(tmp_path.iterdir()) == []


def test_parts_of_this_process_go_only_where_that_is_asked_for(tmp_path: Path) -> None:
    target = tmp_path / "a.jpg"
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.suppress(FileNotFoundError))  # the part is gone when it is to get its name
        stack.enter_context(atomic_file(target)).write(b"half")
        remove_leftovers([target])
        assert len(list(tmp_path.iterdir())) == 1
        remove_leftovers([target], own=True)
        assert list(tmp_path.iterdir()) == []


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    (tmp_path / "link").symlink_to(secret)
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("link", "dangling", "pipe", "folder"):
        for flags in (os.O_RDONLY, os.O_RDWR | os.O_CREAT | os.O_APPEND):
            with pytest.raises(OSError):  # noqa: PT011 (each system has its own words)
                open_regular(tmp_path / name, flags)
    assert not (tmp_path / "nothing").exists()
    os.close(open_regular(secret))


def test_a_file_with_a_second_name_is_read_but_not_written(tmp_path: Path) -> None:
    first, second = tmp_path / "original.jpg", tmp_path / "ledger.jsonl"
    first.write_bytes(b"photo")
    os.link(first, second)
    os.close(open_regular(second))
    with pytest.raises(OSError, match="second name"):
        open_regular(second, os.O_RDWR | os.O_APPEND)


@pytest.mark.parametrize("letter", ["a", "é", "東"])
@pytest.mark.parametrize("length", [200, 243, 251, 400])
def test_names_fit(letter: str, length: int) -> None:
    stem = letter * (length // len(letter.encode()))
    name = fitting_name(stem, ".colorized.jpg")
    assert len(name.encode()) <= 255
    assert name.endswith(".colorized.jpg")
    assert (name == stem + ".colorized.jpg") == (len(stem.encode()) <= 241)
    assert fitting_name(stem + "x", ".colorized.jpg") != name


def test_a_leftover_that_was_never_locked_goes_too(tmp_path: Path) -> None:
    with atomic_file(tmp_path / "b.jpg") as file:
        name = next(tmp_path.iterdir()).name
        file.write(b"x")
    part = tmp_path / name
    part.write_bytes(b"left")
    long_ago = time.time() - 7200
    os.utime(part, (long_ago, long_ago))
    remove_leftovers(folders=[tmp_path])
    assert [path.name for path in tmp_path.iterdir()] == ["b.jpg"]


def test_a_full_disk_is_told_as_one_wherever_it_is_met(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    told = "the disk is full; make room and try again"
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "TemporaryFile", full)
        with pytest.raises(OutputError, match=told), results_folder(tmp_path / "new"):
            pass
    assert not (tmp_path / "new").exists()
    monkeypatch.setattr(os, "open", full)
    with pytest.raises(OutputError, match=told):
        write_atomic(tmp_path / "a", b"")
    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(OutputError, match=told):
        make_folder(tmp_path / "b")
