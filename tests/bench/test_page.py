"""The HTML report: one file that needs nothing else, and works in a real browser."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import blots, put

from colorizegan.bench.charts import Series, chart
from colorizegan.bench.evaluate import evaluate, write_inputs


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report on three photos, one with a hostile name, and two entrants."""
    root = tmp_path_factory.mktemp("page")
    for seed, name in enumerate(("a", "b", "<script>alert(1)<")):
        put(root / "photos" / f"{name}.png", blots(seed, 48, 48))
    write_inputs("folder-full", root / "photos", root / "gray")
    entrants = {"A&B": str(root / "gray"), "perfect": str(root / "photos")}
    evaluate("folder-full", root / "photos", entrants, root / "out", resamples=20, command="evaluate <this>")
    return root / "out" / "report.html"


def test_the_page_is_self_contained_and_escaped(page: Path):
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"""(src|href)=["']?(?!data:)\w+:|@import|url\((?!#)""", text)
    assert "<script>alert" not in text
    assert "evaluate &lt;this&gt;" in text
    found = re.search(r'id="data">(.*?)</script>', text, re.DOTALL)
    assert found
    data = json.loads(found[1])
    assert data["names"] == ["input", "A&B", "perfect", "truth"]
    assert len(data["photos"]) == 3
    assert data["groups"][-1]["title"] == "random"
    assert all(uri.startswith("data:image/jpeg;base64,") for p in data["photos"] for uri in p["pictures"].values())


def test_the_best_of_a_column_is_marked(page: Path):
    rows = re.findall(r'<tr class="rival"><td>(.*?)</td><td( class=best)?>', page.read_text(encoding="utf-8"))
    assert rows[:2] == [("A&amp;B", ""), ("perfect", " class=best")]


@pytest.mark.browser
def test_the_viewer_in_a_browser(page: Path, browser: Any):
    browser.get(page.as_uri())
    find = browser.find_element
    assert len(browser.find_elements("css selector", "#sheets .row img")) == 4 * (3 * 3 * 2 + 3 + 3)
    loaded = "return [...document.images].every(i => !i.complete || i.naturalWidth > 0)"
    assert browser.execute_script(loaded)
    first = find("id", "over").get_attribute("src")
    find("id", "next").click()
    assert find("id", "over").get_attribute("src") != first
    script = "const s = document.getElementById('slider'); s.value = 20; s.dispatchEvent(new Event('input'));"
    browser.execute_script(script)
    assert "80%" in find("id", "over").value_of_css_property("clip-path")
    browser.execute_script("document.querySelectorAll('#sheets .row img')[2].click()")
    assert find("id", "label-right").text == "perfect"
    assert "CIEDE2000 gray" in find("id", "figures").text
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_confidence_is_drawn_for_those_who_tell_it(page: Path, tiny_bundle: Path, tmp_path: Path):
    assert "Risk against coverage" not in page.read_text(encoding="utf-8")
    photos = page.parent.parent / "photos"
    report = evaluate("folder-full", photos, {"tiny": str(tiny_bundle)}, tmp_path, resamples=20, stable=0)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    charts = re.findall(r"<figcaption>([^<]*)</figcaption><svg", text, re.DOTALL)
    assert charts[-2:] == ["Calibration (below the line: too sure)", "Risk against coverage"]
    # a point for each step of confidence that holds cells; then the guide of a perfect order
    steps = np.count_nonzero(report.columns["tiny"]["by_confidence"].sum(0)[:, 0])
    lines = re.findall(r'<g id="series-0">\s*<path d="([^"]*)"', text)
    assert lines[-1].count("L") + 1 == steps > 1


def test_a_chart_leaves_out_what_is_not_finite():
    empty = Series("b", [], [])
    svg = chart("t <1>", "x", "y", [Series("a", [0, 1, np.nan, 3], [0, np.inf, 2, 3]), empty], square=True)
    assert "nan" not in svg
    assert "inf" not in svg
    assert svg.startswith("<svg")
    assert "t &lt;1&gt;" in svg
    drawn = re.search(r'<g id="series-0">\s*<path d="([^"]*)"', svg)
    assert drawn
    assert drawn[1].count("L") == 1  # (0, 0) and (3, 3)
    again = chart("t <1>", "x", "y", [Series("a", [0, 3], [0, 3]), empty], square=True)
    assert again == svg  # and to the byte
