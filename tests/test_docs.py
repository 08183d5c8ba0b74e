"""What the pages say is true: Python blocks run, commands and options exist, tables agree with the code."""

import dataclasses
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import typer
from http_client import running
from pictures import put, waves
from PIL import Image
from torch.nn import functional

from colorizegan import errors
from colorizegan.cli import main as cli
from colorizegan.model.card import parse_card
from colorizegan.photo import decode as decoders
from colorizegan.photo import pnm
from colorizegan.photo.formats import WRITABLE
from colorizegan.photo.photo import Limits
from colorizegan.serve.limits import ServiceLimits
from colorizegan.serve.problems import STATUS
from colorizegan.training.config import PRESETS
from colorizegan.training.configure import load_config
from colorizegan.training.networks.squeezenet import SqueezeNetFeatures
from colorizegan.training.networks.unet import SQUEEZENET_FIRES, Fire

ROOT = Path(__file__).resolve().parent.parent
PAGES = ["README.md", "CONTRIBUTING.md", "benchmarks/README.md"]
PAGES += sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md"))
OF_OTHER_PROGRAMS = {"--extra-index-url"}  # pip's


def text_of(repository: Path, page: str) -> str:
    return (repository / page).read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a page in one language; "" for those that name none."""
    return [
        block for name, block in re.findall(r"^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL) if name == language
    ]


def spans(text: str) -> list[str]:
    """Code in a line of prose or of a table."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return [span.replace("\\|", "|") for span in re.findall(r"`([^`\n]+)`", prose)]


def rows(text: str, head: str) -> list[list[str]]:
    """The cells of the table whose first column has this head."""
    table = re.search(rf"^\| {re.escape(head)} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert table, f"no table with a column {head!r}"
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table[1].splitlines()]


# Python


@pytest.fixture
def folder(folder: Path) -> Path:
    """With two drawn photos in it."""
    for seed, name in enumerate(("portrait.jpg", "group.jpg")):
        put(folder / name, waves(80, 120, seed))
    return folder


@pytest.mark.parametrize(("page", "least"), [("README.md", 1), ("docs/library.md", 6)])
def test_python_blocks_run_as_they_stand(repository: Path, folder: Path, page: str, least: int) -> None:
    before = {path: path.read_bytes() for path in folder.iterdir()}
    found = blocks(text_of(repository, page), "python")
    assert len(found) >= least
    names: dict[str, Any] = {}
    for number, block in enumerate(found):
        exec(compile(block, f"{page}, block {number + 1}", "exec"), names)  # one after the other, as a reader would
    for path, content in before.items():
        assert path.read_bytes() == content
    with Image.open(folder / "portrait-in-colour.jpg") as result:
        assert (result.mode, result.size) == ("RGB", (120, 80))
        assert np.ptp(np.asarray(result).astype(int), axis=2).mean() > 5  # and in colour


def test_torchvision_weights_start_the_encoder(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """docs/training.md: the published SqueezeNet under torchvision's names and scaling gives the same features."""
    torch.manual_seed(0)
    places = [3, 4, 5, 7, 8, 9, 10, 12]
    state = {"features.0.weight": torch.randn(96, 3, 7, 7), "features.0.bias": torch.randn(96)}
    fires = dict(zip(places, (Fire(*sizes) for sizes in SQUEEZENET_FIRES), strict=True))
    layers = {"s1": "squeeze", "e1": "expand1x1", "e3": "expand3x3"}
    for place, fire in fires.items():
        for name, tensor in fire.state_dict().items():
            layer, kind = name.split(".")
            state[f"features.{place}.{layers[layer]}.{kind}"] = tensor
    state["classifier.1.weight"] = torch.randn(1000, 512, 1, 1)
    monkeypatch.chdir(tmp_path)
    torch.save(state, "squeezenet1_0.pth")
    (block,) = blocks(text_of(repository, "docs/training.md"), "python")
    exec(compile(block, "docs/training.md", "exec"), {})

    rgb = torch.rand(1, 3, 65, 81)
    deviation, mean = torch.tensor([0.229, 0.224, 0.225]), torch.tensor([0.485, 0.456, 0.406])
    x = (rgb - mean[:, None, None]) / deviation[:, None, None]  # torchvision's transform
    with torch.no_grad():
        x = functional.relu(functional.conv2d(x, state["features.0.weight"], state["features.0.bias"], 2))
        for place, fire in fires.items():
            if place - 1 not in fires:  # the gaps in the numbers are its poolings
                x = functional.max_pool2d(x, 3, 2, ceil_mode=True)
            x = fire(x)
        found = SqueezeNetFeatures(tmp_path / "squeezenet1_0.safetensors")(rgb)[-1]
    torch.testing.assert_close(found, x, rtol=1e-3, atol=1e-3 * float(x.abs().max()))


# Commands


@pytest.fixture(scope="module")
def options() -> dict[str, set[str]]:
    """Verb -> its options."""
    command: Any = typer.main.get_command(cli.app)
    verbs = {verb: [known, *getattr(known, "commands", {}).values()] for verb, known in command.commands.items()}
    return {
        verb: {
            name
            for one in known
            for parameter in one.params
            for name in (*parameter.opts, *parameter.secondary_opts)
            if name.startswith("-")
        }
        | {"--help", "-h"}
        for verb, known in verbs.items()
    }


def commands(text: str) -> Iterator[list[str]]:
    """Every `colorizegan VERB ...` of a page, in words."""
    for line in [*spans(text), *(line for block in blocks(text, "") for line in block.splitlines())]:
        for part in re.split(r"&&|\|\||[;|>]|\s#\s", line):
            call = re.search(r"(?:^|\s)colorizegan (\S.*)", part)
            if call:
                yield [word.strip("[]") for word in shlex.split(call[1])]


@pytest.mark.parametrize("page", PAGES)
def test_commands_and_their_options_exist(repository: Path, options: dict[str, set[str]], page: str) -> None:
    text = text_of(repository, page)
    for verb, *words in commands(text):
        if verb == "--version":
            continue
        assert verb in options, f"colorizegan {verb}"
        for word in words:
            assert not re.match(r"--?[a-z0-9]", word) or word in options[verb], f"colorizegan {verb} {word}"
    every = set().union(*options.values()) | OF_OTHER_PROGRAMS | {"--version"}
    named = {span.split()[0] for span in spans(text) if re.match(r"--?[a-z0-9]", span)}
    assert named - every == set()


def test_there_are_commands_in_the_pages(repository: Path) -> None:
    assert sum(len(list(commands(text_of(repository, page)))) for page in PAGES) > 25  # the search for them works


def test_formats_to_write_are_named(repository: Path) -> None:
    named = re.search(r"`--format` \(([^)]*)\)", text_of(repository, "docs/colorize.md"))
    assert named
    assert re.findall(r"`(\w+)`", named[1]) == list(WRITABLE)


# What is in the tables


def test_errors_are_all_there(repository: Path) -> None:
    classes = {name: getattr(errors, name) for name in errors.__all__}
    codes = {row[0].strip("`") for row in rows(text_of(repository, "docs/colorize.md"), "code")}
    assert codes == {known.code for known in classes.values()}
    for name, code, builtin in rows(text_of(repository, "docs/library.md"), "class"):
        known = classes.pop(name.strip("`"))
        assert known.code == code.strip("`")
        assert {c.__name__ for c in known.__bases__} - {"ColorizeGANError"} == set(re.findall(r"\w+", builtin))
    assert set(classes) == {"ColorizeGANError"}


