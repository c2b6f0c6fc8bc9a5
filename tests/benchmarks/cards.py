"""Tables about GPUs for docs/performance.md: what one measured, and what others would take."""

import json
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[2] / "docs/performance"
CALCULATED, MEASURED, MEMORY = (DOCS / f"{n}.json" for n in ("calculated", "gpu", "memory"))
# Memory in bytes, and the products a second that its maker's data sheet names (dense, bfloat16
# summed in float32): float32, bfloat16.
CARDS = {
    "RTX 3060, 12 GB": (12e9, {"fp32": 12.7e12, "bf16": 25.5e12}),
    "RTX 4090, 24 GB": (24e9, {"fp32": 82.6e12, "bf16": 165e12}),
    "A100, 80 GB": (80e9, {"fp32": 19.5e12, "bf16": 312e12}),
}
REACHED = 0.4  # assumed share of that rate that a training reaches
SPARE = 1.5e9  # assumed for CUDA itself and for what kernels need
AGAIN = 4 / 3  # checkpointing computes the forward pass twice: four passes instead of three


def loaded(file: Path) -> Any:
    """Return what a JSON file holds; None where it was never written."""
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None


def memory_of(row: dict[str, Any], batch: int, *, checkpointing: bool) -> float:
    """Return the bytes that training takes with a number of images in memory at a time.

    Activations in bfloat16 count as half of those in float32.
    """
    name = "activation bytes an image" + (", checkpointing" if checkpointing else "")
    half = 0.5 if row["precision"] == "bf16" else 1.0
    return row["training state bytes"] + half * batch * row[name] + SPARE


def fitting(row: dict[str, Any], room: float) -> tuple[str, float]:
    """Return the least that must be switched on for a batch of 64 to fit, and how much dearer."""
    for checkpointing in (False, True):
        for pieces in (1, 2, 4, 8, 16, 32, 64):
            if memory_of(row, 64 // pieces, checkpointing=checkpointing) <= room:
                words = ["checkpointing"] if checkpointing else []
                words += [f"accumulate {pieces}"] if pieces > 1 else []
                return ", ".join(words) or "nothing", AGAIN if checkpointing else 1.0
    return "does not fit", float("inf")


def hours() -> str:
    """Return the rows of hours: calculated, but for a card that was measured."""
    found, lines = loaded(MEASURED), []
    for row in loaded(CALCULATED):
        cells = [row["profile"], row["data set"], row["precision"]]
        for memory, rates in CARDS.values():
            switches, dearer = fitting(row, memory)
            seconds = dearer * row["flops of training"] / (REACHED * rates[row["precision"]])
            cells.append(f"{seconds / 3600:.3g} h ({switches})")
        if found:
            speed = of_profile(found, row)
            images = row["epochs"] * row["training images"]
            cells.append(f"{images / speed / 3600:.3g} h, measured" if speed else "not measured")
        lines.append(cells)
    head = ["profile", "data set", "precision", *(f"{card}: calculated" for card in CARDS)]
    return table(head + ([found["machine"]["card"]] if found else []), lines)


def of_profile(found: dict[str, Any], row: dict[str, Any]) -> float | None:
    """Return the images/s that were measured of a profile in its own precision."""
    for each in found["speeds"].get(row["profile"], ()):
        if each["mode"] == row["precision"]:
            return each.get("images/s")
    return None


def memories() -> str:
    """Return calculated memory at a batch of 64, by what is switched on."""
    lines, seen = [], set()
    for row in loaded(CALCULATED):
        if row["profile"] in seen:  # data sets differ by a few attributes alone
            continue
        seen.add(row["profile"])
        for pieces in (1, 8):
            for anew in (False, True):
                words = ["checkpointing"] if anew else []
                words += [f"accumulate {pieces}"] if pieces > 1 else []
                size = memory_of(row, 64 // pieces, checkpointing=anew)
                lines.append([row["profile"], row["precision"], ", ".join(words) or "nothing",
                              f"{size / 1e9:.3g} GB"])  # fmt: skip
    return table(["profile", "precision", "switched on", "memory of the card: calculated"], lines)


def prices() -> str:
    """Return what less memory costs on a CPU."""
    found = loaded(MEMORY)
    if not found:
        return "not measured"
    first = found["ways"]["as it is"]
    lines = [[name, f"{way['seconds']:.3g} s", f"{way['seconds'] / first['seconds']:.2f}",
              f"{way['bytes'] / 1e9:.2f} GB", f"{way['bytes'] / first['bytes']:.2f}"]
             for name, way in found["ways"].items()]  # fmt: skip
    return table([f"CLEAR at base, {found['images']} images", "processor time of a step", "ratio",
                  "memory of the step", "ratio"], lines)  # fmt: skip


def measured() -> str:
    """Return what `make gpu` has measured, under the card's name."""
    found = loaded(MEASURED)
    if not found:
        return "**Nothing: no GPU could be had yet.**  Rows about cards are calculated."
    where, lines = found["machine"], []
    for profile, rows in found["speeds"].items():
        for row in rows:
            share = row.get("share of the bare loop")
            lines.append([profile, row["mode"], str(row["batch"]),
                          f"{row['images/s']:.4g}" if "images/s" in row else row["failed"],
                          f"{row['peak bytes'] / 1e9:.3g} GB" if "peak bytes" in row else "-",
                          f"{100 * share:.3g} %" if share else "-"])  # fmt: skip
    again = "; ".join(
        f"{name}: " + ("equal to the bit" if r["bit-equal"] else
                       f"weights differ by up to {r['largest difference']:.3g}")
        for name, r in found["repeated"].items()
    )  # fmt: skip
    rank = found["ranking"]
    return "\n".join([
        f"{where['card']}, PyTorch {where['torch']}, {found['seconds']:.0f} s in all.", "",
        table(["profile", "mode", "batch", "images/s", "peak memory", "of the bare loop"], lines),
        "", f"Runs given twice: {again}.", "",
        f"{rank['queries']} queries x {rank['images']:,} images x {rank['width']}: "
        f"{rank['seconds on the CPU']:.3g} s on the CPU ({rank['threads']} threads), "
        f"{rank['seconds with the card']:.3g} s with products on the card; metrics differ by at "
        f"most {rank['largest difference']:.2g}.",
    ])  # fmt: skip


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a table."""
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, ["---"] * len(head), *rows])


BLOCKS = {"hours": hours, "memories": memories, "prices": prices, "gpu": measured}
