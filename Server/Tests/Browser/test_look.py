import os

from selenium.webdriver.common.keys import Keys

MODELS = os.path.dirname(os.path.abspath(__file__)) + "/../../../models"
BOXES = "[...document.querySelectorAll('.look-box')]"


def open_look(open_page, **options):
    page = open_page("look/lenet5", **options)
    page.name = "look"
    page.wait("document.querySelectorAll('.look-box').length > 4")
    return page


def choose(page, title):
    page.driver.execute_script(
        f"{BOXES}.find(b => b.querySelector('.look-title').textContent == arguments[0])"
        ".dispatchEvent(new MouseEvent('click', {bubbles: true}))", title)


def run(page):
    page.click(".look-run button")
    page.wait("document.querySelectorAll('.look-thumbnail image').length > 3")


def heading(page):
    return page.wait("document.querySelector('.look-detail h2')?.textContent")


def test_a_run_shows_values_in_the_graph_and_beside_it(open_page):
    page = open_look(open_page)
    assert heading(page) == "lenet5"
    page.screenshot("graph")
    choose(page, "Conv")
    assert heading(page) == "Conv"
    assert "kernel_shape" in page.find(".look-detail").text
    run(page)
    assert page.find(".look-range").text.count("…") == 1
    page.wait("document.querySelectorAll('.look-summary .tiles canvas').length == 6")
    page.wait("document.querySelector('.look-summary .look-chart')")
    page.screenshot("run")


def test_constants_are_shown_when_they_are_opened(open_page):
    page = open_look(open_page)
    choose(page, "Conv")
    page.click(".look-entry summary")
    page.wait("document.querySelectorAll('.look-summary .tiles canvas').length == 6")
    assert "mean" in page.find(".look-summary").text


def test_the_graph_is_moved_and_zoomed_by_keys_and_buttons(open_page):
    page = open_look(open_page)
    graph = page.find(".look-svg")
    scale = "Number(/scale\\(([^)]*)/.exec(document.querySelector('.look-svg > g').getAttribute('transform'))[1])"
    before = page.wait(scale)
    page.click("[aria-label='Zoom in']")
    page.wait(f"{scale} > {before}")
    page.click("[aria-label='Show all']")
    page.wait(f"Math.abs({scale} - {before}) < 0.01")
    graph.send_keys("+++")
    graph.send_keys(Keys.ARROW_DOWN)
    assert heading(page) == "image"
    graph.send_keys(Keys.ARROW_DOWN)
    assert heading(page) == "Conv"
    graph.send_keys(Keys.ENTER)
    assert page.wait("document.activeElement.classList.contains('look-detail')")
    page.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert page.wait("document.activeElement.classList.contains('look-svg')")
    assert heading(page) == "Conv"
    graph.send_keys(Keys.ESCAPE)
    assert heading(page) == "lenet5"


def test_a_tall_graph_opens_in_columns(open_page):
    page = open_look(open_page)
    places = f"new Set({BOXES}.map(b => b.getAttribute('transform').split(' ')[0].slice(0, 12))).size"
    columns = page.driver.find_elements("css selector", ".look-tools button")[-1]
    assert columns.get_attribute("aria-pressed") == "true"
    assert page.wait(f"{BOXES}.length") == 14
    before = page.wait(places)
    page.screenshot("columns")
    columns.click()
    page.wait(f"{places} != {before}")
    assert columns.get_attribute("aria-pressed") == "false"


def test_an_address_without_a_model_shows_nothing_of_the_last_one(open_page):
    page = open_look(open_page)
    page.driver.execute_script("location.hash = '#look/nothere'")
    assert "nothere" in page.wait("document.querySelector('[role=alert] .look-error')?.textContent")
    assert not page.find(".look-columns").is_displayed()
    assert not page.find("input[type=search]").is_displayed()
    page.driver.execute_script("location.hash = '#look/char_lstm'")
    page.wait(f"{BOXES}.some(b => b.textContent.includes('LSTM'))")
    assert not page.find("[role=alert]").is_displayed()
    assert page.find("input[type=search]").is_displayed()
    assert all("404" in error["message"] for error in page.errors())


def test_a_served_model_is_simplified(open_page):
    page = open_page("look/char_lstm")
    page.wait(f"{BOXES}.length > 4")
    page.driver.execute_script(f"{BOXES}.forEach(b => {{ b.dataset.old = 'yes'; }})")
    page.click(".look-bar input[type=checkbox]")
    page.wait(f"{BOXES}.length > 4 && {BOXES}.every(b => !b.dataset.old)")
    choose(page, "LSTM")
    page.click(".look-entry summary")
    page.wait("document.querySelector('.look-summary .tiles canvas')")


def test_a_node_is_found_by_its_name(open_page):
    page = open_look(open_page)
    page.find("input[type=search]").send_keys("fc2", Keys.ENTER)
    assert heading(page) == "Gemm"
    assert "fc2" in page.find(".look-detail").text


def test_a_file_is_opened_and_an_other_one_refused(open_page, tmp_path):
    page = open_look(open_page)
    file = page.find(".look-file input")
    file.send_keys(os.path.abspath(MODELS + "/char_lstm.onnx"))
    page.wait(f"{BOXES}.some(b => b.textContent.includes('LSTM'))")
    other = tmp_path / "text.onnx"
    other.write_text("no model")
    file.send_keys(str(other))
    page.wait("document.querySelector('#status.error')?.textContent"
              ".startsWith('this is no ONNX file: ')")
    # The browser itself logs the status of the answer.
    assert all("400" in error["message"] for error in page.errors())


def test_the_network_of_train_is_looked_at(open_page):
    page = open_page("train")
    page.wait("document.querySelector('a[href^=\"#look/from/\"]')")
    page.driver.execute_script("document.querySelector('a[href^=\"#look/from/\"]').click()")
    page.wait(f"{BOXES}.some(b => b.textContent.includes('Gemm'))")
    assert heading(page) == "playground"


def test_a_phone_shows_the_graph_in_the_dark(open_page):
    page = open_look(open_page, width=390, dark=True)
    run(page)
    choose(page, "Conv")
    page.wait("document.querySelectorAll('.look-summary .tiles canvas').length")
    assert page.wait("document.documentElement.scrollWidth") <= 390
    page.screenshot("phone-run")
