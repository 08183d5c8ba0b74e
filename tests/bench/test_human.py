"""The human test: fair trials, safe answers, the right rate and interval, and a page that works in a real browser."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.stats import binomtest

from colorizegan.bench.entrants import Painting
from colorizegan.bench.human import CHECK, Answer, Study, rates, read_answers, table, wilson
from colorizegan.bench.human_server import HumanServer, open_human_test
from colorizegan.bench.protocols import PROTOCOLS
from colorizegan.data.photoset import PhotoSet
from colorizegan.errors import DataError, OutputError, UsageError


class Green:
    """Everything turns plain green: easy to tell, for a script too."""

    live = True

    def __init__(self) -> None:
        self.facts: dict[str, str | float | int] = {}

    def colorize(self, key: str, gray: np.ndarray, *, size: int | None = None) -> Painting:
        return Painting(np.broadcast_to(np.array([20, 200, 30], np.uint8), (*gray.shape, 3)).copy())


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


def study(photos: PhotoSet, trials: int = 20, names: tuple[str, ...] = ("A", "B")) -> Study:
    return Study(photos, PROTOCOLS["folder-full"], {name: Green() for name in names}, trials)


def answer(entrant: str, fooled: bool, **changes: Any) -> Answer:
    values = {"session": "s", "observer": "", "protocol": "p", "photo": "x", "practice": False, "milliseconds": 5}
    values |= {
        "entrant": entrant,
        "real_first": True,
        "choice": 2 if fooled else 1,
        "time": "2025-01-01T00:00:00+00:00",
    }
    return Answer(**(values | changes))


# Trials


def test_a_session_is_balanced_and_shows_no_photo_twice(photos: PhotoSet):
    for number in range(6):
        trials = study(photos).session(number)
        assert [t.practice for t in trials] == [True] * 5 + [False] * 20
        assert len({t.photo for t in trials}) == 25
        assert sum(t.real_first for t in trials) in (12, 13)
        counted = Counter(t.entrant for t in trials[5:])
        assert counted[CHECK] == 2
        assert abs(counted["A"] - counted["B"]) <= 1
        assert CHECK not in {t.entrant for t in trials[:5]}


def test_sessions_differ_but_come_out_again_alike(photos: PhotoSet):
    first, second = study(photos).session(0), study(photos).session(1)
    assert first == study(photos).session(0)
    assert [t.photo for t in first] != [t.photo for t in second]
    places = {
        number: [i for i, t in enumerate(study(photos).session(number)) if t.entrant == CHECK] for number in (0, 1)
    }
    assert places[0] != places[1]  # nobody can foresee the checks


def test_pictures_come_in_the_order_of_the_trial(photos: PhotoSet):
    test = study(photos)
    for trial in test.session(0):
        pair = [np.asarray(Image.open(io.BytesIO(png))) for png in test.pictures(trial)]
        real = np.asarray(photos.read(photos.keys[trial.photo]))
        shown, painted = pair if trial.real_first else pair[::-1]
        assert np.array_equal(shown, real)
        assert not np.array_equal(painted, real)
        if trial.entrant != CHECK:
            assert (painted == (20, 200, 30)).all()


def test_too_few_photos_or_entrants(photos: PhotoSet):
    with pytest.raises(UsageError, match="40 trials and 10 of practice need 50 photos, 30 are here; use --trials 24"):
        study(photos, 40)
    study(photos, 24)
    with pytest.raises(UsageError, match="needs somebody to judge; name one with --entrant"):
        study(photos, 4, ())


# Figures


@pytest.mark.parametrize(("successes", "total"), [(0, 1), (0, 40), (13, 40), (20, 40), (40, 40), (333, 1000)])
def test_wilson_interval_equals_scipy(successes: int, total: int):
    expected = binomtest(successes, total).proportion_ci(method="wilson")
    assert wilson(successes, total) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert wilson(0, 0) == (0, 1)


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
    assert (found["A"].low, found["A"].high) == wilson(3, 10)
    text = table(answers)
    assert "| **A** | 30.0 | 10.8 .. 60.3 | 3 / 10 | 2 |" in text
    assert f"| *{CHECK}* (check) | 0.0 |" in text


def test_answers_survive_the_way_to_the_file(tmp_path: Path):
    from colorizegan.bench.human import append_answer

    path = tmp_path / "answers.jsonl"
    assert read_answers(path) == []
    given = [answer("A", True, observer='Zoë "1"\n2'), answer("B|", False)]
    for one in given:
        append_answer(path, one, threading.Lock())
    assert read_answers(path) == given
    with pytest.raises(OutputError, match="cannot be written"):
        append_answer(tmp_path / "no" / "folder", given[0], threading.Lock())


@pytest.mark.parametrize(
    "line", ["no json", "[]", '{"session": "s"}', json.dumps({**vars(answer("A", True)), "choice": "1"})]
)
def test_another_file_is_not_taken_for_answers(line: str, tmp_path: Path):
    path = tmp_path / "answers.jsonl"
    path.write_text(json.dumps(vars(answer("A", True))) + "\n" + line + "\n")
    with pytest.raises(DataError, match="line 2 is no answer of a human test"):
        read_answers(path)


# The server


@pytest.fixture
def server(photos: PhotoSet, tmp_path: Path) -> Iterator[HumanServer]:
    found = HumanServer(study(photos, 8, ("A",)), tmp_path / "answers.jsonl", shown=20)
    thread = threading.Thread(target=found.serve)
    thread.start()
    yield found
    found.stop()
    thread.join(10)
    assert not thread.is_alive()


def ask(server: HumanServer, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    """A request; JSON replies are taken apart."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"Content-Type": "application/json"} if data is not None else {}
    with contextlib.closing(connection):
        connection.request("GET" if data is None else "POST", path, data, sent | headers)
        reply = connection.getresponse()
        content = reply.read()
    is_json = reply.headers["Content-Type"] == "application/json"
    return reply.status, json.loads(content) if is_json else content


