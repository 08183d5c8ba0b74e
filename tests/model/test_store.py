"""Models that are added by name: used through every door, checked, removed; mistakes in one line."""

import os
import pty
import shutil
import subprocess
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import COMMAND, call, json_lines, the_error
from foreign_models import ddcolor, write_colorizer
from pictures import pixels, put, waves
from PIL import Image
from tiny_bundle import make_tiny_bundle, sha256

from colorizegan import Colorizer, ModelError, UsageError
from colorizegan.bench.entrants import open_entrant
from colorizegan.data.photoset import PhotoSet
from colorizegan.model.bundle import open_bundle
from colorizegan.model.store import find_entry, store_folder


def refused(*args: object) -> str:
    """The one line of a command that fails."""
    return the_error(call(*args))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return put(tmp_path / "p.png", waves(150, 200))


def test_an_onnx_file_by_name(tmp_path: Path, photo: Path) -> None:
    model = ddcolor(tmp_path, 64, outside=True)
    wanted = np.asarray(Colorizer(model, threads=1).colorize(photo))
    added = call("models", "add", "mine", model, "--yes")
    assert added.exit_code == 0, added.output
    digest = sha256(model)
    for file in tmp_path.glob("ddcolor.onnx*"):
        file.unlink()  # what is kept is a copy

    assert np.array_equal(np.asarray(Colorizer("mine").colorize(photo)), wanted)
    done = call("colorize", photo, "-o", tmp_path / "out.png", "--model", "mine")
    assert done.exit_code == 0, done.output
    with Image.open(tmp_path / "out.png") as image:
        assert np.array_equal(np.asarray(image), wanted)
        assert "mine " in image.info["XML:com.adobe.xmp"]
    joined = np.asarray(Colorizer("default+mine:2").colorize(photo))
    assert not np.array_equal(joined, wanted)
    (tmp_path / "set").mkdir()
    shutil.copy(photo, tmp_path / "set")
    entrant = open_entrant("mine", PhotoSet(tmp_path / "set"))
    assert np.array_equal(entrant.colorize("p", pixels(photo)).rgb, wanted)
    assert entrant.facts["kind"] == "onnx"

    text = call("models").stdout
    assert "mine  ddcolor.onnx of another project, Apache-2.0\n  layout rgb-ab" in text
    assert f"sha256 {digest}" in text
    told = json_lines(call("models", "--json").stdout)
    assert {line.get("onnx") for line in told} >= {"mine"}
    assert call("models", "remove", "mine").exit_code == 0
    assert list(store_folder().iterdir()) == []
    assert "no such model bundle" in refused("colorize", photo, "--model", "mine")


def test_what_is_said_of_the_file_is_kept(tmp_path: Path, photo: Path) -> None:
    model = write_colorizer(tmp_path / "x.onnx", inputs=1, outputs=2, size="s", gain=30.0)
    facts = ["--layout", "lab", "--size", 96, "--fit", "pad"]
    licence = ["--licence", "CC0-1.0", "--source", "https://example.org/x"]
    assert call("models", "add", "x", model, *facts, *licence).exit_code == 0
    card = Colorizer("x").network.card
    assert (card.working_size, card.licence, card.name) == (96, "CC0-1.0", "x")
    assert np.array_equal(
        np.asarray(Colorizer("x").colorize(photo)),
        np.asarray(Colorizer(f"{model}?layout=lab&size=96&fit=pad").colorize(photo)),
    )
    entry = find_entry("x")
    assert entry is not None
    assert entry.source == "https://example.org/x"


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_a_bundle_by_name(tmp_path: Path, photo: Path, kind: str) -> None:
    bundle = make_tiny_bundle(tmp_path / "tiny")
    given = bundle
    if kind == "zip":
        given = tmp_path / "tiny.zip"
        with zipfile.ZipFile(given, "w") as archive:
            for file in bundle.iterdir():
                archive.write(file, file.name)
    wanted = Colorizer(bundle)
    assert call("models", "add", "tuned", given, "-y").exit_code == 0
    shutil.rmtree(bundle)
    assert Colorizer("tuned").network.digest == wanted.network.digest
    told = json_lines(call("models", "--json").stdout)
    assert {line["bundle"] for line in told} >= {"default", "tuned"}
    said = refused("finetune", photo.parent, "-o", tmp_path / "x", "--model", "tuned")
    assert "does not hold the weights of a 'unet'" in said


