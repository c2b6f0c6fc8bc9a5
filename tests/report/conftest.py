"""One page and one browser for all tests of the page."""

import pytest
from browser import chromium, resize, scheme
from page_material import draw, fill

from clear_bench.report.web import write as page
from clear_bench.results.load import Results


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """The folder of runs of every kind, and the page of them."""
    home = tmp_path_factory.mktemp("page")
    fill(home / "runs")
    draw(home / "out")
    return home / "runs", page.write(Results.load(home / "runs"), home / "out")


@pytest.fixture(scope="session")
def driver(tmp_path_factory):
    """A browser that saves into ``driver.saved`` and may use the clipboard."""
    with chromium(tmp_path_factory.mktemp("chromium")) as browser:
        browser.saved = tmp_path_factory.mktemp("saved")
        behaviour = {"behavior": "allow", "downloadPath": str(browser.saved)}
        browser.execute_cdp_cmd("Browser.setDownloadBehavior", behaviour)
        allowed = {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
        browser.execute_cdp_cmd("Browser.grantPermissions", allowed)
        yield browser


@pytest.fixture
def shown(made, driver):
    """The browser with the page as it opens by double click."""
    resize(driver, 1280)
    scheme(driver, "light")
    driver.get("about:blank")
    driver.get(made[1].as_uri())
    yield driver
    severe = [line["message"] for line in driver.get_log("browser") if line["level"] != "INFO"]
    assert severe == []
