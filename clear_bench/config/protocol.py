"""How a number is made, as a named object with a one-line signature.

A protocol holds the rules that can be chosen; the signature adds what the run itself determines
(data set, split, label set, image size, resampling).  Two numbers may be compared, and may share a
column of a table, only if their signatures are equal.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from clear_bench.config.neutral import Neutral
from clear_bench.utils.errors import unknown

ORACLE = "oracle-on-test"
"""How a signature calls selection on test."""

CHECKPOINTS = {"selected": "selected", "last": "last", "oracle": "oracle: selected on test"}
"""Name of a checkpoint to its label in print."""


class Protocol(BaseModel):
    """The rules of a protocol.  All of it stands in the signature, but for its name and ``oracle``.

    Args:
        name: Key of `PROTOCOLS`; setting it sets every rule below, each can still be overridden.
        threshold: An attribute is predicted where its probability is greater; ``val`` chooses one
            an attribute, see `clear_bench.metrics.thresholds`.
        undefined: What an attribute without positives does to mA, see `recognition_metrics`.
        select: What gives the checkpoint that counts: ``val`` the best epoch there, ``last`` the
            last epoch, ``oracle`` the best epoch on *test*, which is what much of the field does.
            Such a number is called *oracle* wherever it is shown, in the signature too, and no
            other is ever compared with it.
        select_recognition: Metric that selects the epoch.
        select_retrieval: The same for retrieval.
        val_identities: Whether retrieval selects on new persons of val only, or on all of it.
        queries: Every category of the split, or those that no train or val image has.
        queries_with: Attribute, by name or English, that a test query must have; "" asks all.
        query_template: Wording of the test queries; "" is that of training.  Val, which selects,
            keeps the wording of training.
        gallery_order: Order of the images, which decides between equal scores, see
            `clear_bench.metrics.gallery_rules`.
        removal: Which images a query does not see, see `clear_bench.metrics.gallery_rules`.
        ap: Convention of average precision, see `metrics_of_scores`.
        ties: Images of equal score come in gallery order, or in reverse.
        no_positives: What a query without positives counts as, see `metrics_of_scores`.
        madm: Whether to compute UPAR's mADM and the challenge's ranking score as well.
        oracle: Whether to measure a third checkpoint as well, ``oracle``: the epoch with the best
            metric of ``select_*`` on *test*, which is what the field does and nobody should.  It
            is used for nothing else.  No other number depends on it, so it stands in no signature.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = "clear-bench"
    threshold: Annotated[float, Field(ge=0, lt=1)] | Literal["val"] = 0.5
    undefined: Literal["half", "drop"] = "half"
    select: Annotated[Literal["val", "last", "oracle"], Neutral("val")] = "val"
    select_recognition: Literal["mA", "f1", "accuracy"] = "mA"
    select_retrieval: Literal["mAP", "rank1"] = "mAP"
    val_identities: Literal["new", "all"] = "new"
    queries: Literal["test-categories", "unseen-categories"] = "test-categories"
    queries_with: Annotated[str, Neutral("")] = ""
    query_template: Annotated[str, Neutral("")] = ""
    gallery_order: Literal["manifest", "sal", "asmr"] = "manifest"
    removal: Literal["none", "sal"] = "none"
    ap: Literal["mean", "trapezoid"] = "mean"
    ties: Literal["index", "reversed"] = "index"
    no_positives: Literal["error", "skip", "zero"] = "error"
    madm: bool = False
    oracle: bool = False

    @model_validator(mode="after")
    def _madm_sees_everything(self) -> "Protocol":
        if self.madm and (self.removal != "none" or self.ties != "index"):
            raise ValueError("madm is defined without removal and with ties by index only")
        return self

    @property
    def keeps_oracle(self) -> bool:
        """Whether the best epoch on test is looked for."""
        return self.oracle or self.select == "oracle"

    @property
    def thresholds_by(self) -> Literal["mA", "f1"]:
        """What an attribute's own threshold makes largest on val."""
        return "mA" if self.select_recognition == "mA" else "f1"

    @property
    def ranking(self) -> dict[str, Any]:
        """The arguments of `clear_bench.engine.inference.rank_split`."""
        return self.model_dump(include={"ap", "no_positives", "ties", "madm"})

    def recognition_part(self) -> list[str]:
        """Return what recognition adds to the signature.

        F1 is always that of mean precision and recall; the mean of the images' own F1 has a name
        of its own in every record (``f1_instance``), so the two never meet.
        """
        by_val = self.threshold == "val"
        return [
            f"select:{self._selection('val', self.select_recognition)}",
            f"thr:val.{self.thresholds_by}" if by_val else f"thr{self.threshold:g}",
            f"undefined:{self.undefined}",
            "f1:of-means",
        ]

    def retrieval_part(self) -> list[str]:
        """Return what retrieval adds to the signature."""
        order = "" if self.gallery_order == "manifest" else f":{self.gallery_order}-order"
        parts = [
            f"query:{self.queries}",
            *([f"query-with:{self.queries_with}"] if self.queries_with else []),
            *([f"query-words:{self.query_template}"] if self.query_template else []),
            f"gallery:test{order}",
            f"removal:{self.removal}",
            f"select:{self._selection(f'val-{self.val_identities}-ids', self.select_retrieval)}",
            f"ap:{self.ap}",
            f"ties:{self.ties}",
            f"no-positives:{self.no_positives}",
        ]
        return [*parts, "madm"] if self.madm else parts

    def _selection(self, val: str, metric: str) -> str:
        """Return which epoch counts, as it stands in the signature."""
        return {"val": f"{val}.{metric}", "last": "last", "oracle": f"{ORACLE}.{metric}"}[
            self.select
        ]


