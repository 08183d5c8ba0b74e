"""How fast the page is, and what it weighs: first colour of a photo of 12 Mpx, a move of a slider, a hint's answer.

    python benchmarks/page.py [--model MODEL] [--rounds 5]

Starts `colorizegan serve` and drives a headless Chromium (needs selenium, chromium and chromedriver), which paints
without a graphics card: on one machine with the service, so that the two share its cores. Prints a Markdown table.
"""

import argparse
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

SIDES = 4000, 3000  # px
# Script of one move of a slider: from the event to the end of the frame that paints it.
MOVE = """
const [done, value] = [arguments[1], arguments[0]];
const slider = document.querySelector('#saturation');
let busy = 0;
const asked = window.requestAnimationFrame;
window.requestAnimationFrame = (act) => asked.call(window, (now) => {
  const start = performance.now(); act(now); busy += performance.now() - start;
});
const start = performance.now();
slider.value = value;
slider.dispatchEvent(new Event('input', {bubbles: true}));
busy += performance.now() - start;
setTimeout(() => { window.requestAnimationFrame = asked; done(busy); }, 250);
"""
# From a change of the hints to colours that heed them.
HINT = """
const [done, [x, y, color]] = [arguments[1], arguments[0]];
import('/album/album.js').then(({album, keyOf}) => {
  const photo = album.current;
  const start = performance.now();
  album.wish(photo, {hints: [...photo.look.hints, {x, y, color}]});
  const look = () => photo.key === keyOf(photo.look) ? done((performance.now() - start) / 1000) : setTimeout(look, 2);
  look();
});
"""
REQUESTS = "return performance.getEntriesByType('resource').map((one) => one.name + ' ' + one.decodedBodySize)"
COLORED = "return document.querySelector('#strip li:last-child')?.dataset.state === 'done'"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    command = [sys.executable, "-m", "colorizegan", "serve", "--port", str(port), "-q"]
    service = subprocess.Popen([*command, *(["--model", given.model] if given.model else [])])
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        try:
            browser = chromium(Path(name))
            try:
                measure(browser, f"http://127.0.0.1:{port}/", Path(name), given.rounds)
            finally:
                browser.quit()
        finally:
            service.terminate()
            service.wait(20)


def measure(browser: Any, address: str, folder: Path, rounds: int) -> None:
    def until(true: Callable[[], object]) -> None:
        end = time.monotonic() + 120
        while not true():
            assert time.monotonic() < end, "the page does not answer"
            time.sleep(0.01)

    def there() -> bool:
        try:
            socket.create_connection(("127.0.0.1", int(address.rsplit(":", 1)[1].rstrip("/"))), 1).close()
        except OSError:
            return False
        return True

    until(there)
    browser.get(address)
    until(lambda: browser.find_elements("css selector", "body.ready"))
    loaded = [line.rsplit(" ", 1) for line in browser.execute_script(REQUESTS)]
    first = browser.execute_script("return performance.getEntriesByType('navigation')[0].decodedBodySize")
    print("| what | figure |\n|---|---|")
    print(f"| the page, its parts and example pictures | {(first + sum(int(s) for _, s in loaded)) / 1000:.0f} kB |")
    seconds: list[float] = []
    for number in range(rounds + 1):
        path = folder / f"photo{number}.jpg"
        draw(path, number)
        start = time.perf_counter()
        browser.find_element("css selector", "#files").send_keys(str(path))
        until(lambda: browser.execute_script(COLORED))
        seconds.append(time.perf_counter() - start)
        browser.execute_script("[...document.querySelectorAll('#strip .open')].pop().click()")
    time.sleep(1)
    print(f"| first colour of a photo of 12 Mpx, from the choice of the file | {said(seconds[1:])} s |", flush=True)
    before = len(browser.execute_script(REQUESTS))
    moves = [browser.execute_async_script(MOVE, 1 + 0.02 * i) for i in range(1, 4 * rounds + 1)]
    asked = len(browser.execute_script(REQUESTS)) - before
    print(f"| script of a move of a slider, at 12 Mpx | {said(moves)} ms, {asked} requests |")
    places = [(300 + 500 * i, 400 + 350 * i, "#3a6ea5") for i in range(rounds + 1)]
    answers = [browser.execute_async_script(HINT, place) for place in places]
    print(f"| the answer to a hint | {said(answers[1:])} s |")


def said(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} (at most {max(values):.2f})"


def draw(path: Path, seed: int) -> None:
    """A gray photo of 12 Mpx with detail."""
    width, height = SIDES
    rng = np.random.default_rng(seed)
    cells = Image.fromarray(rng.integers(0, 255, (60, 80), np.uint8)).resize(SIDES, Image.Resampling.BICUBIC)
    noisy = np.asarray(cells, np.float32) + rng.normal(0, 6, (height, width)).astype(np.float32)
    Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(path, quality=90)


def chromium(folder: Path) -> Any:
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in ("headless", "no-sandbox", "enable-unsafe-swiftshader", "window-size=1280,900"):
        options.add_argument(f"--{flag}")
    options.add_argument(f"--user-data-dir={folder / 'profile'}")
    browser = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    browser.set_script_timeout(60)
    return browser


if __name__ == "__main__":
    main()