def test_limits_are_those_of_the_code(repository: Path) -> None:
    text = text_of(repository, "docs/colorize.md")
    stated = {row[0].split()[0]: row[1] for row in rows(text, "limit")}
    limits = dataclasses.asdict(Limits())
    assert stated == {name: "none" if value is None else f"{value:,}" for name, value in limits.items()}
    assert pnm.PLAIN_PIXELS == decoders.RLE_BMP_PIXELS
    assert f"end at {pnm.PLAIN_PIXELS:,} pixels" in text


def test_limits_of_the_service_are_those_of_the_code(repository: Path) -> None:
    stated = {row[0].split()[0].rstrip(":"): row[1] for row in rows(text_of(repository, "docs/server.md"), "limit")}
    assert stated == {name: f"{value:,}" for name, value in dataclasses.asdict(ServiceLimits()).items()}


def test_codes_of_the_service_are_those_of_the_code(repository: Path) -> None:
    text = text_of(repository, "docs/server.md")
    codes = {code for row in rows(text, "HTTP status") for code in re.findall(r"`(E_\w+)`", row[1])}
    assert codes <= {kind.code for kind in STATUS}


@pytest.mark.parametrize("language", ["", "python"])
def test_examples_of_the_service_run(repository: Path, folder: Path, tiny_bundle: Path, language: str) -> None:
    shell = shutil.which("curl")
    if language == "" and shell is None:
        pytest.skip("missing program: curl (apt-get install curl)")
    Image.open("portrait.jpg").save("scan.tif")
    Image.open("portrait.jpg").save("next.jpg")
    examples = [block for block in blocks(text_of(repository, "docs/server.md"), language) if ":8000/v1" in block]
    assert examples
    with running(tiny_bundle) as client:
        for block in examples:
            program = block.replace(":8000/", f":{client.port}/")
            command = [sys.executable, "-c", program] if language else ["bash", "-ec", program]
            done = subprocess.run(command, capture_output=True, text=True, timeout=100)
            assert done.returncode == 0, done.stderr
    names = {"portrait.png": "PNG"} if language else {"portrait.colorized.jpg": "JPEG", "scan.colorized.tif": "TIFF"}
    for name, format in names.items():
        with Image.open(name) as result:
            assert (result.format, result.size) == (format, (120, 80))


