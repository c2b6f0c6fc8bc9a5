"""CLIP by its Hugging Face id: both towers with their pre-trained weights, never random ones."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clear_bench.text.transformer import one_thread
from clear_bench.utils.errors import UserError

BATCH = 16  # fixed, so that a vector does not depend on which others are asked for with it


def pretrained(source: str) -> Any:
    """Return a CLIP model in eval mode, float32.

    Args:
        source: Hub id or folder.

    Raises:
        UserError: If it cannot be had, is no CLIP model, or lacks weights.
    """
    import torch
    from transformers import CLIPModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()  # what is missing is looked at below
    load: Any = CLIPModel.from_pretrained  # typed as if it never told what it found
    try:
        model, report = load(source, output_loading_info=True, dtype=torch.float32)
    except (OSError, ValueError, RuntimeError) as error:
        raise _missing(source, error) from None
    if report["missing_keys"]:  # transformers would fill them with random numbers
        missing = ", ".join(sorted(report["missing_keys"])[:3])
        raise UserError(f"CLIP {source}: has no weights for {missing}; give the id of a CLIP model")
    return model.eval()


class ClipText:
    """The text tower with its projection.

    Args:
        source: Hub id or folder.

    Raises:
        UserError: See `pretrained`.
    """

    def __init__(self, source: str) -> None:
        from transformers import AutoTokenizer

        self.source = source
        self.model = pretrained(source)
        try:
            self.tokenizer: Any = AutoTokenizer.from_pretrained(source)
        except (OSError, ValueError) as error:
            raise _missing(source, error) from None
        self.dim = int(self.model.config.projection_dim)
        self.length = int(self.model.config.text_config.max_position_embeddings)

    def encode(self, sentences: Sequence[str]) -> NDArray[np.float32]:
        """Return ``(N, dim)`` embeddings, float32, not normalised.

        Raises:
            UserError: If a sentence has more tokens than the tower reads; none is cut.
        """
        from clear_bench.utils.progress import track

        texts = list(sentences)
        for text, ids in zip(texts, self.tokenizer(texts)["input_ids"], strict=True):
            if len(ids) > self.length:
                raise UserError(
                    f"CLIP {self.source}: reads {self.length} tokens, a description has "
                    f"{len(ids)} ({text[:60]}...); choose text.template=positives"
                )
        vectors = []
        for start in track(range(0, len(texts), BATCH), "embed descriptions"):
            batch = texts[start : start + BATCH]
            filled = batch + [batch[0]] * (BATCH - len(batch))
            vectors.append(self._batch(filled)[: len(batch)])
        return np.concatenate(vectors)

    def _batch(self, texts: list[str]) -> NDArray[np.float32]:
        """Return the embeddings of a full batch."""
        import torch

        inputs = self.tokenizer(
            texts, padding="max_length", max_length=self.length, return_tensors="pt"
        )
        with torch.inference_mode(), one_thread():
            states = self.model.text_model(
                input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]
            )
            return self.model.text_projection(states.pooler_output).numpy()


def _missing(source: str, error: Exception) -> UserError:
    """Return the error for a model that cannot be loaded."""
    cause = str(error).strip().splitlines()[0][:200]
    return UserError(
        f"CLIP {source}: cannot be loaded ({cause}); run once where the hub is reachable, or give "
        "a folder that holds the model"
    )
