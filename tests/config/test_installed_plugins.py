"""Methods and studies that an installed distribution brings, by an entry point."""

import sys

import pytest
from plugin_folder import METHOD, SHARED, forget_plugins

from clear_bench.config import plugins
from clear_bench.config.compose import compose
from clear_bench.runs import code
from clear_bench.utils.errors import UserError


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a distribution with a package of plugins, as far as Python sees; say its package."""
    forget_plugins(monkeypatch)
    monkeypatch.syspath_prepend(tmp_path)

    def install(package):
        folder = tmp_path / "somebodys/plugins"
        folder.mkdir(parents=True)
        for place in (folder.parent, folder):
            (place / "__init__.py").touch()
        method = METHOD.replace("clear_bench.user_plugins", "somebodys.plugins")
        for name, text in {"user_prior": method, "shared_words": SHARED}.items():
            text = text.replace("UserPrior", "InstalledPrior")  # a registry knows each name once
            (folder / f"{name}.py").write_text(text)
        about = tmp_path / "somebodys-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: somebodys\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text(f"[{plugins.GROUP}]\nmine = {package}\n")
        plugins.forget()

    yield install
    for name in [name for name in sys.modules if name.startswith("somebodys")]:
        del sys.modules[name]
    monkeypatch.undo()
    plugins.forget()


def test_they_are_known_as_those_of_a_folder_are(install):
    assert plugins.installed() == ()
    install("somebodys.plugins")
    assert plugins.available("method")["user_prior"] == "somebodys.plugins.user_prior"
    assert plugins.title_of("user_prior") == "User prior"
    assert plugins.folder("method").name == "baselines"
    config = compose("user_prior", "synthped", "smoke")
    assert config["recognition"]["model"]["type"] == "InstalledPrior"
    assert "somebodys.plugins.shared_words" in code.closure("somebodys.plugins.user_prior")
    assert not any(name.startswith("somebodys") for name in sys.modules)  # read, not imported
    assert plugins.load("method", "user_prior").METHOD.numbers == {"recognition": 3}


@pytest.mark.parametrize("package", ["somebodys.nothing", "somebodys.plugins:METHOD"])
def test_one_that_is_not_there_is_one_line(install, package):
    install(package)
    with pytest.raises(UserError, match=f"entry point of clear_bench.plugins: {package}: no such"):
        plugins.available("method")
