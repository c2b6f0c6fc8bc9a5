"""JSON files that follow a schema: one reader, one kind of error."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from clear_bench.utils.errors import UserError
from clear_bench.utils.foreign import read_bytes

LARGEST = 64 << 20
"""Bytes; a record of 1,000 epochs has half a million."""

Model = TypeVar("Model", bound=BaseModel)


def read_model(model: type[Model], file: Path, kind: str, advice: str) -> Model:
    """Return what a file holds.

    Args:
        model: Its schema.
        file: The file.
        kind: What it is, for messages.
        advice: What to do if it is not there.

    Raises:
        UserError: If the file is missing, is not JSON, or breaks the schema.
    """
    if not file.exists():
        raise UserError(f"{file}: no such {kind}; {advice}")
    content = read_bytes(file, advice, largest=LARGEST)
    try:
        return model.model_validate_json(content)
    except RecursionError:
        raise UserError(f"{file}: not a {kind}: nested too deep") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        said = " ".join(f"{where} {first['msg']}".split())
        raise UserError(f"{file}: not a {kind}: {said[:300]}") from None
