"""The page Draw: digits drawn with the pointer and keys, layers, windows and heat maps."""

import struct
import zlib

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from mixed_model import mixed_model

SEVEN = [
    (0.25, 0.2), (0.45, 0.19), (0.75, 0.2), (0.68, 0.35), (0.6, 0.5), (0.53, 0.65), (0.47, 0.8),
]


@pytest.fixture
def open_draw(open_page):
    def open_draw(**options):
        page = open_page("draw", **options)
        page.wait("document.querySelectorAll('.step canvas').length > 60")
        return page

    return open_draw


def draw(page, points):
    """Draws a line through points of the board, from 0 to 1."""
    board = page.find(".board canvas")
    size = board.size["width"]
    actions = ActionChains(page.driver, duration=30)
    for index, point in enumerate(points):
        actions.move_to_element_with_offset(board, *(int((at - 0.5) * size) for at in point))
        if index == 0:
            actions.click_and_hold()
    actions.release().perform()


def verdict(page, text):
    page.wait(f"document.querySelector('#verdict').textContent == '{text}'")


def choose(page, selector, value):
    page.driver.execute_script(
        "const s = document.querySelector(arguments[0]); s.value = arguments[1];"
        "s.dispatchEvent(new Event('change'))", selector, value)


def point(page, kind, number=0, x=0.5, y=0.5):
    """Moves the pointer over a map of the first step of a kind."""
    canvas = page.driver.find_elements("css selector", f".step.{kind} canvas")[number]
    size = canvas.size
    ActionChains(page.driver).move_to_element_with_offset(
        canvas, int((x - 0.5) * size["width"]), int((y - 0.5) * size["height"])).perform()
    page.wait(f"document.querySelector('.unit h2 span')")


def test_a_drawn_digit_is_recognised(open_draw):
    page = open_draw()
    verdict(page, "Draw, or choose an example.")
    draw(page, SEVEN)
    verdict(page, "It is a 7.")
    page.screenshot("desk")
    page.click("#undo")
    verdict(page, "Draw, or choose an example.")


def test_a_small_digit_in_a_corner_is_recognised(open_draw):
    page = open_draw()
    draw(page, [(0.05 + 0.2 * x, 0.7 + 0.25 * y) for x, y in SEVEN])
    verdict(page, "It is a 7.")


def test_a_digit_drawn_with_keys_is_recognised(open_draw):
    page = open_draw()
    board = page.find(".board canvas")
    board.send_keys(" " + Keys.ARROW_DOWN * 18 + " ")
    verdict(page, "It is a 1.")
    assert "It is a 1." in board.get_attribute("aria-label")
    board.send_keys(Keys.DELETE)
    verdict(page, "Draw, or choose an example.")


def test_examples_are_recognised(open_draw):
    page = open_draw()
    for digit in range(10):
        page.click(f"[aria-label='Example {digit}']")
        verdict(page, f"It is a {digit}.".replace("a 8", "an 8"))


@pytest.mark.parametrize("model", ["lenet5", "lenet5_max"])
def test_the_arithmetic_shown_is_the_servers(open_draw, model):
    page = open_draw()
    choose(page, "#draw-model", model)
    draw(page, SEVEN)
    verdict(page, "It is a 7.")
    result = page.driver.execute_script("return document.querySelector('.draw').page.compare()")
    assert result["count"] == 784 * 12 + 1176 + 1600 * 2 + 400 * 2 + 120 * 2 + 84 * 2 + 10 * 2
    assert result["most"] < 1e-4


def test_the_arithmetic_holds_for_every_kind_of_step(open_draw, serve, tmp_path):
    mixed_model(tmp_path / "mixed.onnx")
    page = open_draw()
    page.driver.get(serve(tmp_path) + "/#draw")
    page.wait("document.querySelector('#draw-model')?.value == 'mixed'")
    draw(page, SEVEN)
    page.wait("document.querySelector('.draw').page.values")
    assert page.driver.execute_script(
        "return document.querySelector('.draw').page.compare().most") < 1e-4
    kinds = page.driver.execute_script(
        "return document.querySelector('.draw').page.model.steps.map(step => step.kind)")
    assert "other" not in kinds


