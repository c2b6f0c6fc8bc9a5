"""What a reader does with the page."""

import time

WAIT = 10.0


def press(driver, *keys, holding=None):
    """Press keys by their names in selenium, or type a text."""
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.keys import Keys

    for key in keys:
        chain = ActionChains(driver)
        word = getattr(Keys, key, key)
        if holding:
            held = getattr(Keys, holding)
            chain = chain.key_down(held).send_keys(word).key_up(held)
        else:
            chain = chain.send_keys(word)
        chain.perform()


def focus(driver, selector):
    driver.execute_script("document.querySelector(arguments[0]).focus()", selector)


def click(driver, selector):
    driver.execute_script("document.querySelector(arguments[0]).click()", selector)


def choose(driver, section, facet, value):
    """Choose a value of a section's selector."""
    from selenium.webdriver.support.select import Select

    found = driver.execute_script(
        "return [...document.querySelectorAll(`#${arguments[0]} .bar label`)]"
        ".find((label) => label.innerText.split('\\n')[0] === arguments[1])"
        ".querySelector('select')",
        section,
        facet,
    )
    Select(found).select_by_visible_text(value)


def table(driver, section="leaderboards"):
    """Return the id of the one table that a section shows."""
    shown = [
        panel
        for panel in driver.find_elements("css selector", f"#{section} .panel")
        if panel.is_displayed()
    ]
    assert len(shown) == 1, [panel.get_attribute("id") for panel in shown]
    return f"{shown[0].get_attribute('id')}-table"


def column(driver, head, of):
    """Return the texts of the rows that are seen in a column, top to bottom."""
    return driver.execute_script(
        "const table = document.getElementById(arguments[0]);"
        "const place = [...table.tHead.rows[0].cells]"
        ".findIndex((cell) => cell.dataset.head === arguments[1]);"
        "return [...table.tBodies[0].rows].filter((row) => row.checkVisibility())"
        ".map((row) => row.cells[place].textContent)",
        of,
        head,
    )


def names(driver, of):
    """Return the rows that are seen, by name, without the figures of footnotes."""
    return [t.removesuffix(" ours").rstrip("123456789") for t in column(driver, "method", of)]


def heads(driver, of):
    """Return the heads of the columns that are seen."""
    return driver.execute_script(
        "return [...document.getElementById(arguments[0]).tHead.rows[0].cells]"
        ".filter((cell) => cell.checkVisibility()).map((cell) => cell.dataset.head)",
        of,
    )


def saved(driver, name):
    """Return the bytes of a file that the page saved, once it is whole."""
    file = driver.saved / name
    end = time.monotonic() + WAIT
    while not file.is_file() and time.monotonic() < end:
        time.sleep(0.05)
    content = file.read_bytes()
    file.unlink()
    return content


def said(driver, beginning):
    """Return what the page says, once it begins so."""
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        words = driver.find_element("id", "said").get_attribute("textContent")
        if words.startswith(beginning):
            return words
        time.sleep(0.02)
    raise AssertionError(f"said {words!r}, not {beginning!r}")


def clipboard(driver):
    """Return what was copied."""
    return driver.execute_async_script(
        "navigator.clipboard.readText().then(arguments[0], (e) => arguments[0](String(e)))"
    )
