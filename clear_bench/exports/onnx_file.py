"""A recognition network as one ONNX file: from pixels to probabilities, any number of images."""

import json
import warnings
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from clear_bench.training.exported import described
from clear_bench.training.trained_model import TrainedModel
from clear_bench.utils.errors import Unavailable, UserError
from clear_bench.utils.files import written_whole

PACKAGES = ("onnx", "onnxscript", "onnxruntime")
TOLERANCE = 1e-4
"""Between a probability of onnxruntime's and of torch's, at most."""

INPUT, OUTPUTS = "images", ("probabilities", "features")
BATCHES = (1, 5)  # numbers of images that a new file is tried with


class PlainAttention(TorchFunctionMode):
    """Has attention computed by its formula, which every reader of ONNX knows, not by a kernel."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is F.scaled_dot_product_attention:
            return attention(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """Return what torch's ``scaled_dot_product_attention`` does, without dropout."""
    factor = query.shape[-1] ** -0.5 if scale is None else scale
    scores = query * factor @ key.transpose(-2, -1)
    if is_causal:
        attn_mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        scores = scores.masked_fill(~attn_mask, -torch.inf)
    elif attn_mask is not None:
        scores = scores + attn_mask
    return scores.softmax(dim=-1) @ value


class FromPixels(nn.Module):
    """A recognition network with what comes before it: ``(N, H, W, 3)`` uint8 RGB to `OUTPUTS`.

    Args:
        network: A `RecognitionModel` in eval mode.
    """

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return probabilities ``(N, A)`` and features ``(N, D)``."""
        before = self.network.data_preprocessor
        with PlainAttention():
            seen = (images.permute(0, 3, 1, 2).float() - before.mean) / before.deviation
            features = self.network.features(seen)
            return torch.sigmoid(self.network.classify(features)), features


def write_onnx(opened: TrainedModel, out: Path) -> float:
    """Write a run's recognition network, see `write_network`.

    Args:
        opened: The run; of a retrieval run the recognition run under it is written.
        out: The file.
    """
    seen = opened.recogniser
    said = described(seen).model_dump(exclude={"files"})
    return write_network(seen.model, seen.image_size, said, out)


def write_network(network: Any, size: tuple[int, int], said: Mapping[str, Any], out: Path) -> float:
    """Write a recognition network, whole or not at all, after trying it.

    Args:
        network: A `RecognitionModel` in eval mode.
        size: (height, width) in pixels that it reads.
        said: What the file's metadata say, ``method`` among it; what is no text is put as JSON.
        out: The file.

    Returns:
        The greatest difference of a probability from torch's, on images of noise.

    Raises:
        UserError: If the method's network cannot be written so, or the file gives other numbers;
            if a package is missing.
    """
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise Unavailable(f"--onnx: needs {', '.join(missing)}: pip install clear-bench[export]")
    cannot = f"--onnx: {said['method']} cannot be exported"
    if network.no_onnx:
        raise UserError(f"{cannot}: {network.no_onnx}")
    whole = FromPixels(network.cpu()).eval()
    program = _translated(whole, size, cannot)
    for name, value in said.items():
        text = value if isinstance(value, str) else json.dumps(value)
        program.model.metadata_props[name] = text
    with written_whole(out) as unfinished:
        program.save(unfinished)
        worst = _tried(whole, unfinished, size)
        if not worst <= TOLERANCE:
            raise UserError(
                f"{cannot}: onnxruntime's probabilities are {worst:.2g} from torch's, more than "
                f"{TOLERANCE:g}"
            )
    return worst


def _translated(whole: FromPixels, size: tuple[int, int], cannot: str) -> Any:
    """Return torch's own translation of a network, without what it says of this machine."""
    example = torch.zeros((2, *size, 3), dtype=torch.uint8)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch's own code
            program: Any = torch.onnx.export(
                whole,
                (example,),
                input_names=[INPUT],
                output_names=list(OUTPUTS),
                dynamic_shapes={INPUT: {0: torch.export.Dim("batch")}},
                dynamo=True,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        cause = str(error).partition("## Exception summary")[2] or str(error)
        raise UserError(f"{cannot}: {' '.join(cause.split())[:200]}") from None
    if isinstance(program.model.graph.inputs[0].shape[0], int):
        raise UserError(
            f"{cannot}: its network takes the number of images for a constant; take it from a "
            "shape (images.shape[0], not len(images))"
        )
    for node in program.model.graph.all_nodes():
        node.metadata_props.clear()  # paths of this machine
    return program


def _tried(whole: FromPixels, file: Path, size: tuple[int, int]) -> float:
    """Return how far onnxruntime's probabilities are from torch's."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    rng, worst = np.random.default_rng(0), 0.0
    for count in BATCHES:
        pixels = rng.integers(0, 256, (count, *size, 3), dtype=np.uint8)
        with torch.inference_mode():
            expected = whole(torch.from_numpy(pixels))[0].numpy()
        found = session.run([OUTPUTS[0]], {INPUT: pixels})[0]
        worst = max(worst, float(np.abs(found - expected).max()))
    return worst
