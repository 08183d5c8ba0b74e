"""The page in a real browser: what a visitor does, and the files that they get."""

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from http_client import Client, running
from pictures import blots, encoded, put, waves
from PIL import Image
from visitor import Visitor

import colorizegan.serve
from colorizegan.steer.confidence import MARK, STRONGEST, SURE

pytestmark = pytest.mark.browser

WIDTH, HEIGHT = 96, 64
ENTER, ESCAPE, TAB, SPACE = "\ue007", "\ue00c", "\ue004", " "
LEFT, UP, RIGHT, DOWN = "\ue012", "\ue013", "\ue014", "\ue015"
HOME, END, DELETE, CONTROL, SHIFT, NULL = "\ue011", "\ue010", "\ue017", "\ue009", "\ue008", "\ue000"


def form(client: Client, photo: Path | bytes, options: dict[str, Any], like: bytes | None = None) -> bytes:
    """What /v1/colorize makes of a photo."""
    raw = photo if isinstance(photo, bytes) else photo.read_bytes()
    parts: list[tuple[str, str | None, bytes]] = [("options", None, json.dumps(options).encode())]
    parts += [("like", "like", like)] if like else []
    reply = client.form([*parts, ("photo", "photo", raw)])
    assert reply.status == 200, reply.body
    return reply.body


PLAIN = {"emulsion": "auto", "tone_down_unsure": False, "force": False, "hints": []}
WISHES = {**PLAIN, "saturation": 1, "warmth": 0, "quality": 95, "strip": False}


def test_twenty_photos_dropped_two_of_them_bad(visitor: Visitor, client: Client, tmp_path: Path):
    photos = [put(tmp_path / f"photo {i:02}.{'png' if i % 2 else 'jpg'}", waves(64, 96, i)) for i in range(18)]
    (tmp_path / "notes.jpg").write_text("no photo at all")
    cut = put(tmp_path / "cut.png", waves(64, 96))
    cut.write_bytes(cut.read_bytes()[:400])
    visitor.drop(*photos[:9], tmp_path / "notes.jpg", *photos[9:], cut)
    states = visitor.finished(20)
    assert [i for i, state in enumerate(states) if state == "failed"] == [9, 19]
    labels = [one.get_attribute("aria-label") for one in visitor.all("#strip .open")]
    assert labels[0] == "photo 00.jpg, in colour"
    assert labels[9].startswith("notes.jpg, failed: This photo cannot be read: it is a text file")
    assert "E_" not in labels[9] + labels[19]
    assert "2 failed" in visitor.find("#state").text
    # One that failed says why, large; it may be tried again, or taken away.
    visitor.select(9)
    visitor.until(lambda: "cannot be read" in visitor.find("#notice").text)
    visitor.click("#retry")
    assert visitor.finished(20)[9] == "failed"
    visitor.click("#discard")
    assert len(visitor.finished(19)) == 19

    # All of them as a ZIP: every file is what /v1/colorize makes, to the byte.
    with zipfile.ZipFile(visitor.download("#download_all")) as archive:
        assert archive.testzip() is None
        found = {name: archive.read(name) for name in archive.namelist()}
    assert list(found) == [f"{photo.stem}.colorized{photo.suffix}" for photo in photos]
    for photo in photos:
        assert found[f"{photo.stem}.colorized{photo.suffix}"] == form(client, photo, WISHES)

    # Nothing is lost when the page is loaded again, and nothing is asked for twice.
    visitor.requests()
    visitor.reload()
    assert visitor.finished(19) == ["done"] * 18 + ["failed"]
    visitor.pixels()
    asked = visitor.requests()
    assert not [url for url in asked if "/v1/" in url]
    assert all(url.startswith(visitor.address) for url in asked)
    # Until it is cleared.
    visitor.click("#clear")
    visitor.click("#clear_now")
    visitor.until(lambda: visitor.sees("#welcome"))
    visitor.open()
    visitor.until(lambda: visitor.sees("#welcome"))
    assert visitor.complaints() == []


