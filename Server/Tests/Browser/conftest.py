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
# The height of a window.
HEIGHT = 900


@pytest.fixture(scope="session")
def address(serve):
    """The address of a server of the repository's models."""
    return serve(ROOT + "/models")


class Page:
    """A page of the playground in a browser window of its own."""

    def __init__(self, driver, address, name, width):
        self.driver = driver
        self.name = name
        self.resize(width, HEIGHT)
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
                "return [innerWidth, document.documentElement.scrollHeight]"
            )
            self.resize(width, max(height, HEIGHT))
            picture = self.driver.execute_cdp_cmd("Page.captureScreenshot", {})
            self.resize(width, HEIGHT)
            with open(f"{SCREENSHOTS}/{self.name}-{name}.png", "wb") as file:
                file.write(base64.b64decode(picture["data"]))

    def resize(self, width, height):
        """Emulates a window: a real one is at least 500 pixels wide."""
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500},
        )

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
        driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia",
            {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]},
        )
        pages.append(Page(driver, address, name, width))
        return pages[-1]

    yield open_page
    errors = [error for page in pages for error in page.errors()]
    for driver in drivers:
        driver.quit()
    assert not errors
