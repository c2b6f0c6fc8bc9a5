"""The page in a headless Chromium: keyboard, dialog, widths, modes, print, accessibility."""

import base64
import re
from pathlib import Path

import pytest
from browser import resize, scheme, violations
from page_driving import choose, click, focus, heads, names, press, table
from pdf_text import pdf_text

from clear_bench.report import web
from clear_bench.runs.record import records
from clear_bench.training.mlflow_runs import STUDIES

STYLE = Path(web.__file__).with_name("style.css")
KEY = "default-synthped-recognition_main"
LEADERBOARD = f"#{KEY}-table"
TARGET = "(cell) => cell.querySelector('a, button') ?? cell"


def at(driver, of):
    """Return the row and column of the cell that has the focus."""
    return driver.execute_script(
        "const cell = document.activeElement.closest('th, td');"
        "if (!cell || cell.closest('table').id !== arguments[0]) return null;"
        "return [cell.parentElement.rowIndex, cell.cellIndex]",
        of,
    )


def test_a_table_is_one_stop_and_arrow_keys_go_inside(shown):
    stops = (
        "return [...document.querySelectorAll('.panel:not([hidden]) table')].map((t) =>"
        " [...t.querySelectorAll('a, button, [tabindex]')].filter((n) => n.tabIndex >= 0).length)"
    )
    assert set(shown.execute_script(stops)) == {1}
    own = f"{KEY}-table"
    last_row, last = 5, len(heads(shown, own)) - 1
    focus(shown, f"{LEADERBOARD} th button")
    steps = (("ARROW_RIGHT", 0, 1), ("ARROW_DOWN", 1, 1), ("ARROW_LEFT", 1, 0),
             ("ARROW_LEFT", 1, 0), ("END", 1, last), ("ARROW_RIGHT", 1, last),
             ("PAGE_DOWN", last_row, last), ("ARROW_DOWN", last_row, last), ("ARROW_UP", 4, last),
             ("HOME", 4, 0), ("PAGE_UP", 0, 0))  # fmt: skip
    for key, *goal in steps:
        press(shown, key)
        assert at(shown, own) == goal, key
    press(shown, "END", holding="CONTROL")
    assert at(shown, own) == [last_row, last]
    assert set(shown.execute_script(stops)) == {1}
    press(shown, "TAB")
    assert at(shown, own) is None
    press(shown, "TAB", holding="SHIFT")
    assert at(shown, own) == [last_row, last]  # where the reader was
    click(shown, f'#leaderboards fieldset input[value="{heads(shown, own)[-1]}"]')
    assert set(shown.execute_script(stops)) == {1}  # also when that cell is hidden
    reached = (
        "const table = document.getElementById(arguments[0]);"
        f"const target = {TARGET};"
        "return [...table.rows].flatMap((row) => [...row.cells]).filter((c) => !c.hidden)"
        ".map(target).every((node) => { node.focus(); return node === document.activeElement; })"
    )
    assert shown.execute_script(reached, own)