def test_sliders_ask_nothing_and_the_file_says_the_same(visitor: Visitor, client: Client, tmp_path: Path):
    exif = Image.Exif()
    exif[0x010E] = "Grandmother, 1931"
    photo = put(tmp_path / "grand mother.jpg", waves(64, 96), exif=exif)
    visitor.show(photo)
    before = visitor.pixels()
    visitor.requests()
    visitor.set("#saturation", 1.6)
    strong = visitor.pixels()
    visitor.set("#warmth", 0.5)
    warm = visitor.pixels()
    assert visitor.requests() == []

    def chroma(pixels: np.ndarray[Any, Any]) -> float:
        return float(np.ptp(pixels[..., :3], axis=2).mean())

    assert chroma(strong) > 1.15 * chroma(before)
    assert (warm - strong)[..., 0].mean() > 1 > -1 > (warm - strong)[..., 2].mean()
    half = before.shape[1] // 2  # left of the divider it stays as it was
    assert np.abs((warm - before)[:, : half - 20]).max() <= 1
    assert np.ptp(before[:, : half - 20, :3], axis=2).max() <= 1
    path = visitor.download("#download")
    assert path.name == "grand mother.colorized.jpg"
    content = path.read_bytes()
    assert content == form(client, photo, {**WISHES, "saturation": 1.6, "warmth": 0.5})
    assert b"Grandmother, 1931" in content
    assert b":warmth>0.5<" in content  # the note in the file's XMP
    assert b":saturation>1.6<" in content
    # One step back after the other.
    visitor.js("document.querySelector('#undo').click()")
    assert np.abs(visitor.pixels() - strong).max() <= 1
    visitor.js("document.querySelector('#undo').click()")
    assert np.abs(visitor.pixels() - before).max() <= 1
    visitor.js("document.querySelector('#redo').click()")
    assert np.abs(visitor.pixels() - strong).max() <= 1
    assert visitor.requests() == [visitor.address + "v1/colorize"]


@pytest.mark.usefixtures("photo")
def test_the_divider_zoom_and_pan(visitor: Visitor):
    from selenium.webdriver.common.action_chains import ActionChains

    visitor.pixels()
    stage, divider = visitor.find("#stage"), visitor.find("#divider")

    def place() -> int:
        return int(divider.get_attribute("aria-valuenow"))

    assert place() == 50
    ActionChains(visitor.browser).move_to_element(stage).click_and_hold().move_by_offset(150, 30).release().perform()
    visitor.until(lambda: place() > 55)
    divider.send_keys(HOME)
    visitor.until(lambda: place() == 0)
    all_colour = visitor.pixels()
    divider.send_keys(END)
    visitor.until(lambda: place() == 100)
    all_gray = visitor.pixels()
    inside = all_gray[..., 3] > 0
    assert np.ptp(all_gray[inside][:, :3], axis=1).max() <= 1
    assert np.ptp(all_colour[inside][:, :3], axis=1).mean() > 5
    share = inside.mean()
    stage.send_keys("++")
    visitor.until(lambda: (visitor.pixels()[..., 3] > 0).mean() > share)
    close = visitor.pixels()
    stage.send_keys(RIGHT, DOWN)
    assert np.abs(visitor.pixels() - close).max() > 10  # moved
    stage.send_keys("0")
    visitor.until(lambda: (visitor.pixels()[..., 3] > 0).mean() == share)
    ActionChains(visitor.browser).move_to_element(stage).double_click().perform()
    visitor.until(lambda: (visitor.pixels()[..., 3] > 0).mean() > share)


def test_a_closer_look_gets_a_finer_picture(visitor: Visitor, tmp_path: Path):
    rng = np.random.default_rng(0)
    rows = np.repeat(rng.integers(40, 220, (1, 2400)).astype(np.uint8), 1200, axis=0)  # lines a pixel wide
    Image.fromarray(rows).save(tmp_path / "fine.png")
    visitor.show(tmp_path / "fine.png")
    visitor.pixels()
    visitor.requests()
    for _ in range(4):
        visitor.click("#zoom_in")
    visitor.until(lambda: visitor.requests() == [visitor.address + "v1/predict"])
    visitor.until(lambda: not visitor.sees("[aria-busy]"))
    visitor.find("#divider").send_keys(END)
    gray = visitor.pixels()[300, :, 0]
    assert np.abs(np.diff(gray)).mean() > 10  # the preview of 1,600 px has no such contrast any more


