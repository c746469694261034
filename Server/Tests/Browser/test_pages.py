import pytest

PAGES = ["draw", "train", "write", "look"]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens(open_page, figures, name):
    page = open_page(name)
    page.wait("document.querySelector('main section:not([hidden])')?.childElementCount")
    figures[f"first paint of {name}, ms"] = page.wait(
        "performance.getEntriesByType('paint')"
        ".find(e => e.name == 'first-contentful-paint')?.startTime"
    )
    page.screenshot("desk")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_a_phone_in_the_dark(open_page, name):
    page = open_page(name, width=390, dark=True)
    page.wait("document.querySelector('main section:not([hidden])')?.childElementCount")
    assert page.wait("document.documentElement.scrollWidth") <= 390
    page.screenshot("phone")