def test_dialog_says_what_is_behind_a_number(made, shown):
    root, _ = made
    by_id = {r.run_id: r for _, r in records(root)}
    runs = [r for r in by_id.values() if (r.method, r.task) == ("clear", "recognition")]
    place = heads(shown, f"{KEY}-table").index("Acc") + 1
    button = f"{LEADERBOARD} tbody tr:first-child :nth-child({place}) button"
    focus(shown, button)
    press(shown, "ENTER")
    dialog = shown.find_element("id", "behind")
    assert dialog.is_displayed()
    assert shown.find_element("id", "behind-title").text == "CLEAR, Acc"
    rows = [
        [cell.text for cell in row.find_elements("css selector", "th, td")][:4]
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
    assert "MLflow\nexperiment clear-bench;" in text
    inside = "return document.getElementById('behind').contains(document.activeElement)"
    outside = (
        "return document.activeElement !== document.body"
        " && !document.getElementById('behind').contains(document.activeElement)"
    )
    assert shown.execute_script(inside)
    for _ in range(6):
        press(shown, "TAB")
        assert not shown.execute_script(outside)  # the rest of the page cannot be reached
    press(shown, "ESCAPE")
    assert not dialog.is_displayed()
    assert shown.execute_script(
        "return document.activeElement === document.querySelector(arguments[0])", button
    )


def test_dialog_of_a_variant_says_its_changes_and_its_place_in_mlflow(shown):
    row = "#default-synthped-ablation-depth-table tbody tr:nth-child(2)"
    shown.find_element("css selector", f"{row} td:nth-of-type(4) button").click()
    text = shown.find_element("id", "behind").text
    assert "2, Δ mAP" in text
    assert "retrieval.model.depth = 2" in text
    assert "--set retrieval.model.depth=2" in text
    assert (
        f"experiment {STUDIES}, below the run depth synthped default: 2, seed 0; 2, seed 1" in text
    )
    shown.find_element("css selector", "#behind .close").click()
    assert not shown.find_element("id", "behind").is_displayed()


def test_dialog_of_a_gap_says_why(shown):
    shown.find_element("css selector", f"{LEADERBOARD} td.gap[data-cell] button").click()
    text = shown.find_element("id", "behind").text
    assert "No number.\nseed 0 stale: engine.recognition was 0, is 1; train it again" in text
    assert "--method alm" in text


@pytest.mark.parametrize("look", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1024, 1440])
def test_accessible_and_no_wider_than_the_window(shown, look, width):
    dark = shown.execute_script(
        "const rgb = getComputedStyle(document.body).backgroundColor.match(/\\d+/g);"
        "return Number(rgb[0]) < 128"
    )
    assert dark == (look == "dark")

    def fits():
        return shown.execute_script("return document.documentElement.scrollWidth") <= width

    assert violations(shown) == []
    choose(shown, "leaderboards", "metrics", "calibration")
    choose(shown, "ablations", "study", "lm choice")
    choose(shown, "tables", "data set", "synthped")
    choose(shown, "tables", "table", "environment")
    shown.execute_script("document.querySelectorAll('summary').forEach((part) => part.click())")
    assert violations(shown) == []
    assert fits()
    click(shown, "#leaderboards .panel:not([hidden]) td[data-cell] button")
    assert violations(shown) == []
    box = shown.find_element("id", "behind").rect
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    inner = "const d = document.getElementById('behind'); return d.scrollWidth - d.clientWidth"
    assert shown.execute_script(inner) == 0


def test_a_look_is_colours_alone():
    """So what a width does wrong in one look, it does in the other, and the other way round."""
    (dark,) = re.findall(
        r"@media [^{]*dark\) \{\s*:root \{(.*?)\}\s*\}", STYLE.read_text(), re.DOTALL
    )
    assert STYLE.read_text().count("color-scheme: dark") == 1
    assert all(part.strip().startswith("--") for part in dark.split(";") if part.strip())
    (small,) = re.findall(r"(?m)^@media \(max-width.*?^\}", STYLE.read_text(), re.DOTALL)
    assert "color" not in small and "--" not in small


def test_axe_would_find_something(shown):
    shown.execute_script("document.querySelector('figure img').removeAttribute('alt')")
    assert [v.partition(":")[0] for v in violations(shown)][:1] == ["image-alt"]


def test_heads_and_names_stay_and_a_wide_table_says_that_it_scrolls(shown):
    hint = f"return document.querySelector('#{KEY} .hint').checkVisibility()"
    assert not shown.execute_script(hint)
    resize(shown, 375, 500)
    press(shown, "ESCAPE")
    assert shown.execute_async_script(
        f"requestAnimationFrame(() => requestAnimationFrame(() => arguments[0]({hint[7:]})))"
    )
    moved = shown.execute_script(
        "const table = document.getElementById(arguments[0]);"
        "const box = table.closest('.scroll'); box.style.maxHeight = '6rem';"
        "box.scrollTo(200, 60);"
        "const at = (node) => node.getBoundingClientRect();"
        "const name = table.querySelector('tbody tr:last-child .name');"
        "const head = table.tHead.rows[0].cells[4];"
        "const looks = getComputedStyle;"
        "const lines = looks(head).borderBottomWidth + looks(name).borderRightWidth;"
        "return [box.scrollLeft, box.scrollTop, at(head).top - at(box).top,"
        " at(name).left - at(box).left, lines]",
        f"{KEY}-table",
    )
    assert moved[0] == 200 and moved[1] > 20
    assert moved[2] < 3 and moved[3] < 80 and moved[4] == "1px1px"


