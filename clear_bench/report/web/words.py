"""A protocol's signature in plain words."""

WORDS = {
    "attrs": "number of attributes : name of the label set",
    "img": "images, height x width : how they are resized",
    "train-ids": "share of the training persons that is used",
    "partial": "not the full release, but so many images",
    "split:given": "somebody said which images are train, val and test",
    "split:by-person": "persons were drawn for train, val and test, nobody for two",
    "split:by-picture": "images were drawn for train, val and test, whoever they show",
    "data:": "beginning of the checksum of labels, splits and words",
    "skip-unreadable": "images that cannot be read are left out and counted",
    "select:val.": "the epoch is selected on val by this metric, never on test",
    "select:val-new-ids.": "the epoch is selected on val, on persons that train has not, by this "
    "metric; never on test",
    "select:val-all-ids.": "the epoch is selected on all of val by this metric, never on test",
    "select:last": "the last epoch counts, nothing selects",
    "select:oracle-on-test.": "ORACLE: the epoch is selected on test by this metric, so the number "
    "is too good; it is shown to be set beside the field's, never to be compared with ours",
    "letterbox": "images keep their shape, black bars fill the rest",
    "train:train+val": "val is trained on as well, so nothing is held out",
    "thr:val.": "each attribute has a threshold of its own, which makes this metric of it largest "
    "on val",
    "thr": "an attribute is predicted where its probability is above this",
    "undefined:half": "where an attribute has no positives or no negatives, the undefined rate "
    "counts as 0 in mA",
    "undefined:drop": "an attribute without positives or negatives is left out of mA",
    "f1:of-means": "F1 is that of the mean precision and the mean recall; the mean of the images' "
    "own F1 is a column of its own",
    "query:test-categories": "queries are all combinations of attributes of the test split",
    "query:unseen-categories": "queries are the combinations that no train or val image has",
    "gallery:test": "all test images are ranked, in the order of the data set",
    "gallery:test:sal-order": "all test images are ranked, in the order of SAL's code",
    "gallery:test:asmr-order": "all test images are ranked, in the order of ASMR's code",
    "removal:none": "a query sees every image of the gallery",
    "removal:sal": "a query does not see the images that SAL's code takes away",
    "ap:mean": "average precision is the mean of the precision at each match",
    "ap:trapezoid": "average precision is by trapezoids, as in the code of Market-1501",
    "ties:index": "images of equal score are ranked in the gallery's order",
    "ties:reversed": "images of equal score are ranked against the gallery's order",
    "no-positives:error": "every query must have a matching image",
    "no-positives:skip": "a query without a matching image is skipped",
    "no-positives:zero": "a query without a matching image counts as 0",
    "madm": "UPAR's mADM is computed as well",
}
"""Beginning of a part to what it means; the longest that fits counts."""


def in_words(signature: str) -> list[tuple[str, str]]:
    """Return each part of a signature with what it means.

    Args:
        signature: See `clear_bench.config.protocol.signature`.
    """
    dataset, split, *rules, version = signature.split("|")
    return [
        (dataset, "data set"),
        (split, "how it is split into train, val and test, see docs/datasets.md"),
        *((rule, _meaning(rule)) for rule in rules),
        (version, "version of these rules"),
    ]


def _meaning(part: str) -> str:
    """Return what a part means; one that has no words here is said to be just that."""
    fits = [start for start in WORDS if part.startswith(start)]
    return WORDS[max(fits, key=len)] if fits else "see clear_bench/config/protocol.py"
