"""The page in a headless Chromium: keyboard, dialog, sorting, phone width, accessibility."""

import pytest
from browser import chromium, resize, scheme, violations
from page_material import draw, fill

from clear_bench.report.web import write as page
from clear_bench.results.load import Results
from clear_bench.runs.record import records

LEADERBOARD = "#table-synthped-recognition_main-table"
COSTS = "#table-synthped-cost-recognition-table"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    home = tmp_path_factory.mktemp("page")
    fill(home / "runs")
    draw(home / "out")
    return home / "runs", page.write(Results.load(home / "runs"), "default", home / "out")


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture
def shown(made, driver):
    """Return the browser with the page as it opens by double click."""
    resize(driver, 1280)
    scheme(driver, "light")
    driver.get(made[1].as_uri())
    yield driver
    severe = [line["message"] for line in driver.get_log("browser") if line["level"] != "INFO"]
    assert severe == []


def press(driver, *keys):
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.keys import Keys

    for key in keys:
        ActionChains(driver).send_keys(getattr(Keys, key)).perform()


def focus(driver, selector):
    driver.execute_script("document.querySelector(arguments[0]).focus()", selector)


def column(driver, place, table=LEADERBOARD):
    """Return the texts of a column, top to bottom."""
    return driver.execute_script(
        "return [...document.querySelectorAll(arguments[0] + ' tbody tr')]"
        ".map(row => row.children[arguments[1]].textContent)",
        table,
        place,
    )


def numbers(texts):
    return [float(t.split()[0].rstrip("%†")) for t in texts if t[0].isdigit()]


def order_of(driver, place, table=LEADERBOARD):
    return driver.execute_script(
        "return document.querySelector(arguments[0] + ' thead tr').children[arguments[1]]"
        ".getAttribute('aria-sort')",
        table,
        place,
    )


@pytest.mark.parametrize(("table", "place"), [(LEADERBOARD, 2), (LEADERBOARD, 3), (COSTS, 1)])
def test_sorting_by_keyboard(shown, table, place):
    shown.find_element("css selector", table.removesuffix("table") + "tab").click()
    focus(shown, f"{table} th:nth-child({place + 1}) button")
    for key, rising in (("ENTER", False), ("SPACE", True), ("ENTER", False)):
        press(shown, key)
        texts = column(shown, place, table)
        assert numbers(texts) == sorted(numbers(texts), reverse=not rising)
        assert len(numbers(texts)) == 4
        assert len(set(numbers(texts))) > 1
        assert texts[-1].startswith("–")  # a gap is last, whichever way
        assert order_of(shown, place, table) == ("ascending" if rising else "descending")
        assert order_of(shown, 0, table) == "none"
    assert "Sorted by" in shown.find_element("id", "said").text


def test_sorting_by_name(shown):
    focus(shown, f"{LEADERBOARD} th:first-child button")
    press(shown, "ENTER")
    assert [t.rstrip("123456") for t in column(shown, 0)] == [
        "alm", "chance", "clear", "deepmar", "vtb"
    ]  # fmt: skip


def chosen(driver, tabs):
    """Return the keys of the tabs that are chosen, in the tab order, and of the panels shown."""
    return driver.execute_script(
        "const tabs = [...arguments[0].children];"
        "const keys = list => list.map(t => t.getAttribute('aria-controls'));"
        "return [keys(tabs.filter(t => t.getAttribute('aria-selected') === 'true')),"
        "keys(tabs.filter(t => t.tabIndex === 0)),"
        "keys(tabs.filter(t => document.getElementById(t.getAttribute('aria-controls'))"
        ".checkVisibility()))]",
        tabs,
    )


@pytest.mark.parametrize("name", ["Leaderboards", "Ablations"])
def test_tabs_by_arrow_keys(shown, name):
    tabs = shown.find_element("css selector", f'[role="tablist"][aria-label="{name}"]')
    keys = [t.get_attribute("aria-controls") for t in tabs.find_elements("css selector", "button")]
    last = len(keys) - 1
    assert last >= 1
    focus(shown, f"#{keys[0]}-tab")
    steps = (("ARROW_RIGHT", 1), ("ARROW_LEFT", 0), ("ARROW_LEFT", last), ("ARROW_RIGHT", 0),
             ("END", last), ("HOME", 0))  # fmt: skip
    for key, goal in steps:
        press(shown, key)
        assert chosen(shown, tabs) == [[keys[goal]]] * 3
        assert shown.switch_to.active_element.get_attribute("aria-controls") == keys[goal]
    tabs.find_elements("css selector", "button")[1].click()
    assert chosen(shown, tabs) == [[keys[1]]] * 3


