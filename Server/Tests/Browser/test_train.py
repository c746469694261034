import json
import time
import urllib.request


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
    mistake.click()
    page.wait(f"document.querySelector('.answer p').textContent.startsWith('Is {label[0]}, ')")
    assert sum(int(c.text or 0) for c in page.driver.find_elements("css selector", ".confusion td")) == 250
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
    page.click(".layer-list li:nth-child(1) button[title=Remove]")
    page.wait("!document.querySelector('.start').disabled")
    assert page.find(".layer-list li:nth-child(2) .facts").text == "→ 8 · 24 parameters"


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


def test_the_page_is_legible_on_a_dark_phone(open_page):
    page = open_page("train", width=390, dark=True)
    ready(page)
    page.click(".start")
    time.sleep(3)
    assert page.wait("document.documentElement.scrollWidth") <= 390
    page.screenshot("phone-spirals")
