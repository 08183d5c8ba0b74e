"""docs/evaluation.md says what the bench does: protocols, entrants, every figure, sectors, accuracies."""

import dataclasses
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import get_args

import pytest
from pictures import blots, put
from scipy.stats import binomtest

from colorizegan.bench.entrants import BASELINES
from colorizegan.bench.measures.regions import KINDS, Labels
from colorizegan.bench.metrics import METRICS
from colorizegan.bench.protocols import PROTOCOLS, Filter, Protocol, read_protocol
from colorizegan.bench.report import ARROWS
from colorizegan.model.facts import LAYOUTS


@pytest.fixture(scope="module")
def page(repository: Path) -> str:
    return (repository / "docs" / "evaluation.md").read_text(encoding="utf-8")


def tables(page: str, first: str) -> list[list[str]]:
    """The rows of all tables that start so."""
    heads = re.findall(rf"^\| {re.escape(first)}[^\n]*", page, re.MULTILINE)
    return [row for head in heads for row in rows(page, head.removeprefix("| "))]


def rows(page: str, first: str) -> list[list[str]]:
    """The cells of the table whose first heading starts so."""
    table = re.search(rf"^\| {re.escape(first)}[^\n]*\n\|[-|]+\|\n((?:\|[^\n]*\n)+)", page, re.MULTILINE)
    assert table, f"no table that starts with {first}"
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table[1].splitlines()]


def test_every_protocol_layout_and_baseline_is_there(page: str, repository: Path):
    protocols = [name for row in tables(page, "name | photos") for name in re.findall(r"`([\w-]+)`", row[0])]
    own = {path.stem: read_protocol(path) for path in (repository / "benchmarks" / "protocols").glob("*.json")}
    assert sorted(protocols) == sorted([*PROTOCOLS, *own])
    fields = re.search(r"Fields: (.*?)\.\n\n", page, re.MULTILINE | re.DOTALL)
    assert fields
    assert set(re.findall(r"`(\w+)`", fields[1])) - {"cover", "crop", "squash", "none", *get_args(Filter)} == {
        field.name for field in dataclasses.fields(Protocol)
    } - {"name"}
    assert [re.findall(r"`([\w-]+)`", row[0])[0] for row in rows(page, "`layout`")] == list(LAYOUTS)
    assert [row[0] for row in rows(page, "name | what it is")] == list(BASELINES)
    for protocol in own.values():
        assert protocol.mean_ab
        assert f"(a {protocol.mean_ab[0]:g}, b {protocol.mean_ab[1]:g})" in page


def test_every_figure_is_there_with_its_direction_and_unit(page: str):
    told: dict[str, tuple[str, str]] = {}
    for label, arrow, unit, _ in rows(page, "figure"):
        if found := re.fullmatch(r"hue, ab: (.*)", label):
            told |= {f"{part}, {found[1]}": (arrow, unit.split(", ")[part == "ab"]) for part in ("hue", "ab")}
        elif label == "sky, vegetation, water, skin":
            told |= dict.fromkeys(KINDS, (arrow, unit))
        elif label == "the same, of pixels":
            told |= {f"{kind}, of pixels": (arrow, unit) for kind in KINDS}
        else:
            told[label] = (arrow, unit)
    told["palette distance"] = (told["palette distance"][0], "")  # the page gives its range
    assert told == {metric.label: (ARROWS[metric.better][0], metric.unit) for metric in METRICS.values()}


def test_sectors_and_accuracies_are_those_of_the_code(page: str, repository: Path):
    assert [row[:3] for row in rows(page, "region")] == [
        [name, f"{kind.hue[0]:g}..{kind.hue[1]:g}", f"{kind.chroma:g}"] for name, kind in KINDS.items()
    ]
    labels = Labels.read(repository / "benchmarks" / "protocols" / "photos-val-256.regions.tsv")
    marked = Counter(kind for boxes in labels.boxes.values() for kind in boxes)
    words = re.search(r"(\d+) photos with blue sky, (\d+) with\s+vegetation, (\d+) with blue water and (\d+)", page)
    assert words
    assert [int(word) for word in words.groups()] == [marked[kind] for kind in KINDS]
    for name, found, right, precision, _ in rows(page, "detector"):
        low, high = binomtest(int(right), int(found)).proportion_ci(method="wilson")
        assert int(right) == marked[name]
        assert precision == f"{100 * int(right) / int(found):.0f} % ({100 * low:.0f}..{100 * high:.0f})"


def test_the_python_block_runs(
    page: str, tmp_path: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny_bundle, "my-model")
    for index in range(5):
        put(f"TEST/{index}.png", blots(index, 40, 40))
    (block,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    exec(compile(block, "docs/evaluation.md", "exec"), {})
    out = capsys.readouterr().out
    assert out.startswith("Score(value=")
    assert "A - gray: " in out
    assert (tmp_path / "report" / "report.html").is_file()
