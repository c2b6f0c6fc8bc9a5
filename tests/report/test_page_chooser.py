"""What a reader does with the page in a headless Chromium: choose, search, sort, copy, link."""

import tarfile

import pytest
from page_driving import (
    choose,
    click,
    clipboard,
    column,
    focus,
    heads,
    names,
    press,
    said,
    saved,
    table,
)

from clear_bench.report.tables.build import chosen
from clear_bench.report.tables.write import FORMATS, SUFFIXES
from clear_bench.results.load import Results
from clear_bench.runs.files import RECORD
from clear_bench.runs.record import records

BOARD = "default-synthped-recognition_main"
COSTS = "default-synthped-cost-recognition"


def numbers(texts):
    return [float(t.split()[0].rstrip("%").rstrip("†")) for t in texts if t[0].isdigit()]


def order_of(driver, head, of):
    return driver.execute_script(
        "return [...document.getElementById(arguments[0]).tHead.rows[0].cells]"
        ".find((cell) => cell.dataset.head === arguments[1]).getAttribute('aria-sort')",
        of,
        head,
    )


def opened(driver, file, anchor=""):
    """Open the page anew, as from a link."""
    driver.get("about:blank")
    driver.get(file.as_uri() + anchor)


def address(driver):
    return driver.execute_script("return location.hash")


@pytest.mark.parametrize(("key", "head"), [(BOARD, "mA"), (BOARD, "Acc"), (COSTS, "params (M)")])
def test_sorting_by_keyboard(made, shown, key, head):
    opened(shown, made[1], f"#{key}")
    place = heads(shown, f"{key}-table").index(head) + 1
    focus(shown, f"#{key}-table th:nth-child({place}) button")
    texts = column(shown, head, f"{key}-table")
    before = order_of(shown, head, f"{key}-table")
    for pressed, turn in (("ENTER", 0), ("SPACE", 1), ("ENTER", 2)):
        press(shown, pressed)
        rising = (turn + (before == "descending")) % 2 == 1
        texts = column(shown, head, f"{key}-table")
        assert numbers(texts) == sorted(numbers(texts), reverse=not rising)
        assert len(numbers(texts)) == 4
        assert len(set(numbers(texts))) > 1
        assert texts[-1].startswith("–")  # a gap is last, whichever way
        order = "ascending" if rising else "descending"
        assert order_of(shown, head, f"{key}-table") == order
        assert order_of(shown, "method", f"{key}-table") == "none"
        assert said(shown, "Sorted by") == f"Sorted by {head}, {order}"


def test_sorting_by_name(shown):
    focus(shown, f"#{BOARD}-table th.name button")
    press(shown, "ENTER")
    assert names(shown, f"{BOARD}-table") == ["ALM", "Chance", "CLEAR", "DeepMAR", "VTB"]


def test_selectors_show_one_table_each(shown):
    assert table(shown) == f"{BOARD}-table"
    choose(shown, "leaderboards", "task", "retrieval")
    assert table(shown) == "default-synthped-retrieval_main-table"
    label = 'return document.querySelector("#leaderboards .bar").innerText'
    assert "protocol" in shown.execute_script(label)
    protocols = shown.execute_script(
        "return [...[...document.querySelectorAll('#leaderboards .bar label')]"
        ".find((l) => l.textContent.startsWith('protocol')).querySelector('select').options]"
        ".map((option) => option.value)"
    )
    assert len(protocols) == 2
    choose(shown, "leaderboards", "protocol", protocols[1])
    assert table(shown) == "default-synthped-retrieval_main-2-table"
    assert address(shown) == "#default-synthped-retrieval_main-2"
    choose(shown, "leaderboards", "task", "recognition")
    choose(shown, "leaderboards", "metrics", "calibration")
    assert table(shown) == "default-synthped-calibration-table"
    choose(shown, "ablations", "study", "lm choice")
    assert table(shown, "ablations") == "default-synthped-ablation-lm_choice-table"
    shown.back()
    assert table(shown, "ablations") == "default-synthped-ablation-depth-table"
    assert table(shown) == "default-synthped-calibration-table"