OF_QUERIES = ("queries_with", "query_template")
"""Rules younger than the numbers that recognition has nothing to do with: no run of it differs."""

PROTOCOLS = {
    p.name: p
    for p in (
        Protocol(),
        Protocol(name="sal", gallery_order="sal", removal="sal", no_positives="skip"),
        Protocol(
            name="asmr", gallery_order="asmr", ap="trapezoid", ties="reversed", no_positives="zero"
        ),
        Protocol(name="upar", madm=True),
        Protocol(name="field", select="last"),
        Protocol(name="field-oracle", select="oracle"),
    )
}
"""Name to protocol.

- ``clear-bench``: the default.
- ``sal``: the released code of SAL (Cao et al., ECCV 2020), but that ties keep the gallery's order
  where numpy's default sort leaves them to chance.
- ``asmr``: the released code of ASMR (Jeong et al., ICCV 2021), with the same exception.
- ``upar``: the retrieval track of the UPAR challenge.
- ``field``: trained on train and val together, the last epoch counts: what the literature's numbers
  on PETA, PA-100K and RAP are trained on, without looking at test.
- ``field-oracle``: the same, but the best epoch on test counts, as most released code does.
"""

DATA_OF: dict[str, dict[str, Any]] = {
    name: {"train_on": "train+val"} for name in ("field", "field-oracle")
}
"""What a named protocol sets in section ``data``; overrides go over it."""


def is_oracle(line: str) -> bool:
    """Return whether a signature says that the epoch was selected on test."""
    return f"|select:{ORACLE}." in line


def said_of(checkpoint: str, line: str) -> str:
    """Return how a checkpoint is called in print.

    Args:
        checkpoint: Key of `CHECKPOINTS`.
        line: Signature of the run.
    """
    return CHECKPOINTS["oracle" if checkpoint == "selected" and is_oracle(line) else checkpoint]


def named(name: str) -> Protocol:
    """Return the protocol of that name.

    Raises:
        UserError: If there is none; the nearest names are said.
    """
    if name not in PROTOCOLS:
        raise unknown("protocol", name, PROTOCOLS)
    return PROTOCOLS[name]


def signature(
    rules: Protocol,
    task: str,
    *,
    dataset: str,
    attributes: int,
    data: Mapping[str, Any],
    resampling: str,
    version: int,
    partial: int = 0,
    more: Sequence[str] = (),
) -> str:
    """Return the one line that says how the numbers of a run are made.

    Args:
        rules: The protocol.
        task: ``recognition`` or ``retrieval``.
        dataset: Key of the data set.
        attributes: How many the label set has.
        data: Section ``data`` of the configuration.
        resampling: Name of the rule by which images are resized.
        partial: How many images there are if they are a part of the release, else 0.
        more: What else tells the data apart, see `Dataset.signed`.
        version: Numbers version of the protocol's rules, see `clear_bench.config.numbers`.
    """
    height, width = data["image_size"]
    parts = [
        dataset,
        data["split"],
        f"attrs{attributes}:{data['label_set']}",
        f"img{height}x{width}:{resampling}",
        f"train-ids{100 * data['identities']:g}%",
    ]
    if partial:
        parts.append(f"partial:{partial}")
    parts += more
    if data.get("letterbox"):
        parts.append("letterbox")
    if data.get("train_on", "train") != "train":
        parts.append(f"train:{data['train_on']}")
    if data.get("without"):
        parts.append(f"train-without:{data['without']}")
    if data["skip_unreadable"]:
        parts.append("skip-unreadable")
    rules_part = rules.recognition_part() if task == "recognition" else rules.retrieval_part()
    return "|".join([*parts, *rules_part, f"v{version}"])
