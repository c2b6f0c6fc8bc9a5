"""The server of the demo without a socket, as the page asks it."""

from pathlib import Path

from clear_bench.demo.at_hand import runs_at_hand
from clear_bench.demo.galleries import Galleries
from clear_bench.demo.server import make_app
from clear_bench.demo.work import Work


def app_of(trained, market, cache, gallery=None):
    """Return the server of the tiny CLEAR."""
    names = [record.run_id for record in trained.records]
    shown = runs_at_hand(trained.root, names)
    galleries = Galleries(trained.root, market, gallery)
    return make_app(Work(shown, galleries, trained.root, Path(cache)), "127.0.0.1")
