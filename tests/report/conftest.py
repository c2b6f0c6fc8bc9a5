"""One report, one page and one browser for all of their tests.

Reports and pages are made once a session and are for reading alone, see ``tests/conftest.py``.
"""

import json
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest
import yaml
from browser import chromium, resize, scheme
from fake_runs import fake_world
from matplotlib.figure import Figure
from page_material import draw, fill

from clear_bench.report import draw as drawing_one
from clear_bench.report.figures.style import settle
from clear_bench.report.figures.style import write as print_all
from clear_bench.report.web import write as page
from clear_bench.report.write import write_all
from clear_bench.results.load import Results
from clear_bench.results.missing import Expected

KEPT = ".cache/figures"
PLAN = Expected("default", ("synthped",), ("clear", "vtb", "chance", "asmr", "swin"), 3)


@pytest.fixture(scope="session")
def made(made_once):
    """The folder of runs of every kind, and the page of them."""

    def make(home):
        fill(home / "runs")
        draw(home / "out")
        page.write(Results.load(home / "runs"), home / "out")

    home = made_once("page", make)
    return home / "runs", home / "out/index.html"


@pytest.fixture(scope="session")
def bench(made_once):
    """Runs with every kind of gap, see `fake_world`."""
    return made_once("bench", fake_world)


@pytest.fixture(scope="session")
def written(bench, made_once):
    """The whole report of those runs; of each figure the first picture is printed, see below."""

    def make(home):
        out = home / "reports/out"
        out.mkdir(parents=True)
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(home)  # where nothing lies that figures could be drawn of
            patch.setattr(drawing_one, "write", print_the_first)
            write_all(Results.load(bench, expected=PLAN), out, keep=home / KEPT)

    return made_once("written", make) / "reports/out"


def print_the_first(figure, path):
    """Print the first picture of a figure; lay the others out, and print their size.

    ``test_figures.py`` prints every picture of its runs.
    """
    key = path.name.partition("-")[0]
    if next(path.parent.glob(f"{key}-*.pdf"), None):
        settle(figure)
        figure = Figure(figsize=figure.get_size_inches())
    return print_all(figure, path)


@pytest.fixture(scope="session")
def commanded(bench, written, made_once):
    """The same report by the command, in a process of its own, and what that said.

    It finds the figures of `written` kept; ``test_figures.py`` draws figures twice.
    """

    def make(folder):
        shutil.copytree(written.parents[1] / KEPT, folder / KEPT)
        plan = {"profile": PLAN.profile, "datasets": list(PLAN.datasets),
                "bench": {"method": list(PLAN.methods), "seeds": PLAN.seeds}}  # fmt: skip
        (folder / "params.yaml").write_text(yaml.safe_dump(plan))
        words = ["report", "--runs", bench, "--out", "out", "--exports", "dvc"]
        code = (
            "import sys; from clear_bench.report.__main__ import app;"
            "from clear_bench.utils.command_line import main\n"
            f"sys.argv = {list(map(str, words))!r}\n"
            "try: main(app)\n"
            "finally: assert not {'torch', 'mmengine', 'mlflow', 'optuna'} & set(sys.modules)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True
        )
        said = {k: getattr(done, k) for k in ("returncode", "stdout", "stderr")}
        (folder / "said.json").write_text(json.dumps(said))

    folder = made_once("commanded", make)
    return folder, SimpleNamespace(**json.loads((folder / "said.json").read_text()))


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
def width():
    """Of the window that `shown` opens the page in; a test may be of others."""
    return 1280


@pytest.fixture
def look():
    """The colour scheme that `shown` opens the page in; a test may be of the other."""
    return "light"


@pytest.fixture
def shown(made, driver, width, look):
    """The browser with the page as it opens by double click."""
    resize(driver, width)
    scheme(driver, look)
    driver.get(made[1].as_uri())
    yield driver
    severe = [line["message"] for line in driver.get_log("browser") if line["level"] != "INFO"]
    assert severe == []
