"""The page as it looks and reads: on a phone and a wide screen, light and dark, with an accessibility checker; what is
painted against what the server makes; what it weighs, and what it may load."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest
from http_client import Client, running
from pictures import pixels
from visitor import Visitor

from colorizegan.color.difference import ciede2000
from colorizegan.color.lab import rgb_to_lab
from colorizegan.model.bundle import open_bundle

pytestmark = pytest.mark.browser

WEIGHT = 150_000  # bytes of the page before photos


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("width", "height", "phone"),
    [(390, 844, True), (844, 390, False), (1280, 860, False)],
    ids=["phone", "phone-on-its-side", "wide"],
)
def test_every_state_is_accessible_and_fits(
    browser: Any,
    client: Client,
    tmp_path: Path,
    repository: Path,
    axe: str,
    width: int,
    height: int,
    phone: bool,
    dark: bool,
):
    visitor = Visitor(browser, client, tmp_path / "downloads", width=width, height=height, phone=phone, dark=dark)
    wrong: dict[str, list[str]] = {}

    def look(state: str) -> None:
        found = visitor.flaws(axe, width)
        if found:
            wrong[state] = found

    def tab(name: str) -> None:
        if phone:
            visitor.click(f"[data-tab={name}]")

    visitor.until(lambda: visitor.sees("#welcome"))
    look("welcome")
    samples = sorted((repository / "examples/photos/gray").glob("*.jpg"))
    (tmp_path / "notes.txt").write_text("no photo")
    long = tmp_path / ("a very long name " * 12 + ".jpg")
    long.write_bytes(samples[0].read_bytes())
    visitor.show(long, *samples[1:], tmp_path / "notes.txt")
    visitor.shown()
    look("photo")
    assert visitor.js("return document.querySelector('#stage').clientHeight") > 0.45 * height
    tab("hints")
    if not phone:
        visitor.click("#brush")
    visitor.js("document.querySelector('[data-tip=tip-hint] button').click()")
    visitor.tap(0.6, 0.5)
    visitor.until(lambda: visitor.sees("#wheel"))
    look("wheel")
    visitor.click("#wheel .drop")
    visitor.until(lambda: visitor.sees("#dropper .picture canvas"))
    look("dropper")
    visitor.click("#dropper .close")
    visitor.click("#wheel .close")
    tab("ideas")
    visitor.click("#propose")
    visitor.until(lambda: visitor.all("#proposals button canvas"))
    look("proposals")
    tab("colors")
    visitor.click("#guess")
    look("doubt")
    tab("save")
    visitor.click(".fold summary")
    look("save")
    sliders = [one for one in visitor.all("#panel input[type=range]") if one.is_displayed()]
    heard = {one.accessible_name for one in sliders}
    assert heard == {"Quality"} if phone else {"Strength", "Warmth", "Quality"}
    visitor.select(3)
    visitor.until(lambda: visitor.sees("#retry"))
    look("failed")
    visitor.click("[data-open='#about']")
    look("about")
    visitor.click("#about .close")
    visitor.click("#clear")
    look("clear")
    visitor.open("docs")
    visitor.until(lambda: len(visitor.all("details")) >= 5)
    visitor.js("for (const one of document.querySelectorAll('details')) one.open = true")
    look("docs")
    assert wrong == {}
    assert visitor.complaints() == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_light_and_dark_take_turns(browser: Any, client: Client, tmp_path: Path, dark: bool):
    visitor = Visitor(browser, client, tmp_path / "downloads", dark=dark)
    scheme = "return getComputedStyle(document.documentElement).colorScheme"
    visitor.click("#theme")
    first, second = ("light", "dark") if dark else ("dark", "light")
    assert visitor.js(scheme) == first
    visitor.open("docs")
    visitor.until(lambda: visitor.js(scheme) == first)
    visitor.open()
    visitor.click("#theme")
    assert visitor.js(scheme) == second


def test_what_is_painted_is_what_the_server_makes(browser: Any, tmp_path: Path, repository: Path):
    samples = sorted((repository / "examples/photos/gray").glob("*.jpg"))
    with running(open_bundle(None).path) as client:
        visitor = Visitor(browser, client, tmp_path / "downloads")
        visitor.show(*samples)
        for number, (saturation, warmth) in enumerate([(1, 0), (1.5, 0.3), (2, -0.5)]):
            visitor.select(number)
            visitor.set("#saturation", saturation)
            visitor.set("#warmth", warmth)
            query = f"?saturation={saturation}&warmth={warmth}&format=png"
            reply = client.colorize(samples[number].read_bytes(), query)
            wanted = pixels(reply.body)
            # With the graphics card: the stage made as large as the photo, all of it in colour.
            height, width = wanted.shape[:2]
            visitor.js(
                "const stage = document.querySelector('#stage');"
                "Object.assign(stage.style, {position: 'fixed', left: 0, top: 0, width: arguments[0] + 28 + 'px',"
                " height: arguments[1] + 28 + 'px'})",
                width,
                height,
            )
            visitor.find("#divider").send_keys("\ue011")
            visitor.until(lambda size=(height + 28, width + 28): visitor.pixels().shape[:2] == size)
            by_card = visitor.pixels()[14:-14, 14:-14, :3]
            # And without.
            url = visitor.js_later(
                "const {album} = await import('/album/album.js');"
                "const {paintLarge} = await import('/canvas/picture.js');"
                "return (await paintLarge(album.current, 4096)).toDataURL('image/png')"
            )
            by_processor = pixels(base64.b64decode(url.partition(",")[2]))[..., :3]
            for painted in (by_card, by_processor):
                apart = ciede2000(rgb_to_lab(painted / 255), rgb_to_lab(wanted / 255))
                assert apart.mean() < 1.5
                # No seam: neither a row nor a column stands out.
                assert max(apart.mean(axis=0).max(), apart.mean(axis=1).max()) < 4


def test_what_the_page_weighs_and_may_load(client: Client, visitor: Visitor):
    visitor.until(lambda: visitor.sees("#welcome"))
    asked = set(visitor.requests())
    assert len(asked) > 10
    assert all(url.startswith(visitor.address) for url in asked)
    weight = sum(len(client.get(url.removeprefix(visitor.address.rstrip("/"))).body) for url in asked)
    assert weight < WEIGHT
    for path in ("/", "/docs", "/page.js"):
        reply = client.get(path)
        policy = reply.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert not re.search(r"unsafe|http|\*", policy)
    client.get("/README.md").problem(404, "E_USAGE")  # what is beside the files that browsers load
    # A script that is not ours is not run.
    visitor.js(
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.evil = 1'}))"
    )
    assert visitor.js("return window.evil") is None
    assert any("Content Security Policy" in line for line in visitor.complaints())


def test_the_interface_can_be_tried(visitor: Visitor, repository: Path):
    visitor.open("docs")
    visitor.until(lambda: len(visitor.all("details")) >= 5)
    (part,) = [one for one in visitor.all("details") if "/v1/colorize" in one.text]
    part.find_element("css selector", "summary").click()
    field = part.find_element("css selector", "[name=photo]")
    field.send_keys(str(repository / "examples/photos/gray/chelsea.jpg"))
    part.find_element("css selector", "[name=saturation]").send_keys("1.2")
    curl = part.find_element("css selector", ".curl").text
    assert curl == f"curl -F 'photo=@chelsea.jpg' -F 'saturation=1.2' {visitor.address}v1/colorize -o colour.jpg"
    part.find_element("css selector", "button").click()
    visitor.until(lambda: part.find_elements("css selector", ".answer img"))
    assert part.find_element("css selector", ".answer pre").text.startswith("200")
    field = part.find_element("css selector", "[name=saturation]")
    field.clear()
    field.send_keys("9")
    part.find_element("css selector", "button").click()
    visitor.until(lambda: "E_USAGE" in part.find_element("css selector", ".answer").text)
    assert visitor.complaints() == []
    assert all(url.startswith(visitor.address) for url in visitor.requests())


def test_visitors_do_not_see_each_other(visitor: Visitor, client: Client, repository: Path):
    visitor.show(repository / "examples/photos/gray/chelsea.jpg")
    # Nothing that came in can be had with any GET: no route of the server answers with what another one sent.
    paths = client.get("/openapi.json").json["paths"]
    readable = {path for path, methods in paths.items() if "get" in methods}
    assert readable == {"/health", "/ready", "/metrics", "/v1/models", "/v1/limits"}
    assert json.dumps(client.get("/v1/models").json).count("chelsea") == 0