def test_hints_are_placed_moved_and_undone(visitor: Visitor, client: Client, photo: Path):
    from selenium.webdriver.common.action_chains import ActionChains

    visitor.click("#brush")
    visitor.js("document.querySelector('[data-tip=tip-hint] button').click()")
    plain = visitor.pixels()
    visitor.hint(0.25, 0.5, "Brick")
    visitor.click("#wheel .close")
    (hint,) = visitor.hints()
    assert abs(hint["x"] - WIDTH // 4) <= 1
    assert abs(hint["y"] - HEIGHT // 2) <= 1
    assert hint["color"] == "#a4513d"
    red = visitor.pixels()
    assert np.abs(red - plain).max() > 15
    assert visitor.download("#download").read_bytes() == form(client, photo, {**WISHES, "hints": [hint]})

    # A second one by the disc, then moved, recoloured by its text, and taken away.
    visitor.tap(0.75, 0.5)
    visitor.until(lambda: visitor.sees("#wheel"))
    disc = visitor.find("#wheel canvas")
    ActionChains(visitor.browser).move_to_element_with_offset(disc, -40, 40).click().perform()
    visitor.click("#wheel .close")
    assert len(visitor.hints()) == 2
    first = visitor.hints()[1]
    color = first["color"]
    assert int(color[5:], 16) > int(color[1:3], 16)  # left and below is blue-green
    dot = visitor.all("#dots .dot")[1]
    chain = ActionChains(visitor.browser).click_and_hold(dot).move_by_offset(0, 40).move_by_offset(0, 40)
    chain.release().perform()
    moved = visitor.hints()[1]
    assert moved["y"] > first["y"] + 3
    assert moved["color"] == color
    # Undo goes back by whole deeds; redo forward.
    visitor.click("#undo")
    assert visitor.hints()[1] == first
    visitor.click("#undo")
    assert visitor.hints() == [hint]
    visitor.until(lambda: np.abs(visitor.pixels() - red).max() <= 2)
    visitor.click("#undo")
    assert visitor.hints() == []
    assert np.abs(visitor.pixels() - plain).max() <= 1
    for _ in range(3):
        visitor.click("#redo")
    assert visitor.hints() == [hint, moved]
    visitor.all("#dots .dot")[0].click()
    visitor.until(lambda: visitor.sees("#wheel"))
    visitor.click("#wheel .discard")
    assert visitor.hints() == [moved]
    visitor.click("#clear_hints")
    assert visitor.hints() == []
    assert visitor.complaints() == []


@pytest.mark.usefixtures("photo")
def test_undo_while_the_wheel_is_open_takes_back_its_hint(visitor: Visitor):
    visitor.click("#brush")
    visitor.hint(0.25, 0.5, "Brick")
    visitor.click("#wheel .close")
    visitor.hint(0.75, 0.5, "Sky")
    visitor.press("#wheel .hue", CONTROL, "z", NULL)
    assert not visitor.sees("#wheel")
    assert [hint["color"] for hint in visitor.hints()] == ["#a4513d"]
    visitor.click("#undo")
    assert visitor.hints() == []
    visitor.until(lambda: not visitor.find("#undo").is_enabled())
    visitor.click("#redo")
    visitor.click("#redo")
    assert [hint["color"] for hint in visitor.hints()] == ["#a4513d", "#86b3e0"]
    assert visitor.complaints() == []


@pytest.mark.usefixtures("photo")
def test_the_colour_follows_without_waiting(visitor: Visitor):
    visitor.pixels()
    visitor.click("#brush")
    visitor.hint(0.5, 0.5, "Sky")
    known = "const {album} = await import('/album/album.js'); return album.current.key && album.current.known.size"
    visitor.until(lambda: (visitor.js_later(known) or 0) > 2)  # what the hint counts is known now
    visitor.shown()
    visitor.requests()
    visitor.click("#wheel .swatches button[aria-label=Leaf]")
    quick = visitor.pixels()
    assert visitor.requests() == []
    visitor.click("#wheel .close")  # now the server is asked, and says the same
    visitor.until(lambda: visitor.requests() == [visitor.address + "v1/predict"])
    assert np.abs(visitor.pixels() - quick).mean() < 0.5


def test_a_proposal_is_taken(visitor: Visitor, client: Client, photo: Path):
    plain = visitor.pixels()
    visitor.click("#propose")
    visitor.until(lambda: len(visitor.all("#proposals button canvas")) > 1)
    visitor.find("#proposals button:last-child").click()
    hints = visitor.hints()
    assert hints
    assert np.abs(visitor.pixels() - plain).max() > 3
    assert visitor.download("#download").read_bytes() == form(client, photo, {**WISHES, "hints": hints})
    pressed = [one.get_attribute("aria-pressed") for one in visitor.all("#proposals button")]
    assert pressed[-1] == "true"
    assert pressed.count("true") == 1


def test_doubt_film_and_less_colour(visitor: Visitor, client: Client, photo: Path):
    plain = visitor.pixels()
    visitor.click("#guess")
    marked = visitor.pixels()
    assert np.abs(marked - plain).max() > 20
    assert visitor.download("#download").read_bytes() == form(client, photo, WISHES)  # the mark is not in the file
    visitor.click("#guess")
    assert np.abs(visitor.pixels() - plain).max() <= 1
    visitor.click("#calm")
    visitor.set("#film", "blue")
    assert np.abs(visitor.pixels() - plain).max() > 3
    wishes = {**WISHES, "tone_down_unsure": True, "emulsion": "blue"}
    assert visitor.download("#download").read_bytes() == form(client, photo, wishes)
    # Another format, quality and private data left out.
    visitor.click(".fold summary")
    visitor.set("#format", "webp")
    visitor.set("#quality", 80)
    visitor.click("#strip_data")
    path = visitor.download("#download")
    assert path.name == "photo.colorized.webp"
    assert path.read_bytes() == form(client, photo, {**wishes, "format": "webp", "quality": 80, "strip": True})


def test_the_colours_of_another_photo_and_for_all(visitor: Visitor, client: Client, tmp_path: Path):
    photos = [put(tmp_path / f"{name}.png", waves(64, 96, seed)) for seed, name in enumerate(("one", "two", "three"))]
    visitor.show(*photos)
    visitor.set("#saturation", 1.8)
    visitor.click("#all")
    visitor.select(1)
    visitor.until(lambda: visitor.find("#saturation").get_property("value") == "1.8")
    before = visitor.pixels()
    # By dragging a thumbnail on the photo; the list does the same.
    visitor.js(
        "const data = new DataTransfer(); const source = document.querySelectorAll('#strip .open')[0];"
        "source.dispatchEvent(new DragEvent('dragstart', {dataTransfer: data, bubbles: true}));"
        "document.querySelector('#stage').dispatchEvent("
        "  new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true}))"
    )
    visitor.until(lambda: "two.png takes the colours of one.png" in visitor.says())
    assert visitor.find("#like").get_property("value")
    assert visitor.js("const list = document.querySelector('#like'); return list.selectedOptions[0].text") == "one.png"
    assert np.abs(visitor.pixels() - before).max() > 3
    like = visitor.js_later(
        "const {album} = await import('/album/album.js');"
        "return [...new Uint8Array(await album.current.look.like.blob.arrayBuffer())]"
    )
    content = visitor.download("#download").read_bytes()
    assert content == form(client, photos[1], {**WISHES, "saturation": 1.8}, bytes(like))
    visitor.set("#like", "")
    assert np.abs(visitor.pixels() - before).max() <= 1


def test_a_photo_in_colour_stays_until_it_is_asked_for(visitor: Visitor, client: Client, tmp_path: Path):
    photo = put(tmp_path / "colour.png", blots(0, 96, 64))
    visitor.show(photo)
    visitor.until(lambda: "in colour already" in visitor.find("#in_color").text)
    shown = visitor.pixels()
    assert np.ptp(shown[shown[..., 3] > 0][:, :3], axis=1).mean() > 40
    assert visitor.download("#download").read_bytes() == photo.read_bytes()
    visitor.click("#force")
    visitor.until(lambda: np.ptp(visitor.pixels()[:, :400, :3], axis=2).max() <= 2)  # gray, left of the divider
    assert visitor.download("#download").read_bytes() == form(client, photo, {**WISHES, "force": True})


def test_a_colour_from_another_photo(visitor: Visitor, tmp_path: Path):
    patches = np.random.default_rng(0).integers(0, 255, (9, 13, 3)).astype(np.uint8)
    patches[4, 6] = (0x33, 0x66, 0xCC)  # in the middle
    Image.fromarray(patches).resize((130, 90), Image.Resampling.NEAREST).save(tmp_path / "patches.png")
    visitor.show(put(tmp_path / "photo.png", waves(64, 96)), tmp_path / "patches.png")
    visitor.click("#brush")
    visitor.tap(0.3, 0.3)
    visitor.click("#wheel .drop")
    visitor.until(lambda: visitor.sees("#dropper canvas"))
    visitor.click("#dropper .choices button[aria-label='patches.png']")
    visitor.click("#dropper .picture canvas[aria-label^='patches.png']")
    visitor.until(lambda: not visitor.sees("#dropper"))
    found = visitor.hints()[0]["color"]
    assert max(abs(int(found[i : i + 2], 16) - int("3366cc"[i - 1 : i + 1], 16)) for i in (1, 3, 5)) <= 12


def test_what_can_be_read_of_a_damaged_photo(visitor: Visitor, client: Client, tmp_path: Path):
    cut = put(tmp_path / "cut.jpg", waves(64, 96))
    cut.write_bytes(cut.read_bytes()[:-200])
    assert visitor.show(cut) == ["failed"]
    visitor.until(lambda: "the file may be damaged." in visitor.find("#notice").text)  # and no option for programs
    visitor.click("#partial")
    assert visitor.finished(1) == ["done"]
    assert visitor.download("#download").read_bytes() == form(client, cut, {**WISHES, "allow_truncated": True})


def test_with_the_keyboard_alone(visitor: Visitor):
    def focus() -> str:
        return visitor.js("const e = document.activeElement; return e.id || e.className || e.tagName")

    def keys(*given: str) -> None:
        visitor.browser.switch_to.active_element.send_keys(*given)

    def tab_to(name: str) -> None:
        for _ in range(60):
            if focus() == name:
                return
            keys(TAB)
        raise AssertionError(f"{name} is not reached with Tab")

    for _ in range(12):
        if visitor.js("return document.activeElement.dataset.example") == "chelsea.jpg":
            break
        keys(TAB)
    keys(ENTER)
    visitor.finished(1)
    visitor.pixels()
    visitor.js("document.body.focus()")
    tab_to("stage")
    keys("h")  # the brush
    visitor.until(lambda: visitor.sees(".hinting"))
    keys(SHIFT, LEFT, LEFT, NULL, UP)
    keys(ENTER)
    visitor.until(lambda: visitor.sees("#wheel"))
    (hint,) = visitor.hints()
    assert abs(hint["x"] - 0.3 * 451) <= 1
    assert abs(hint["y"] - 0.49 * 300) <= 1
    assert focus() == "hue"
    keys(HOME, TAB, END)
    strong = visitor.hints()[0]["color"]
    assert strong != hint["color"]
    keys(ESCAPE)
    visitor.until(lambda: not visitor.sees("#wheel"))
    assert focus() == "stage"
    tab_to("dot")
    keys(RIGHT)
    assert visitor.hints()[0]["x"] > hint["x"]
    keys(CONTROL, "z", NULL)
    assert visitor.hints()[0]["x"] == hint["x"]
    tab_to("dot")
    keys(DELETE)
    assert visitor.hints() == []
    keys("h")
    tab_to("divider")
    keys(LEFT)
    visitor.until(lambda: visitor.find("#divider").get_attribute("aria-valuenow") == "48")
    tab_to("saturation")
    keys(RIGHT)
    visitor.until(lambda: visitor.find(".slider:has(#saturation) .value").text == "102 %")
    tab_to("download")
    keys(ENTER)
    visitor.until(lambda: list(visitor.downloads.glob("chelsea.colorized.jpg")))


def test_folders_are_kept_in_the_zip(visitor: Visitor, tmp_path: Path):
    for name in ("1931/anna.png", "1931/ANNA.JPG", "1950/sea/anna.png"):
        put(tmp_path / "album" / name)
    (tmp_path / "album/notes.txt").write_text("who is who")
    visitor.choose(tmp_path / "album", selector="#folder")
    assert visitor.finished(3) == ["done"] * 3
    with zipfile.ZipFile(visitor.download("#download_all")) as archive:
        names = sorted(archive.namelist())
    wanted = ["album/1931/ANNA.colorized.JPG", "album/1931/anna.colorized.png", "album/1950/sea/anna.colorized.png"]
    assert names == wanted


def test_a_pasted_photo(visitor: Visitor):
    raw = list(encoded(waves()))
    visitor.js(
        "const clipboardData = new DataTransfer();"
        "clipboardData.items.add(new File([new Uint8Array(arguments[0])], 'image.png', {type: 'image/png'}));"
        "document.body.dispatchEvent(new ClipboardEvent('paste', {clipboardData, bubbles: true}))",
        raw,
    )
    assert visitor.finished(1) == ["done"]


@pytest.mark.usefixtures("photo")
def test_without_a_graphics_card_the_same_is_painted(browser: Any, visitor: Visitor):
    with_card = visitor.pixels()
    visitor.click("#guess")
    marked = visitor.pixels()
    script = "const old = HTMLCanvasElement.prototype.getContext; HTMLCanvasElement.prototype.getContext ="
    script += " function (kind, ...more) { return kind === 'webgl2' ? null : old.call(this, kind, ...more) }"
    browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})
    visitor.reload()
    visitor.finished(1)
    without = visitor.pixels()
    assert without.shape == with_card.shape
    assert np.abs(without - with_card).mean() < 3
    if visitor.find("#guess").is_selected():
        visitor.click("#guess")
    visitor.click("#guess")
    assert np.abs(marked - with_card).mean() > 10
    assert np.abs(visitor.pixels() - marked).mean() < 3


