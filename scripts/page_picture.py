"""Make docs/page.jpg: the page with the three example photos, the last one half in colour.

python scripts/page_picture.py [-o PICTURE] [--width 1280 --height 800]

Starts `colorizegan serve` and a headless Chromium (needs selenium, chromium, chromedriver). A phone has 390 x 844 px.
"""

import argparse
import io
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

RESULT = Path(__file__).resolve().parent.parent / "docs" / "page.jpg"
GOT_IT = "document.querySelectorAll('button').forEach((one) => one.innerText === 'Got it' && one.click())"
DONE = "return document.querySelectorAll('#strip li[data-state=done]').length === 3"


def main() -> None:
    """Serve, look, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=RESULT)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=800)
    options = parser.parse_args()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    service = subprocess.Popen([sys.executable, "-m", "colorizegan", "serve", "--port", str(port), "-q"])
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        chrome = webdriver.ChromeOptions()
        chrome.binary_location = shutil.which("chromium") or ""
        for flag in ("headless", "no-sandbox", "enable-unsafe-swiftshader", f"user-data-dir={folder}"):
            chrome.add_argument(f"--{flag}")
        browser = webdriver.Chrome(options=chrome, service=Service(shutil.which("chromedriver")))
        try:
            size = {"width": options.width, "height": options.height, "deviceScaleFactor": 1}
            browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size | {"mobile": options.width < 600})
            wait = WebDriverWait(browser, 180, ignored_exceptions=[WebDriverException])
            address = f"http://127.0.0.1:{port}/"
            wait.until(lambda b: b.get(address) or b.find_elements("css selector", "body.ready"))
            for name in ("astronaut", "chelsea", "coffee"):
                browser.execute_script(f"document.querySelector('[data-example=\"{name}.jpg\"]').click()")
                time.sleep(1)
            wait.until(lambda b: b.execute_script(DONE))
            browser.execute_script("[...document.querySelectorAll('#strip .open')].pop().click()")
            browser.execute_script(GOT_IT)
            time.sleep(5)
            picture = Image.open(io.BytesIO(browser.get_screenshot_as_png())).convert("RGB")
            picture.save(options.output, quality=88, optimize=True)
            print(
                f"{options.output}: {picture.width} x {picture.height} px, {options.output.stat().st_size // 1000} kB"
            )
        finally:
            browser.quit()
            service.terminate()
            service.wait(20)


if __name__ == "__main__":
    main()