def test_a_file_that_has_changed_is_not_run(tmp_path: Path, photo: Path) -> None:
    call("models", "add", "mine", ddcolor(tmp_path, 64), "-y")
    kept = store_folder() / "mine" / "ddcolor.onnx"
    kept.write_bytes(ddcolor(tmp_path, 64, seed=1).read_bytes())
    line = refused("colorize", photo, "--model", "mine")
    remedy = "run `colorizegan models remove mine`"
    assert line.startswith(f"error: {kept}: has changed since it was added as mine; {remedy}")
    call("models", "add", "other", ddcolor(tmp_path, 64), "-y")
    assert "[E_MODEL]" in refused("models")
    told = json_lines(call("models", "--json").stdout)
    assert [line.get("bundle", line.get("onnx")) for line in told] == ["default", "other"]  # those that are well
    kept.unlink()
    assert "is missing" in refused("colorize", photo, "--model", "mine+default")
    (store_folder() / "mine" / "entry.json").write_text("{")
    assert "is damaged; run `colorizegan models remove mine`" in refused("models")
    assert call("models", "remove", "mine").exit_code == 0
    assert call("models").exit_code == 0


ENTRIES = {
    "no JSON": "{",
    "a list": "[]",
    "deep": "[" * 100_000,
    "without facts": '{"name": "broken"}',
    "another's name": '{"name": "x", "file": "", "files": {}, "licence": "", "source": ""}',
    "a file that it does not have": '{"name": "broken", "file": "x.onnx", "files": {}, "licence": "", "source": ""}',
    "facts that are none": '{"name": "broken", "file": "x.onnx", "files": {"x.onnx": "0"}, "licence": "", "source": "",'
    ' "facts": {"size": [1]}}',
}


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_a_damaged_entry_does_not_hide_the_others(tmp_path: Path, entry: str) -> None:
    assert call("models", "add", "well", ddcolor(tmp_path, 64), "-y").exit_code == 0
    (store_folder() / "broken").mkdir()
    (store_folder() / "broken" / "entry.json").write_text(entry)
    assert "run `colorizegan models remove broken`" in refused("models")
    told = json_lines(call("models", "--json").stdout)
    assert [line.get("bundle", line.get("onnx")) for line in told] == ["default", "well"]
    assert find_entry("hf:somebody/model") is None  # looks at all of them
    assert Colorizer("well").network.card.name == "well"


@pytest.mark.parametrize("side", [64, 96, 256])
def test_the_size_that_a_file_fixes_is_shown(tmp_path: Path, side: int) -> None:
    assert call("models", "add", "fixed", ddcolor(tmp_path, side), "-y").exit_code == 0  # 512 by its name
    assert f"layout rgb-ab, {side} px" in call("models").stdout
    told = json_lines(call("models", "--json").stdout)
    assert [line["size"] for line in told if "onnx" in line] == [side]


def test_the_names_that_there_are_are_told(tmp_path: Path, photo: Path) -> None:
    call("models", "add", "mine", ddcolor(tmp_path, 64), "-y")
    for name in ("mien", "mine.zip", "./mine"):
        assert "lists (default, mine); did you mean mine? [E" in refused("colorize", photo, "--model", name)
    assert "lists (default, mine) [E" in refused("colorize", photo, "--model", "runs/first")


