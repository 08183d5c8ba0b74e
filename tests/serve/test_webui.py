"""The page in a real browser: what a visitor does with mouse, keyboard and phone, and the files that they get."""

from __future__ import annotations

import base64
import io
import json
import re
import stat
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from http_client import Client, running
from PIL import Image
from typer.testing import CliRunner

from colorizegan.cli.main import app
from colorizegan.colorizer import Colorizer
from colorizegan.errors import UsageError
from colorizegan.photo.photo import Limits
from colorizegan.serve.album import Album, Desk, Shot, free_name, hex_color, write_result
from colorizegan.serve.stage import stage, table
from colorizegan.steer.hints import Hint
from colorizegan.steer.look import Look

with warnings.catch_warnings():  # of the libraries that Gradio brings
    warnings.simplefilter("ignore")
    webui = pytest.importorskip("colorizegan.serve.webui", reason="missing package: gradio (the extra ui)")

# Gradio's own use of what it brings is not ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

WAIT = 60  # seconds; the machine may be busy
WIDTH, HEIGHT = 90, 60


@pytest.fixture(scope="module")
def colorizer(tiny_bundle: Path) -> Colorizer:
    return Colorizer(tiny_bundle)


@pytest.fixture(scope="module")
def desk(colorizer: Colorizer) -> Iterator[Desk]:
    found = Desk(colorizer)
    yield found
    home = Path(found.home.name)
    found.close()
    assert not home.exists()