def test_stages_and_presets_are_those_of_the_code(repository: Path, tmp_path: Path) -> None:
    text = text_of(repository, "docs/training.md")
    default = PRESETS["default"]
    stages = [(row[1].strip("`"), row[2].replace(",", ""), row[3]) for row in rows(text, "stage")]
    assert stages == [(stage.kind, str(stage.images), str(stage.size)) for stage in default.stages]
    assert {row[0].strip("`") for row in rows(text, "preset")} == set(PRESETS)
    for block in blocks(text, "toml"):
        (tmp_path / "mine.toml").write_text(block, encoding="utf-8")
        assert load_config("default", tmp_path / "mine.toml") != default


@pytest.mark.parametrize("page", PAGES)
def test_training_overrides_are_settings(repository: Path, page: str) -> None:
    text = text_of(repository, page)
    given = re.findall(r"--set (\w[\w.]*=[^\s`]+)", text)
    assert page != "docs/training.md" or len(given) > 5
    for override in given:
        # The preset has no feature network, which a perceptual weight needs.
        load_config("default", None, ["losses.features=squeezenet1_0.safetensors", override])


def test_cards_are_cards(repository: Path) -> None:
    (text,) = blocks(text_of(repository, "docs/bundle.md"), "json")
    card = parse_card(text.encode(), Path("card.json"))
    described = " ".join(row[0] for row in rows(text_of(repository, "docs/bundle.md"), "entry"))
    assert set(re.findall(r"`(\w+)`", described)) == {field.name for field in dataclasses.fields(card)}
    (extra,) = blocks(text_of(repository, "docs/training.md"), "json")
    assert set(json.loads(extra)) <= {field.name for field in dataclasses.fields(card)}
    merged = json.loads(text) | json.loads(extra)  # as export does
    parse_card(json.dumps(merged).encode(), Path("card.json"))


def test_model_card_agrees_with_the_model(repository: Path) -> None:
    text = text_of(repository, "docs/model-card.md")
    *sources, total = rows(text, "repository")
    for column in (2, 3):
        *counts, whole = (int(row[column].strip("*").replace(",", "")) for row in (*sources, total))
        assert sum(counts) == whole
    path = repository / "colorizegan" / "weights" / "default" / "card.json"
    if path.exists():
        card = parse_card(path.read_bytes(), path)
        assert "FILL" not in text
        assert f"{card.network.parameters / 1e6:.2f} M parameters" in text
        assert f"distribution over {len(card.ab_bins)} colour bins" in text
        counts = {row[0]: row[2] for row in sources}
        trained = {entry["name"]: f"{entry['count']:,}" for entry in card.data}
        assert counts.items() <= trained.items()
        assert card.metrics.get("command", "no command") in text
