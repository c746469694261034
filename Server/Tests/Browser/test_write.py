"""The page Write: a text, what was expected, gates, a unit that follows something, sensitivity."""

import time

import requests
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

SPANS = "document.querySelectorAll('.write-text .c')"
IS_DONE = "document.getElementById('write-done')?.textContent.includes('a second')"


def write(page, length, prompt="ROMEO:\n"):
    """Writes a text and waits for its end."""
    page.wait("document.getElementById('write-start')")
    page.driver.execute_script(
        "const set = (id, x) => { const e = document.getElementById(id); e.value = x;"
        " e.dispatchEvent(new Event('input')); };"
        "set('write-prompt', arguments[0]); set('write-length', arguments[1]);",
        prompt,
        length,
    )
    page.click("#write-start")
    page.wait(f"{SPANS}.length == {len(prompt) + length} && {IS_DONE}", 30)


def text(page):
    return page.driver.execute_script(f"return [...{SPANS}].map(s => s.textContent).join('')")


def colored(page):
    return page.driver.execute_script(
        f"return [...{SPANS}].filter(s => s.style.background).length"
    )


def caption(page):
    return page.driver.execute_script(
        "return document.querySelector('[role=tabpanel]:not([hidden]) .write-caption').textContent"
    )


def open_tab(page, name):
    page.click(f"#write-tab-{name}")


def test_a_network_writes_and_shows_what_it_expected(open_page):
    page = open_page("write")
    write(page, 100)
    first = text(page)
    assert first.startswith("ROMEO:\n")
    assert colored(page) == 106  # no probability comes before the first
    spans = page.driver.find_elements("css selector", ".write-text .c")
    ActionChains(page.driver).move_to_element(spans[30]).perform()
    page.wait("document.querySelectorAll('.write-bars tr').length == 6")
    assert caption(page).startswith("After")
    assert len(page.driver.find_elements("css selector", ".write-strip .column")) > 20
    page.screenshot("guesses")
    write(page, 100)
    assert text(page) == first


def test_a_prompt_that_is_edited_is_ones_own(open_page):
    page = open_page("write")
    page.wait(IS_DONE, 30)
    chosen = "document.getElementById('write-preset').selectedOptions[0].textContent"
    assert page.wait(chosen) == "romeo"
    page.find("#write-prompt").send_keys("!")
    assert page.wait(chosen) == "my own"
    page.find("#write-prompt").send_keys(Keys.BACKSPACE)
    assert page.wait(chosen) == "romeo"


