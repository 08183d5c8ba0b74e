"""Somebody with a browser in front of the page: what they do with mouse, fingers and keys, and what they see."""

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from http_client import Client
from pictures import pixels

WAIT = 90  # seconds; the machine may be busy


class Visitor:
    """Opens the page of a server.

    Args:
        browser: selenium's.
        client: the server.
        downloads: where files go; made if missing.
        width, height: of the window, px.
        phone: fingers instead of a mouse.
        dark: what the system prefers.
    """

    def __init__(
        self,
        browser: Any,
        client: Client,
        downloads: Path,
        *,
        width: int = 1280,
        height: int = 860,
        phone: bool = False,
        dark: bool = False,
    ) -> None:
        from selenium.webdriver.support.ui import WebDriverWait

        self.browser, self.client, self.downloads = browser, client, downloads
        self.address = f"http://127.0.0.1:{client.port}/"
        self.wait = WebDriverWait(browser, WAIT, poll_frequency=0.05)
        browser.set_script_timeout(WAIT)
        downloads.mkdir(exist_ok=True)
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": phone})
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        allowed = {"behavior": "allow", "downloadPath": str(downloads)}
        browser.execute_cdp_cmd("Browser.setDownloadBehavior", allowed)
        self.open()

    def open(self, path: str = "") -> None:
        """Load the page."""
        self.browser.get(self.address + path)
        if not path:
            self.find("body.ready")

    def reload(self) -> None:
        """Load it again, once what was done has come to the browser's disk."""
        self.js_later("await new Promise((done) => setTimeout(done, 600))")
        self.open()

    # --- the page's parts ---

    def js(self, script: str, *arguments: Any) -> Any:
        return self.browser.execute_script(script, *arguments)

    def js_later(self, script: str, *arguments: Any) -> Any:
        """The value of an async function's body."""
        wrapped = f"const done = arguments[arguments.length - 1]; (async (...given) => {{{script}}})(...arguments)"
        return self.browser.execute_async_script(wrapped + ".then(done, (error) => done(String(error)))", *arguments)

    def all(self, selector: str) -> list[Any]:
        return self.browser.find_elements("css selector", selector)

    def find(self, selector: str) -> Any:
        return self.wait.until(lambda _: self.all(selector))[0]

    def until(self, true: Callable[[], object]) -> Any:
        return self.wait.until(lambda _: true())

    def sees(self, selector: str) -> bool:
        return any(one.is_displayed() for one in self.all(selector))

    def click(self, selector: str) -> None:
        self.until(lambda: self.sees(selector))
        self.find(selector).click()

    def press(self, selector: str, *keys: str) -> None:
        self.find(selector).send_keys(*keys)

    def says(self) -> str:
        return self.js("return document.querySelector('#say p').textContent")

    # --- photos ---

    def choose(self, *paths: Path, selector: str = "#files") -> None:
        self.find(selector).send_keys("\n".join(map(str, paths)))

    def show(self, *paths: Path) -> list[str]:
        """Choose photos, and wait for them; their states."""
        self.choose(*paths)
        return self.finished(len(paths))

    def drop(self, *paths: Path) -> None:
        """Drop files on the middle of the page."""
        self.js(
            "const field = Object.assign(document.createElement('input'), {type: 'file', multiple: true, id: 'hand'});"
            "document.body.append(field)"
        )
        self.choose(*paths, selector="#hand")
        self.js(
            "const field = document.querySelector('#hand'); const dataTransfer = new DataTransfer();"
            "for (const file of field.files) dataTransfer.items.add(file); field.remove();"
            "for (const type of ['dragenter', 'dragover', 'drop'])"
            "  document.querySelector('main').dispatchEvent("
            "    new DragEvent(type, {dataTransfer, bubbles: true, cancelable: true}))"
        )

    def states(self) -> list[str]:
        """Of each photo: waiting, working, done or failed."""
        return self.js("return [...document.querySelectorAll('#strip li')].map((one) => one.dataset.state)")

    def finished(self, count: int) -> list[str]:
        """The states once nothing is left to do; `count` photos there are."""

        def there() -> list[str] | None:
            found = self.states()
            return found if len(found) == count and set(found) <= {"done", "failed"} else None

        return self.until(there)

    def select(self, number: int) -> None:
        """Show a photo, from 0 on."""
        self.js("document.querySelectorAll('#strip .open')[arguments[0]].click()", number)

    def shown(self) -> None:
        """Wait until the photo is painted with what is wished."""
        self.until(lambda: not self.sees(".working") and self.sees("#picture"))
        frames = "await new Promise((f) => requestAnimationFrame(() => requestAnimationFrame(f)));"
        self.js_later(f"for (let i = 0; i < 3; i++) {{ {frames} }}")

    def pixels(self) -> np.ndarray[Any, Any]:
        """What is painted on the stage, (H, W, 4)."""
        self.shown()
        url = self.js("return document.querySelector('#picture').toDataURL('image/png')")
        return pixels(base64.b64decode(url.partition(",")[2])).astype(int)

    def set(self, selector: str, value: float | str) -> None:
        """Move a slider, or choose of a list."""
        self.js(
            "const [field, value] = [document.querySelector(arguments[0]), arguments[1]]; field.value = value;"
            "for (const type of ['input', 'change']) field.dispatchEvent(new Event(type, {bubbles: true}))",
            selector,
            value,
        )

    # --- the brush ---

    def at(self, x: float, y: float) -> tuple[int, int]:
        """From the middle of the stage to a place of the photo (shares of it), px."""
        return tuple(
            self.js_later(
                "const {rectangle} = await import('/canvas/stage.js'); const box = rectangle();"
                "const stage = document.querySelector('#stage');"
                "return [box.x + given[0] * box.width - stage.clientWidth / 2,"
                "        box.y + given[1] * box.height - stage.clientHeight / 2].map(Math.round)",
                x,
                y,
            )
        )

    def tap(self, x: float, y: float) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        chain = ActionChains(self.browser)
        chain.move_to_element_with_offset(self.find("#stage"), *self.at(x, y)).click().perform()

    def hint(self, x: float, y: float, swatch: str) -> None:
        """Place one and give it a colour of the wheel, which stays open."""
        self.tap(x, y)
        self.until(lambda: self.sees("#wheel"))
        self.click(f"#wheel .swatches button[aria-label={swatch}]")

    def hints(self) -> list[dict[str, Any]]:
        return self.js_later("return (await import('/album/album.js')).album.current.look.hints")

    # --- what goes over the wire, and comes out ---

    def requests(self) -> list[str]:
        """What was asked of servers since the last call."""
        entries = [json.loads(entry["message"])["message"] for entry in self.browser.get_log("performance")]
        sent = [one["params"]["request"] for one in entries if one["method"] == "Network.requestWillBeSent"]
        return [request["url"] for request in sent if not request["url"].startswith(("data:", "blob:", "chrome:"))]

    def download(self, button: str) -> Path:
        """Click, and wait for the file."""
        for old in self.downloads.iterdir():
            old.unlink()
        self.click(button)
        self.until(lambda: [p for p in self.downloads.iterdir() if not p.name.endswith((".crdownload", ".tmp"))])
        time.sleep(0.2)
        (path,) = [p for p in self.downloads.iterdir() if not p.name.startswith(".")]
        return path

    def flaws(self, axe: str, width: int) -> list[str]:
        """What the script of axe-core finds wrong with the page as it is, and what does not fit."""
        self.js(axe)
        broken = self.js_later("return (await axe.run(document, {resultTypes: ['violations']})).violations")
        found = [f"{one['id']}: {one['nodes'][0]['target']} {one['nodes'][0]['html'][:200]}" for one in broken]
        found += self.js(
            "return [...document.querySelectorAll('header *, main *, dialog[open] *')].filter((e) =>"
            " e.checkVisibility({visibilityProperty: true}) && !e.closest('#strip, #proposals, .choices, #dots, svg')"
            " && (e.getBoundingClientRect().right > innerWidth + 1 || e.getBoundingClientRect().left < -1))"
            ".map((e) => 'too wide: ' + e.outerHTML.slice(0, 100))"
        )
        if self.js("return document.documentElement.scrollWidth") > width:
            found.append("the page scrolls sideways")
        return found

    def complaints(self) -> list[str]:
        """What scripts or the policy for content have to complain of."""
        found = [entry for entry in self.browser.get_log("browser") if entry["level"] == "SEVERE"]
        return [entry["message"] for entry in found if "/v1/" not in entry["message"]]
