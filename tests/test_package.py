"""What a user installs: the public names, light imports, the wheel; and that the README and the tree say the same."""

import ast
import importlib.metadata
import inspect
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from command import python

import colorizegan

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HEAVY = ("torch", "numpy", "onnxruntime", "PIL", "pyvips", "matplotlib", "scipy", "lightning_fabric", "onnx")
MAX_WEIGHT_FILE = 16 << 20  # bytes: what the house allows in the wheel


@pytest.fixture(scope="module")
def project(repository: Path) -> dict[str, Any]:
    return tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def tracked(repository: Path) -> list[Path]:
    """Every file that is or would be committed."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("the source tree is no git checkout")
    return [path for name in done.stdout.split("\0") if name and (path := repository / name).is_file()]


# The public surface


def test_public_names_are_sorted_and_importable():
    assert list(colorizegan.__all__) == sorted(colorizegan.__all__)
    for name in colorizegan.__all__:
        assert getattr(colorizegan, name) is not None
    assert set(colorizegan.__all__) <= set(dir(colorizegan))
    assert len(colorizegan.__all__) <= 20


def test_a_colorizer_has_few_methods():
    methods = [name for name, _ in inspect.getmembers(colorizegan.Colorizer, callable) if not name.startswith("_")]
    assert methods == ["colorize", "from_pretrained", "paint", "palette", "predict", "propose"]


def test_public_names_hold_what_users_were_promised():
    promised = {"Colorizer", "ColorizeGANError", "ModelError", "Photo", "Prediction", "colorize"}
    assert promised <= set(colorizegan.__all__)


def test_unknown_public_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="colorise"):
        getattr(colorizegan, "colorise")  # noqa: B009


def test_version_agrees_everywhere(project: dict[str, Any], repository: Path):
    assert colorizegan.__version__ == project["version"]
    assert importlib.metadata.version("colorizegan") == project["version"]
    log = (repository / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.findall(r"^## \[(\d+)\.(\d+)\.(\d+)\] - \d{4}-\d\d-\d\d$", log, re.MULTILINE)
    assert len(released) >= 2
    assert released == sorted(released, key=lambda version: tuple(map(int, version)), reverse=True)
    assert ".".join(released[0]) == project["version"]
    # A new model is a new minor version of the package: who writes down one knows the other.
    card = json.loads((repository / "colorizegan/weights/default/card.json").read_text(encoding="utf-8"))
    assert card["version"].split(".")[:2] == project["version"].split(".")[:2]


# Light imports


@pytest.mark.parametrize("module", ["colorizegan", "colorizegan.cli.main", "colorizegan.errors"])
def test_import_is_light(module: str):
    loaded = python("-c", f"import sys, {module}; print(*(m for m in {HEAVY!r} if m in sys.modules))").stdout.strip()
    assert loaded == ""


def test_runtime_imports_without_the_training_extra(repository: Path):
    files = [p.relative_to(repository).with_suffix("") for p in (repository / "colorizegan").rglob("*.py")]
    files = [file for file in files if file.parts[1] not in ("training", "bench", "__main__")]
    names = sorted(".".join(file.parts).removesuffix(".__init__") for file in files)
    assert "colorizegan.photo.read" in names
    blocked = ("torch", "lightning_fabric", "onnx", "onnxscript", "safetensors", "matplotlib", "scipy")
    loaded = python(
        "-c",
        "import importlib, sys\n"
        f"for name in {blocked!r}: sys.modules[name] = None\n"  # any import of these now fails
        f"for name in {names!r}: importlib.import_module(name)\n"
        "print(*(m for m in sys.modules if m.startswith(('colorizegan.training', 'colorizegan.bench'))))",
    ).stdout.strip()
    assert loaded == ""


# The wheel


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    python("-m", "pip", "wheel", repository, "--no-deps", "--no-build-isolation", "-w", folder)
    return next(folder.glob("colorizegan-*.whl"))


def test_wheel_holds_the_package_and_nothing_else(wheel: Path, tracked: list[Path], repository: Path):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    package = {p.relative_to(repository).as_posix() for p in tracked if p.is_relative_to(repository / "colorizegan")}
    assert "colorizegan/py.typed" in package
    homes = {"gray": "colorizegan/serve/page/examples", "original": "colorizegan/data/examples"}
    samples = {
        f"{home}/{p.name}"
        for folder, home in homes.items()
        for p in tracked
        if p.parent == repository / "examples/photos" / folder
    }
    assert len(samples) == 7
    assert {name for name in names if ".dist-info/" not in name} == package | samples
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_the_dockerfile_copies_all_that_the_wheel_needs(
    wheel: Path, tracked: list[Path], repository: Path, tmp_path: Path
):
    text = (repository / "Dockerfile").read_text(encoding="utf-8")
    copies = [line.split()[1:-1] for line in text.splitlines() if line.startswith("COPY ") and "--from" not in line]
    copied = [name for names in copies for name in names]
    let_in = [line[1:] for line in (repository / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for path in tracked:
        name = path.relative_to(repository).as_posix()
        if all(any(name == one or name.startswith(f"{one}/") for one in some) for some in (copied, let_in)):
            target = tmp_path / "build" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    assert (tmp_path / "build/app.py").exists()
    python("-m", "pip", "wheel", tmp_path / "build", "--no-deps", "--no-build-isolation", "-w", tmp_path / "made")
    with zipfile.ZipFile(next((tmp_path / "made").glob("*.whl"))) as made, zipfile.ZipFile(wheel) as whole:
        assert set(made.namelist()) == set(whole.namelist())


def test_wheel_holds_the_default_model(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        sizes = {i.filename: i.file_size for i in archive.infolist() if i.filename.startswith("colorizegan/weights/")}
    for file in ("card.json", "model.onnx", "model.safetensors"):
        assert f"colorizegan/weights/default/{file}" in sizes
    assert max(sizes.values()) <= MAX_WEIGHT_FILE


def test_installing_the_wheel_never_brings_torch(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        metadata = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        text = archive.read(metadata).decode()
    always = [line for line in text.splitlines() if line.startswith("Requires-Dist:") and "extra ==" not in line]
    assert any("onnxruntime" in line for line in always)
    assert not [line for line in always if re.search(r"torch|lightning|scipy|matplotlib|\bonnx\b", line)]


# The tree


def test_every_direct_dependency_is_pinned(project: dict[str, Any], repository: Path):
    pinned = set(re.findall(r"^([A-Za-z0-9-]+)==", (repository / "constraints.txt").read_text(), flags=re.MULTILINE))
    wanted = project["dependencies"] + [line for extra in project["optional-dependencies"].values() for line in extra]
    names = {re.split(r"[\[<>=;]", line)[0] for line in wanted} - {"colorizegan"}
    assert names - pinned == set()


def readme_tree(repository: Path) -> set[str]:
    """What the README's tree names, as paths from the repository; folders without the slash at their end."""
    block = re.search(r"```\n(README\.md .*?)```", (repository / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert block, "the README has no tree"
    named: set[str] = set()
    for line in block[1].splitlines():
        names, about = re.split(r"  +", line.strip(), maxsplit=1)
        assert about
        folder = "colorizegan/" if line.startswith("  ") else ""
        named |= {folder + name.rstrip("/") for name in names.split(", ")}
    return named


def test_the_readme_names_every_file_and_folder_of_the_top(repository: Path, tracked: list[Path]):
    inside = [path.relative_to(repository) for path in tracked]
    top = {path.parts[0] for path in inside} - {".gitignore", ".ci"} | {".ci/run"}
    package = {"/".join(path.parts[:2]) for path in inside if path.parts[0] == "colorizegan"}
    package -= {f"colorizegan/{name}" for name in ("__init__.py", "__init__.pyi", "__main__.py", "py.typed")}
    assert readme_tree(repository) == top | package


def test_every_folder_of_the_package_says_what_its_files_are(repository: Path, tracked: list[Path]):
    folders = {p.parent for p in tracked if p.is_relative_to(repository / "colorizegan") and p.suffix == ".py"}
    assert len(folders) > 10
    for folder in folders:
        doc = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))) or ""
        lines = [line for line in doc.splitlines()[2:] if re.match(r"\S.*  \S", line)]
        named = {name.rstrip("/") for line in lines for name in re.split(r"  +", line)[0].split(", ")}
        files = {path.stem for path in tracked if path.parent == folder and path.suffix == ".py"} - {"__init__"}
        files |= {path.parent.name for path in tracked if path.parent.parent == folder and path.name == "__init__.py"}
        assert named == files, folder


def test_relative_links_in_documents_lead_somewhere(tracked: list[Path]):
    link = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")
    dead = [
        f"{path.name}: {target}"
        for path in tracked
        if path.suffix == ".md"
        for target in link.findall(path.read_text(encoding="utf-8"))
        if not (path.parent / target).exists()
    ]
    assert dead == []


def test_no_file_holds_a_path_of_the_machine_it_was_written_on(tracked: list[Path]):
    machine = re.compile(rb"(?<![\w.:/])/(?:work|root|home|opt|Users)/[\w.]")
    binary = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".npz", ".safetensors"}
    found = [
        f"{path}:{number}"
        for path in tracked
        if path.suffix not in binary
        for number, line in enumerate(path.read_bytes().splitlines(), 1)
        if machine.search(line)
    ]
    assert found == []
