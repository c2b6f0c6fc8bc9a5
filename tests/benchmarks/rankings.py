"""Rankings to measure, and how peers rank them.  All answer with mAP over their queries."""

import importlib
import importlib.util
import os
from functools import partial
from importlib.metadata import distribution
from typing import Any

import numpy as np
import torch


def ranking(queries: int, images: int, categories: int, width: int = 256, seed: int = 0) -> Any:
    """Return queries, gallery and the categories of both; frequencies fall as in PETA."""
    random = np.random.default_rng(seed)
    odds = 1 / np.arange(5, categories + 5)
    more = random.choice(categories, images - categories, p=odds / odds.sum())
    gallery = random.permutation(np.concatenate([np.arange(categories), more]))
    query = np.arange(queries) % categories
    centres = random.standard_normal((categories, width), dtype=np.float32)

    def near(category: Any, noise: float) -> Any:
        found = centres[category] + noise * random.standard_normal(
            (len(category), width), dtype=np.float32
        )
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    return near(query, 1.0), near(gallery, 3.0), query, gallery


def product_and_pass(queries: Any, images: Any, query: Any, gallery: Any) -> None:
    (queries @ images.T).sum()


def torchreid_map(queries: Any, images: Any, query: Any, gallery: Any) -> Any:
    """Return what torchreid's Python ranking finds; no camera is shared, so none is left out."""
    place = distribution("torchreid").locate_file("torchreid/reid/metrics/rank.py")
    spec = importlib.util.spec_from_file_location("torchreid_rank", str(place))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    cameras = np.zeros(len(query), int), np.ones(len(gallery), int)

    def run() -> float:
        return module.eval_market1501(1 - queries @ images.T, query, gallery, *cameras, 10)[1]

    return run


def pytrec_map(queries: Any, images: Any, query: Any, gallery: Any) -> Any:
    """Return what trec_eval finds, its dictionaries made before the clock starts."""
    import pytrec_eval

    scores = queries @ images.T
    truth, runs = {}, {}
    for q, row in enumerate(scores):
        truth[str(q)] = {str(i): 1 for i in np.flatnonzero(gallery == query[q])}
        runs[str(q)] = {str(i): s for i, s in enumerate(row.tolist())}
    evaluator = pytrec_eval.RelevanceEvaluator(truth, {"map"})
    return lambda: float(np.mean([v["map"] for v in evaluator.evaluate(runs).values()]))


def ranx_map(queries: Any, images: Any, query: Any, gallery: Any) -> Any:
    """Return what ranx finds, its structures made before the clock starts."""
    from ranx import Qrels, Run, evaluate

    scores = queries @ images.T
    truth = {str(q): {str(i): 1 for i in np.flatnonzero(gallery == c)} for q, c in enumerate(query)}
    runs = {str(q): {str(i): s for i, s in enumerate(r.tolist())} for q, r in enumerate(scores)}
    made = Qrels(truth), Run(runs)
    return lambda: float(evaluate(*made, "map"))


def torchmetrics_map(queries: Any, images: Any, query: Any, gallery: Any) -> Any:
    """Return what torchmetrics finds, one query a time as its own metric does."""
    from torchmetrics.functional.retrieval import retrieval_average_precision

    def run() -> float:
        scores = torch.from_numpy(queries @ images.T)
        truth = torch.from_numpy(query[:, None] == gallery)
        pairs = zip(scores, truth, strict=True)
        return float(np.mean([retrieval_average_precision(s, t).item() for s, t in pairs]))

    return run


def named_peers(names: str) -> dict[str, Any]:
    """Return the peers that the user names, ``module:function``, several with commas between.

    Such a function takes queries, gallery and the categories of both, as `retrieval_metrics` does,
    and returns mAP.  Its module must be on the path.
    """
    peers = {}
    for name in filter(None, names.split(",")):
        module, _, function = name.partition(":")
        peers[name] = partial(partial, getattr(importlib.import_module(module), function))
    return peers


PEERS = {
    "torchreid (Python)": torchreid_map,
    "pytrec_eval": pytrec_map,
    "ranx": ranx_map,
    "torchmetrics": torchmetrics_map,
}
NAMED = named_peers(os.environ.get("BENCH_PEER", ""))
"""What is on no package index is measured if its user names it."""