@pytest.fixture(scope="module")
def address(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page, served as `colorizegan serve` does."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("gradio")))
        with running(tiny_bundle, mount=webui.mount) as client:
            yield f"http://127.0.0.1:{client.port}/"


def photo(path: Path, period: float, **options: Any) -> Path:
    """A drawn gray photo."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    gray = 128 + 80 * np.sin(x / period) * np.cos(y / 7)
    Image.fromarray(gray.astype(np.uint8)).save(path, **options)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Two photos; the first has metadata."""
    exif = Image.Exif()
    exif[0x010E] = "Grandmother, 1931"
    return [photo(tmp_path / "grand mother.jpg", 9, exif=exif), photo(tmp_path / "group.png", 13)]


class Visitor:
    """Somebody with a browser."""

    def __init__(self, browser: Any, address: str, downloads: Path) -> None:
        from selenium.webdriver.support.ui import WebDriverWait

        self.browser, self.downloads = browser, downloads
        self.wait = WebDriverWait(browser, WAIT, poll_frequency=0.05)
        downloads.mkdir()
        allowed = {"behavior": "allow", "downloadPath": str(downloads)}
        browser.execute_cdp_cmd("Browser.setDownloadBehavior", allowed)
        browser.get(address)
        self.find("#files input[type=file]")

    def all(self, selector: str) -> list[Any]:
        return self.browser.find_elements("css selector", selector)

    def find(self, selector: str) -> Any:
        return self.wait.until(lambda _: self.all(selector))[0]

    def until(self, true: Callable[[], object]) -> Any:
        return self.wait.until(lambda _: true())

    def upload(self, *paths: Path) -> None:
        self.find("#files input[type=file]").send_keys("\n".join(map(str, paths)))

    def source(self, kind: str = "after") -> str:
        """The picture that is shown, as it is written into the page."""
        return self.browser.execute_script(f"return document.querySelector('#stage img.{kind}')?.src || ''")

    def pixels(self, kind: str = "after") -> np.ndarray[Any, Any]:
        with Image.open(io.BytesIO(base64.b64decode(self.source(kind).partition(",")[2]))) as image:
            return np.asarray(image).astype(int)

    def changes(self, act: Callable[[], object]) -> None:
        """Do something that gives another picture."""
        before = self.source()
        act()
        self.until(lambda: self.source() not in ("", before))

    def press(self, selector: str) -> None:
        """A button, with the keyboard."""
        self.find(selector).send_keys("\ue007")  # Enter

    def fill(self, selector: str, text: str) -> None:
        field = self.find(f"{selector} input, {selector} textarea")
        field.send_keys("\ue009a\ue000", text, "\ue004")  # Control-A, the text, Tab

    def hints(self) -> list[tuple[str, ...]]:
        """The table: x, y and colour of each."""
        rows = self.browser.execute_script(
            "return [...document.querySelectorAll('#hints tr')].map(r => [...r.cells].map(c => c.innerText.trim()))"
        )
        return [tuple(row[1:4]) for row in rows[1:]]

    def names(self) -> list[str]:
        """The photos to choose from."""
        self.find("#which input").click()
        options = self.until(
            lambda: all(one.text.strip() for one in self.all("[role=option]")) and self.all("[role=option]")
        )
        return [one.text.split("\n")[-1] for one in options]

    def status(self) -> str:
        return self.find("#status [role=status]").text

    def download(self) -> tuple[str, bytes]:
        """Name and bytes of the file to take home, once it is ready."""
        for old in self.downloads.iterdir():
            old.unlink()
        self.until(lambda: "colorized" in self.find("#download").text)
        self.find("#download").click()
        self.until(lambda: [p for p in self.downloads.iterdir() if not p.name.endswith((".crdownload", ".tmp"))])
        time.sleep(0.1)
        (path,) = [p for p in self.downloads.iterdir() if not p.name.startswith(".")]
        return path.name, path.read_bytes()


@pytest.fixture
def visitor(browser: Any, address: str, tmp_path: Path) -> Visitor:
    return Visitor(browser, address, tmp_path / "downloads")


def command_line(source: Path, bundle: Path, out: Path, *options: str) -> bytes:
    """What the command line makes of a photo."""
    result = CliRunner().invoke(app, ["colorize", str(source), "-o", str(out), "--model", str(bundle), *options])
    assert result.exit_code == 0, result.output
    return out.read_bytes()


@pytest.mark.browser
def test_photos_in_and_files_out(visitor: Visitor, photos: list[Path], tiny_bundle: Path, tmp_path: Path):
    from selenium.webdriver.common.keys import Keys

    visitor.upload(*photos)
    visitor.until(visitor.source)
    assert "grand mother.jpg: 90 x 60 px" in visitor.status()
    # The download is the file of the command line: name, pixels, metadata, provenance.
    name, content = visitor.download()
    assert name == "grand mother.colorized.jpg"
    assert content == command_line(photos[0], tiny_bundle, tmp_path / "plain.jpg")
    assert b"Grandmother, 1931" in content
    # Before is the photo, after is in colour.
    with Image.open(photos[0]) as image:
        assert np.abs(visitor.pixels("before")[..., 1] - np.asarray(image).astype(int)).mean() < 2
    assert np.ptp(visitor.pixels("before"), axis=2).max() <= 2
    assert np.ptp(visitor.pixels("after"), axis=2).mean() > 5

    # The divider moves with the keyboard, and by dragging over the picture, which places no hint.
    uncovered = "return getComputedStyle(document.querySelector('#stage img.before')).clipPath"
    divider = visitor.find("#stage input[type=range]")
    first = visitor.browser.execute_script(uncovered)
    divider.send_keys(Keys.END)
    visitor.until(lambda: visitor.browser.execute_script(uncovered) != first)
    assert re.search(r"calc\(0%\)|inset\(0px\)|inset\(0px 0(px|%)", visitor.browser.execute_script(uncovered))
    from selenium.webdriver.common.action_chains import ActionChains

    frame = visitor.find("#stage .frame")
    ActionChains(visitor.browser).move_to_element(frame).click_and_hold().move_by_offset(-40, 0).release().perform()
    assert 0 < int(divider.get_property("value")) < 50
    assert visitor.hints() == []

    # Saturation, with the keyboard; the divider stays where it was put.
    place = divider.get_property("value")
    visitor.changes(lambda: visitor.find("#saturation input[type=range]").send_keys(Keys.ARROW_RIGHT * 6))
    visitor.until(lambda: visitor.find("#saturation input[type=range]").get_property("value") == "1.3")
    visitor.until(lambda: "Preparing" not in visitor.find("#download").text)
    wanted = command_line(photos[0], tiny_bundle, tmp_path / "strong.jpg", "--saturation", "1.3")
    assert wanted != content
    visitor.until(lambda: visitor.download()[1] == wanted)  # each press of the key made a file
    assert visitor.find("#stage input[type=range]").get_property("value") == place

    # Film and less colour.
    strong = ("--saturation", "1.3", "--tone-down-unsure")
    visitor.changes(visitor.find("#calm input").click)
    wanted = command_line(photos[0], tiny_bundle, tmp_path / "calm.jpg", *strong)
    visitor.until(lambda: visitor.download()[1] == wanted)
    visitor.find("#film input").click()
    visitor.until(lambda: len(visitor.all("#film [role=option]")) == 4)
    visitor.changes(visitor.all("#film [role=option]")[3].click)
    wanted = command_line(photos[0], tiny_bundle, tmp_path / "blue.jpg", *strong, "--emulsion", "blue")
    visitor.until(lambda: visitor.download()[1] == wanted)

    # The other photo has wishes of its own.
    assert visitor.names() == ["grand mother.jpg", "group.png"]
    visitor.changes(visitor.all("[role=option]")[1].click)
    visitor.until(lambda: "group" in visitor.find("#download").text)
    name, content = visitor.download()
    assert name == "group.colorized.png"
    assert content == command_line(photos[1], tiny_bundle, tmp_path / "group.colour.png")
    assert visitor.find("#saturation input[type=range]").get_property("value") == "1"

    # Nothing was asked of another server, and no script failed.
    asked = [json.loads(entry["message"])["message"] for entry in visitor.browser.get_log("performance")]
    urls = [one["params"]["request"]["url"] for one in asked if one["method"] == "Network.requestWillBeSent"]
    assert any("/gradio_api/upload" in url for url in urls)
    assert [url for url in urls if not re.match(r"data:|blob:|chrome|http://127\.0\.0\.1:\d+/", url)] == []
    assert [entry for entry in visitor.browser.get_log("browser") if entry["level"] == "SEVERE"] == []


@pytest.mark.browser
def test_hints_and_proposals(visitor: Visitor, photos: list[Path], desk: Desk):
    from selenium.webdriver.common.action_chains import ActionChains

    def made_with(*hints: Hint) -> bytes:
        file = io.BytesIO()
        write_result(desk.colorizer, desk.reader, photos[0], file, Look(hints=hints))
        return file.getvalue()

    visitor.upload(photos[0])
    visitor.until(visitor.source)
    plain = visitor.source()
    # By mouse: the middle of the picture is the middle of the photo.
    frame = visitor.find("#stage .frame")
    visitor.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", frame)
    visitor.fill("#color", "#ff2000")
    visitor.changes(lambda: ActionChains(visitor.browser).move_to_element(frame).click().perform())
    ((x, y, color),) = visitor.hints()
    assert abs(int(x) - WIDTH // 2) <= 1
    assert abs(int(y) - HEIGHT // 2) <= 1
    assert color == "#ff2000"
    clicked = Hint(int(x), int(y), color)
    name, content = visitor.download()
    assert name == "grand mother.colorized.jpg"
    assert content == made_with(clicked)
    assert len(visitor.all("#stage .dot")) == 1

    # On the side that is covered: the divider goes out of the way. The cross that arrow keys move is where it was: in
    # the middle, 30 % to the left and 10 % up.
    from selenium.webdriver.common.keys import Keys

    frame = visitor.find("#stage .frame")
    frame.send_keys(Keys.SHIFT, Keys.ARROW_LEFT * 3, Keys.NULL, Keys.ARROW_UP * 10)
    visitor.changes(lambda: visitor.find("#stage .frame").send_keys(Keys.ENTER))
    assert visitor.hints() == [(x, y, color), ("18", "24", "#ff2000")]
    assert visitor.find("#stage input[type=range]").get_property("value") == "0"
    focus = "return document.activeElement.matches('#stage .frame')"
    visitor.until(lambda: visitor.browser.execute_script(focus))
    visitor.changes(lambda: visitor.press("#hints button[data-index='1']"))

    # By keyboard alone.
    visitor.fill("#color", "00ff40")
    visitor.fill("#x", "80")
    visitor.fill("#y", "5")
    visitor.changes(lambda: visitor.press("#add"))
    assert visitor.hints() == [(x, y, color), ("80", "5", "#00ff40")]
    visitor.until(lambda: visitor.download()[1] == made_with(clicked, Hint(80, 5, "#00ff40")))
    # Mistakes are one line, and change nothing.
    visitor.fill("#x", "90")
    visitor.press("#add")
    visitor.until(lambda: "90, 5 is outside the photo; use 0 to 89 and 0 to 59 [E_USAGE]" in visitor.status())
    visitor.fill("#x", "70")
    visitor.fill("#color", "blue")
    visitor.press("#add")
    visitor.until(lambda: "'blue' is no colour" in visitor.status())
    assert len(visitor.hints()) == 2
    # Removed again, one by one and all.
    visitor.changes(lambda: visitor.press("#hints button[data-index='0']"))
    assert visitor.hints() == [("80", "5", "#00ff40")]
    visitor.changes(lambda: visitor.press("#hints button[data-index='0']"))
    assert visitor.hints() == []
    assert visitor.source() == plain

    # Proposals: the picture becomes the chosen one, its hints can be seen and changed.
    visitor.press("#propose")
    visitor.until(lambda: len(visitor.all("#proposals button img")) > 1)
    assert "the likeliest first" in visitor.status()
    visitor.changes(visitor.all("#proposals button")[1].click)
    found = desk.propose(Shot(photos[0], photos[0].name))[0][1]
    assert visitor.hints() == [(str(hint.x), str(hint.y), hint.color) for hint in found.hints]
    visitor.until(lambda: visitor.download()[1] == made_with(*found.hints))
    # Doubt is marked in the picture, and not in the file.
    for _ in found.hints:
        visitor.changes(lambda: visitor.press("#hints button[data-index='0']"))
    visitor.until(lambda: visitor.download()[1] == made_with())
    clean, file = visitor.pixels(), visitor.download()[1]
    visitor.changes(visitor.find("#unsure input").click)
    assert np.abs(visitor.pixels() - clean).max() > 20
    assert visitor.download()[1] == file


@pytest.mark.browser
def test_files_that_are_no_photos(visitor: Visitor, photos: list[Path], tmp_path: Path):
    (tmp_path / "<b>text.jpg").write_text("no photo at all")
    Image.fromarray(np.zeros((7200, 7000), np.uint8)).save(tmp_path / "large.png")
    visitor.upload(tmp_path / "<b>text.jpg", photos[1], tmp_path / "large.png")
    visitor.until(visitor.source)  # the good one is there
    said = visitor.status()
    assert "[E_DECODE]" in said
    assert "large.png: has 7000 x 7200 px, over the limit of 50 Mpx; make it smaller first [E_TOO_LARGE]" in said
    assert "group.png: 90 x 60 px" in said
    assert str(tmp_path) not in visitor.browser.page_source
    assert "gradio/" not in said
    visitor.upload(photos[1])
    visitor.until(lambda: "group (2).png: 90 x 60 px" in visitor.status())


@pytest.mark.browser
def test_usable_on_a_phone_and_by_those_who_hear_it(browser: Any, address: str, tmp_path: Path, repository: Path):
    from selenium.webdriver.common.by import By

    metrics = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    visitor = Visitor(browser, address, tmp_path / "downloads")
    samples = list((repository / "examples/photos/gray").glob("*.jpg"))
    visitor.until(lambda: len(visitor.all("#examples button img")) == len(samples))
    visitor.all("#examples button")[1].click()
    visitor.until(visitor.source)
    assert "chelsea.jpg: 451 x 300 px" in visitor.status()
    visitor.press("#propose")
    visitor.until(lambda: visitor.all("#proposals button img"))
    visitor.changes(lambda: visitor.press("#add"))
    assert browser.execute_script("return [innerWidth, document.documentElement.scrollWidth]") == [390, 390]
    over = "return [...document.querySelectorAll('#stage *, button, input')].filter(e => e.checkVisibility())"
    over += ".map(e => e.getBoundingClientRect()).filter(r => r.left < 0 || r.right > 390).length"
    assert browser.execute_script(over) == 0
    # Every control and picture has a name; every control can be reached with Tab.
    controls = [one for one in visitor.all("button, input, textarea, [role=button]") if one.is_displayed()]
    assert len(controls) > 15
    assert [one.get_attribute("outerHTML") for one in controls if not one.accessible_name] == []
    assert [one.get_attribute("outerHTML") for one in controls if one.get_property("tabIndex") < 0] == []
    assert all(image.get_attribute("alt") for image in browser.find_elements(By.TAG_NAME, "img"))
    assert visitor.find("#stage img.after").get_attribute("alt") == "chelsea.jpg in colour"
    # The order of Tab is that of reading: upload, picture, download, then what changes it.
    order = [
        "files",
        "stage",
        "download",
        "which",
        "saturation",
        "unsure",
        "calm",
        "film",
        "color",
        "x",
        "y",
        "add",
        "hints",
        "propose",
    ]
    found = browser.execute_script(
        "return [...document.querySelectorAll('button, input, textarea')].map(e => e.closest('[id]:is("
        + ", ".join(f"#{name}" for name in order)
        + ")')?.id).filter((id, i, all) => id && all.indexOf(id) === i)"
    )
    assert found == order


@pytest.mark.browser
def test_visitors_do_not_see_each_other(visitor: Visitor, photos: list[Path], address: str):
    visitor.upload(photos[0])
    visitor.until(visitor.source)
    visitor.browser.switch_to.new_window("tab")
    visitor.browser.get(address)
    visitor.find("#files input[type=file]")
    assert visitor.source() == ""
    visitor.press("#propose")
    visitor.until(lambda: "there is no photo yet; drop one above, or take an example [E_USAGE]" in visitor.status())
    visitor.upload(photos[1])
    visitor.until(visitor.source)
    assert visitor.names() == ["group.png"]


# What is behind it


def test_mounted_beside_other_routes(colorizer: Colorizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    monkeypatch.setattr(webui, "LIMITS", Limits(bytes=1000))
    application = FastAPI()
    application.get("/health")(lambda: "ok")
    end = webui.mount(application, colorizer)
    with TestClient(application) as client:
        assert client.get("/health").json() == "ok"
        page = client.get("/")
        assert page.status_code == 200
        assert "ColorizeGAN" in page.text
        small = client.post("/gradio_api/upload", files={"files": ("a.jpg", b"x" * 900)})
        assert small.status_code == 200
        large = client.post("/gradio_api/upload", files={"files": ("a.jpg", b"x" * 2000)})
        assert large.status_code == 413
        assert client.get("/config").json()["analytics_enabled"] is False
        # No programs through the page: they have the HTTP service.
        assert client.get("/gradio_api/info").json()["named_endpoints"] == {}
    end()


def test_programs_reach_the_service_beside_the_page(address: str, photos: list[Path]):
    client = Client(None, int(address.rstrip("/").rpartition(":")[2]))
    assert client.get("/health").json["status"] == "ok"
    assert client.colorize(photos[0].read_bytes()).headers["content-type"] == "image/jpeg"
    client.get("/nothing").problem(404, "E_USAGE")
    client.get("/v1/nothing").problem(404, "E_USAGE")
    client.get("/v1/colorize").problem(405, "E_USAGE")
    assert client.get("/v1/predict").headers["allow"] == "POST"
    client.send("PUT", "/health").problem(405, "E_USAGE")
    assert client.send("HEAD", "/health").status == 200
    page = client.get("/")
    assert b"ColorizeGAN" in page.body
    assert "default-src 'self'" in page.headers["content-security-policy"]
    # Another site's page cannot make a visitor's browser use this one.
    client.send("POST", "/gradio_api/upload", b"", Origin="http://evil.example").problem(403, "E_REFUSED")


def test_the_page_alone(colorizer: Colorizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        page = webui.launch(colorizer, wait=False)
    try:
        assert b"ColorizeGAN" in Client(None, int(page.local_url.rstrip("/").rpartition(":")[2])).get("/").body
    finally:
        page.close()


def test_folders_are_private_and_hold_one_result(desk: Desk, photos: list[Path]):
    album, problems = desk.add(None, photos)
    assert problems == []
    other, _ = desk.add(None, photos[:1])
    assert album.folder != other.folder
    for folder in (album.folder, Path(desk.home.name)):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    photos[0].unlink()  # Gradio deletes what was uploaded after a while
    first = desk.result(album)
    assert desk.result(album) == first
    desk.result(Album(album.folder, album.shots, 1))
    assert sorted(path.name for path in album.folder.rglob("*.*")) == ["0.jpg", "1.png", "group.colorized.png"]


def test_results_are_named_by_their_format(desk: Desk, tmp_path: Path):
    wrong = photo(tmp_path / "scan.jpg", 9, format="PNG")
    upper = photo(tmp_path / "SCAN.JPEG", 9)
    moving = photo(tmp_path / "moving.gif", 9)
    album, _ = desk.add(None, [wrong, upper, moving])
    names = [desk.result(Album(album.folder, album.shots, i)).name for i in range(3)]
    assert names == ["scan.colorized.png", "SCAN.colorized.JPEG", "moving.colorized.png"]


def test_limits_of_a_visitor(desk: Desk, photos: list[Path], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("colorizegan.serve.album.MOST_PHOTOS", 1)
    album, problems = desk.add(None, photos)
    assert [shot.name for shot in album.shots] == ["grand mother.jpg"]
    assert problems == ["group.png: more than 1 photos; use the command line for folders [E_USAGE]"]
    monkeypatch.setattr("colorizegan.serve.album.MOST_HINTS", 1)
    shot = Shot(photos[0], "a.jpg", hints=desk.hint(album.shot, 1, 2, "#112233"))
    with pytest.raises(UsageError, match="more than 1 hints; remove some"):
        desk.hint(shot, 3, 4, "#112233")


def test_a_second_hint_at_a_place_replaces_the_first(desk: Desk, photos: list[Path]):
    shot = Shot(photos[0], "a.jpg", hints=(Hint(1, 2, "#112233"), Hint(5, 6, "#445566")))
    assert desk.hint(shot, 1, 2, "#ffffff") == (Hint(5, 6, "#445566"), Hint(1, 2, "#ffffff"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#3A6ea5", "#3a6ea5"),
        (" 3a6ea5 ", "#3a6ea5"),
        ("rgba(58.4, 110, 164.6, 1)", "#3a6ea5"),
        ("rgb(0,0,999)", "#0000ff"),
    ],
)
def test_colours_of_picker_and_field(text: str, expected: str):
    assert hex_color(text) == expected


@pytest.mark.parametrize("text", ["", "#fff", "#12345g", "rgba(1,2)", "red", "#1234567"])
def test_what_is_no_colour(text: str):
    with pytest.raises(UsageError, match="is no colour; write it as #rrggbb"):
        hex_color(text)


def test_names_that_are_there_already():
    assert free_name("a.jpg", set()) == "a.jpg"
    assert free_name("a.jpg", {"a.jpg", "a (2).jpg"}) == "a (3).jpg"


def test_names_are_no_markup():
    gray = np.zeros((4, 6, 3), np.uint8)
    html = stage('"><script>x</script>.jpg', gray, gray, (6, 4), [Hint(0, 3, "#010203")])
    assert "<script>" not in html
    assert "left:8.333%;top:87.500%;background:#010203" in html
    assert table([]) == "<p>No hints yet.</p>"