def test_a_guess_is_marked_as_the_library_marks_it():
    script = (Path(colorizegan.serve.__file__).parent / "page/canvas/paint.js").read_text()
    assert f"[MARK, STRONGEST, SURE] = [{[int(code) for code in MARK]}, {STRONGEST}, {SURE}];" in script


def test_a_model_of_colours_alone_is_asked_for_nothing_else(browser: Any, tmp_path: Path):
    pytest.importorskip("onnx")
    from foreign_models import ddcolor

    photo = put(tmp_path / "photo.png", waves())
    with running(f"{ddcolor(tmp_path, 64)}?layout=rgb-ab") as client:
        visitor = Visitor(browser, client, tmp_path / "downloads")
        assert visitor.show(photo) == ["done"]
        assert visitor.find("#ideas").text == "The model of this server knows one colouring only."
        assert not any(map(visitor.sees, ("#calm", "#guess", "#propose")))
        visitor.click("#brush")
        visitor.hint(0.5, 0.5, "Brick")
        visitor.click("#wheel .close")
        (hint,) = visitor.hints()
        assert visitor.download("#download").read_bytes() == form(client, photo, {**WISHES, "hints": [hint]})
        assert visitor.complaints() == []


def test_every_word_is_used_and_every_use_has_words(repository: Path):
    page = repository / "colorizegan/serve/page"
    words = set(json.loads((page / "words/en.json").read_text()))
    text = "".join(path.read_text() for path in page.rglob("*") if path.suffix in (".js", ".html"))
    used = set(re.findall(r'data-t(?:-label)?="(\w+)"', text))
    used |= set(re.findall(r'\b(?:t|showProgress)\("(\w+)"', text)) | {"ideas_none", "ideas_lead"}
    by_code = {word for word in words if re.match(r"E_|FILM_|swatch_|CANCELLED$|waiting$|working$|done$|failed$", word)}
    by_code |= {"film_waiting", "film_preview", "film_colorize", "ideas_none", "ideas_lead"}
    assert used <= words
    assert words == used | by_code