def test_a_whole_session(server: HumanServer):
    status, plan = ask(server, "/session", {"observer": "me"})
    assert (status, plan["practice"], plan["trials"], plan["shown"]) == (200, 2, 10, 20)
    session = plan["session"]
    for number in range(10):
        assert ask(server, f"/result/{session}")[0] == 409  # no hints on the way
        pictures = [ask(server, f"/picture/{session}/{number}/{place}")[1] for place in (1, 2)]
        green = [bool((np.asarray(Image.open(io.BytesIO(png))) == (20, 200, 30)).all()) for png in pictures]
        choice = 1 if green[1] else 2  # what is not green is real; the check is answered at random
        status, reply = ask(
            server, "/answer", {"session": session, "trial": number, "choice": choice, "milliseconds": 300}
        )
        assert status == 200
        assert reply == ({"right": True} if number < 2 else {})
    status, result = ask(server, f"/result/{session}")
    assert status == 200
    assert {rate["entrant"]: rate["fooled"] for rate in result["rates"]} == {"A": 0}
    answers = read_answers(server.answers)
    assert len(answers) == 10
    assert {a.observer for a in answers} == {"me"}
    assert answers[0].protocol == "folder-full"
    assert "| **A** | 0.0 | 0.0 .. 32.4 | 0 / 8 | 1 |" in server.table()


def test_answers_that_cannot_be_are_refused(server: HumanServer):
    session = ask(server, "/session", {})[1]["session"]
    good = {"session": session, "trial": 0, "choice": 1, "milliseconds": 9}
    for change in ({"choice": 3}, {"choice": "1"}, {"choice": True}, {"trial": None}, {"milliseconds": 0.5}):
        assert ask(server, "/answer", good | change)[0] == 400
    assert ask(server, "/answer", good | {"trial": 1})[0] == 409  # not yet
    assert ask(server, "/answer", good | {"session": "x"})[0] == 404
    assert ask(server, "/answer", good)[0] == 200
    assert ask(server, "/answer", good)[0] == 409  # not twice
    assert len(read_answers(server.answers)) == 1
    for path in (f"/picture/{session}/0/1", f"/picture/{session}/1/3", f"/picture/{session}/99/1", "/picture/x/1/1"):
        assert ask(server, path)[0] == 404  # only what is next
    assert ask(server, f"/picture/{session}/1/2")[0] == 200


def test_only_this_machine_and_this_page_may_ask(server: HumanServer):
    assert server.http.server_address[0] == "127.0.0.1"
    assert ask(server, "/", Host=f"localhost:{server.port}")[0] == 200
    assert ask(server, "/", Host="evil.example")[0] == 403
    assert ask(server, "/session", b"{}", **{"Content-Type": "text/plain"})[0] == 415
    assert ask(server, "/session", b"x" * 5000)[0] == 413
    assert ask(server, "/session", b"[1]")[0] == 400
    assert ask(server, "/session", b"{")[0] == 400
    for path in ("/../etc/passwd", "/answers.jsonl", "/picture", "/result"):
        assert ask(server, path)[0] == 404
    assert ask(server, "/nowhere", {})[0] == 404


def test_a_photo_that_vanishes_is_one_line(photos: PhotoSet, server: HumanServer, monkeypatch: pytest.MonkeyPatch):
    def gone(key: str) -> Image.Image:
        raise DataError(f"photo {key} cannot be read", path=photos.source)

    monkeypatch.setattr(photos, "read", gone)
    session = ask(server, "/session", {})[1]["session"]
    status, reply = ask(server, f"/picture/{session}/0/1")
    assert status == 500
    assert "cannot be read" in reply["error"]


