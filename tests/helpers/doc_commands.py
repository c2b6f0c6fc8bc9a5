"""The commands that README and docs show, and what they need to run."""

import csv
import re
import shutil
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from layouts import write_market
from own_data import write_csv, write_pictures
from PIL import Image
from plugin_folder import write_plugins

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", "CONTRIBUTING.md", *sorted(f"docs/{f.name}" for f in ROOT.glob("docs/*.md"))]
BLOCK = re.compile(r"^```(?:sh|bash|console)?\n(.*?)^```", re.MULTILINE | re.DOTALL)
OURS = re.compile(r"(?:python -m clear_bench\.(\w+)|clear-bench (\w+)) ?(.*)")
BEGINS = re.compile(
    r"(?:[A-Z_]+=\S+ )*(?:python|clear-bench|make|dvc|mlflow|optuna-|find|srun|git|pip|torchrun)\b"
)


class Line(NamedTuple):
    """A command, and the page that shows it."""

    page: str
    text: str


def shown() -> list[Line]:
    """Return every command in a block of a page, once a page, without its comment."""
    lines = []
    for page in PAGES:
        for block in BLOCK.findall((ROOT / page).read_text("utf-8")):
            for text in block.replace("\\\n", " ").splitlines():
                text = " ".join(text.partition(" #")[0].split())
                if BEGINS.match(text):
                    lines.append(Line(page, text))
    return list(dict.fromkeys(lines))


def ours(text: str) -> tuple[str, str] | None:
    """Return module and words of the project's own command in a line, if there is one."""
    found = OURS.search(text)
    return (found[1] or found[2], found[3].partition(" | ")[0]) if found else None


PETA = ROOT.parent / "shared/data/PETA"
ELSEWHERE = {
    r"^make (test|setup|check|audit|mutants|bench|gpu)|mutants/run": "CI or a test of its own",
    r"^srun|postgresql:|--processes": "tests/commands and tests/studies start several processes",
    r"^mlflow|\bdemo\b|^git |^pip ": "a server, a checkout to lose, a network",
    r"verify market1501": "says with status 2 that a toy release is not whole",
    r"-S bench.seeds=1$": "the pipeline at full size; the next line is the same at toy size",
}
SMALL = {
    r"^make repro$": "make repro PROFILE=smoke",
    r"--profile paper": "--profile smoke",
    r"--trials 40": "--trials 2",
    r"--method METHOD --set recognition.train.lr=RATE": "--method vit --set train.lr=2e-3",
    r"--method mine": "--method user_prior",
    r"clear@peta": "clear@synthped",
    r"\.\./old/runs": "old/runs",
    r"peta,pa100k,rapv2": "peta,synthped",
    r"profile=paper": "profile=smoke",
    r"--run clear --gallery ~": "--run clear@synthped --gallery ~",  # the newest is of own data
}
"""What is run instead: as much, at toy size."""


def runnable(line: Line) -> tuple[str, str]:
    """Return what is run for a line, at toy size, or else why it is not run."""
    for pattern, reason in ELSEWHERE.items():
        if re.search(pattern, line.text):
            return "", reason
    if re.search(r"\bpeta\b|PETA", line.text) and not PETA.is_dir():
        return "", "needs PETA, which is not here"
    text = line.text
    for pattern, small in SMALL.items():
        text = re.sub(pattern, small, text)
    own = ours(text)
    if own and own[0] in ("train", "ablate", "report") and "--profile" not in text:
        text += " --profile smoke"
    return text.replace("/data/", "data-of-others/"), ""


def furnish(folder: Path, home: Path) -> None:
    """Put there what the pages take for granted: somebody's pictures, a video, plugins, data."""
    pictures = write_pictures(folder / "shop", 40)
    for place in (folder, home):
        (place / "crops").mkdir()
        for k, name in enumerate(pictures[:6]):
            Image.open(folder / "shop" / name).resize((32, 64)).save(place / f"crops/{k}.jpg")
    shutil.copy(folder / "crops/0.jpg", folder / "person.jpg")
    (folder / "more/deep").mkdir(parents=True)
    shutil.copy(folder / "shop" / pictures[0], folder / "more/deep/a.png")
    video = cv2.VideoWriter(str(folder / "clip.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 10, (64, 96))
    for k in range(20):
        video.write(np.full((96, 64, 3), 10 * k, np.uint8))
    video.release()
    (folder / "boxes.csv").write_text("image,frame,x,y,width,height\nclip.mp4,5,4,8,32,64\n")
    write_plugins(home / "plugins")
    write_csv(folder / "data-of-others/street")
    write_market(folder / "data-of-others/labels")
    if PETA.is_dir():
        (folder / "data-of-others/PETA").symlink_to(PETA.resolve())
        (home / "PETA").symlink_to(PETA.resolve())


def fill_in(folder: Path) -> None:
    """Fill in the table that ``data new`` begins, as its user would."""
    file = folder / "shop/labels.csv"
    with file.open(encoding="utf-8", newline="") as stream:
        head, *rows = csv.reader(stream)
    for k, row in enumerate(rows):
        row[-3:] = [str(k % 2), str(k // 2 % 2), str(k // 4 % 2)]
    with file.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([head, *rows])
