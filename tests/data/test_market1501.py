"""Market-1501's reader on a small faithful copy, and the official annotation if it is at hand."""

from pathlib import Path

import numpy as np
import pytest
from layouts import MARKET_FIELDS, write_market
from scipy.io import loadmat, savemat

from clear_bench.data.dataset import categories
from clear_bench.data.sets import market1501
from clear_bench.utils.errors import UserError

OFFICIAL = Path(__file__).parents[3] / "shared/data/market_attribute/market_attribute.mat"


@pytest.fixture
def root(tmp_path):
    write_market(tmp_path / "market")
    return tmp_path / "market"


def read(root):
    return market1501.SOURCE.read(root, "ids6", "30")


def raw(root, part):
    return loadmat(root / "attribute/market_attribute.mat")["market_attribute"][0, 0][part][0, 0]


def test_the_two_structs_order_their_fields_differently(root):
    for part, order in MARKET_FIELDS.items():
        assert list(raw(root, part).dtype.names) == [*order.split(), "image_index"]


@pytest.mark.parametrize("part", ["train", "test"])
def test_labels_are_found_by_field_name(root, part):
    manifest = read(root).manifest
    struct = raw(root, part)
    people = [cell.item() for cell in struct["image_index"].ravel()]
    for column, (field, code) in {
        "female": ("gender", 2),
        "long_hair": ("hair", 2),
        "short_sleeves": ("up", 2),
        "short_lower": ("down", 2),
        "pants": ("clothes", 2),
        "upred": ("upred", 2),
        "downbrown": ("downbrown", 2),
        "teenager": ("age", 2),
        "old": ("age", 4),
        "handbag": ("handbag", 2),
    }.items():
        for person, value in zip(people, struct[field].ravel(), strict=True):
            rows = manifest["person"] == person
            assert (manifest.loc[rows, column] == (value == code)).all(), column


def test_splits_by_person_and_dropped_pictures(root):
    (root / "bounding_box_test/-1_c1s1_000001_00.jpg").write_bytes(b"never opened")
    (root / "bounding_box_test/0000_c1s1_000001_00.jpg").write_bytes(b"never opened")
    manifest = read(root).manifest
    people = manifest.groupby("split")["person"].unique().map(set)
    assert len(people["val"]) == 24 // 6
    assert not people["val"] & people["train"]
    assert not people["test"] & (people["train"] | people["val"])
    assert not {"-1", "0000"} & set(manifest["person"])
    assert len(manifest) == 3 * 34
    assert set(manifest["camera"]) == {"1", "2", "3"}


def _change(root, part, **fields):
    path = root / "attribute/market_attribute.mat"
    outer = loadmat(path)["market_attribute"][0, 0]
    content = {
        p: {n: outer[p][0, 0][n] for n in outer[p][0, 0].dtype.names} for p in outer.dtype.names
    }
    content[part].update(fields)
    content[part] = {k: v for k, v in content[part].items() if v is not None}
    savemat(path, {"market_attribute": content})


def test_broken_annotation_names_file_and_cause(root):
    hat = raw(root, "test")["hat"]
    bad = hat.copy()
    bad[0, 3] = 9
    _change(root, "test", hat=bad)
    with pytest.raises(UserError, match=r"market_attribute\.mat: test\.hat: identity 0028 has 9"):
        read(root)
    _change(root, "test", hat=hat[:, :-1])
    with pytest.raises(UserError, match="9 values for 10 identities"):
        read(root)
    _change(root, "test", hat=None)
    with pytest.raises(UserError, match="no field 'hat'"):
        read(root)


def test_a_person_without_annotation_and_a_strange_name(root):
    picture = root / "bounding_box_train/0777_c1s1_000001_00.jpg"
    picture.write_bytes(b"")
    with pytest.raises(UserError, match="identity 0777 is not annotated"):
        read(root)
    picture.rename(root / "bounding_box_train/holiday.jpg")
    with pytest.raises(UserError, match=r"holiday\.jpg: not named like"):
        read(root)