def test_search_filter_and_columns(shown):
    box = shown.find_element("css selector", '#leaderboards input[type="search"]')
    box.send_keys("vt")
    assert names(shown, f"{BOARD}-table") == ["VTB"]
    count = shown.find_element("css selector", "#leaderboards .count")
    assert count.text == "1 of 5 rows"
    box.send_keys(" nothing")
    assert names(shown, f"{BOARD}-table") == []
    box.clear()
    box.send_keys("a")
    assert len(names(shown, f"{BOARD}-table")) > 2
    box.clear()
    press(shown, "x", "BACKSPACE")
    assert len(names(shown, f"{BOARD}-table")) == 5
    before = heads(shown, f"{BOARD}-table")
    shown.find_element("css selector", "#leaderboards summary").click()
    for head in ("Prec", "rank"):
        click(shown, f'#leaderboards fieldset input[value="{head}"]')
    assert heads(shown, f"{BOARD}-table") == [h for h in before if h not in ("Prec", "rank")]
    assert count.text == "2 columns hidden"
    texts = {len(row.find_elements("css selector", "th, td")) for row in
             shown.find_elements("css selector", f"#{BOARD}-table tr")}  # fmt: skip
    assert texts == {len(before)}  # hidden, not gone
    choose(shown, "leaderboards", "metrics", "calibration")
    assert "rank" not in heads(shown, "default-synthped-calibration-table")


def test_a_filter_keeps_one_family(shown):
    """Families come from the methods' files; here two cells are given one."""
    shown.execute_script(
        "const table = document.getElementById(arguments[0]);"
        "const chooser = choosers[0];"
        "const place = headOf(table, 'Acc').cellIndex;"
        "headOf(table, 'Acc').setAttribute('data-filtered', '');"
        "[...table.tBodies[0].rows].forEach((row, k) => {"
        " row.cells[place].textContent = k < 2 ? 'one' : 'other'; });"
        "chooser.filled = null; chooser.show();",
        f"{BOARD}-table",
    )
    choose(shown, "leaderboards", "Acc", "one")
    assert column(shown, "Acc", f"{BOARD}-table") == ["one", "one"]
    assert address(shown) == f"#{BOARD}?leaderboards.only=Acc%3Aone"
    choose(shown, "leaderboards", "Acc", "all")
    assert len(column(shown, "Acc", f"{BOARD}-table")) == 5


def test_a_link_shows_what_its_sender_saw(made, shown):
    choose(shown, "ablations", "study", "lm choice")
    choose(shown, "leaderboards", "task", "retrieval")
    key = "default-synthped-retrieval_main"
    focus(shown, f"#{key}-table th:last-child button")
    press(shown, "ENTER")
    shown.find_element("css selector", '#leaderboards input[type="search"]').send_keys("cl")
    click(shown, '#leaderboards fieldset input[value="R@5"]')

    def seen():
        own = f"{key}-table"
        return (names(shown, own), heads(shown, own), column(shown, "mAP", own),
                table(shown), table(shown, "ablations"))  # fmt: skip

    before, href = seen(), shown.execute_script("return location.href")
    shown.find_element("xpath", '//*[@id="leaderboards"]//button[text()="Copy link"]').click()
    said(shown, "Copied the address")
    assert clipboard(shown) == href
    opened(shown, made[1])
    assert seen()[3:] != before[3:]
    opened(shown, made[1], href.partition("index.html")[2])
    assert seen() == before
    assert "R@5" not in before[1]
    assert before[0] == ["CLEAR"] and "leaderboards.find=cl" in href
    focus(shown, '#leaderboards input[type="search"]')
    press(shown, "END", "BACKSPACE", "BACKSPACE")
    texts = numbers(column(shown, "mAP", f"{key}-table"))
    assert len(texts) == 3 and texts == sorted(texts)


