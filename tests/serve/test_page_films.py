"""A film in the page: dropped, previewed by its shots, made in colour, taken home, in a real browser."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from films import FFmpeg
from http_client import Client, running
from visitor import Visitor

pytest.importorskip("av")

from colorizegan.colorizer import Colorizer
from colorizegan.serve.films import Films
from colorizegan.steer.look import Look
from colorizegan.video.colorize_video import colorize_video
from colorizegan.video.options import FilmOptions

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def client(tiny_bundle: Path) -> Iterator[Client]:
    with running(tiny_bundle, films=Films(tiny_bundle)) as found:
        yield found


def shots(visitor: Visitor) -> list[str]:
    """What is said of each picture that is there whole."""
    return visitor.js(
        "return [...document.querySelectorAll('#film_shots img')].filter((one) => one.complete && one.naturalWidth)"
        ".map((one) => one.alt)"
    )


def doing(visitor: Visitor) -> str:
    return visitor.js("return document.querySelector('#film_doing').textContent")


@pytest.mark.slow
def test_a_film_is_dropped_previewed_made_and_downloaded(
    visitor: Visitor, client: Client, film: Path, tiny_bundle: Path, tmp_path: Path, repository: Path
):
    visitor.drop(film, repository / "examples/photos/gray/coffee.jpg")  # a photo comes along
    visitor.until(lambda: shots(visitor) == ["Shot 1, at 0:00", "Shot 2, at 0:01"])
    visitor.until(lambda: doing(visitor) == "2 shots. Like this?")
    assert visitor.find("#film_facts").text == "128 × 96 · 0:02"
    assert visitor.sees("#film_make")
    assert not visitor.sees("#film_again")
    assert not visitor.sees("#film_save")
    # Other wishes: the preview shows them when it is asked to.
    visitor.set("#film_saturation", 1.5)
    visitor.set("#film_warmth", 0.5)
    visitor.click("#film_again")
    visitor.until(lambda: not visitor.sees("#film_again") and doing(visitor) == "2 shots. Like this?")
    visitor.click("#film_make")
    visitor.until(lambda: visitor.sees("#film_save"))
    assert doing(visitor) == "The film is in colour."
    visitor.until(lambda: visitor.js("return document.querySelector('#movie video').readyState") >= 2)
    assert round(visitor.js("return document.querySelector('#movie video').duration")) == 2
    # Before and after by the divider: the light is the same, so gray is what it was.
    visitor.set("#film_divider", 40)
    assert visitor.js("return getComputedStyle(document.querySelector('#film_gray')).backdropFilter") == "grayscale(1)"
    path = visitor.download("#film_save")
    assert path.name == "Aunt Rose, 1936.colorized.mp4"
    wanted = tmp_path / "wanted.mp4"
    options = FilmOptions(look=Look(saturation=1.5, warmth=0.5))
    colorize_video(film, wanted, colorizer=Colorizer(tiny_bundle), options=options)
    assert path.read_bytes() == wanted.read_bytes()

    # The photo is there too, and the film after the page is loaded again.
    visitor.click("#film_back")
    assert visitor.finished(1) == ["done"]
    visitor.reload()
    visitor.until(lambda: visitor.sees("#film_save"))
    assert visitor.find("#film_saturation").get_property("value") == "1.5"
    assert len(shots(visitor)) == 2
    visitor.click("#film_remove")
    visitor.until(lambda: visitor.sees("#stage"))
    assert not client.films.films
    assert not visitor.sees("#to_film")
    assert visitor.complaints() == []


def test_films_can_be_tried_on_the_page_for_programs(visitor: Visitor, client: Client, film: Path):
    visitor.open("docs")
    visitor.until(lambda: visitor.all("details"))

    def part(summary: str) -> Any:
        (found,) = [one for one in visitor.all("details") if one.text == summary]
        found.find_element("css selector", "summary").click()
        return found

    def answer(one: Any, status: str) -> str:
        one.find_element("css selector", "button").click()
        visitor.until(lambda: one.find_elements("css selector", ".answer pre"))
        text = one.find_element("css selector", ".answer").text
        assert text.startswith(status)
        return text

    sent = part("POST /v1/films Send a film")
    sent.find_element("css selector", "[name=body]").send_keys(str(film))
    curl = sent.find_element("css selector", ".curl").text
    assert curl == f"curl --data-binary '@{film.name}' {visitor.address}v1/films"
    answer(sent, "201")
    (id,) = client.films.films
    preview = part("POST /v1/films/{id}/preview Find its shots, a picture of each")
    preview.find_element("css selector", "[name=id]").send_keys(id)
    preview.find_element("css selector", "[name=warmth]").send_keys("0.5")
    answer(preview, "202")
    assert client.films.films[id].task["look"]["warmth"] == 0.5
    removed = part("DELETE /v1/films/{id} Delete a film with all that was made of it")
    removed.find_element("css selector", "[name=id]").send_keys(id)
    answer(removed, "204")
    assert not client.films.films
    assert visitor.complaints() == []


@pytest.mark.slow
def test_a_film_that_cannot_be_made_says_why(visitor: Visitor, client: Client, ffmpeg: FFmpeg, tmp_path: Path):
    (tmp_path / "broken.mp4").write_bytes(b"no film at all" * 99)
    visitor.choose(tmp_path / "broken.mp4")
    visitor.until(lambda: "This is no film that can be read" in visitor.find("#film_notice").text)
    visitor.click("#film_remove")
    visitor.until(lambda: visitor.sees("#welcome"))
    colour = ("-f", "lavfi", "-i", "testsrc2=s=128x96:r=12:d=1", "-pix_fmt", "yuv420p")
    visitor.choose(ffmpeg.make(tmp_path / "colour.mp4", *colour))
    visitor.until(lambda: visitor.sees("#film_make") and "Like this?" in doing(visitor))
    visitor.click("#film_make")
    visitor.until(lambda: "in colour already" in visitor.find("#film_notice").text)
    visitor.click("#film_force")
    visitor.until(lambda: not visitor.sees("#film_force") and "Like this?" in doing(visitor))
    # Somebody who stops it, and the film that was forgotten meanwhile.
    client.films.remove(next(iter(client.films.films.values())))
    visitor.click("#film_make")
    visitor.until(lambda: "no longer" in visitor.says())
    visitor.open()
    visitor.until(lambda: visitor.sees("#welcome"))
    assert visitor.complaints() == []


def test_where_no_films_are_taken_the_page_says_so(browser: Any, tiny_bundle: Path, film: Path, tmp_path: Path):
    with running(tiny_bundle) as client:
        visitor = Visitor(browser, client, tmp_path / "downloads")
        visitor.drop(film)
        visitor.until(lambda: "takes photos only" in visitor.says())
        assert visitor.sees("#welcome")
        assert visitor.complaints() == []


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height", "phone"), [(390, 844, True), (1280, 860, False)], ids=["phone", "wide"])
def test_every_state_of_a_film_is_accessible_and_fits(
    browser: Any, client: Client, film: Path, tmp_path: Path, axe: str, width: int, height: int, phone: bool
):
    visitor = Visitor(browser, client, tmp_path / "downloads", width=width, height=height, phone=phone, dark=phone)
    wrong = {}
    visitor.choose(film)
    visitor.until(lambda: visitor.sees("#movie") and visitor.find("#film_name").text)
    wrong["sent"] = visitor.flaws(axe, width)
    visitor.until(lambda: len(shots(visitor)) == 2 and visitor.sees("#film_make"))
    wrong["shots"] = visitor.flaws(axe, width)
    visitor.click("#film_make")
    visitor.until(lambda: visitor.sees("#film_save"))
    wrong["done"] = visitor.flaws(axe, width)
    visitor.click("#film_remove")
    visitor.until(lambda: visitor.sees("#welcome"))
    assert not any(wrong.values()), wrong
