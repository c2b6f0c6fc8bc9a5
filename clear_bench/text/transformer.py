"""A language model of transformers as a sentence encoder, with a pooling over its last states."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clear_bench.text import hub
from clear_bench.utils.errors import UserError

PROMPT = 'This sentence: "{}" means in one word: "'
BATCH, MULTIPLE = 16, 8
"""Rows of a batch and the step of its length: fixed, so that the last bits of a sentence's vector
do not depend on which other sentences are asked for with it."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread.

    Stored vectors are shared by runs of any number of threads, and the last bits may depend on it.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Transformer:
    """A language model of transformers, with a pooling over its last hidden states.

    Args:
        source: Hub id or folder.
        pooling: One of `POOLINGS`.
        extra: Passed to ``from_pretrained``.

    Raises:
        UserError: If the weights cannot be had or are not complete.
    """

    def __init__(self, source: str, pooling: str, **extra: Any) -> None:
        import torch
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()
        # What is here is taken as it is: a hub that is slow or gone is not waited for.
        extra["local_files_only"] = Path(source).is_dir() or hub.kept(source)
        try:
            self.tokenizer: Any = AutoTokenizer.from_pretrained(source, **extra)
            model, report = AutoModel.from_pretrained(
                source, output_loading_info=True, dtype=torch.float32, **extra
            )
        except (OSError, ValueError) as error:
            cause = str(error).strip().splitlines()[0]
            raise UserError(
                f"text encoder {source}: cannot be loaded ({cause}); run once where the hub is "
                "reachable, or choose a packaged one"
            ) from None
        missing = [key for key in report["missing_keys"] if "pooler" not in key]
        if missing:  # transformers would fill them with random numbers
            raise UserError(f"text encoder {source}: has no weights for {', '.join(missing[:3])}")
        self.model: Any = model.eval()
        self.pooling = pooling
        self.source = source
        self.dim = int(model.config.hidden_size)
        longest = self.tokenizer.model_max_length
        self.length = min(longest, getattr(model.config, "max_position_embeddings", longest))
        # Right padding: under causal attention no token then sees a padded one.
        self.tokenizer.padding_side = "right"
        if self.tokenizer.pad_token is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token

    def encode(self, sentences: Sequence[str]) -> NDArray[np.float32]:
        """Return ``(N, dim)`` embeddings, float32.

        Raises:
            UserError: If a sentence has more tokens than the model reads; none is cut.
        """
        from clear_bench.utils.progress import track

        texts = [PROMPT.format(s) for s in sentences] if self.pooling == "prompt" else sentences
        lengths = [len(ids) for ids in self.tokenizer(list(texts))["input_ids"]]
        for text, length in zip(texts, lengths, strict=True):
            if length > self.length:
                raise UserError(
                    f"text encoder {self.source}: reads {self.length} tokens, a description has "
                    f"{length} ({text[:60]}...); choose text.template=positives"
                )
        padded = [min(-(-n // MULTIPLE) * MULTIPLE, self.length) for n in lengths]
        batches = [
            rows[start : start + BATCH]
            for size in sorted(set(padded))
            for rows in [[row for row, tokens in enumerate(padded) if tokens == size]]
            for start in range(0, len(rows), BATCH)
        ]
        vectors = np.zeros((len(texts), self.dim), np.float32)
        for rows in track(batches, "embed descriptions"):
            filled = [texts[row] for row in rows] + [texts[rows[0]]] * (BATCH - len(rows))
            vectors[rows] = self._batch(filled, padded[rows[0]])[: len(rows)]
        return vectors

    def _batch(self, texts: list[str], length: int) -> NDArray[np.float32]:
        """Return the embeddings of a full batch."""
        import torch

        inputs = self.tokenizer(texts, padding="max_length", max_length=length, return_tensors="pt")
        with torch.inference_mode(), one_thread():
            states = self.model(**inputs).last_hidden_state
        mask = inputs["attention_mask"].to(states.dtype)
        return (states * self._weights(mask)[:, :, None]).sum(dim=1).numpy()

    def _weights(self, mask: Any) -> Any:
        """Return the weight of each token ``(B, L)``; they sum to 1."""
        import torch

        if self.pooling in ("last", "prompt"):
            last = mask.sum(dim=1).long() - 1
            return torch.zeros_like(mask).scatter_(1, last[:, None], 1.0)
        if self.pooling == "weighted":
            mask = mask * torch.arange(1, mask.shape[1] + 1)
        return mask / mask.sum(dim=1, keepdim=True)
