"""A browser for the tests of the playground: see tools/serve_test."""

import base64
import os
import time

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

ROOT = os.path.dirname(os.path.abspath(__file__)) + "/../../.."
# Where screenshots go; they are looked at, not compared.
SCREENSHOTS = os.environ.get("SCREENSHOTS")


@pytest.fixture(scope="session")
def address(serve):
    """The address of a server of the repository's models."""
    return serve(ROOT + "/models")


class Page:
    """A page of the playground in a browser window of its own."""

    def __init__(self, driver, address, name):
        self.driver = driver
        self.name = name
        driver.get(f"{address}/#{name}")

    def wait(self, script, seconds=10):
        """Waits until an expression of JavaScript is true, and returns its value."""
        end = time.monotonic() + seconds
        while True:
            value = self.driver.execute_script("return " + script)
            if value:
                return value
            assert time.monotonic() < end, f"not true after {seconds} s: {script}"
            time.sleep(0.02)

    def find(self, selector):
        return self.driver.find_element("css selector", selector)

    def click(self, selector):
        self.find(selector).click()

    def screenshot(self, name):
        """Writes the whole page, not only what the window shows."""
        if SCREENSHOTS:
            os.makedirs(SCREENSHOTS, exist_ok=True)
            width, height = self.driver.execute_script(
                "const e = document.documentElement; return [e.scrollWidth, e.scrollHeight]"
            )
            picture = self.driver.execute_cdp_cmd(
                "Page.captureScreenshot",
                {
                    "captureBeyondViewport": True,
                    "clip": {"x": 0, "y": 0, "width": width, "height": height, "scale": 1},
                },
            )
            with open(f"{SCREENSHOTS}/{self.name}-{name}.png", "wb") as file:
                file.write(base64.b64decode(picture["data"]))

    def errors(self):
        return [entry for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]


@pytest.fixture
def open_page(address):
    """Opens a page: `open_page("draw", width=390, dark=True)`. No page may log an error."""
    drivers = []
    pages = []

    def open_page(name, width=1400, dark=False):
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for flag in "headless=new", "no-sandbox", "disable-gpu", "hide-scrollbars":
            options.add_argument("--" + flag)
        if dark:
            options.add_argument("--force-dark-mode")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
        drivers.append(driver)
        # A headless window is at least 500 pixels wide; a phone's viewport is emulated.
        driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500},
        )
        driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia",
            {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]},
        )
        pages.append(Page(driver, address, name))
        return pages[-1]

    yield open_page
    errors = [error for page in pages for error in page.errors()]
    for driver in drivers:
        driver.quit()
    assert not errors
