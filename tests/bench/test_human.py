"""The human test: fair trials, a page that needs nothing else and works in a real browser, the right rates."""

import base64
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import pixels
from PIL import Image

from colorizegan.bench.human import CHECK, Answer, draw_trials, rates, read_answers, table, write_human_test
from colorizegan.data.photoset import PhotoSet
from colorizegan.errors import DataError, OutputError, UsageError


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> PhotoSet:
    """Thirty photos, none of them green."""
    root = tmp_path_factory.mktemp("human")
    for index in range(30):
        rng = np.random.default_rng(index)
        small = rng.integers(60, 256, (4, 5, 3), dtype=np.uint8)
        small[..., 1] = 0
        Image.fromarray(small).resize((60, 48), Image.Resampling.BICUBIC).save(root / f"p{index:02}.png")
    return PhotoSet(root)


@pytest.fixture(scope="module")
def green(photos: PhotoSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An entrant that turns everything plain green: easy to tell, for a script too."""
    root = tmp_path_factory.mktemp("green")
    for key in photos.keys:
        Image.new("RGB", (60, 48), (20, 200, 30)).save(root / f"{key}.png")
    return root


def content(page: Path) -> dict[str, Any]:
    """What a page of a human test holds."""
    found = re.search(r'id="content">(.*?)</script>', page.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return json.loads(found[1])


def answer(entrant: str, fooled: bool, **changes: Any) -> Answer:
    values = {"session": "s", "observer": "", "protocol": "p", "photo": "x", "practice": False, "milliseconds": 5}
    values |= {"entrant": entrant, "real_first": True, "choice": 2 if fooled else 1, "time": "2025-01-01T00:00:00Z"}
    return Answer(**(values | changes))


# Trials


def test_trials_are_balanced_and_show_no_photo_twice():
    for seed in range(6):
        trials = draw_trials(30, ["A", "B"], 20, seed)
        assert [t.practice for t in trials] == [True] * 5 + [False] * 20
        assert len({t.photo for t in trials}) == 25
        counted = Counter(t.entrant for t in trials[5:])
        assert counted[CHECK] == 2
        assert abs(counted["A"] - counted["B"]) <= 1
        assert CHECK not in {t.entrant for t in trials[:5]}


def test_one_seed_draws_one_test():
    assert draw_trials(30, ["A"], 20, 0) == draw_trials(30, ["A"], 20, 0) != draw_trials(30, ["A"], 20, 1)


def test_too_few_photos_or_entrants():
    with pytest.raises(UsageError, match="40 trials and 10 of practice need 50 photos, 30 are here; use --trials 24"):
        draw_trials(30, ["A"], 40, 0)
    assert len(draw_trials(30, ["A"], 24, 0)) == 30
    with pytest.raises(UsageError, match="needs somebody to judge; name one with --entrant"):
        draw_trials(30, [], 4, 0)


def test_the_page_holds_the_real_photo_and_the_entrants(photos: PhotoSet, green: Path, tmp_path: Path):
    page = tmp_path / "new" / "test.html"
    assert write_human_test("folder-full", photos.source, {"A</script>": str(green)}, page, trials=20) == 25
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"""(src|href)=["']?(?!data:)\w+:|@import|url\(""", text)
    assert "A</script>" not in text
    for trial in content(page)["trials"]:
        real, painted = (pixels(base64.b64decode(uri.partition(",")[2])) for uri in trial["pictures"])
        assert np.array_equal(real, np.asarray(photos.read(trial["photo"])))
        assert not np.array_equal(painted, real)
        assert (trial["entrant"] == "A</script>") == bool((painted == (20, 200, 30)).all())


# Figures


def test_who_is_fooled():
    assert answer("A", True).fooled
    assert not answer("A", False).fooled
    assert answer("A", False, real_first=False).fooled  # the first was taken for real, and was not
    assert not answer("A", True, real_first=False).fooled


def test_rates_leave_practice_out_and_count_observers():
    answers = [answer(CHECK, False, observer="x"), *(answer("A", i < 3, observer="xy"[i % 2]) for i in range(10))]
    answers += [answer("A", True, practice=True)] * 5 + [answer("B", True, session="t")]
    found = {rate.entrant: rate for rate in rates(answers)}
    assert list(found) == ["A", "B", CHECK]
    assert (found["A"].fooled, found["A"].answers, found["A"].observers) == (3, 10, 2)
    assert (found["A"].low, found["A"].high) == pytest.approx((0.107791, 0.603222), abs=1e-6)  # Wilson 1927
    text = table(answers)
    assert "| **A** | 30.0 | 10.8 .. 60.3 | 3 / 10 | 2 |" in text
    assert f"| *{CHECK}* (check) | 0.0 |" in text


def test_answers_of_several_files_count_once(tmp_path: Path):
    given = [answer("A", True, observer='Zoë "1"\n2'), answer("B|", False)]
    for name, lines in (("a", given), ("b", given[:1])):
        text = "".join(json.dumps(vars(one), ensure_ascii=False) + "\n" for one in lines)
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert read_answers([tmp_path / "a", tmp_path / "b"]) == given
    with pytest.raises(DataError, match="the answers cannot be read"):
        read_answers([tmp_path / "none"])


@pytest.mark.parametrize("line", ["no json", "[]", '{"session": "s"}', json.dumps(vars(answer("A", True, choice="1")))])
def test_another_file_is_not_taken_for_answers(line: str, tmp_path: Path):
    path = tmp_path / "answers.jsonl"
    path.write_text(json.dumps(vars(answer("A", True))) + "\n" + line + "\n")
    with pytest.raises(DataError, match="line 2 is no answer of a human test"):
        read_answers([path])


# The page


def test_mistakes_are_one_line(photos: PhotoSet, green: Path, tmp_path: Path):
    page = tmp_path / "page.html"
    with pytest.raises(UsageError, match="unknown protocol"):
        write_human_test("nothing", photos.source, {}, page)
    with pytest.raises(UsageError, match="'truth' is a baseline's"):
        write_human_test("folder-full", photos.source, {"truth": str(green)}, page)
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        write_human_test("folder-full", photos.source, {"A": str(green)}, tmp_path / "file" / "x.html", trials=4)
    assert not page.exists()


@pytest.mark.browser
def test_the_page_in_a_browser(photos: PhotoSet, green: Path, tmp_path: Path, browser: Any):
    """Somebody who always takes the first picture for real, with the keyboard and with the mouse."""
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import WebDriverWait

    page = tmp_path / "test.html"
    write_human_test("folder-full", photos.source, {"A": str(green)}, page, trials=8, shown=20)
    wait = WebDriverWait(browser, 60, poll_frequency=0.01)
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    browser.get(page.as_uri())
    browser.find_element("id", "observer").send_keys("1 Ann")
    browser.find_element("id", "go").click()
    seen: list[str] = []
    for number in range(10):
        # the buttons of the trial before are still there for a moment after its answer
        wait.until(lambda b: b.find_element("id", "progress").text not in ("", *seen))
        wait.until(lambda b: b.find_element("id", "one").is_displayed())
        seen.append(browser.find_element("id", "progress").text)
        size = "const i = document.getElementById('second'); return [i.naturalWidth, i.naturalHeight]"
        assert browser.execute_script(size) == [60, 48]
        hidden = "return [...document.querySelectorAll('#stage img')].map(i => getComputedStyle(i).visibility)"
        assert browser.execute_script(hidden) == ["hidden", "hidden"]  # time to look is over
        if number % 2:
            browser.find_element("id", "one").click()
        else:
            browser.find_element("tag name", "body").send_keys("1" if number % 4 else Keys.ARROW_LEFT)
    wait.until(lambda b: b.find_element("id", "done").is_displayed())
    assert seen[:3] == ["Practice 1 of 2", "Practice 2 of 2", "1 of 8"]
    browser.find_element("id", "save").click()
    wait.until(lambda _: (tmp_path / "answers.jsonl").exists())
    answers = read_answers([tmp_path / "answers.jsonl"])
    assert [a.choice for a in answers] == [1] * 10
    assert {a.observer for a in answers} == {"1 Ann"}
    assert [a.practice for a in answers] == [True] * 2 + [False] * 8
    assert sum(a.real_first for a in answers) == 5
    told = {trial["photo"]: trial["entrant"] for trial in content(page)["trials"]}
    assert {a.photo: a.entrant for a in answers} == told
    # another person, and a browser that is closed before the answers were saved
    browser.find_element("id", "again").click()
    browser.find_element("id", "go").click()
    wait.until(lambda b: b.find_element("id", "one").is_displayed())
    browser.find_element("id", "two").click()
    wait.until(lambda b: b.find_element("id", "progress").text == "Practice 2 of 2")
    browser.execute_script("window.onbeforeunload = null")
    (tmp_path / "answers.jsonl").unlink()
    kept = "return JSON.parse(localStorage.getItem(localStorage.key(0)) || '[]').length"
    wait.until(lambda b: b.execute_script(kept) == 11)

    def has_answers(browser: Any) -> bool:
        browser.get(page.as_uri())  # anew: what a page stores, a busy browser may write down a moment later
        return browser.find_element("id", "left").is_displayed()

    WebDriverWait(browser, 60, poll_frequency=1).until(has_answers)
    browser.find_element("id", "left").click()
    wait.until(lambda _: (tmp_path / "answers.jsonl").exists())
    answers = read_answers([tmp_path / "answers.jsonl"])
    assert len(answers) == 11
    assert len({a.session for a in answers}) == 2
    assert [entry for entry in browser.get_log("browser") if "favicon" not in entry["message"]] == []


@pytest.mark.browser
def test_each_picture_is_seen_for_its_time(photos: PhotoSet, green: Path, tmp_path: Path, browser: Any):
    from selenium.webdriver.support.ui import WebDriverWait

    page = tmp_path / "test.html"
    write_human_test("folder-full", photos.source, {"A": str(green)}, page, trials=4, shown=1000)
    browser.get(page.as_uri())
    browser.execute_script("""
        window.log = [];
        const note = c => log.push([c.target.id, c.target.className, performance.now()]);
        new MutationObserver(changes => changes.forEach(note))
          .observe(document.getElementById("stage"), {attributes: true, attributeFilter: ["class"], subtree: true});
        document.getElementById("go").click();
    """)
    WebDriverWait(browser, 60).until(lambda b: b.find_element("id", "one").is_displayed())
    log = browser.execute_script("return log")
    assert [entry[:2] for entry in log] == [["first", "seen"], ["first", ""], ["second", "seen"], ["second", ""]]
    # a timer never fires early; how late it may be is the machine's affair
    assert log[1][2] - log[0][2] > 990
    assert log[3][2] - log[2][2] > 990
