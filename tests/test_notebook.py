"""The notebook runs from top to bottom as it stands, says what its stored outputs say, and uses public names alone."""

import ast
import re
import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from tiny_run import draw_photos

NAME = "Image_Colorization_using_condGAN.ipynb"


@pytest.fixture(scope="module")
def notebook(repository: Path) -> Any:
    return nbformat.read(repository / NAME, as_version=4)


def text_of(cell: Any) -> str:
    """What a code cell has put out as text, without the numbers: those of training differ from machine to machine."""
    streams = (output.text for output in cell.outputs if output.output_type == "stream" and output.name == "stdout")
    return re.sub(r"[-+]?\d+(\.\d+)?", "#", "".join(streams))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_it_runs_from_top_to_bottom_in_any_folder(notebook: Any, tmp_path: Path) -> None:
    executed: Any = nbformat.from_dict(notebook)
    NotebookClient(executed, timeout=None, resources={"metadata": {"path": str(tmp_path)}}).execute()
    stored = [cell for cell in notebook.cells if cell.cell_type == "code"]
    fresh = [cell for cell in executed.cells if cell.cell_type == "code"]
    for old, new in zip(stored, fresh, strict=True):
        kinds = [output.output_type for output in old.outputs]
        assert kinds == [output.output_type for output in new.outputs if output.get("name") != "stderr"]
        assert text_of(new) == text_of(old)
    text = "".join(str(cell.outputs) for cell in fresh)
    found = re.search(r"from the photo: gray ([\d.]+), before ([\d.]+), after ([\d.]+)", text)
    assert found
    gray, before, after = map(float, found.groups())
    assert min(before, after) < gray  # it has learned something of what it was shown; which is nearer, rounding decides
    moved = re.search(r"has moved a and b by ([\d.]+)", text)
    assert moved
    assert float(moved[1]) > 1  # and the adversarial stage can be seen
    assert list(tmp_path.iterdir()) == []  # nothing is left behind


def test_a_folder_of_ones_own_may_be_named(notebook: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cells before the networks, with twelve photos: whole photos are held out, and no crop of them is learned."""
    draw_photos(tmp_path / "mine", 12, light=(255, 225, 60), dark=(10, 110, 30))
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"][:3]
    assert cells[0].startswith('photos = ""')
    cells[0] = cells[0].replace('photos = ""', f'photos = "{tmp_path / "mine"}"')
    monkeypatch.setattr("matplotlib.pyplot.show", lambda: None)
    named: dict[str, Any] = {}
    for cell in cells:
        exec(compile(cell, "cell", "exec"), named)
    rows = [line.split("\t") for line in named["manifest"].read_text().splitlines()[1:]]
    sources: dict[str, set[str]] = {}
    for key, source in rows:
        sources.setdefault(source, set()).add(key.split("-")[0])
    assert not sources["held out"] & sources["learned from"]
    assert {source: len(photos) for source, photos in sources.items()} == {"held out": 2, "learned from": 10}
    shutil.rmtree(named["work"])


def test_its_outputs_are_inside_and_small(notebook: Any, repository: Path) -> None:
    assert (repository / NAME).stat().st_size < 800_000
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    pictures = [output for output in outputs if "data" in output]
    assert len(pictures) >= 6
    assert all("image/png" in output.data for output in pictures)
    text = (repository / NAME).read_text("utf-8")
    assert not re.search(r'"output_type": "error"|"name": "stderr"|/home/|/tmp/', text)


def test_it_uses_public_names_alone(notebook: Any) -> None:
    names: list[str] = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            for node in ast.walk(ast.parse(cell.source)):
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("colorizegan"):
                    names += [f"{node.module}.{alias.name}" for alias in node.names]
                if isinstance(node, ast.Attribute):
                    assert not node.attr.startswith("_")
    assert len(names) >= 6
    assert not any(part.startswith("_") for name in names for part in name.split("."))


def test_it_explains_the_method(notebook: Any) -> None:
    prose = " ".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    for word in ("conditional", "U-Net", "PatchGAN", "L1", "adversarial", "discriminator", "skip connections"):
        assert word.lower() in prose.lower()