def wrong_models(folder: Path) -> dict[str, tuple[list[object], str]]:
    """What nobody can use -> (what is given, what the one line says)."""
    plain: dict[str, Any] = {"inputs": 3, "outputs": 2}
    (folder / "weights.pth").write_bytes(b"PK")
    nan = write_colorizer(folder / "nan.onnx", **plain, divide=0.0)
    other = write_colorizer(folder / "other.onnx", inputs=3, outputs=3, size="s")
    lone = ddcolor(folder, 64, outside=True)
    (folder / "ddcolor.onnx.data").unlink()
    return {
        "another layout": ([other, "--layout", "lab"], "layout lab is (N, 1, H, W) -> (N, 2, h, w), the file has"),
        "no layout": ([other], "or --layout with `models add`"),
        "another size": ([write_colorizer(folder / "a.onnx", **plain), "--size", 128], "is not the size"),
        "NaN": ([nan], "not finite"),
        "pickled": ([folder / "weights.pth"], "colorizegan convert weights.pth"),
        "missing": ([folder / "none.onnx"], "no such file"),
        "without its weights": ([lone], "keeps weights in ddcolor.onnx.data, which is missing"),
        "two": ([other, nan], "2 ONNX files among 2"),
        "facts of a bundle": ([make_tiny_bundle(folder / "b"), "--size", "99"], "size of a bundle cannot be given"),
    }


def test_models_that_nobody_can_use_are_not_kept(tmp_path: Path) -> None:
    for given, words in wrong_models(tmp_path).values():
        assert words in refused("models", "add", "x", *given, "-y", "--licence", "MIT")
    assert not list(store_folder().glob("*"))


@pytest.mark.parametrize("name", ["default", "a/b", "../x", "x.onnx", "a+b", "", "-x", "x.pth", "a:1"])
def test_names_that_mean_something_else(tmp_path: Path, name: str) -> None:
    found = call("models", "add", "-y", "--licence", "MIT", "--", name, ddcolor(tmp_path, 64))
    assert found.exit_code == 2
    assert not list(store_folder().glob("*"))


def test_nothing_is_replaced_and_nothing_unknown_removed(tmp_path: Path) -> None:
    model = ddcolor(tmp_path, 64)
    assert call("models", "add", "x", model, "-y").exit_code == 0
    assert "there is a model x already" in refused("models", "add", "x", model, "-y")
    for name in ("y", "..", "default", str(tmp_path)):
        assert "added are: x" in refused("models", "remove", name)
    assert find_entry("x") is not None


def test_what_a_killed_call_left_is_swept_and_never_listed(tmp_path: Path) -> None:
    for name, age in ((".old", 7200), (".new", 0)):
        folder = store_folder() / name
        folder.mkdir(parents=True)
        (folder / "entry.json").write_text("{}")
        then = time.time() - age
        os.utime(folder, (then, then))
    assert call("models").exit_code == 0
    assert "added are: none" in refused("models", "remove", "x")
    assert call("models", "add", "x", ddcolor(tmp_path, 64), "-y").exit_code == 0
    assert {folder.name for folder in store_folder().iterdir()} == {".new", "x"}  # somebody may be writing that one


def test_a_licence_that_nobody_stated_is_asked_for(tmp_path: Path) -> None:
    model = write_colorizer(tmp_path / "x.onnx", inputs=3, outputs=2)
    assert "nobody has stated the licence of x; say it: --licence NAME" in refused("models", "add", "x", model)
    assert "read it, then say --yes" in refused("models", "add", "y", ddcolor(tmp_path, 64))
    main, other = pty.openpty()
    pipes: dict[str, Any] = {"stdin": other, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([*COMMAND, "models", "add", "x", str(model)], **pipes) as process:
        os.write(main, b"CC-BY-4.0\ny\n")
        _, told = process.communicate(timeout=100)
    os.close(main)
    os.close(other)
    assert process.returncode == 0, told
    entry = find_entry("x")
    assert entry is not None
    assert entry.licence == "CC-BY-4.0"
    assert "use it under this licence?" in told


def test_addresses_are_not_fetched_by_themselves(photo: Path) -> None:
    line = refused("colorize", photo, "--model", "hf:somebody/model")
    assert "nothing is fetched by itself; run `colorizegan models get hf:somebody/model`" in line
    with pytest.raises(UsageError, match="not here yet"):
        Colorizer("hf:somebody/model")
    with pytest.raises(ModelError, match="no such model bundle"):
        open_bundle("hf:somebody/model")
