"""Fixtures shared by all tests."""

import importlib.util
import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # files of tests run side by side; before NumPy and torch are loaded

import hypothesis
import pytest
from ci_skips import pytest_make_collect_report, pytest_runtest_makereport  # noqa: F401 (pytest finds the hooks here)
from command import command
from filelock import FileLock
from films import FFmpeg
from tiny_bundle import make_tiny_bundle
from tiny_run import ANSWER, BLUE_AND_RED, draw_photos, overrides

from colorizegan.colorizer import Colorizer

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # by a shell that put the tests into the background
    signal.signal(signal.SIGINT, signal.default_int_handler)  # programs that are started here would ignore it too

# Time is no property of the code: a busy machine would fail tests at random. The same examples every time.
hypothesis.settings.register_profile("repeatable", deadline=None, derandomize=True, max_examples=60)
hypothesis.settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def data_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's data folder, where added models are kept: for each test an empty one."""
    folder = tmp_path_factory.mktemp("data-home")
    monkeypatch.setenv("XDG_DATA_HOME", str(folder))
    return folder


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache folder of these tests, where it is kept which graphs were tried; fonts are not listed anew for it."""
    import matplotlib.font_manager

    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        patch.setenv("MPLCONFIGDIR", matplotlib.get_cachedir())
        yield folder


@pytest.fixture
def shipped(tmp_path: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the models that ship: a folder of the test, with the tiny model as the default one."""
    folder = tmp_path / "shipped"
    shutil.copytree(tiny_bundle, folder / "default")
    monkeypatch.setattr("colorizegan.model.bundle.WEIGHTS", folder)
    return folder


@pytest.fixture
def folder(tmp_path: Path, shipped: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder; the tiny model is what the installation ships."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the source tree."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def examples(repository: Path) -> list[Path]:
    """The gray example photos."""
    return sorted((repository / "examples/photos/gray").iterdir())


@pytest.fixture(scope="session")
def shared_data(repository: Path) -> Path:
    """The folder of training and test photos: env COLORIZEGAN_DATA, else ../shared/data beside the repository."""
    folder = Path(os.environ.get("COLORIZEGAN_DATA") or repository.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"shared data not found at {folder}: set COLORIZEGAN_DATA")
    return folder


@pytest.fixture(scope="session")
def exiftool() -> str:
    """The program exiftool, an independent reader of metadata."""
    found = shutil.which("exiftool")
    if found is None:
        pytest.skip("missing program: exiftool (apt-get install libimage-exiftool-perl)")
    return found


@pytest.fixture(scope="session")
def ffmpeg() -> FFmpeg:
    """The programs ffmpeg and ffprobe, an independent maker and reader of films."""
    if shutil.which("ffmpeg") is None or shutil.which("ffprobe") is None:
        pytest.skip("missing program: ffmpeg (apt-get install ffmpeg)")
    return FFmpeg()


@pytest.fixture(scope="session")
def axe() -> str:
    """The script of axe-core."""
    found = importlib.util.find_spec("axe_playwright_python")
    if found is None or found.origin is None:
        pytest.skip("missing package: axe-playwright-python (for its axe.min.js; scripts/setup installs it)")
    return (Path(found.origin).parent / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    """A headless Chromium driven by selenium; its console and its requests are kept."""
    found, driver_path = shutil.which("chromium"), shutil.which("chromedriver")
    if found is None or driver_path is None:
        pytest.skip("missing program: chromium or chromedriver (apt-get install chromium chromium-driver)")
    webdriver = pytest.importorskip("selenium.webdriver")
    service = pytest.importorskip("selenium.webdriver.chrome.service").Service(driver_path)
    options = webdriver.ChromeOptions()
    options.binary_location = found
    flags = "headless no-sandbox enable-unsafe-swiftshader disable-quic no-first-run disable-background-networking "
    flags += "disable-component-update disable-sync window-size=1200,900"
    for flag in [*flags.split(), f"user-data-dir={tmp_path / 'profile'}"]:
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A valid model bundle of a few thousand random weights; shared by the session, so not to be changed."""
    return make_tiny_bundle(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def colorizer(tiny_bundle: Path) -> Colorizer:
    """It, on one thread."""
    return Colorizer(tiny_bundle, threads=1)


@contextmanager
def made_once(factory: pytest.TempPathFactory, name: str) -> Iterator[tuple[Path, bool]]:
    """A folder of that name for all processes of the tests, and whether it is still to be filled."""
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    whole = root / f"{name}.whole"
    with FileLock(root / f"{name}.lock"):
        (root / name).mkdir(exist_ok=True)
        yield root / name, not whole.exists()
        whole.touch()


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty pictures with a rule: light areas are blue, dark ones are red."""
    light, dark = BLUE_AND_RED
    with made_once(tmp_path_factory, "photos") as (folder, empty):
        return draw_photos(folder, 20, light=light, dark=dark) if empty else folder


@pytest.fixture(scope="session")
def run(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished training run on them."""
    from colorizegan.training.configure import load_config
    from colorizegan.training.loop import train

    with made_once(tmp_path_factory, "run") as (out, empty):
        if empty:
            train(load_config("tiny", None, overrides(photos)), out)
    return out


@pytest.fixture(scope="session")
def exported(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run as a bundle, made by the command in a process of its own; beside it `said`, its standard error."""
    with made_once(tmp_path_factory, "exported") as (folder, empty):
        if empty:
            extra = folder / "card.json"
            extra.write_text(json.dumps({"licence": "CC0-1.0", "working_size": 96, "detail": 0.75}))
            arguments = ["export", run, "-o", folder / "bundle", "--name", "mine", "--card", extra]
            done = command(*arguments, *(part for wish, value in ANSWER.items() for part in (f"--{wish}", value)))
            (folder / "said").write_text(done.stderr + done.stdout)
    return folder / "bundle"
