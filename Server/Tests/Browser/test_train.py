import json
import random
import time
import urllib.request

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys


def figure(page, name):
    return page.find(f".figures .{name}").text


def accuracy(page):
    return float(figure(page, "accuracy").split()[0])


def steps(page):
    return int(figure(page, "step").replace(",", ""))


def ready(page):
    page.wait("document.querySelector('.figures .accuracy')?.textContent.includes('%')")


def choose(page, name):

    page.driver.execute_script(
        "const s = document.querySelector('.preset');"
        "s.value = [...s.options].find(o => o.textContent == arguments[0]).value;"
        "s.dispatchEvent(new Event('change'))",
        name,
    )


def colours(page, selector):
    """The number of different colours of a canvas."""
    return page.driver.execute_script(
        "const c = document.querySelector(arguments[0]);"
        "const d = new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer);"
        "return new Set(d).size",
        selector,
    )


def show(page, element):
    """Scrolls to an element, so that neither the controls nor the status hide it."""
    page.driver.execute_script("arguments[0].scrollIntoView({ block: 'center' })", element)


def pixels(page, selector):
    return page.driver.execute_script(
        "return document.querySelector(arguments[0]).toDataURL()", selector
    )


def test_spirals_are_learned_while_the_boundary_is_painted(open_page):
    page = open_page("train")
    ready(page)
    before = accuracy(page)
    heat = pixels(page, ".heat")
    page.click(".start")
    page.wait(
        "parseFloat(document.querySelector('.figures .accuracy').textContent) > 90", seconds=30
    )
    assert accuracy(page) > before
    assert pixels(page, ".heat") != heat
    assert colours(page, ".heat") > 20
    assert len(page.driver.find_elements("css selector", ".units canvas")) == 20
    points = page.find(".curves polyline.train").get_attribute("points").split()
    assert len(points) > 5
    page.click(".start")
    page.wait("document.querySelector('.start').textContent.includes('Start')")
    time.sleep(0.5)
    paused = steps(page)
    time.sleep(0.5)
    assert steps(page) == paused
    unit = page.find(".units .tiles:last-child canvas:nth-child(3)")
    show(page, unit)
    ActionChains(page.driver).move_to_element(unit).perform()
    page.wait("document.querySelector('.cloud h2').textContent == 'What unit 3 of layer 4 answers'")
    page.click(".training .start + button")
    page.wait(f"document.querySelector('.figures .step').textContent.replace(',', '') == '{paused + 1}'")
    page.screenshot("spirals")
    page.click(".training .start + button + button")
    page.wait("document.querySelector('.figures .step').textContent == '0'")
    assert accuracy(page) == before


def test_filters_and_maps_change_while_digits_are_learned(open_page):
    page = open_page("train")
    ready(page)
    choose(page, "Small convolutional network")
    page.wait("document.querySelectorAll('.filters canvas').length == 8")
    filters = pixels(page, ".filters canvas")
    maps = pixels(page, ".layers canvas")
    page.click(".start")
    page.wait(
        "parseFloat(document.querySelector('.figures .accuracy').textContent) > 60", seconds=60
    )
    assert pixels(page, ".filters canvas") != filters
    assert pixels(page, ".layers canvas") != maps
    page.click(".start")
    page.wait("document.querySelector('.start').textContent.includes('Start')")
    time.sleep(0.5)
    mistake = page.find(".mistakes button")
    label = mistake.get_attribute("aria-label")
    show(page, mistake)
    mistake.click()
    page.wait(f"document.querySelector('.answer p').textContent.startsWith('Is {label[0]}, ')")
    page.wait(
        "[...document.querySelectorAll('.confusion td')].reduce((n, c) => n + +c.textContent, 0) == 250"
    )
    page.screenshot("digits")


def test_a_wrong_layer_is_named_and_a_right_one_shows_its_shape(open_page):
    page = open_page("train")
    ready(page)
    page.driver.execute_script(
        "const s = document.querySelector('.layer-list li:nth-child(1) select');"
        "s.value = 'convolution'; s.dispatchEvent(new Event('change'))"
    )
    page.wait("document.querySelector('.design .problem').textContent.startsWith('layer 1 (convolution): ')")
    assert page.find(".layer-list li:nth-child(1)").get_attribute("class") == "wrong"
    assert not page.find(".start").is_enabled()
    assert "place it" not in page.find(".design .problem").text
    page.click(".layer-list li:nth-child(1) button[title=Remove]")
    page.wait("!document.querySelector('.start').disabled")
    assert page.find(".layer-list li:nth-child(2) .facts").text == "→ 8 · 24 parameters"
    choose(page, "LeNet-5")
    page.wait("document.querySelectorAll('.layer-list li').length == 10")
    page.driver.execute_script(
        "const s = document.querySelector('.layer-list li:nth-child(8) select');"
        "s.value = 'maxPool'; s.dispatchEvent(new Event('change'))"
    )
    page.wait(
        "document.querySelector('.design .problem').textContent =="
        " 'layer 8 (maxPool): a pool expects maps, found 120; place it before the first dense layer'"
    )


