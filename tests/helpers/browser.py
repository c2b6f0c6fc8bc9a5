"""A headless Chromium without internet, for tests of the page."""

import shutil
from contextlib import contextmanager
from importlib.metadata import files
from pathlib import Path

import pytest

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--force-device-scale-factor=1",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost",
)  # fmt: skip


@contextmanager
def chromium(profile_folder):
    """Yield a driver of Debian's Chromium; the test is skipped where there is none."""
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not browser or not driver:
        pytest.skip("no chromium here; apt-get install chromium chromium-driver")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in (*FLAGS, f"--user-data-dir={profile_folder}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    found = webdriver.Chrome(options, webdriver.ChromeService(driver))
    found.set_page_load_timeout(60)
    try:
        yield found
    finally:
        found.quit()


def resize(driver, width, height=900):
    """Give the page a width in CSS pixels; a real window cannot be as narrow as a phone."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def scheme(driver, name):
    """Choose the ``light`` or the ``dark`` colour scheme."""
    features = [{"name": "prefers-color-scheme", "value": name}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def axe_source():
    """Return axe-core as text; the package that brings it is pinned in the lock file."""
    found = next(f for f in files("axe-playwright-python") if f.name == "axe.min.js")
    return Path(found.locate()).read_text(encoding="utf-8")


def violations(driver):
    """Return what axe-core finds wrong on the page as it is now, one line each."""
    if not driver.execute_script("return typeof axe !== 'undefined'"):
        driver.execute_script(axe_source())
    found = driver.execute_async_script(
        "const done = arguments[0];"
        "axe.run(document, {resultTypes: ['violations']})"
        ".then(r => done(r.violations)).catch(e => done([{id: String(e), nodes: []}]));"
    )
    return [f"{v['id']}: {n['html'][:120]}" for v in found for n in v["nodes"] or [{"html": ""}]]
