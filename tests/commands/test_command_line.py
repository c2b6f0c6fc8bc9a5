"""The edge of every command: what Ctrl-C and wrong words make of it."""

import pytest
import typer

from clear_bench.utils.command_line import main


def test_ctrl_c_is_said_and_has_its_own_status(monkeypatch, capsys):
    app = typer.Typer()

    @app.command()
    def command() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sys.argv", ["command"])
    with pytest.raises(SystemExit) as end:
        main(app)
    assert end.value.code == 130
    assert "run the same command again" in capsys.readouterr().err
