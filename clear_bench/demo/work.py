"""What the page can ask for: one network at a time, and nothing of it is kept."""

import secrets
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from threading import Lock, Semaphore
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from clear_bench.data.schema import Schema
from clear_bench.demo import answers
from clear_bench.demo.at_hand import Shown
from clear_bench.demo.galleries import Galleries
from clear_bench.prediction.predictor import open_recogniser
from clear_bench.runs.files import SCHEMA
from clear_bench.search.query import UNSPECIFIED, setting
from clear_bench.search.question import of_attributes, of_text
from clear_bench.search.search_engine import Engine, open_engine
from clear_bench.training.trained_model import TrainedModel
from clear_bench.utils.errors import UserError, unknown

KEPT = 8  # networks in memory
ANY = "any"
"""In place of a picture's number: one at random."""


class Asked(BaseModel):
    """What the page sends of a query."""

    model_config = ConfigDict(extra="forbid", strict=True)

    run: str = Field(max_length=200)
    attributes: dict[str, bool] = Field(default={}, max_length=10_000)
    text: str = Field(default="", max_length=1000)
    unspecified: str = Field(default=UNSPECIFIED[0], max_length=20)


@dataclass(frozen=True)
class Work:
    """What the server can do.

    Args:
        shown: Run id to the runs.
        galleries: Gives the pictures of a retrieval run.
        runs_root: Folder of runs.
        cache: Folder of derived files.
    """

    shown: dict[str, Shown]
    galleries: Galleries
    runs_root: Path
    cache: Path
    lock: Lock = field(default_factory=Lock)
    """One network at a time."""

    decoding: Semaphore = field(default_factory=lambda: Semaphore(2))
    """Of pictures in their own size, which may be large."""

    def run(self, run_id: str, task: str) -> Shown:
        """Return a run that is shown.

        Raises:
            UserError: If there is none of that id and task.
        """
        known = {key: each for key, each in self.shown.items() if each.record.task == task}
        if run_id not in known:
            raise unknown(f"{task} run", run_id, known)
        return known[run_id]

    @cached_property
    def about(self) -> dict[str, Any]:
        """What can be chosen: recognition runs, and galleries with the runs that rank them."""
        galleries: dict[str, dict[str, Any]] = {}
        for run_id, each in self.shown.items():
            if each.record.task != "retrieval":
                continue
            key = self.galleries.key(each)
            schema = Schema.load(each.folder / SCHEMA, "train the run again")
            new = {"key": key, "title": self._title(each), "runs": [],
                   "attributes": answers.attributes_of(schema)}  # fmt: skip
            galleries.setdefault(key, new)["runs"].append({"id": run_id, "title": each.title})
        recognition = [
            {"id": run_id, "title": f"{each.title} on {each.record.dataset}"}
            for run_id, each in self.shown.items()
            if each.record.task == "recognition"
        ]
        return {"recognition": recognition, "galleries": list(galleries.values())}

    def _title(self, each: Shown) -> str:
        """Return what a gallery is called."""
        if self.galleries.folder:
            return f"{self.galleries.folder.name}, by the attributes of {each.record.dataset}"
        return f"{each.record.dataset}, test split"

    def recognise(self, run_id: str, content: bytes) -> dict[str, Any]:
        """Return what a run says of a picture, see `answers.recognised`."""
        shown = self.run(run_id, "recognition")
        with self.lock:
            return answers.recognised(_recogniser(shown.folder, self.runs_root), content)

    def search(self, asked: Asked) -> dict[str, Any]:
        """Return a ranking, see `answers.ranked`."""
        shown = self.run(asked.run, "retrieval")
        if bool(asked.attributes) == bool(asked.text.strip()):
            raise UserError("nothing is asked; choose attributes or type words")
        with self.lock:
            gallery = self.galleries.of(shown)
            engine = _engine(shown.folder, self.runs_root, self.cache)
            if asked.text:
                question = of_text(engine, asked.text, asked.unspecified)
            else:
                said = setting(engine.schema, asked.attributes)
                question = of_attributes(engine, said, asked.unspecified)
            return answers.ranked(engine, gallery, question, asked.text)

    def file(self, run_id: str, row: str) -> Path:
        """Return a picture's file in a run's gallery.

        Args:
            run_id: The retrieval run.
            row: Its place there, or `ANY`.

        Raises:
            UserError: If there is no such place.
        """
        found = self.galleries.of(self.run(run_id, "retrieval")).files
        if row == ANY:
            return found.root / secrets.choice(found.names)
        if not (row.isascii() and row.isdigit() and int(row[:9]) < len(found.names)):
            raise UserError(f"no such picture; the gallery has {len(found.names)}")
        return found.root / found.names[int(row[:9])]


@lru_cache(KEPT)
def _recogniser(folder: Path, root: Path) -> TrainedModel:
    return open_recogniser(folder, root)


@lru_cache(KEPT)
def _engine(folder: Path, root: Path, cache: Path) -> Engine:
    return open_engine(str(folder), root, cache)
