"""The album of the page in a real browser: photos wait, fail, go and come back; what their files are called."""

import zipfile
from pathlib import Path

import pytest
from pictures import put
from PIL import Image
from visitor import Visitor

pytestmark = pytest.mark.browser

AWAY = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}


def draw(folder: Path, *names: str) -> list[Path]:
    """Gray photos, each of another brightness."""
    return [put(folder / name, Image.new("L", (48, 32), 20 + 5 * i)) for i, name in enumerate(names)]


def names(visitor: Visitor) -> list[str]:
    return visitor.js("return [...document.querySelectorAll('#strip .open')].map((one) => one.title)")


def offline(visitor: Visitor, away: bool) -> None:
    visitor.browser.execute_cdp_cmd("Network.enable", {})
    visitor.browser.execute_cdp_cmd("Network.emulateNetworkConditions", {**AWAY, "offline": away})


def test_a_removed_photo_comes_back_as_it_was(visitor: Visitor, tmp_path: Path):
    visitor.show(*draw(tmp_path / "in", "a.png", "b.png", "c.png"))
    visitor.select(1)
    visitor.set("#saturation", 1.5)
    visitor.js("document.querySelectorAll('#strip .remove')[1].click()")
    assert names(visitor) == ["a.png", "c.png"]
    assert visitor.says() == "b.png is removed"
    visitor.click("#say button")
    assert names(visitor) == ["a.png", "b.png", "c.png"]
    assert visitor.finished(3) == ["done"] * 3
    visitor.reload()
    visitor.finished(3)
    visitor.until(lambda: visitor.find("#title").text.startswith("b.png"))  # the strip is there before the photo
    assert visitor.find("#saturation").get_property("value") == "1.5"


def test_a_server_that_was_away_is_waited_for(visitor: Visitor, tmp_path: Path):
    offline(visitor, True)
    visitor.choose(*draw(tmp_path / "in", "a.png", "b.png", "c.png", "d.png"))
    visitor.until(lambda: "tries again" in visitor.says())
    assert set(visitor.states()) == {"waiting", "working"}
    # A photo that waits is shown as it came.
    drawn = (
        "const canvas = document.querySelectorAll('#strip canvas')[3];"
        "return canvas.getContext('2d').getImageData(9, 9, 1, 1).data[0]"
    )
    visitor.until(lambda: visitor.js(drawn) == 35)
    offline(visitor, False)
    assert visitor.finished(4) == ["done"] * 4


def test_what_failed_is_tried_again_one_by_one_or_at_once(visitor: Visitor, tmp_path: Path):
    offline(visitor, True)
    visitor.choose(*draw(tmp_path / "in", *(f"{i}.png" for i in range(5))))
    visitor.until(lambda: "working" in visitor.states())
    visitor.click("#cancel")
    assert visitor.finished(5) == ["failed"] * 5
    offline(visitor, False)
    visitor.js("document.querySelectorAll('#strip .again')[1].click()")
    visitor.until(lambda: visitor.states()[1] == "done")
    assert visitor.states().count("failed") == 4
    visitor.click("#again_all")
    assert visitor.finished(5) == ["done"] * 5
    assert not visitor.sees("#again_all")


def test_a_long_album_is_one_stop_for_tab_and_shows_where_it_was(visitor: Visitor, tmp_path: Path):
    visitor.show(*draw(tmp_path / "in", *(f"{i:02}.png" for i in range(30))))
    visitor.select(27)
    stops = "return [...document.querySelectorAll('#strip .open')].map((one, i) => one.tabIndex ? -1 : i)"
    visitor.until(lambda: {i for i in visitor.js(stops) if i >= 0} == {27})
    visitor.press("#strip .open[tabindex='0']", "\ue014")  # right
    assert visitor.js("return document.activeElement.title") == "28.png"
    visitor.press("#strip li:nth-child(29) .open", "\ue017")  # Delete
    assert names(visitor)[27:] == ["27.png", "29.png"]
    assert visitor.js("return document.activeElement.title") == "27.png"
    visitor.reload()
    visitor.finished(29)
    inside = (
        "const [one, all] = ['[aria-current=true]', '#strip']"
        ".map((selector) => document.querySelector(selector).getBoundingClientRect());"
        "return one.left >= all.left && one.right <= all.right"
    )
    visitor.until(lambda: visitor.js(inside))


def test_names_that_no_other_system_can_hold(visitor: Visitor, tmp_path: Path):
    given = ["..\\..\\evil.png", "a:b*c?.png", "\u202egnp.exe.png", "日本 😀.png", "x" * 240 + ".png", "<b>.png"]
    assert visitor.show(*draw(tmp_path / "in", *given)) == ["done"] * 6
    with zipfile.ZipFile(visitor.download("#download_all")) as archive:
        found = archive.namelist()
    stems = {".._.._evil", "a_b_c_", "_gnp.exe", "日本 😀", "x" * 200, "_b_"}
    assert set(found) == {f"{stem}.colorized.png" for stem in stems}
    assert visitor.sees("#panel")  # however long a name is
    assert visitor.js("return document.documentElement.scrollWidth") == 1280
