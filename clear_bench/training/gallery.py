"""From a run's rows to what is ranked: the gallery in its order, the queries, and who sees what."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from clear_bench.data.dataset import categories
from clear_bench.data.unknown_labels import undecided
from clear_bench.metrics.gallery_rules import gallery_order, removed_images
from clear_bench.runs.run import Run
from clear_bench.training.cache import Cache
from clear_bench.utils.errors import UserError

Arrays = dict[str, NDArray[Any]]


def order_of(run: Run, rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the order of a gallery by the protocol's rule."""
    _, category = categories(run.dataset.labels[rows])
    paths = run.dataset.manifest["path"].to_numpy()[rows]
    return gallery_order(run.rules.gallery_order, category, paths, run.dataset.queries(rows))


def gallery_of(
    run: Run, cache: Cache, split: str, rows: NDArray[np.intp], seen: NDArray[np.intp]
) -> Arrays:
    """Return queries and gallery of a split, but for features.

    The form is that of `clear_bench.engine.inference.rank_split`.  Queries are the vectors of
    images of which every label is known.  The other images stand in the gallery, but a query of
    which nobody knows whether it matches them does not see them.

    Args:
        run: The run.
        cache: For texts.
        split: ``val`` or ``test``; what the protocol says of test queries holds for the second.
        rows: ``(N,)`` images of the gallery, in its order.
        seen: Rows of images whose categories count as seen, and those that theirs may be.

    Raises:
        UserError: If no query is left.
    """
    dataset, rules = run.dataset, run.rules
    labels = dataset.labels[rows]
    text = run.section.get("text")
    if text and split == "test" and rules.query_template:
        text = {**text, "template": rules.query_template}
    queries = cache.queries(dataset.schema, labels, text)
    asked = np.ones(len(queries["vectors"]), bool)
    if not len(asked):
        raise UserError(f"{dataset.name}: no {split} image has all its labels known, so none asks")
    if split == "test" and rules.queries_with:
        asked = queries["vectors"][:, dataset.schema.column(rules.queries_with)] == 1
        if not asked.any():
            raise UserError(f"{dataset.name}: no test query has {rules.queries_with}")
    if rules.queries == "unseen-categories":
        old = {vector.tobytes() for vector in dataset.labels[seen]}
        asked &= np.array([v.tobytes() not in old for v in queries["vectors"]])
        asked[undecided(queries["vectors"], dataset.labels[seen])[0]] = False
        if not asked.any():
            raise UserError(f"{dataset.name}: every category is seen; see protocol.queries")
    category = queries["category"]
    # The rule speaks of first images, which is meant in the order of the data set.
    back = np.argsort(rows)
    manifest = dataset.manifest.iloc[rows[back]]
    removed = np.empty(len(rows), bool)
    removed[back] = removed_images(
        rules.removal,
        category[back],
        manifest["person"].to_numpy(),
        manifest["camera"].to_numpy(),
        dataset.queries(rows[back]),
    )
    removed &= asked[category]
    number = np.cumsum(asked) - 1
    open_query, open_image = undecided(queries["vectors"][asked], labels)
    return {
        **{k: queries[k][asked] for k in ("vectors", "one_hot", "text")},
        "category": category,
        "query_category": np.flatnonzero(asked),
        "removed_query": np.concatenate([number[category[removed]], open_query]),
        "removed_image": np.concatenate([np.flatnonzero(removed), open_image]),
        "gallery_vectors": labels,
    }
