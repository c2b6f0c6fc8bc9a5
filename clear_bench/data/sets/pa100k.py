"""PA-100K: 100,000 images of pedestrians outdoors with 26 binary labels.

Files, as in the official release: ``annotation.mat`` (what stands in for it is in
`clear_bench.data.sets.pa100k_annotation`) and the pictures ``000001.jpg`` to ``100000.jpg``,
wherever they lie below the root: the archive leaves them in ``release_data/release_data/``.

- *Split*: ``official``, 80,000 / 10,000 / 10,000 images.
- *Label set*: ``26``, all, in the file's order.
- *Persons* are not published; the release says that nobody is in two parts.  Every picture counts
  as a person of its own here.
"""

from functools import partial as with_
from pathlib import Path

from clear_bench.data.dataset import Dataset, Source
from clear_bench.data.reading.picture_files import find_pictures
from clear_bench.data.reading.release_files import look_through
from clear_bench.data.schema import Attribute, Schema
from clear_bench.data.sets.pa100k_annotation import AGAIN, read_annotation
from clear_bench.utils.errors import unknown

PARTS = {"train": 80000, "val": 10000, "test": 10000}
FOLDERS = ("data", "release_data/release_data", "release_data", "images")

SCHEMA = Schema(
    (
        Attribute("Female", "person", "woman", "man", opposite=True),
        Attribute("AgeOver60", "age", "elderly", "not elderly", group="age"),
        Attribute("Age18-60", "age", "adult", "not adult", group="age"),
        Attribute("AgeLess18", "age", "under-age", "not under-age", group="age"),
        Attribute("Front", "doing", "facing the camera", "not facing the camera", group="view"),
        Attribute("Side", "doing", "seen from the side", "not seen from the side", group="view"),
        Attribute("Back", "doing", "seen from behind", "not seen from behind", group="view"),
        Attribute("Hat", "wearing", "a hat", "no hat"),
        Attribute("Glasses", "wearing", "glasses", "no glasses"),
        Attribute("HandBag", "carrying", "a handbag", "no handbag"),
        Attribute("ShoulderBag", "carrying", "a shoulder bag", "no shoulder bag"),
        Attribute("Backpack", "carrying", "a backpack", "no backpack"),
        Attribute("HoldObjectsInFront", "doing", "holding things in front", "holding nothing"),
        Attribute("ShortSleeve", "wearing", "short sleeves", "no short sleeves", group="sleeve"),
        Attribute("LongSleeve", "wearing", "long sleeves", "no long sleeves", group="sleeve"),
        Attribute("UpperStride", "wearing", "a striped top", "no striped top"),
        Attribute("UpperLogo", "wearing", "a top with a logo", "no top with a logo"),
        Attribute("UpperPlaid", "wearing", "a plaid top", "no plaid top"),
        Attribute("UpperSplice", "wearing", "a spliced top", "no spliced top"),
        Attribute("LowerStripe", "wearing", "striped bottoms", "no striped bottoms"),
        Attribute("LowerPattern", "wearing", "patterned bottoms", "no patterned bottoms"),
        Attribute("LongCoat", "wearing", "a long coat", "no long coat"),
        Attribute("Trousers", "wearing", "trousers", "no trousers"),
        Attribute("Shorts", "wearing", "shorts", "no shorts"),
        Attribute("Skirt&Dress", "wearing", "a skirt or dress", "no skirt or dress"),
        Attribute("boots", "wearing", "boots", "no boots"),
    )
)


def read_pa100k(
    root: Path, split_name: str, label_set: str, *, images: bool = True, partial: bool = False
) -> Dataset:
    """Read a folder in the official layout.

    Args:
        root: The folder.
        split_name: ``"official"``.
        label_set: ``"26"``.
        images: Whether the pictures are there; without, the annotation alone is read.
        partial: Whether some may be missing, from the annotation too.

    Raises:
        UserError: If a name is unknown, or a file is missing, broken or of another size.
    """
    if split_name != "official":
        raise unknown("split", split_name, ["official"])
    if label_set != "26":
        raise unknown("label set", label_set, ["26"])
    tree = look_through(root)
    manifest = read_annotation(tree, SCHEMA.names, None if partial else PARTS)
    if images:
        stems = manifest["person"].tolist()
        manifest["path"] = find_pictures(tree, stems, AGAIN, usual=FOLDERS, partial=partial)
    return Dataset.of("pa100k", split_name, label_set, root, SCHEMA, manifest)


SOURCE = Source(
    title="PA-100K",
    read=read_pa100k,
    annotation=with_(read_pa100k, images=False),
    partial=with_(read_pa100k, partial=True),
    splits=("official",),
    label_sets=("26",),
    obtain=("from github.com/xh-liu/HydraPlus-Net (annotation.mat and data.zip), under CC BY 4.0"),
    cite="Liu et al., HydraPlus-Net: Attentive Deep Features for Pedestrian Analysis, ICCV 2017",
    papers=[
        {
            "authors": "Liu, Xihui and Zhao, Haiyu and Tian, Maoqing and Sheng, Lu and Shao, "
            "Jing and Yan, Junjie and Wang, Xiaogang",
            "title": "HydraPlus-Net: Attentive Deep Features for Pedestrian Analysis",
            "venue": "ICCV",
            "year": 2017,
            "url": "https://github.com/xh-liu/HydraPlus-Net",
            "read": "README of xh-liu/HydraPlus-Net",
        },
    ],
    official={
        "official/26": {
            "images": 100000,
            "images train": 80000,
            "images val": 10000,
            "images test": 10000,
            "categories test": 849,
        }
    },
)