@pytest.mark.skipif(not OFFICIAL.is_file(), reason=f"no official annotation in {OFFICIAL}")
def test_official_annotation_gives_the_published_categories():
    vectors = {}
    for part in ("train", "test"):
        table = market1501.read_attributes(OFFICIAL)[part]
        vectors[part] = {v.tobytes() for v in categories(table.to_numpy())[0]}
    assert len(vectors["train"]) == 508
    assert len(vectors["test"]) == 484
    assert len(vectors["test"] - vectors["train"]) == 315
    assert np.isin(
        market1501.SCHEMAS["30"].names, market1501.read_attributes(OFFICIAL)["test"].columns
    ).all()


def test_27_has_a_column_a_field_and_39_every_state_of_ten_groups(root):
    thirty, twenty_seven, thirty_nine = (
        market1501.SOURCE.read(root, "ids6", labels) for labels in ("30", "27", "39")
    )
    table = thirty.manifest
    assert len(twenty_seven.schema) == 27
    grown = table["adult"] | table["old"]
    assert (twenty_seven.manifest["grown_up"] == grown).all()
    shared = [n for n in twenty_seven.schema.names if n != "grown_up"]
    assert (twenty_seven.manifest[shared] == table[shared]).all(axis=None)
    groups = thirty_nine.schema.groups
    assert [len(g) for g in groups] == [4, 4, 10, 9, 2, 2, 2, 2, 2, 2]
    for group in groups:
        assert (thirty_nine.labels[:, group].sum(axis=1) == 1).all()
    none = table[[n for n in thirty.schema.names if n.startswith("down")]].sum(axis=1) == 0
    assert (thirty_nine.manifest["no_lower_color"] == none).all()
    with pytest.raises(UserError, match="unknown label set '28'"):
        market1501.SOURCE.read(root, "ids6", "28")


def asmr_code(struct, person):
    """Return ASMR's 39-d one-hot code of a person, one group after the other, from the file."""

    def value(field):
        return int(struct[field][0, person])

    def pick(size, chosen):
        return [int(k == chosen) for k in range(size)]

    colors = {
        "down": "black blue brown gray green pink purple white yellow",
        "up": "black blue green gray purple red white yellow",
    }
    code = pick(4, value("age") - 1)
    bags = [k + 1 for k, n in enumerate(("backpack", "bag", "handbag")) if value(n) == 2]
    code += pick(4, bags[0] if bags else 0)
    for part, text in colors.items():
        names = text.split()
        worn = [k + 1 for k, n in enumerate(names) if value(part + n) == 2]
        code += pick(len(names) + 1, worn[0] if worn else 0)
    for field in ("clothes", "down", "up", "hair", "hat", "gender"):
        code += pick(2, value(field) - 1)
    return code


ASMR_ORDER = (
    "young teenager adult old no_bag backpack bag handbag no_lower_color downblack downblue "
    "downbrown downgray downgreen downpink downpurple downwhite downyellow no_upper_color upblack "
    "upblue upgreen upgray uppurple upred upwhite upyellow dress pants long_lower short_lower "
    "long_sleeves short_sleeves short_hair long_hair no_hat hat male female"
)


@pytest.mark.skipif(not OFFICIAL.is_file(), reason=f"no official annotation in {OFFICIAL}")
@pytest.mark.parametrize("part", ["train", "test"])
def test_official_39_is_asmrs_code(part):
    from clear_bench.data.sets.market1501_labels import relabel

    struct = loadmat(OFFICIAL)["market_attribute"][0, 0][part][0, 0]
    table = relabel(market1501.read_attributes(OFFICIAL)[part], "39")
    assert list(table.columns) == ASMR_ORDER.split()
    expected = [asmr_code(struct, k) for k in range(len(table))]
    assert table.to_numpy().tolist() == expected


@pytest.mark.skipif(not OFFICIAL.is_file(), reason=f"no official annotation in {OFFICIAL}")
@pytest.mark.parametrize("labels", ["30", "39"])
def test_official_annotation_alone_passes(labels):
    from clear_bench.data.load import load_dataset
    from clear_bench.data.verify import verify

    dataset = load_dataset("market1501", OFFICIAL.parent, label_set=labels, images=False)
    findings = verify(dataset, market1501.SOURCE.official[f"ids6/{labels}"], images=False)
    assert findings.wrong == []
    assert (findings.facts["categories train+val"], findings.facts["categories test"]) == (508, 484)
    assert "test: nobody has downpurple; their mA is undefined there" in findings.notes
