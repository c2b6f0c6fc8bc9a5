"""What the page is told, as plain data: attributes of a picture, and a ranking with its query."""

import base64
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clear_bench.data.images import colours_of, fitted
from clear_bench.data.schema import Schema
from clear_bench.demo.galleries import PictureGallery
from clear_bench.prediction.predictor import threshold_of
from clear_bench.prediction.why import over, require_looking, side_by_side
from clear_bench.search.question import Question, descriptions, reads_code
from clear_bench.search.ranking import ranking
from clear_bench.search.search_engine import Engine
from clear_bench.training.trained_model import TrainedModel
from clear_bench.utils.errors import UserError

if TYPE_CHECKING:
    from PIL.Image import Image as PictureOfPillow

SIZE = (256, 384)
"""Width and height within which a picture is shown."""

NAME = Path("the picture")
TOP = 20
DESCRIBED = 3
"""Categories whose pseudo-descriptions are shown, of those that stand for a query."""

MAPS = {
    "vit": "what the ViT's summary holds of each patch",
    "swin": "what the ViT reads of Swin",
    "vit_cross": "what Swin reads of the ViT",
}


def recognised(opened: TrainedModel, content: bytes) -> dict[str, Any]:
    """Return the attributes of a picture and where the network looked.

    Args:
        opened: A recognition run.
        content: The picture's file.

    Raises:
        UserError: If it is no picture, see `colours_of`.
    """
    from clear_bench.engine.inference import encode

    colours = colours_of(NAME, content)
    pixels = fitted(colours, opened.image_size, letterbox=opened.letterbox).copy()  # for torch
    _, probabilities = encode(opened.model, pixels[None], np.arange(1))
    threshold = threshold_of(opened)
    attributes = [
        {
            "name": attribute.name,
            "words": attribute.present,
            "probability": float(probabilities[0, column]),
            "threshold": float(threshold[column]),
            "present": bool(probabilities[0, column] > threshold[column]),
        }
        for column, attribute in enumerate(opened.schema.attributes)
    ]
    maps, note = _maps(opened, pixels)
    return {
        "picture": as_url(_shown(colours)),
        "attributes": sorted(attributes, key=lambda each: -each["probability"]),
        "maps": maps,
        "note": note,
    }


def _maps(opened: TrainedModel, pixels: NDArray[np.uint8]) -> tuple[list[dict[str, str]], str]:
    """Return the attention maps over a picture ``(H, W, 3)``, or why there is none."""
    from clear_bench.models.attention_maps import look

    try:
        require_looking(opened)
    except UserError as error:
        return [], str(error)
    found = look(opened.model, pixels[None])
    return [
        {"title": title, "picture": as_url(side_by_side([over(pixels, found[name][0])]))}
        for name, title in MAPS.items()
        if name in found
    ], ""


def ranked(
    engine: Engine, gallery: PictureGallery, question: Question, text: str
) -> dict[str, Any]:
    """Return the best images of a gallery, and what the query became.

    Args:
        engine: The method's.
        gallery: The images.
        question: The query, as the method reads it.
        text: The sentence; "" for attributes.
    """
    index = engine.index(gallery.files, skip_unreadable=True)
    hits = ranking(engine, index, gallery.files.names, question)
    rows = {name: row for row, name in enumerate(gallery.files.names)}
    right = gallery.right(engine.schema, question.said)
    return {
        "query": query(engine, question, text),
        "images": len(hits),
        "unreadable": len(gallery.files.names) - len(hits),
        "right": None if right is None else sum(right[rows[hit.file]] for hit in hits),
        "hits": [
            {
                "rank": hit.rank,
                "score": hit.score,
                "file": hit.file,
                "row": rows[hit.file],
                "attributes": hit.attributes,
                "right": None if right is None else right[rows[hit.file]],
            }
            for hit in hits[:TOP]
        ],
    }


def query(engine: Engine, question: Question, text: str) -> dict[str, Any]:
    """Return what became of a query: its vector, and the sentences that are embedded."""
    asked, schema = question.asked, engine.schema
    vector = asked.weights.astype(np.float64) @ asked.vectors
    heaviest = np.argsort(-asked.weights, kind="stable")[:DESCRIBED]
    sentences = []
    if engine.encoder and not text:
        described = descriptions(engine, asked.vectors[heaviest])
        sentences = [
            {"weight": float(asked.weights[k]), "sentences": phrasings}
            for k, phrasings in zip(heaviest, described, strict=True)
        ]
    return {
        "reading": question.reading,
        "encoder": engine.encoder,
        "text": text if engine.encoder else "",
        "code": reads_code(engine),
        "stands_for": len(asked.vectors),
        "descriptions": sentences,
        "vector": [
            {"name": name, "share": float(vector[column]), "said": column in question.said}
            for column, name in enumerate(schema.names)
        ],
    }


def attributes_of(schema: Schema) -> list[Mapping[str, str]]:
    """Return what can be asked of a schema."""
    return [{"name": a.name, "words": a.present, "group": a.group} for a in schema.attributes]


def thumbnail(file: Path) -> bytes:
    """Return a file's picture within `SIZE`, as PNG.

    Raises:
        UserError: If it is no picture.
    """
    return _png(_shown(colours_of(file)))


def as_url(pixels: NDArray[np.uint8]) -> str:
    """Return a picture ``(H, W, 3)`` as an address that holds it."""
    return f"data:image/png;base64,{base64.b64encode(_png(pixels)).decode()}"


def _shown(picture: "PictureOfPillow") -> NDArray[np.uint8]:
    """Return a picture within `SIZE`; a small one stays as it is."""
    from PIL import Image

    picture.thumbnail(SIZE, Image.Resampling.BICUBIC)
    return np.asarray(picture)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    """Return a picture ``(H, W, 3)`` as PNG."""
    from PIL import Image

    out = BytesIO()
    Image.fromarray(pixels).save(out, "png")
    return out.getvalue()
