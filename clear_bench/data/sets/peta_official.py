"""What an official copy of PETA shows: counts, and what its annotation file is."""

IMAGES = 19000
ZS = {"images train": 11241, "images val": 3826, "images test": 3933}
SAL = {"images train+val": 11886, "categories train+val": 1890, "images test": 1435}
IDS = {"images": IMAGES, "persons": 8699, "images test, person in train+val": 0}

OFFICIAL = {
    **{
        f"{split}/35": {
            "images": IMAGES,
            "images train": 9500,
            "images val": 1900,
            "images test": 7600,
            "persons": 8699,
            "categories train+val": train,
            "categories test": test,
        }
        for split, train, test in zip(
            (f"random{k}" for k in range(5)),
            (2847, 2827, 2828, 2827, 2860),
            (2242, 2245, 2232, 2249, 2226),
            strict=True,
        )
    },
    "random0/105": {"images": IMAGES, "persons": 8699, "categories": 7769},
    "ids0/35": IDS,
    "zs/35": {**ZS, "images test, person in train+val": 0},
    "sal200/105": {**SAL, "categories test": 200, "categories test, not in train+val": 200},
}
"""Counts by ``"split/label set"``, see `clear_bench.data.dataset.Source`."""

FILES = {"PETA.mat": "49a572e19d49801dd2f310c4b002803c125a157f595ec8df8e5b557171326eb9"}
"""The file that the field's code passes around, two copies of which are the same."""

DIGESTS = {
    "random0/35": "eb551bf102633d90",
    "random0/105": "7a2f0a85878a579a",
    "random1/35": "5caf38aa4a1e73b3",
    "random1/105": "53317c1edf76ad88",
    "random2/35": "a030c187defde48a",
    "random2/105": "88d61ba4f64d1f6c",
    "random3/35": "57a790788ea3a564",
    "random3/105": "9a3aa0f9448018d2",
    "random4/35": "1ee27220a5821158",
    "random4/105": "732fb1abbfa675bf",
    "ids0/35": "c50a0921e378be4a",
    "ids0/105": "9c4437b7a391172b",
    "sal200/35": "7d1d82a0084aa871",
    "sal200/105": "2116255de1100bd9",
}
"""Of that file's persons, labels and splits."""
