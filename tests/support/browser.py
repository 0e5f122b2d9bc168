"""Headless Chromium, driven by Selenium, for pages opened from disk."""

from __future__ import annotations

import importlib.util
import os
import shutil
import time
from pathlib import Path
from typing import Any

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--allow-file-access-from-files=false",
)


def why_no_browser() -> str:
    """Why browser tests cannot run, "" if they can."""
    try:
        import selenium  # noqa: F401
    except ImportError:
        return "selenium is not installed (pip install -e '.[test]')"
    if not any(map(shutil.which, CHROMIUM)):
        return "no Chromium (apt-get install chromium)"
    return "" if shutil.which("chromedriver") else "no chromedriver (apt-get install chromium-driver)"


def start_browser(profile: Path, *more: str) -> Any:
    """A browser with a new profile folder. more: further flags."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = next(filter(None, map(shutil.which, CHROMIUM)))
    for flag in (*FLAGS, f"--user-data-dir={profile}", *more):
        options.add_argument(flag)
    options.add_experimental_option("prefs", {"download.default_directory": str(profile / "downloads")})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    return webdriver.Chrome(options=options, service=service)


def emulate(driver: Any, width: int, height: int, *, dark: bool = False, phone: bool = False) -> None:
    """Set the window size (CSS px), light or dark colour scheme, and a touch screen for phones."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 2 if phone else 1, "mobile": phone}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": phone})


class Page:
    """A page in a browser. js(code, *arguments): run JavaScript and return its result."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        self.js = driver.execute_script

    def open(self, path: Path, width: int = 1200, height: int = 800, **how: bool) -> Page:
        emulate(self.driver, width, height, **how)
        self.driver.get("about:blank")  # ends the loading of the page before
        self.driver.get_log("browser")
        self.driver.get(path.as_uri())
        if self.js("const known = localStorage.length; localStorage.clear(); return known"):
            self.driver.refresh()  # without what a test before selected
        return self

    def find(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def text(self, selector: str) -> str:
        return str(self.js("return document.querySelector(arguments[0]).textContent", selector))

    def keys(self, *keys: str) -> None:
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def wait(self, condition: str, *arguments: Any) -> None:
        """Wait until a JavaScript expression is true, for at most 10 s."""
        end = time.monotonic() + 10
        while not self.js(f"return Boolean({condition})", *arguments):
            assert time.monotonic() < end, condition
            time.sleep(0.02)

    @property
    def shown(self) -> list[str]:
        """The paths of all cells in the document, in order; lone surrogates as U+FFFD."""
        cells = "[...document.querySelectorAll('[role=option]')]"
        return list(self.js(f"return {cells}.map((cell) => cell.title.toWellFormed())"))

    def set(self, name: str, value: str) -> None:
        """Set the value of a field or list, as a user would."""
        self.js(
            "const field = document.getElementById(arguments[0]); field.value = arguments[1];"
            "for (const kind of ['input', 'change']) field.dispatchEvent(new Event(kind))",
            name,
            value,
        )

    def open_entry(self, name: str) -> None:
        """Open an entry by its path and wait for its images."""
        self.js("[...document.querySelectorAll('.cell')].find((cell) => cell.title === arguments[0]).click()", name)
        self.wait("document.getElementById('left-photo').complete")
        self.wait("document.getElementById('left-photo').naturalWidth")

    @property
    def log_lines(self) -> list[str]:
        """Browser log of this page since the last call: errors and policy violations."""
        return [line["message"] for line in self.driver.get_log("browser")]


# axe-core checks pages against WCAG. The wheel `axe-core-python` bundles an older axe.min.js; `npm pack axe-core` gets
# the newest, which HIQA_AXE names.
RUN_AXE = """const done = arguments[0];
axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => done(violations
  .map(({ id, nodes }) => [id, ...nodes.slice(0, 3).map(({ html }) => html.slice(0, 120).toWellFormed())])));"""


def axe_script() -> Path | None:
    """The file axe.min.js, None where there is none."""
    if os.environ.get("HIQA_AXE"):
        return Path(os.environ["HIQA_AXE"])
    found = importlib.util.find_spec("axe_core_python")
    path = Path(found.origin).with_name("axe.min.js") if found is not None and found.origin else None
    return path if path is not None and path.is_file() else None


def why_no_axe() -> str:
    """Why these checks cannot run, "" if they can."""
    return "" if axe_script() else "no axe-core (pip install -e '.[test]', or name axe.min.js in HIQA_AXE)"


def violations(page: Page) -> list[Any]:
    """What axe finds in the page as it is: the rule, and the first elements."""
    path = axe_script()
    assert path is not None
    page.js(path.read_text("utf-8"))
    return list(page.driver.execute_async_script(RUN_AXE))