def test_answers_of_earlier_days_count(photos: PhotoSet, tmp_path: Path):
    path = tmp_path / "answers.jsonl"
    path.write_text(json.dumps(vars(answer("A", True))) + "\n")
    server = HumanServer(study(photos, 8, ("A",)), path)
    try:
        plan = server.begin("")
        assert server.sessions[plan["session"]].trials == server.study.session(1)  # not the first session's again
        assert "1 / 1" in server.table()
        with pytest.raises(UsageError, match=f"port {server.port} cannot be used"):
            HumanServer(study(photos, 8, ("A",)), path, server.port)
    finally:
        server.http.server_close()


def test_mistakes_on_the_command_line_are_one_line(photos: PhotoSet, tmp_path: Path, tiny_bundle: Path):
    answers = tmp_path / "a.jsonl"
    with pytest.raises(UsageError, match="unknown protocol"):
        open_human_test("nothing", photos.source, {}, answers)
    with pytest.raises(UsageError, match="'truth' is a baseline's"):
        open_human_test("folder-full", photos.source, {"truth": str(tiny_bundle)}, answers)
    server = open_human_test("folder-full", photos.source, {"A": str(tiny_bundle)}, answers, trials=4)
    server.http.server_close()
    assert server.study.trials == 4


@pytest.mark.browser
def test_the_page_in_a_browser(server: HumanServer, browser: Any):
    """Somebody who always takes the first picture for real, with the keyboard and with the mouse."""
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import WebDriverWait

    wait = WebDriverWait(browser, 20, poll_frequency=0.01)
    browser.get(server.address)
    browser.find_element("id", "observer").send_keys("1 Ann")
    browser.find_element("id", "go").click()
    seen: list[str] = []
    for number in range(10):
        wait.until(lambda _, n=number: len(read_answers(server.answers)) == n)
        # the buttons of the trial before are still there for a moment after its answer
        wait.until(lambda b: b.find_element("id", "progress").text not in ("", *seen))
        wait.until(lambda b: b.find_element("id", "one").is_displayed())
        seen.append(browser.find_element("id", "progress").text)
        size = browser.execute_script(
            "const i = document.getElementById('second'); return [i.naturalWidth, i.naturalHeight]"
        )
        assert size == [60, 48]
        hidden = "return [...document.querySelectorAll('#stage img')].map(i => getComputedStyle(i).visibility)"
        assert browser.execute_script(hidden) == ["hidden", "hidden"]  # time to look is over
        if number % 2:
            browser.find_element("id", "one").click()
        else:
            browser.find_element("tag name", "body").send_keys("1" if number % 4 else Keys.ARROW_LEFT)
    wait.until(lambda b: b.find_element("id", "done").is_displayed())
    assert seen[:3] == ["Practice 1 of 2", "Practice 2 of 2", "1 of 8"]
    answers = read_answers(server.answers)
    assert [a.choice for a in answers] == [1] * 10
    assert answers[0].observer == "1 Ann"
    fooled = sum(a.fooled for a in answers if not a.practice)
    rows = [row.text for row in browser.find_elements("css selector", "#rates tr")]
    assert rows[0].startswith(f"A {100 * fooled / 8:.1f} %")
    assert [entry for entry in browser.get_log("browser") if "favicon" not in entry["message"]] == []
    browser.find_element("id", "again").click()
    assert browser.find_element("id", "go").is_displayed()
    browser.execute_script("document.getElementById('done').hidden = false; document.getElementById('end').click()")
    wait.until(lambda b: "has ended" in b.find_element("id", "done").text)
    deadline = time.monotonic() + 10
    while answers_still(server):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def answers_still(server: HumanServer) -> bool:
    """Whether somebody listens at its port."""
    try:
        return ask(server, "/")[0] > 0
    except OSError:
        return False


@pytest.mark.browser
def test_each_picture_is_seen_for_its_time(photos: PhotoSet, tmp_path: Path, browser: Any):
    server = HumanServer(study(photos, 4, ("A",)), tmp_path / "answers.jsonl", shown=1000)
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        browser.get(server.address)
        browser.execute_script("""
            window.log = [];
            const note = c => log.push([c.target.id, c.target.className, performance.now()]);
            new MutationObserver(changes => changes.forEach(note))
              .observe(document.getElementById("stage"), {attributes: true, attributeFilter: ["class"], subtree: true});
            document.getElementById("go").click();
        """)
        deadline = time.monotonic() + 20
        while not browser.find_element("id", "one").is_displayed():
            assert time.monotonic() < deadline
        log = browser.execute_script("return log")
        assert [entry[:2] for entry in log] == [["first", "seen"], ["first", ""], ["second", "seen"], ["second", ""]]
        # a timer never fires early; how late it may be is the machine's affair
        assert log[1][2] - log[0][2] > 990
        assert log[3][2] - log[2][2] > 990
    finally:
        server.stop()
        thread.join(10)
