"""What mmengine says goes to the log of the run, and the terminal is for what matters."""

import logging

from clear_bench.engine.fit import QuietRunner
from clear_bench.runs.files import LOG


def test_warnings_go_to_the_log_of_the_run_and_errors_to_the_terminal_too(tmp_path, capfd):
    runner = object.__new__(QuietRunner)
    runner._work_dir = str(tmp_path / "mmengine")
    runner._experiment_name = "test_quiet"
    logger = runner.build_logger("INFO")
    try:
        for level in (logging.INFO, logging.WARNING, logging.ERROR):
            logger.log(level, "said at %s", logging.getLevelName(level))
        kept = (tmp_path / LOG).read_text()
        assert "said at INFO" not in kept
        assert "said at WARNING" in kept and "said at ERROR" in kept
        streams = [h for h in logger.handlers if not isinstance(h, logging.FileHandler)]
        assert [h.level for h in streams] == [logging.ERROR]
    finally:
        for handler in logger.handlers:
            handler.close()


def test_where_weights_come_from_goes_there_too(tmp_path, capfd, monkeypatch):
    runner = object.__new__(QuietRunner)
    runner._work_dir = str(tmp_path / "mmengine")
    monkeypatch.setattr(
        QuietRunner.__base__, "load_or_resume", lambda self: print("Loads checkpoint from x")
    )
    runner.load_or_resume()
    print("ours")
    assert capfd.readouterr().out == "ours\n"
    assert (tmp_path / LOG).read_text() == "Loads checkpoint from x\n"
