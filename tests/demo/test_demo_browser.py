"""The demo in a headless Chromium: by mouse, by keyboard, on a phone, in the dark."""

import threading

import numpy as np
import pytest
from browser import chromium, resize, scheme, violations
from demo_client import app_of
from page_driving import press
from PIL import Image
from selenium.webdriver.support.ui import Select, WebDriverWait

from clear_bench.demo.server import listening

MARKUP = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def address(trained, market, tmp_path_factory):
    """Where the demo of the tiny CLEAR answers."""
    app = app_of(trained, market, tmp_path_factory.mktemp("cache"))
    server = listening(app, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://localhost:{server.port}/"
    server.shutdown()
    thread.join()


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture
def page(address, driver):
    resize(driver, 1280)
    scheme(driver, "light")
    driver.get(address)
    until(driver, "document.querySelectorAll('#attributes select').length > 0")
    yield driver
    assert [line["message"] for line in driver.get_log("browser") if line["level"] != "INFO"] == []


def until(driver, condition):
    """Wait for something; a page that never has it fails."""
    WebDriverWait(driver, 120, 0.05).until(lambda d: d.execute_script(f"return {condition}"))


def texts(driver, selector):
    return [found.text for found in driver.find_elements("css selector", selector)]


@pytest.fixture
def picture(tmp_path):
    """A picture whose name is no harmless word."""
    file = tmp_path / "a&b<i>.png"
    pixels = np.random.default_rng(0).integers(0, 256, (90, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file)
    return file


def give(driver, file):
    driver.find_element("id", "file").send_keys(str(file))
    until(driver, "document.querySelectorAll('#bars tbody tr').length > 0")


def search(driver):
    driver.find_element("css selector", "button.go").click()
    until(driver, "document.querySelectorAll('.answer').length > 0")
    done = "[...document.querySelectorAll('img')].every((i) => i.complete && i.naturalWidth > 0)"
    driver.execute_script("document.querySelectorAll('img').forEach((i) => i.loading = 'eager')")
    until(driver, done)


def test_a_picture_and_a_ranking_for_every_eye(page, picture, trained):
    names = trained.runs[0].dataset.schema.names
    give(page, picture)
    rows = texts(page, "#bars tbody th")
    assert {row.split("\n")[0].split(" (")[0] for row in rows} == set(names)
    assert len(page.find_elements("css selector", "#pictures img")) == 4
    widths = page.execute_script(
        "return [...document.querySelectorAll('#bars .fill')].map((f) => parseFloat(f.style.width))"
    )
    numbers = [float(text.rstrip(" %")) for text in texts(page, "#bars td.number")]
    assert widths == pytest.approx(numbers, abs=0.06)
    Select(page.find_element("css selector", "#attributes select")).select_by_index(1)
    search(page)
    page.find_element("css selector", "summary").click()
    assert len(page.find_elements("css selector", ".vector li")) == len(names)
    for look in ("light", "dark"):
        scheme(page, look)
        for width in (375, 1280):
            resize(page, width)
            if (look == "dark") == (width == 375):
                assert violations(page) == [], (look, width)
            assert page.execute_script("return document.documentElement.scrollWidth") <= width
            overlaps = page.execute_script(OVERLAPS)
            assert overlaps == [], (look, width)


OVERLAPS = """
const shown = [...document.querySelectorAll('select, input, button, .drop')]
  .filter((e) => e.checkVisibility() && !e.closest('.hits'));
const box = (e) => e.getBoundingClientRect();
const before = (a, b, from, to) => box(a)[from] < box(b)[to] - 1 && box(b)[from] < box(a)[to] - 1;
const over = (a, b) => !a.contains(b) && !b.contains(a)
  && before(a, b, 'left', 'right') && before(a, b, 'top', 'bottom');
return shown.flatMap((a, k) => shown.slice(k + 1).filter((b) => over(a, b))
  .map((b) => `${a.id || a.outerHTML} ${b.id || b.outerHTML}`));
"""


def tab_to(driver, words):
    """Press Tab until a condition on the focused element, ``at``, holds."""
    for _ in range(60):
        press(driver, "TAB")
        if driver.execute_script(f"const at = document.activeElement; return {words}"):
            return
    raise AssertionError(f"no key leads to: {words}")


def test_a_hit_is_shown_with_its_attributes_by_keyboard_alone(page):
    tab_to(page, "at.matches('#attributes select')")
    press(page, "DOWN")
    assert page.execute_script("return document.activeElement.className") == "said"
    tab_to(page, "at.textContent === 'search'")
    press(page, "ENTER")
    until(page, "document.querySelectorAll('.answer').length > 0")
    tab_to(page, "at.matches('summary')")
    press(page, "ENTER")
    assert page.find_element("css selector", ".answer details").get_attribute("open")
    tab_to(page, "at.matches('.hits button')")
    press(page, "ENTER")
    until(page, "document.querySelectorAll('#bars tbody tr').length > 0")
    assert page.execute_script("return document.activeElement.id") == "picture-title"


def test_words_and_what_cannot_be_read_are_said_and_never_markup(page, tmp_path):
    page.find_element("css selector", "input[value=words]").click()
    page.find_element("id", "text").send_keys(f"{MARKUP} with a hat")
    search(page)
    assert "recognised in the words: hat" in page.find_element(
        "css selector", ".answer details"
    ).get_attribute("textContent")
    page.find_element("id", "text").clear()
    page.find_element("id", "text").send_keys(MARKUP)
    page.find_element("css selector", "button.go").click()
    until(page, "document.querySelector('.answer .error')")
    assert MARKUP in page.find_element("css selector", ".answer .error").text
    assert not page.find_elements("css selector", "img[src=x]")
    bad = tmp_path / "<b>.png"
    bad.write_bytes(b"no picture")
    page.find_element("id", "file").send_keys(str(bad))
    until(page, "document.getElementById('picture-status').className === 'status error'")
    assert "the picture: not a readable image" in page.find_element("id", "picture-status").text
    page.get_log("browser")  # Chromium notes each answer of 400


def test_another_page_cannot_use_it(address, driver, tmp_path):
    """A page elsewhere that tries to read, to embed and to make it work."""
    (tmp_path / "evil.html").write_text(
        f"<iframe src='{address}'></iframe><img id=i src='{address}picture/x/0'><script>"
        f"window.found = []; for (const path of ['about', 'search']) fetch('{address}' + path,"
        "path === 'about' ? {} : {method: 'POST', body: '{}'})"
        ".then(() => found.push('read'), () => found.push('refused'));</script>"
    )
    driver.get((tmp_path / "evil.html").as_uri())
    until(driver, "found.length === 2 && document.getElementById('i').complete")
    assert driver.execute_script("return found") == ["refused", "refused"]
    assert driver.execute_script("return document.getElementById('i').naturalWidth") == 0
    blocked = [line["message"] for line in driver.get_log("browser")]
    assert any("frame" in line and "Content Security Policy" in line for line in blocked), blocked