def test_pointing_shows_the_window_and_the_weights(open_draw):
    page = open_draw()
    draw(page, SEVEN)
    verdict(page, "It is a 7.")
    point(page, "convolution", 8)
    assert page.find(".unit h2").text.startswith("conv2.conv map 2")
    # A window on each of the six maps before, and the pixel itself.
    assert len(page.driver.find_elements("css selector", ".frame.window")) == 6
    assert len(page.driver.find_elements("css selector", ".frame.target")) == 1
    assert len(page.driver.find_elements("css selector", ".parts button")) == 6
    assert float(page.find(".unit").get_attribute("data-difference")) < 1e-4
    assert "✓" in page.find(".check").text
    page.screenshot("window")


def test_a_max_pool_shows_what_it_chose(open_draw):
    page = open_draw()
    choose(page, "#draw-model", "lenet5_max")
    draw(page, SEVEN)
    verdict(page, "It is a 7.")
    point(page, "maximum")
    assert len(page.driver.find_elements("css selector", ".frame.chosen")) == 1
    assert "the pool chose row" in page.find(".equation").text
    page.screenshot("max-pool")


def test_keys_move_through_a_map(open_draw):
    page = open_draw()
    draw(page, SEVEN)
    verdict(page, "It is a 7.")
    page.driver.execute_script("document.querySelector('.step.convolution').focus()")
    page.driver.switch_to.active_element.send_keys(
        Keys.ARROW_DOWN * 3 + Keys.ARROW_RIGHT * 5 + Keys.PAGE_DOWN)
    page.wait("document.querySelector('#unit-status').textContent"
              ".startsWith('conv1.conv, map 1, row 3, column 5: ')")


@pytest.mark.parametrize("method", ["activation", "saliency"])
def test_a_heat_map_appears_for_the_class_chosen(open_draw, method):
    page = open_draw(dark=method == "saliency")
    draw(page, SEVEN)
    verdict(page, "It is a 7.")
    choose(page, "#heat-method", method)
    page.wait("document.querySelector('.overlay').dataset.heat == 'shown'")
    sentence = "document.querySelector('#heat-sentence').textContent"
    assert " of 7 " in page.wait(sentence)
    page.driver.find_elements("css selector", ".bar")[3].click()
    page.wait(f"/ (of|for) 3\\b/.test({sentence})")
    page.screenshot(method)


def test_a_picture_file_is_read(open_draw, tmp_path):
    """A photograph of a 1: dark ink on light paper, not in the middle."""
    rows = [bytes(60 if 70 < x < 78 and 20 < y < 110 else 220 for x in range(200))
            for y in range(160)]
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(
            ">I", zlib.crc32(name + data))
    file = tmp_path / "one.png"
    file.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 200, 160, 8, 0, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
        + chunk(b"IEND", b""))
    page = open_draw()
    page.find("#picture-file").send_keys(str(file))
    verdict(page, "It is a 1.")


def test_models_that_take_no_picture_say_why(open_draw):
    page = open_draw()
    option = page.find("#draw-model option[value=char_lstm]")
    assert option.get_attribute("disabled")
    assert "it has 3 inputs" in option.text


def test_a_filter_shows_its_maps_without_classes(open_draw):
    page = open_draw()
    choose(page, "#draw-model", "edges")
    verdict(page, "The model gives a picture, not classes.")
    draw(page, SEVEN)
    point(page, "convolution")
    assert float(page.find(".unit").get_attribute("data-difference")) < 1e-4


def test_a_phone_shows_all_in_the_dark(open_draw):
    page = open_draw(width=390, dark=True)
    draw(page, SEVEN)
    verdict(page, "It is a 7.")
    point(page, "convolution", 2)
    assert page.wait("document.documentElement.scrollWidth") <= 390
    page.screenshot("phone")


def test_the_time_of_an_answer_is_shown(open_draw, figures):
    page = open_draw()
    for _ in range(3):
        draw(page, SEVEN)
        verdict(page, "It is a 7.")
    milliseconds = float(page.find("#latency").get_attribute("data-milliseconds"))
    assert page.find("#latency").text.startswith("in ")
    figures["a drawn digit is answered in, ms"] = milliseconds