def test_a_network_without_layers_has_no_panel_of_units(open_page):
    page = open_page("train")
    ready(page)
    units = "document.querySelector('.units').parentNode.hidden"
    assert not page.wait(f"[{units}]")[0]
    for _ in range(4):
        page.click(".layer-list li:nth-child(1) button[title=Remove]")
    page.wait(units)
    assert page.find(".design fieldset .end").text == "300 to train on, validated with 200"


def type_number(page, box, text):
    page.driver.execute_script("arguments[0].focus()", box)
    box.send_keys(Keys.CONTROL, "a")
    box.send_keys(text)


def test_wrong_numbers_are_marked_and_not_trained_with(open_page):
    page = open_page("train")
    ready(page)
    units = page.find(".layer-list li:nth-child(1) .sizes input")
    batch = page.find(".settings input")
    for box, least, right in ((units, "of at least 1", "12"), (batch, "from 1 to 512", "32")):
        for text, found in (("0", "0"), ("-3", "-3"), (Keys.DELETE, "none"), ("1.5", "1.5")):
            type_number(page, box, text + Keys.ENTER)
            note = page.find("#" + box.get_attribute("aria-describedby")).text
            assert note.endswith(f": expected a whole number {least}, found {found}")
            assert box.get_attribute("aria-invalid") == "true"
            assert not page.find(".start").is_enabled()
        type_number(page, box, right + Keys.ENTER)
        page.wait("!document.querySelector('.start').disabled")
        assert box.get_attribute("aria-invalid") is None
    # Start takes a value that is still being edited.
    type_number(page, units, "9")
    page.click(".start")
    page.wait("document.querySelector('.start').textContent.includes('Pause')")
    assert page.find(".layer-list .facts").text == "→ 9 · 27 parameters"
    type_number(page, units, "0" + Keys.ENTER)
    page.wait("document.querySelector('.start').textContent.includes('Start')")


def test_a_run_is_saved_and_loaded(open_page, tmp_path):
    page = open_page("train")
    ready(page)
    page.click(".training .start + button")
    page.wait("document.querySelector('.figures .step').textContent == '1'")
    saved = tmp_path / "training.json"
    for link, name in (("training.json", saved), ("trained.onnx", tmp_path / "trained.onnx")):
        address = page.find(f"a[download='{link}']").get_attribute("href")
        name.write_bytes(urllib.request.urlopen(address).read())
    assert json.loads(saved.read_bytes())["design"]["data"]["kind"] == "spirals"
    page.click(".training .start + button + button")
    page.wait("document.querySelector('.figures .step').textContent == '0'")
    for name in ("training.json", "trained.onnx"):
        page.find("#train-file").send_keys(str(tmp_path / name))
        page.wait(f"document.getElementById('status').textContent.includes('Loaded {name}')")
        page.wait("document.querySelector('.figures .step').textContent == '1'")
        preset = page.find(".preset")
        assert preset.find_element("css selector", "option:checked").text == "Spirals"


def test_the_page_is_legible_on_a_dark_phone(open_page):
    page = open_page("train", width=390, dark=True)
    ready(page)
    page.click(".start")
    time.sleep(3)
    assert page.wait("document.documentElement.scrollWidth") <= 390
    page.screenshot("phone-spirals")


def convnetjs_digits():
    """The network of ConvNetJS's demonstration with digits, with random weights."""
    draw = random.Random(1)

    def volume(sx, depth, scale=0.0):
        count = sx * sx * depth
        return {"sx": sx, "sy": sx, "depth": depth, "w": [draw.gauss(0, scale) for _ in range(count)]}

    def layer(kind, size, depth, **more):
        return {"layer_type": kind, "out_sx": size, "out_sy": size, "out_depth": depth, **more}

    def filters(count, sx, depth):
        scale = (1 / (sx * sx * depth)) ** 0.5
        return {
            "filters": [volume(sx, depth, scale) for _ in range(count)],
            "biases": {"sx": 1, "sy": 1, "depth": count, "w": [0.1] * count},
        }

    window = {"sx": 5, "sy": 5, "stride": 1, "pad": 2}
    return {
        "layers": [
            layer("input", 24, 1),
            layer("conv", 24, 8, in_depth=1, **window, **filters(8, 5, 1)),
            layer("relu", 24, 8),
            layer("pool", 12, 8, sx=2, sy=2, stride=2, pad=0, in_depth=8),
            layer("conv", 12, 16, in_depth=8, **window, **filters(16, 5, 8)),
            layer("relu", 12, 16),
            layer("pool", 4, 16, sx=3, sy=3, stride=3, pad=0, in_depth=16),
            layer("fc", 1, 10, num_inputs=256, **filters(10, 4, 16)),
            layer("softmax", 1, 10, num_inputs=10),
        ]
    }


def test_a_network_of_convnetjs_is_trained_further(open_page, tmp_path):
    page = open_page("train")
    ready(page)
    (tmp_path / "net.json").write_text(json.dumps(convnetjs_digits()))
    page.find("#train-file").send_keys(str(tmp_path / "net.json"))
    page.wait("document.getElementById('status').textContent.includes('Loaded net.json')")
    page.wait("document.querySelectorAll('.filters canvas').length == 8")
    assert len(page.driver.find_elements("css selector", ".layer-list li")) == 7
    page.click(".start")
    page.wait(
        "parseFloat(document.querySelector('.figures .accuracy').textContent) > 50", seconds=60
    )
    page.click(".start")
    page.screenshot("convnetjs")
