"""Another project's model through every door: command line, library, HTTP and bench, with all that photos carry."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from films import FFmpeg
from foreign_models import ddcolor
from http_client import running
from PIL import Image
from typer.testing import CliRunner, Result

from colorizegan import Colorizer, Look
from colorizegan.bench.entrants import open_entrant
from colorizegan.cli.main import app
from colorizegan.data.photoset import PhotoSet


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ddcolor(tmp_path_factory.mktemp("models"), 64)


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """A folder of photos: 8 bit with metadata, 16 bit."""
    folder = tmp_path / "album"
    (folder / "deep").mkdir(parents=True)
    y, x = np.mgrid[0:150, 0:200]
    gray = np.clip(120 + 80 * np.sin(x / 19) * np.cos(y / 13), 0, 255)
    exif = Image.Exif()
    exif[0x010E] = "grandmother's garden"
    Image.fromarray(gray.astype(np.uint8)).save(folder / "a.jpg", quality=95, exif=exif)
    Image.fromarray((gray * 256 + 99).astype(np.uint16)).save(folder / "deep" / "b.png")
    return folder


def call(*args: object) -> Result:
    return CliRunner().invoke(app, [str(arg) for arg in args])


def test_a_folder_from_the_command_line(model: Path, album: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    found = call("colorize", album, "-o", out, "--model", f"{model}?layout=rgb-ab", "--json")
    assert found.exit_code == 0, found.output
    with Image.open(out / "a.jpg") as image:
        assert image.size == (200, 150)
        assert image.getexif()[0x010E] == "grandmother's garden"
        note = image.info["xmp"].decode()
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    assert f"ddcolor {digest}?layout=rgb-ab&amp;size=64&amp;fit=squash" in note
    import pyvips

    deep = pyvips.Image.new_from_file(str(out / "deep" / "b.png"))
    assert (deep.format, deep.bands, deep.width) == ("ushort", 3, 200)
    lines = [json.loads(line) for line in (out / "colorizegan.jsonl").read_text().splitlines()]
    done = [line for line in lines if line.get("status") == "done"]
    assert {line["model"] for line in done} == {f"{digest}?layout=rgb-ab&size=64&fit=squash"}
    again = call("colorize", album, "-o", out, "--model", model, "--json")
    assert json.loads(again.stdout.splitlines()[-1])["summary"]["skipped"] == 2


def test_what_it_cannot_do_is_one_error_and_not_one_a_photo(model: Path, album: Path, tmp_path: Path) -> None:
    for wish in (["--confidence"], ["--temperature", "0.5"], ["--tone-down-unsure"], ["--like", album / "a.jpg"]):
        found = call("colorize", album, "-o", tmp_path / "out", "--model", model, *wish)
        lines = [line for line in found.stderr.splitlines() if line.startswith("error: ")]
        assert found.exit_code != 0
        assert len(lines) == 1, found.stderr
        assert not (tmp_path / "out").exists() or not list((tmp_path / "out").rglob("*.jpg"))


def test_over_http(model: Path, album: Path) -> None:
    raw = (album / "a.jpg").read_bytes()
    with running(model) as client:
        reply = client.colorize(raw)
        assert reply.status == 200
        wanted = Colorizer(model).colorize(raw)
        with Image.open(io.BytesIO(reply.body)) as found, Image.open(io.BytesIO(wanted)) as image:
            assert np.array_equal(np.asarray(found), np.asarray(image))
        told = json.loads(client.send("POST", "/v1/predict", raw).body)
        assert told["confidence"] is None
        refused = client.colorize(raw, "?temperature=0.5")
        assert refused.status == 400
        assert json.loads(refused.body)["code"] == "E_USAGE"


def test_a_film(model: Path, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    film = ffmpeg.moving(tmp_path / "film.mp4")
    found = call("video", film, "-o", tmp_path / "colour.mp4", "--model", model)
    assert found.exit_code == 0, found.output
    frames = ffmpeg.decoded(tmp_path / "colour.mp4", "rgb24")
    assert len(frames) == len(ffmpeg.decoded(film, "gray")) == 12
    rgb = frames[5].reshape(-1, 3).astype(int)
    assert np.ptp(rgb, axis=1).mean() > 5


def test_bench_and_runtime_give_the_same_picture(model: Path, tmp_path: Path) -> None:
    y, x = np.mgrid[0:96, 0:128]
    gray = (128 + 90 * np.sin(x / 11) * np.cos(y / 9)).astype(np.uint8)
    Image.fromarray(gray).save(tmp_path / "p.png")
    entrant = open_entrant(f"{model}?saturation=1.5", PhotoSet(tmp_path))
    painted = entrant.colorize("p", gray)
    assert np.array_equal(painted.rgb, Colorizer(model).colorize(gray, Look(saturation=1.5)))
    assert painted.prediction is None
    assert entrant.facts["sha256"] == Colorizer(model).network.digest


def test_doctor_and_joined_models(model: Path, album: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    assert "ddcolor" in call("doctor", "--model", model).stdout
    found = call("colorize", album / "a.jpg", "-o", tmp_path / "a.png", "--model", f"{tiny_bundle}:2+{model}")
    assert found.exit_code == 0, found.output
    with Image.open(tmp_path / "a.png") as image:
        assert np.array_equal(
            np.asarray(image), np.asarray(Colorizer(f"{tiny_bundle}:2+{model}").colorize(album / "a.jpg"))
        )
