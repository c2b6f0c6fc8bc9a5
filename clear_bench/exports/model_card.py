"""The model card of an exported run: its data, how well it does, what it is not for."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from clear_bench.config import plugins
from clear_bench.config.dataset_name import reader_of, source_of
from clear_bench.results.bootstrap import intervals
from clear_bench.results.unit_scores import units_of
from clear_bench.runs.files import PREDICTIONS
from clear_bench.runs.record import Record
from clear_bench.training.trained_model import TrainedModel

OURS = "synthped"
"""The data set of this project's own, under its licence."""

TASK = {"recognition": "image-classification", "retrieval": "image-feature-extraction"}
"""Task to what a model hub calls it."""

WORDS = {
    "recognition": "says which attributes a person in a picture shows",
    "retrieval": "ranks pictures of persons by a description in attributes or words",
}
UNITS = {"recognition": "images", "retrieval": "queries"}

USE = """\
For research on person attribute recognition and attribute-based person retrieval: to reproduce,
compare and study methods on pictures like those it was trained on, crops of one person each.

It is not for decisions about people, nor to identify, follow or profile anybody.  Whoever points it
at people in public needs a legal ground and, as a rule, their consent."""

ATTRIBUTES = """\
An attribute is what annotators wrote of one picture: an impression of clothes, things carried and
looks.  Words such as a gender or an age are no fact about the person, neither identity nor
self-description, and errors differ between groups of people; nobody measured here how much.  A
probability is the network's, is not calibrated unless the protocol says so, and is taken for
"present" where it is greater than the threshold."""

LIMITS = """\
- Trained on one data set; its numbers hold for that test split alone.  Other cameras, countries,
  seasons and clothes give lower ones.
- Sees crops of {height} x {width} pixels; more than one person, or a part of one, is not what it
  knows.
- What is rare in the data is poorly known: see each attribute's share and mA below.
- One training run: other seeds give other numbers, which the intervals below do not cover.
{more}"""

DRAWN = "- Its pictures are drawn by a program.  It knows nothing of photographs."


def model_card(opened: TrainedModel) -> str:
    """Return README.md: a front matter as model hubs read it, and the card."""
    record = opened.record
    metrics = record.metrics["selected"]["test"]
    found: Mapping[str, tuple[float, float]] = {}
    if (opened.folder / PREDICTIONS).is_file():
        found = intervals(units_of(opened.folder, record), list(metrics))
    front = yaml.safe_dump(_front(record, metrics), sort_keys=False, allow_unicode=True)
    return f"---\n{front}---\n\n" + "\n".join(_body(opened, metrics, found)) + "\n"


def _front(record: Record, metrics: Mapping[str, float]) -> dict[str, Any]:
    """Return the front matter."""
    ours = record.dataset == OURS
    licence = (
        {"license": "apache-2.0"}
        if ours
        else {"license": "other", "license_name": "terms-of-the-data"}
    )
    kind = {"type": TASK[record.task], "name": f"Person attribute {record.task}"}
    values = [
        {"type": name, "name": name, "value": round(value, 6)}
        for name, value in metrics.items()
        if name != "queries"
    ]
    data = {"type": record.dataset, "name": _data(record.dataset)["title"], "split": "test"}
    return {
        **licence,
        "library_name": "clear-bench",
        "pipeline_tag": TASK[record.task],
        "tags": ["person-attribute-recognition", "pedestrian", record.method, record.dataset],
        "model-index": [
            {
                "name": record.run_id,
                "results": [{"task": kind, "dataset": data, "metrics": values}],
            }
        ],
    }


def _body(
    opened: TrainedModel, metrics: Mapping[str, float], found: Mapping[str, tuple[float, float]]
) -> Iterator[str]:
    """Yield the parts of the card."""
    record, seen = opened.record, opened.recogniser
    data = _data(record.dataset)
    title = plugins.title_of(record.method)
    height, width = seen.image_size
    yield f"# {title} on {data['title']}\n"
    yield f"`{record.run_id}` {WORDS[record.task]}.  Made and measured with clear-bench.\n"
    yield '```python\nimport clear_bench\n\nmodel = clear_bench.load("FOLDER")  # this one'
    yield 'model.predict(["person.jpg"])\n```\n'
    yield f"## Intended use\n\n{USE}\n"
    more = DRAWN if record.dataset == OURS else ""
    yield f"## Limits\n\n{LIMITS.format(height=height, width=width, more=more)}\n"
    yield "## Data\n"
    section = record.config["data"]
    yield f"{data['title']}, split `{section['split']}`, labels `{section['label_set']}`: "
    counts = {k.removesuffix("_images"): v for k, v in record.data.items() if k.endswith("_images")}
    yield ", ".join(f"{count} {name} images" for name, count in counts.items()) + "."
    yield f"Obtain it: {data['obtain']}.  {data['cite']}"
    yield (
        ""
        if record.dataset == OURS
        else ("\nThe weights come from these data: their terms hold for what is done with them.\n")
    )
    yield f"## Protocol\n\n`{record.protocol}`\n"
    epochs = record.config[record.task]["train"]["epochs"]
    yield f"Seed {record.seed}, profile {record.profile}, {epochs} epochs, epoch " + (
        f"{record.selected_epoch} selected; commit `{record.provenance.get('git_commit', '')}`.\n"
    )
    if opened.parent:
        yield f"Images are read by `{opened.parent.record.run_id}`, in `recognition/`.\n"
    yield f"## Metrics\n\nTest split, %; intervals: bootstrap over the test {UNITS[record.task]}.\n"
    yield _table(["metric", "value", "95 % interval"], _metric_rows(metrics, found))
    yield f"\n## Attributes\n\n{ATTRIBUTES}\n"
    yield _table(["attribute", "in words", "threshold", "share, %", "mA, %"], _attributes(seen))


def _metric_rows(
    metrics: Mapping[str, float], found: Mapping[str, tuple[float, float]]
) -> Iterator[list[str]]:
    """Yield a row a metric."""
    for name, value in metrics.items():
        if name != "queries":
            ends = found.get(name)
            interval = f"{100 * ends[0]:.2f} to {100 * ends[1]:.2f}" if ends else "not computed"
            yield [name, f"{100 * value:.2f}", interval]


def _attributes(seen: TrainedModel) -> Iterator[list[str]]:
    """Yield a row an attribute."""
    record = seen.record
    threshold = record.threshold
    for k, attribute in enumerate(seen.schema.attributes):
        own = float(threshold) if isinstance(threshold, float) else float(threshold[k])
        accuracy = record.per_attribute.get("mA", [None] * (k + 1))[k]
        share = float(record.positive_shares[k])
        shown = ["--" if x is None or x != x else f"{100 * x:.1f}" for x in (share, accuracy)]
        yield [attribute.name, attribute.present, f"{own:.3g}", *shown]


def _data(name: str) -> dict[str, str]:
    """Return what is known of a data set in words."""
    if reader_of(name) not in plugins.available("data set"):
        return {"title": name, "obtain": "not known here", "cite": ""}
    source = source_of(name)
    return {"title": source.title, "obtain": source.obtain.rstrip("."), "cite": source.cite}


def _table(head: Sequence[str], rows: Iterator[list[str]]) -> str:
    """Return a table of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    cells = [[cell.replace("|", "\\|").replace("\n", " ") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)