def test_the_arrow_keys_move_through_the_text(open_page):
    page = open_page("write")
    write(page, 60)
    view = page.find(".write-text")
    view.send_keys(Keys.HOME, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert page.wait("document.querySelector('.write-text .cursor').index") == 2
    view.send_keys(Keys.ARROW_DOWN)
    assert page.wait("document.querySelector('.write-text .cursor').index") == 9
    assert caption(page).startswith("After")


def test_writing_stops_when_asked(open_page):
    page = open_page("write")
    write(page, 0)
    # The page itself presses Stop, since a fast server is done before a test could.
    page.driver.execute_script(
        "document.getElementById('write-length').value = 1000;"
        "new MutationObserver((_, observer) => {"
        f" if ({SPANS}.length <= 20) return;"
        " observer.disconnect(); document.getElementById('write-stop').click();"
        "}).observe(document.querySelector('.write-text'), { childList: true });"
    )
    page.click("#write-start")
    page.wait("document.getElementById('write-done').textContent.startsWith('stopped')")
    assert page.wait("document.getElementById('write-stop').disabled")
    assert len(text(page)) < 1000


def test_gates_colour_the_text(open_page):
    page = open_page("write")
    write(page, 100)
    open_tab(page, "gates")
    page.wait("document.querySelectorAll('.write-choice input').length == 6")
    page.driver.find_elements("css selector", ".write-choice label")[1].click()
    page.wait("document.querySelector('.write-map canvas').width == 107")
    assert colored(page) == 107
    page.find(".write-map").send_keys(Keys.ARROW_DOWN, Keys.ARROW_RIGHT)
    assert "forget gate, after" in caption(page)
    page.screenshot("gates")
    light = page.wait(f"{SPANS}[20].style.background")
    page.click("#theme")
    assert page.wait(f"{SPANS}[20].style.background") != light


def test_a_unit_that_follows_line_ends_is_found(open_page):
    page = open_page("write")
    write(page, 300)
    open_tab(page, "memory")
    found = "document.querySelector('#write-panel-memory .write-caption').textContent"
    page.wait(f"{found}.includes('the position in the line')", 30)
    assert caption(page).startswith("Found: unit")
    assert page.wait("document.documentElement.scrollWidth") <= 1400
    page.screenshot("memory-position")
    page.driver.execute_script("document.getElementById('write-feature').value = 'lineEnd'")
    page.click("#write-find")
    page.wait(f"{found}.includes('line ends')", 30)
    assert len(page.driver.find_elements("css selector", ".write-units button")) == 10
    assert page.wait("document.querySelectorAll('.write-text .marked').length") > 2
    assert colored(page) == 307
    page.screenshot("memory")


def test_sensitivity_is_painted_for_all_networks(open_page):
    page = open_page("write")
    write(page, 100)
    open_tab(page, "sensitivity")
    page.wait("document.querySelectorAll('.write-row').length == 3", 30)
    assert len(page.driver.find_elements("css selector", ".write-chart polyline")) == 3
    assert colored(page) == 100
    page.screenshot("sensitivity")
    page.driver.find_elements("css selector", ".write-text .c")[49].click()
    page.wait("document.querySelectorAll('.write-row:first-child .cell').length == 50", 30)
    assert colored(page) == 50


def test_all_networks_continue_the_same_prompt(open_page):
    page = open_page("write")
    write(page, 100)
    open_tab(page, "compare")
    done = "[...document.querySelectorAll('.write-compared p')].filter(p => p.textContent.includes('bits'))"
    page.wait(done + ".length == 3", 30)
    texts = page.driver.find_elements("css selector", ".write-compared .write-text")
    assert texts[1].text == page.find(".write-text").text
    page.screenshot("compare")


def test_streams_that_clients_leave_are_ended(address):
    wish = {"model": "char_lstm", "prompt": "A", "length": 2000, "temperature": 1, "seed": 1}
    for _ in range(20):
        with requests.post(address + "/playground/write/text", json=wish, stream=True) as answer:
            assert answer.status_code == 200
            assert next(answer.iter_lines()) == b"event: token"
        time.sleep(0.1)
    wish["length"] = 1
    assert requests.post(address + "/playground/write/text", json=wish).status_code == 200


def test_unknown_characters_are_explained(open_page):
    page = open_page("write")
    write(page, 20)
    before = text(page)
    page.driver.execute_script("document.getElementById('write-prompt').value = 'Å'")
    page.click("#write-start")
    page.wait("document.getElementById('write-done').textContent.includes('has no character')")
    assert page.find("body").text.count("has no character") == 1
    assert text(page) == before
    # The refusal is in the browser's log, too.
    page.driver.get_log("browser")


def test_the_page_works_on_a_phone_in_the_dark(open_page):
    page = open_page("write", width=390, dark=True)
    write(page, 100)
    page.screenshot("phone-guesses")
    for name, ready in [
        ("gates", "document.querySelector('.write-map canvas').width == 107"),
        ("memory", "true"),
        ("sensitivity", "document.querySelectorAll('.write-row').length == 3"),
        ("compare", "document.querySelectorAll('.write-compared p')[2]?.textContent.includes('bits')"),
    ]:
        open_tab(page, name)
        page.wait(ready, 30)
        if name == "memory":
            page.wait("document.querySelectorAll('.write-units button').length == 10", 30)
        assert page.wait("document.documentElement.scrollWidth") <= 390
        page.screenshot("phone-" + name)
