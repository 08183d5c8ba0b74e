"""Install the lowest versions that pyproject.toml allows, and run the tests of what users run with them.

    python scripts/lowest.py FOLDER [--extras serve,video] [TESTS...]

FOLDER gets a virtual environment with the core, the extras, and what the tests themselves need, of which the newest
that fits will do. TESTS are files for pytest; default: those of the core, without torch.
"""

import argparse
import subprocess
import sys
import venv
from pathlib import Path

from packaging.requirements import Requirement

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
CORE = [
    "tests/photo", "tests/color", "tests/batch", "tests/model/test_bundle.py", "tests/model/test_predictor.py",
    "tests/steer", "tests/cli/test_main.py", "tests/cli/test_help.py", "tests/cli/test_steering.py",
    "tests/test_colorizer.py", "tests/test_arrays.py",
]  # fmt: skip
TOOLS = [
    "pytest",
    "pytest-timeout",
    "hypothesis",
    "onnx",
    "hatchling",
    "tomli",
    "scipy",
    "colour-science",
    "matplotlib",
    "scikit-image",
    "tifffile",
]  # of the tests


def lowest(project: dict[str, object], extras: list[str]) -> list[str]:
    """The requirements of the core and the extras, each at its lowest version: `numpy==1.26`."""
    tables = project["optional-dependencies"]
    assert isinstance(tables, dict)
    assert isinstance(project["dependencies"], list)
    wanted = [Requirement(text) for text in [*project["dependencies"], *(t for extra in extras for t in tables[extra])]]
    found: list[str] = []
    for one in wanted:
        if one.marker is None or one.marker.evaluate():
            (bound,) = one.specifier
            names = f"[{','.join(one.extras)}]" if one.extras else ""
            found.append(f"{one.name}{names}=={bound.version}")
    return found


def main() -> int:
    """Install and test; pytest's exit status."""
    parser = argparse.ArgumentParser(description="Test with the lowest versions that are allowed.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--extras", default="serve,video")
    parser.add_argument("tests", nargs="*", default=CORE)
    given = parser.parse_args()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    bounds = lowest(project, [extra for extra in given.extras.split(",") if extra])
    print(*bounds, sep="\n")
    python = given.folder / "bin" / "python"
    if not python.exists():
        venv.create(given.folder, with_pip=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *bounds, *TOOLS], check=True)
    subprocess.run([*pip, "--no-deps", "-e", str(ROOT)], check=True)
    # Older versions warn of what newer ones do; that is not what is asked here.
    command = [str(python), "-m", "pytest", "-q", "-o", "filterwarnings=default", *given.tests]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
