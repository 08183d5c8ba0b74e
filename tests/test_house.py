"""The house stays one that a newcomer finds their way in: imports in few levels, small folders, short files, a map."""

import re
from collections import defaultdict
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

LEVELS = 10  # of rooms: a folder, or a file beside the folders
FILES = 17  # in a folder, beside its __init__.py
LINES = 330
LONG = "# Long because "  # how a file that is longer says why, in its first ten lines


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    """What imports what, inside functions and for types alone too."""
    return grimp.build_graph("colorizegan", exclude_type_checking_imports=False, cache_dir=None)


@pytest.fixture(scope="module")
def rooms(graph: grimp.ImportGraph) -> dict[str, set[str]]:
    """Room -> the rooms that it imports."""
    found: dict[str, set[str]] = defaultdict(set)
    for module in graph.modules - {"colorizegan"}:
        room = module.split(".")[1]
        found[room] |= {
            other.split(".")[1] for other in graph.find_modules_directly_imported_by(module) if "." in other
        } - {room}
    return found


def test_imports_run_in_few_levels_and_in_no_circle(rooms: dict[str, set[str]]) -> None:
    level: dict[str, int] = {}
    for room in TopologicalSorter(rooms).static_order():  # CycleError names a circle
        level[room] = 1 + max((level[below] for below in rooms[room]), default=0)
    assert level["errors"] == 1
    assert level["color"] < level["colorizer"] < level["batch"] < level["cli"]
    assert max(level.values()) <= LEVELS, sorted(level.items(), key=lambda item: item[1])


def test_no_modules_import_each_other_in_a_circle(graph: grimp.ImportGraph) -> None:
    TopologicalSorter({one: graph.find_modules_directly_imported_by(one) for one in graph.modules}).prepare()


def test_no_folder_is_crowded(repository: Path) -> None:
    for folder in {path.parent for path in (repository / "colorizegan").rglob("*")}:
        files = {path.name for path in folder.iterdir() if path.is_file() and path.suffix != ".pyc"} - {"__init__.py"}
        assert len(files) <= FILES, folder


def test_no_file_is_long_without_a_reason_at_its_top(repository: Path) -> None:
    for path in (repository / "colorizegan").rglob("*.py"):
        lines = path.read_text(encoding="utf-8").splitlines()
        reason = any(line.startswith(LONG) for line in lines[:10])
        assert reason or len(lines) <= LINES, f"{path}: {len(lines)} lines"


def about_itself(path: Path) -> str:
    """A file's name, how it begins, and what it defines, in small letters."""
    lines = path.read_text(encoding="utf-8").lower().splitlines()
    return "\n".join([path.name, *lines[:10], *(line for line in lines if re.match(r" *(def|class) |\w+ = ", line))])


def test_the_map_of_nouns_leads_to_files_that_are_about_them(repository: Path) -> None:
    """Each file holds the symbols named behind it; where none is, it is about a word that is not everywhere."""
    package = [path.read_text(encoding="utf-8").lower() for path in (repository / "colorizegan").rglob("*.py")]
    text = (repository / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|]+) \| ([^|]*`[^|]+) \|$", text, re.MULTILINE)
    assert len(rows) >= 30
    assert len({noun for noun, _ in rows}) == len(rows)
    for noun, cell in rows:
        about = f"{noun} {re.sub('`[^`]+`', '', cell)}".lower()
        words = {word.removesuffix("s") for word in re.findall(r"[a-z0-9]{3,}", about)}
        words = {word for word in words if sum(word in one for one in package) < len(package) / 2}
        folder = repository
        for name, behind in re.findall(r"`([\w./]+)`(?: \((`[^)]+)\))?", cell):
            path = (repository if "/" in name else folder) / name
            folder, content = path.parent, path.read_text(encoding="utf-8")
            symbols = re.findall(r"`(?:\w+\.)*(\w+)`", behind)
            assert [one for one in symbols if not re.search(rf"\b{one}\b", content)] == [], path
            assert symbols or any(word in about_itself(path) for word in words), f"{path}: {noun}"


@pytest.mark.parametrize("folder", ["scripts", "benchmarks", "colorizegan/serve/page"])
def test_a_folder_of_loose_files_says_what_each_is(repository: Path, folder: str) -> None:
    home = repository / folder
    text = (home / "README.md").read_text(encoding="utf-8")
    named = {path for path in re.findall(r"\]\(([\w./]+)\)", text) if not path.startswith("..")} - {"examples"}
    inside = home.rglob("*") if folder.endswith("page") else home.iterdir()
    files = {path.relative_to(home).as_posix() for path in inside if path.is_file() and path.suffix != ".pyc"}
    assert named == {name for name in files if not name.startswith("examples/")} - {"README.md"}
