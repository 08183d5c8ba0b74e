"""Another project's model through every door: command line, library, HTTP and bench, with all that photos carry."""

from pathlib import Path

import numpy as np
import pytest
from command import call, json_lines, the_error
from films import FFmpeg
from foreign_models import ddcolor
from http_client import running
from pictures import pixels, put, waves
from PIL import Image
from tiny_bundle import sha256

from colorizegan import Colorizer, Look
from colorizegan.bench.entrants import open_entrant
from colorizegan.data.photoset import PhotoSet


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ddcolor(tmp_path_factory.mktemp("models"), 64)


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """A folder of photos: 8 bit with metadata, 16 bit."""
    folder = tmp_path / "album"
    exif = Image.Exif()
    exif[0x010E] = "grandmother's garden"
    put(folder / "a.jpg", waves(150, 200), quality=95, exif=exif)
    put(folder / "deep" / "b.png", waves(150, 200, top=65535))
    return folder


def test_a_folder_from_the_command_line(model: Path, album: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    found = call("colorize", album, "-o", out, "--model", f"{model}?layout=rgb-ab", "--json")
    assert found.exit_code == 0, found.output
    with Image.open(out / "a.jpg") as image:
        assert image.size == (200, 150)
        assert image.getexif()[0x010E] == "grandmother's garden"
        note = image.info["xmp"].decode()
    digest = sha256(model)
    assert f"ddcolor {digest}?layout=rgb-ab&amp;size=64&amp;fit=squash" in note
    import pyvips

    deep = pyvips.Image.new_from_file(str(out / "deep" / "b.png"))
    assert (deep.format, deep.bands, deep.width) == ("ushort", 3, 200)
    done = [line for line in json_lines(out / "colorizegan.jsonl") if line.get("status") == "done"]
    assert {line["model"] for line in done} == {f"{digest}?layout=rgb-ab&size=64&fit=squash"}
    again = call("colorize", album, "-o", out, "--model", model, "--json")
    assert json_lines(again.stdout)[-1]["summary"]["skipped"] == 2


def test_what_it_cannot_do_is_one_error_and_not_one_a_photo(model: Path, album: Path, tmp_path: Path) -> None:
    for wish in (["--confidence"], ["--temperature", "0.5"], ["--tone-down-unsure"], ["--like", album / "a.jpg"]):
        found = call("colorize", album, "-o", tmp_path / "out", "--model", model, *wish)
        assert the_error(found)
        assert not (tmp_path / "out").exists() or not list((tmp_path / "out").rglob("*.jpg"))


def test_over_http(model: Path, album: Path) -> None:
    raw = (album / "a.jpg").read_bytes()
    with running(model) as client:
        reply = client.colorize(raw)
        assert reply.status == 200
        assert np.array_equal(pixels(reply.body), pixels(Colorizer(model).colorize(raw)))
        assert client.send("POST", "/v1/predict", raw).json["confidence"] is None
        client.colorize(raw, "?temperature=0.5").problem(400, "E_USAGE")


def test_a_film(model: Path, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    film = ffmpeg.moving(tmp_path / "film.mp4")
    found = call("video", film, "-o", tmp_path / "colour.mp4", "--model", model)
    assert found.exit_code == 0, found.output
    frames = ffmpeg.decoded(tmp_path / "colour.mp4", "rgb24")
    assert len(frames) == len(ffmpeg.decoded(film, "gray")) == 12
    rgb = frames[5].reshape(-1, 3).astype(int)
    assert np.ptp(rgb, axis=1).mean() > 5


def test_bench_and_runtime_give_the_same_picture(model: Path, tmp_path: Path) -> None:
    gray = waves(96, 128)
    put(tmp_path / "p.png", gray)
    entrant = open_entrant(f"{model}?saturation=1.5", PhotoSet(tmp_path))
    painted = entrant.colorize("p", gray)
    assert np.array_equal(painted.rgb, Colorizer(model).colorize(gray, Look(saturation=1.5)))
    assert painted.prediction is None
    assert entrant.facts["sha256"] == Colorizer(model).network.digest


def test_doctor_and_joined_models(model: Path, album: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    assert "ddcolor" in call("doctor", "--model", model).stdout
    found = call("colorize", album / "a.jpg", "-o", tmp_path / "a.png", "--model", f"{tiny_bundle}:2+{model}")
    assert found.exit_code == 0, found.output
    wanted = Colorizer(f"{tiny_bundle}:2+{model}").colorize(album / "a.jpg")
    assert np.array_equal(pixels(tmp_path / "a.png"), np.asarray(wanted))
