"""Reliability as a user meets it, over whole processes: hostile files, no network, originals untouched, same bytes."""

import os
import shutil
import subprocess
import tarfile
import warnings
from pathlib import Path

import pytest
from command import COMMAND, command, digests, json_lines, python
from pictures import blots, put, waves
from PIL import Image

from colorizegan import errors

HOSTILE = 366  # files in hostile.tar
# Refuses every connection to another machine and tells of it, from the first import on.
NO_NETWORK = """
import sys
def watch(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "urllib.Request"):
        print("NETWORK", event, args, file=sys.stderr, flush=True)
        raise OSError("no network")
sys.addaudithook(watch)
from colorizegan.__main__ import main
main()
"""


@pytest.fixture
def environment() -> dict[str, str]:
    """In which a warning is an error."""
    return os.environ | {"PYTHONWARNINGS": "error"}


def put_photos(folder: Path, count: int) -> None:
    for seed in range(count):
        put(folder / f"{seed}.jpg", waves(60, 90, seed))


def test_no_telemetry_is_gathered(tmp_path: Path, environment: dict[str, str]) -> None:
    """ONNX Runtime keeps what it would send in the user's cache folder; audit events do not see native code."""
    put_photos(tmp_path / "photos", 1)
    environment |= {"HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "tmp")}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    environment.pop("XDG_CACHE_HOME", None)
    for folder in ("home", "tmp"):
        (tmp_path / folder).mkdir()
    command("colorize", tmp_path / "photos", "-o", tmp_path / "out", env=environment)
    left = [path for folder in ("home", "tmp") for path in (tmp_path / folder).rglob("*") if path.is_file()]
    assert not [path for path in left if "onnxruntime" in str(path).lower() or "microsoft" in str(path).lower()]
    assert not [path for path in left if path.suffix == ".ses"]


@pytest.mark.slow
def test_hostile_files_through_the_command_line(
    shared_data: Path, tmp_path: Path, tiny_bundle: Path, environment: dict[str, str]
) -> None:
    album, out = tmp_path / "album", tmp_path / "out"
    with tarfile.open(shared_data / "hostile.tar") as tar:
        tar.extractall(album, filter="data")
    before = digests(album)
    names = tmp_path / "names"
    names.write_bytes(b"\0".join(os.fsencode(album / name) for name in before))  # all, whatever they are called
    assert len(before) == HOSTILE
    arguments = ("colorize", "--from-file", names, "-0", "-o", out, "--json", "--model", tiny_bundle)
    done = command(*arguments, status=1, env=environment)
    assert "Traceback" not in done.stderr
    *rows, summary = json_lines(done.stdout)
    assert len(rows) == HOSTILE
    assert len({row["input"] for row in rows}) == HOSTILE
    assert max(row.get("seconds") or 0 for row in rows) < 10
    codes = {getattr(errors, name).code for name in errors.__all__ if name != "exit_code"}
    for row in rows:
        if row["status"] == "failed":
            assert row["code"] in codes - {"E_INTERNAL"}, row
            assert "\n" not in row["message"], row
            assert Path(row["input"]).name in row["message"], row
        elif row["status"] == "done":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # damaged EXIF is carried over as it is
                with Image.open(row["output"]) as image:
                    image.load()  # a whole picture
    count = {status: sum(row["status"] == status for row in rows) for status in ("done", "skipped", "failed")}
    assert count["done"] > 80, "valid oddities are photos too"
    assert count["failed"] > 90
    assert summary["summary"]["done"] == count["done"]
    assert digests(album) == before, "inputs are never changed"
    assert not [path for path in out.rglob("*") if path.name.startswith(".")], "nothing half-written"


@pytest.mark.parametrize(
    "args",
    [
        ["colorize", "album", "-o", "out"],
        ["doctor"],
        ["models"],
        ["--help"],
        pytest.param(["evaluate", "--data", "album", "-o", "report"], marks=pytest.mark.slow, id="evaluate"),
    ],
    ids=lambda args: args[0],
)
def test_no_verb_asks_the_network(
    tmp_path: Path, tiny_bundle: Path, environment: dict[str, str], args: list[str]
) -> None:
    if args[0] == "evaluate":
        pytest.importorskip("torchmetrics")
        for seed in range(3):
            put(tmp_path / "album" / f"{seed}.png", blots(seed))
    else:
        put_photos(tmp_path / "album", 2)
    model = {"colorize": ["--model", tiny_bundle], "evaluate": ["--entrant", f"tiny={tiny_bundle}"]}
    args = [*args, *model.get(args[0], [])]
    assert "NETWORK" not in python("-c", NO_NETWORK, *args, env=environment, cwd=tmp_path).stderr


def test_with_no_interface_up(tmp_path: Path, tiny_bundle: Path, environment: dict[str, str]) -> None:
    unshare = shutil.which("unshare")
    alone = [unshare or "", "--net", "--map-root-user"]
    if unshare is None or subprocess.run([*alone, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this system does not let a process leave the network")
    put_photos(tmp_path / "album", 2)
    arguments = [*alone, *COMMAND, "colorize", "album", "-o", "out", "--model", tiny_bundle]
    done = subprocess.run(arguments, check=False, env=environment, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(digests(tmp_path / "out")) == 2


ELSEWHERE = ["../secret.jpg", "a/../../secret.jpg", "/etc/passwd", "..\\secret.jpg", "C:\\a.jpg", "\\\\host\\a.jpg"]


@pytest.mark.parametrize("name", [*ELSEWHERE, "x" * 4096])
def test_names_never_lead_out_of_the_output(
    tmp_path: Path, tiny_bundle: Path, environment: dict[str, str], name: str
) -> None:
    """A listed name may point anywhere to read from, as the user's own; what is written stays inside OUT."""
    work = tmp_path / "work"
    work.mkdir()
    put_photos(tmp_path / "other", 1)
    shutil.copy(tmp_path / "other" / "0.jpg", tmp_path / "secret.jpg")
    (work / "names").write_bytes(os.fsencode(name))
    before = digests(tmp_path)
    arguments = ("colorize", "--from-file", "names", "-0", "-o", "out/results", "--model", tiny_bundle)
    done = command(*arguments, status=None, env=environment, cwd=work)
    assert done.returncode in (0, 1, 3), done.stderr
    assert "Traceback" not in done.stderr
    made = digests(tmp_path).keys() - before.keys()
    assert all(path.startswith("work/out/results/") for path in made), made
    assert {path: content for path, content in digests(tmp_path).items() if path in before} == before
    assert bool(made) == (done.returncode == 0)