def test_an_anchor_shows_its_table(made, shown):
    key = "default-synthped-ablation-lm_choice"
    opened(shown, made[1], f"#{key}")
    assert table(shown, "ablations") == f"{key}-table"
    top = "return document.getElementById(arguments[0]).getBoundingClientRect().top"
    assert 50 < shown.execute_script(top, key) < 200  # below the selectors, which are seen
    shown.execute_script("location.hash = '#default-synthped-retrieval_main'")
    press(shown, "ESCAPE")
    assert table(shown) == "default-synthped-retrieval_main-table"
    opened(shown, made[1], "#default-gone-recognition_main")
    assert said(shown, "There is no") == "There is no default-gone-recognition_main in this page"
    assert table(shown) == f"{BOARD}-table"
    opened(shown, made[1], f"#{BOARD}?leaderboards.sort=nothing.ascending&leaderboards.hide=%25x")
    assert len(names(shown, f"{BOARD}-table")) == 5  # an address is what anybody wrote


@pytest.mark.parametrize("form", ["LaTeX", "CSV", "Markdown"])
def test_a_table_is_copied(made, shown, form):
    (wanted,) = chosen(Results.load(made[0]), "synthped-recognition_main")
    button = f'//*[@id="{BOARD}"]//div[@class="files"]/button[starts-with(., "{form}")]'
    shown.find_element("xpath", button).click()
    assert said(shown, "Copied") == f"Copied synthped-recognition_main as {form}"
    assert clipboard(shown) == FORMATS[form.lower()](wanted)


def test_files_are_saved(made, shown):
    root = made[0]
    (wanted,) = chosen(Results.load(root), "synthped-recognition_main")
    for form, suffix in SUFFIXES.items():
        xpath = f'//*[@id="{BOARD}"]//div[@class="files"]/button[starts-with(., "{suffix}")]'
        shown.find_element("xpath", xpath).click()
        name = f"synthped-recognition_main{suffix}"
        assert saved(shown, name).decode() == FORMATS[form](wanted)
    click(shown, f"#{BOARD}-table td[data-cell]:last-child button")
    click(shown, "#behind tbody tr:last-child td:last-child button")
    run_id = shown.find_element("css selector", "#behind tbody tr:last-child code").text
    folder = next(f for f, r in records(root) if r.run_id == run_id)
    assert saved(shown, f"{run_id}.json") == (folder / RECORD).read_bytes()
    press(shown, "ESCAPE")
    click(shown, "#downloads button")
    file = shown.saved.parent / "all.tar.gz"
    file.write_bytes(saved(shown, "clear-bench.tar.gz"))
    with tarfile.open(file) as tar:
        assert sum(name.endswith(RECORD) for name in tar.getnames()) == len(list(records(root)))
    click(shown, "#figure-comparison-synthped-recognition button")
    assert b"<svg" in saved(shown, "comparison-synthped-recognition.svg")


def test_commands_are_copied(shown):
    blocks = shown.find_elements("css selector", "main pre")
    assert len(blocks) == len(shown.find_elements("css selector", "main .command button")) > 1
    click(shown, "#reproduce .command button")
    said(shown, "Copied")
    assert clipboard(shown) == "make repro PROFILE=default"
    click(shown, f"#{BOARD}-table td[data-cell]:last-child button")
    click(shown, "#behind .command button")
    said(shown, "Copied the text")
    assert clipboard(shown).startswith("python -m clear_bench.train --method ")


def test_every_picture_can_be_decoded(shown):
    widths = (
        "const pictures = [...document.images];"
        "pictures.forEach((picture) => { picture.loading = 'eager'; });"
        "const all = Promise.all(pictures.map((picture) => picture.decode()));"
        "return all.then(() => pictures.map((picture) => picture.naturalWidth))"
    )
    found = shown.execute_script(widths)
    assert len(found) == 3
    assert min(found) > 0