def test_dialog_says_what_is_behind_a_number(made, shown):
    root, _ = made
    by_id = {r.run_id: r for _, r in records(root)}
    runs = [r for r in by_id.values() if (r.method, r.task) == ("clear", "recognition")]
    button = f"{LEADERBOARD} tbody tr:first-child td:nth-of-type(2) button"  # Acc of the best
    focus(shown, button)
    press(shown, "ENTER")
    dialog = shown.find_element("id", "behind")
    assert dialog.is_displayed()
    assert shown.find_element("id", "behind-title").text == "clear, Acc"
    rows = [
        [cell.text for cell in row.find_elements("css selector", "th, td")]
        for row in dialog.find_elements("css selector", "tbody tr")
    ]
    assert rows == [
        [str(r.seed), f"{100 * r.metrics['selected']['test']['accuracy']:.4f}",
         r.provenance["git_commit"][:10], r.run_id]
        for r in runs
    ]  # fmt: skip
    text = dialog.text
    assert runs[0].provenance["git_commit"] in text
    assert runs[0].protocol in text
    assert "changes to recipe\nnone" in text
    assert "python -m clear_bench.train --method clear --dataset synthped --profile default" in text
    assert "MLflow" in text
    inside = "return document.getElementById('behind').contains(document.activeElement)"
    outside = (
        "return document.activeElement !== document.body"
        " && !document.getElementById('behind').contains(document.activeElement)"
    )
    assert shown.execute_script(inside)
    for key in ("TAB", "TAB", "TAB", "TAB"):
        press(shown, key)
        assert not shown.execute_script(outside)  # the rest of the page cannot be reached
    press(shown, "ESCAPE")
    assert not dialog.is_displayed()
    assert shown.execute_script(
        "return document.activeElement === document.querySelector(arguments[0])", button
    )


def test_dialog_of_a_variant_says_its_changes_and_parent(made, shown):
    shown.find_element("css selector", "#table-synthped-ablation-depth-tab").click()
    table = "#table-synthped-ablation-depth-table tbody tr:nth-child(2)"
    shown.find_element("css selector", f"{table} td:nth-of-type(4) button").click()
    text = shown.find_element("id", "behind").text
    assert "2, Δ mAP" in text
    assert "retrieval.model.depth = 2" in text
    assert "--set retrieval.model.depth=2" in text
    shown.find_element("css selector", "#behind .close").click()
    assert not shown.find_element("id", "behind").is_displayed()


def test_dialog_of_a_gap_says_why(shown):
    shown.find_element("css selector", f"{LEADERBOARD} td.gap button").click()
    text = shown.find_element("id", "behind").text
    assert "No number.\nseed 0 stale: engine.recognition was 0, is 1; train it again" in text
    assert "--method alm" in text


def test_every_number_is_reached_by_tab(shown):
    focus(shown, f"{LEADERBOARD} th:nth-child(3) button")
    goals = shown.execute_script(
        "return document.querySelectorAll(arguments[0] + ' thead th:nth-child(n+4) button, ' +"
        "arguments[0] + ' tbody tr:first-child button').length",
        LEADERBOARD,
    )
    seen = 0
    for _ in range(goals):
        press(shown, "TAB")
        seen += shown.switch_to.active_element.tag_name == "button"
    assert seen == goals
    assert shown.switch_to.active_element.get_attribute("data-cell") is not None


@pytest.mark.parametrize("look", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1280])
def test_accessible_and_no_wider_than_the_window(shown, look, width):
    resize(shown, width)
    scheme(shown, look)
    shown.refresh()
    dark = shown.execute_script(
        "const rgb = getComputedStyle(document.body).backgroundColor.match(/\\d+/g);"
        "return Number(rgb[0]) < 128"
    )
    assert dark == (look == "dark")

    def fits():
        return shown.execute_script("return document.documentElement.scrollWidth") <= width

    for tab in range(2):
        for tabs in shown.find_elements("css selector", '[role="tablist"]'):
            tabs.find_elements("css selector", "button")[tab].click()
        assert violations(shown) == []
        assert fits()
    for details in shown.find_elements("css selector", "summary"):
        details.click()
    assert fits()
    shown.execute_script("document.querySelector('#leaderboards td button[data-cell]').click()")
    assert violations(shown) == []
    box = shown.find_element("id", "behind").rect
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    inner = "const d = document.getElementById('behind'); return d.scrollWidth - d.clientWidth"
    assert shown.execute_script(inner) == 0


def test_axe_would_find_something(shown):
    shown.execute_script("document.querySelector('figure img').removeAttribute('alt')")
    assert [v.partition(":")[0] for v in violations(shown)][:1] == ["image-alt"]


def test_pictures_are_shown(shown):
    widths = shown.execute_script(
        "return [...document.images].map(i => (i.loading = 'eager', i.decode())"
        ").length && Promise.all([...document.images].map(i => i.decode()))"
        ".then(() => [...document.images].map(i => i.naturalWidth))"
    )
    assert sorted(widths) == [300, 300, 600]


def test_readable_without_scripts(made, shown):
    shown.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        shown.get(made[1].as_uri())
        panels = shown.find_elements("css selector", '[role="tabpanel"]')
        assert len(panels) == len(shown.find_elements("css selector", "table"))
        assert len(panels) > 5
        assert all(panel.is_displayed() for panel in panels)
    finally:
        shown.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