def test_figures_have_no_white_ground_in_the_dark(shown):
    """The picture's corner is the page, its black line white, and its photograph as it was."""
    from io import BytesIO

    from PIL import Image

    colours = {}
    for look in ("light", "dark"):
        scheme(shown, look)
        shown.refresh()
        image = shown.find_element("css selector", "#figure-qualitative-synthped-best img")
        with Image.open(BytesIO(image.screenshot_as_png)).convert("RGB") as seen:
            scale = seen.width / 600
            points = {"ground": (500, 20), "line": (300, 110), "photograph": (30, 30)}
            colours[look] = {
                name: seen.getpixel((int(x * scale), int(y * scale)))
                for name, (x, y) in points.items()
            }
    assert colours["light"]["ground"] == (255, 255, 255)
    assert max(colours["light"]["line"]) < 60
    assert max(colours["dark"]["ground"]) < 40
    assert min(colours["dark"]["line"]) > 200
    for before, after in zip(*(colours[look]["photograph"] for look in colours), strict=True):
        assert abs(before - after) < 3


def printed(driver):
    """Return the text of the page on paper."""
    options = {"preferCSSPageSize": True, "printBackground": False}
    return pdf_text(base64.b64decode(driver.execute_cdp_cmd("Page.printToPDF", options)["data"]))


@pytest.mark.parametrize("look", ["light", "dark"])
def test_paper_holds_every_table_whole(shown, look):
    text = printed(shown)
    tables = shown.execute_script(
        "return [...document.querySelectorAll('table.results')].map((table) =>"
        " [[...table.tHead.rows[0].cells], [...table.tBodies[0].rows].map((r) => r.querySelector("
        "'.name'))].map((cells) => cells.map((c) => c.textContent.replace(/\\s/g, ''))))"
    )
    assert len(tables) > 10
    for head, rows in tables:
        assert "".join(head) in text, head  # all columns, side by side, and no arrows
        assert all(row.rstrip("123456789") in text for row in rows)
    assert not set("↕↑↓") & set(text)
    assert "Copy" not in text and "Download" not in text


def test_paper_is_as_wide_as_the_tables(shown):
    resize(shown, 1032)  # a page of A4 between its margins
    shown.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        wide = (
            "return Math.max(...[...document.querySelectorAll('table.results')].map((t) => t.%s))"
        )
        assert shown.execute_script(wide % "getBoundingClientRect().right") <= 1032
        heads_of = "return [...document.querySelectorAll('table.results th')]"
        stuck = ".map((cell) => getComputedStyle(cell).position)"
        assert set(shown.execute_script(heads_of + stuck)) == {"static"}
    finally:
        shown.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_plain_tables_without_scripts(made, shown):
    shown.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        shown.get(made[1].as_uri())
        panels = shown.find_elements("css selector", ".panel")
        assert len(panels) == len(shown.find_elements("css selector", "table")) > 5
        assert all(panel.is_displayed() for panel in panels)
        buttons = shown.find_elements("css selector", "main button")
        assert not [b for b in buttons if b.is_displayed()]  # nothing that would do nothing
        links = shown.find_elements("css selector", f"#{KEY} .files a")
        assert [link.text.rpartition(".")[2] for link in links] == ["tex", "md", "csv", "json"]
        assert violations_without_scripts(shown) == []
    finally:
        shown.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def violations_without_scripts(driver):
    """Return the regions that scroll and that no key reaches; axe itself needs scripts."""
    regions = driver.find_elements("css selector", ".scroll")
    return [r for r in regions if r.get_attribute("tabindex") != "0"]


def test_the_page_shows_the_same_after_a_reload(shown):
    choose(shown, "leaderboards", "metrics", "calibration")
    before = names(shown, table(shown))
    shown.refresh()
    assert table(shown) == "default-synthped-calibration-table"
    assert names(shown, table(shown)) == before
