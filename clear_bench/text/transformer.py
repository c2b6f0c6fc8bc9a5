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

    Of a model with encoder and decoder the encoder is read, and only its weights are asked for.

    Args:
        source: Hub id or folder.
        pooling: One of `POOLINGS`.
        extra: Passed to ``from_pretrained``.

    Raises:
        UserError: If the weights cannot be had or are not complete, or the model or its tokenizer
            reads no English text.
    """

    def __init__(self, source: str, pooling: str, **extra: Any) -> None:
        self.source, self.pooling = source, pooling
        # What is here is taken as it is: a hub that is slow or gone is not waited for.
        extra["local_files_only"] = Path(source).is_dir() or hub.kept(source)
        self.tokenizer, self.model = self._load(extra)
        # Padding is masked, so any token will do where none is meant for it.
        ends = (self.tokenizer.pad_token_id, self.tokenizer.eos_token_id)
        self.padding = next((number for number in ends if number is not None), 0)
        unknown = self.tokenizer.unk_token_id
        if not set(self.tokenizer("a person", add_special_tokens=False)["input_ids"]) - {unknown}:
            raise self._no("its tokenizer knows no English word, or its files are not there")
        longest = self.tokenizer.model_max_length
        positions = getattr(self.model.config, "max_position_embeddings", None) or longest
        self.length = min(longest, positions) if positions > 0 else longest  # XLNet has -1
        self.dim = self._batch(["a person"], self._lengths(["a person"])[0]).shape[1]

    def encode(self, sentences: Sequence[str]) -> NDArray[np.float32]:
        """Return ``(N, dim)`` embeddings, float32.

        Raises:
            UserError: If a sentence has more tokens than the model reads; none is cut.
        """
        from clear_bench.utils.progress import track

        texts = [PROMPT.format(s) for s in sentences] if self.pooling == "prompt" else sentences
        lengths = self._lengths(texts)
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

    def _load(self, extra: dict[str, Any]) -> tuple[Any, Any]:
        """Return tokenizer and model, with every weight that is read from the file."""
        import torch
        from transformers import AutoConfig, AutoModel, AutoTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()
        logging.set_verbosity_error()  # what is missing is looked at below
        try:
            config = AutoConfig.from_pretrained(self.source, **extra)
            tokenizer = AutoTokenizer.from_pretrained(self.source, **extra)
            whole, report = AutoModel.from_pretrained(
                self.source, output_loading_info=True, dtype=torch.float32, **extra
            )
        except (OSError, ValueError, ImportError, RuntimeError) as error:
            cause = str(error).strip().splitlines()[0]
            raise UserError(
                f"text encoder {self.source}: cannot be loaded ({cause}); run once where the hub "
                "is reachable, or choose a packaged one"
            ) from None
        if whole.main_input_name != "input_ids" or hasattr(whole, "get_text_features"):
            raise self._no(f"is no language model but a {config.model_type}")
        # Of the family, since an encoder that was saved alone says it has no decoder.
        model = whole.get_encoder() if type(config).is_encoder_decoder else whole
        missing = [key for key in sorted(report["missing_keys"]) if _is_read(whole, model, key)]
        if missing:  # transformers would fill them with random numbers
            raise self._no(f"has no weights for {', '.join(missing[:3])}")
        return tokenizer, model.eval()

    def _no(self, reason: str) -> UserError:
        """Return the error for a model that cannot embed sentences."""
        return UserError(f"text encoder {self.source}: {reason}")

    def _lengths(self, texts: Sequence[str]) -> list[int]:
        """Return how many tokens each text has."""
        return [len(ids) for ids in self.tokenizer(list(texts))["input_ids"]]

    def _batch(self, texts: list[str], length: int) -> NDArray[np.float32]:
        """Return the embeddings of a full batch."""
        import torch

        inputs = {
            # On the right: under causal attention no token then sees a padded one.
            name: torch.tensor([row + [fill] * (length - len(row)) for row in rows])
            for name, rows in self.tokenizer(texts).items()
            for fill in [self.padding if name == "input_ids" else 0]
        }
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


def _is_read(whole: Any, model: Any, key: str) -> bool:
    """Return whether a parameter of a loaded model is needed, and in its file.

    A pooler is not read, nor a decoder, and sine waves are computed.
    """
    parameter = dict(whole.named_parameters(remove_duplicate=False)).get(key)
    read = any(parameter is p for p in model.parameters())
    owner = type(whole.get_submodule(key.rpartition(".")[0])).__name__
    return read and "pooler" not in key and "Sinusoidal" not in owner
