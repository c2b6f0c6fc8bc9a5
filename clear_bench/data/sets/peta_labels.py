"""What PETA's 105 labels are called and what they mean in English."""

from clear_bench.data.schema import Attribute, Slot
from clear_bench.utils.errors import UserError

COLORS = ("Black", "Blue", "Brown", "Green", "Grey", "Orange", "Pink", "Purple", "Red", "White",
          "Yellow")  # fmt: skip
COLORED = {"upperBody": "upper clothing", "lowerBody": "lower clothing", "hair": "hair",
           "footwear": "footwear"}  # fmt: skip

_EVALUATED = (
    "personalLess30 personalLess45 personalLess60 personalLarger60 carryingBackpack carryingOther "
    "lowerBodyCasual upperBodyCasual lowerBodyFormal upperBodyFormal accessoryHat upperBodyJacket "
    "lowerBodyJeans footwearLeatherShoes upperBodyLogo hairLong personalMale carryingMessengerBag "
    "accessoryMuffler accessoryNothing carryingNothing upperBodyPlaid carryingPlasticBags "
    "footwearSandals footwearShoes lowerBodyShorts upperBodyShortSleeve lowerBodyShortSkirt "
    "footwearSneaker upperBodyThinStripes accessorySunglasses lowerBodyTrousers upperBodyTshirt "
    "upperBodyOther upperBodyVNeck"
)
EVALUATED = _EVALUATED.split()
_EXTRA = (
    "accessoryHeadphone personalLess15 carryingBabyBuggy hairBald footwearBoots lowerBodyCapri "
    "carryingShoppingTro carryingUmbrella personalFemale carryingFolder accessoryHairBand "
    "lowerBodyHotPants accessoryKerchief lowerBodyLongSkirt upperBodyLongSleeve lowerBodyPlaid "
    "lowerBodyThinStripes carryingLuggageCase upperBodyNoSleeve hairShort footwearStocking "
    "upperBodySuit carryingSuitcase lowerBodySuits upperBodySweater upperBodyThickStripes"
)
EXTRA = _EXTRA.split()
NAMES = [*EVALUATED, *(part + color for part in COLORED for color in COLORS), *EXTRA]
"""All labels in the order of ``PETA.mat``, as its field ``attribute`` lists them."""

AGES = {
    "personalLess15": "very young",
    "personalLess30": "young",
    "personalLess45": "adult",
    "personalLess60": "middle-aged",
    "personalLarger60": "elderly",
}

PHRASES: dict[str, tuple[Slot, str]] = {
    "carryingBackpack": ("carrying", "a backpack"),
    "carryingOther": ("carrying", "an unusual item"),
    "lowerBodyCasual": ("wearing", "casual lower clothing"),
    "upperBodyCasual": ("wearing", "casual upper clothing"),
    "lowerBodyFormal": ("wearing", "formal lower clothing"),
    "upperBodyFormal": ("wearing", "formal upper clothing"),
    "accessoryHat": ("wearing", "a hat"),
    "upperBodyJacket": ("wearing", "a jacket"),
    "lowerBodyJeans": ("wearing", "jeans"),
    "footwearLeatherShoes": ("wearing", "leather shoes"),
    "upperBodyLogo": ("wearing", "a top with a logo"),
    "carryingMessengerBag": ("carrying", "a messenger bag"),
    "accessoryMuffler": ("wearing", "a muffler"),
    "upperBodyPlaid": ("wearing", "a plaid top"),
    "carryingPlasticBags": ("carrying", "plastic bags"),
    "footwearSandals": ("wearing", "sandals"),
    "footwearShoes": ("wearing", "ordinary shoes"),
    "lowerBodyShorts": ("wearing", "shorts"),
    "upperBodyShortSleeve": ("wearing", "short sleeves"),
    "lowerBodyShortSkirt": ("wearing", "a short skirt"),
    "footwearSneaker": ("wearing", "sneakers"),
    "upperBodyThinStripes": ("wearing", "a thinly striped top"),
    "accessorySunglasses": ("wearing", "sunglasses"),
    "lowerBodyTrousers": ("wearing", "trousers"),
    "upperBodyTshirt": ("wearing", "a t-shirt"),
    "upperBodyOther": ("wearing", "an unusual top"),
    "upperBodyVNeck": ("wearing", "a v-neck"),
    "accessoryHeadphone": ("wearing", "headphones"),
    "carryingBabyBuggy": ("doing", "pushing a baby buggy"),
    "hairBald": ("with", "a bald head"),
    "footwearBoots": ("wearing", "boots"),
    "lowerBodyCapri": ("wearing", "capri trousers"),
    "carryingShoppingTro": ("doing", "pulling a shopping trolley"),
    "carryingUmbrella": ("carrying", "an umbrella"),
    "carryingFolder": ("carrying", "a folder"),
    "accessoryHairBand": ("wearing", "a hair band"),
    "lowerBodyHotPants": ("wearing", "hot pants"),
    "accessoryKerchief": ("wearing", "a kerchief"),
    "lowerBodyLongSkirt": ("wearing", "a long skirt"),
    "upperBodyLongSleeve": ("wearing", "long sleeves"),
    "lowerBodyPlaid": ("wearing", "plaid lower clothing"),
    "lowerBodyThinStripes": ("wearing", "thinly striped lower clothing"),
    "carryingLuggageCase": ("carrying", "a luggage case"),
    "upperBodyNoSleeve": ("wearing", "a sleeveless top"),
    "hairShort": ("with", "short hair"),
    "footwearStocking": ("wearing", "stockings"),
    "upperBodySuit": ("wearing", "a suit jacket"),
    "carryingSuitcase": ("carrying", "a suitcase"),
    "lowerBodySuits": ("wearing", "suit trousers"),
    "upperBodySweater": ("wearing", "a sweater"),
    "upperBodyThickStripes": ("wearing", "a thickly striped top"),
}
"""Slot and English of the plain binaries; what is missing here has a rule in `attribute`."""


def attribute(name: str, label_set: str) -> Attribute:
    """Return the meaning of a label of ``PETA.mat``."""
    if name in AGES:
        return Attribute(name, "age", AGES[name], f"not {AGES[name]}", group="age")
    if name == "personalMale":  # among all 105, "female" is a label of its own
        opposite = label_set == "35"
        return Attribute(name, "person", "man", "woman" if opposite else "not a man", opposite)
    if name == "personalFemale":
        return Attribute(name, "person", "woman", "not a woman")
    if name == "hairLong":
        return Attribute(name, "with", "long hair", "no long hair")
    if name == "accessoryNothing":
        return Attribute(name, "wearing", "no accessories", "accessories")
    if name == "carryingNothing":
        return Attribute(name, "carrying", "nothing", "something")
    if name in PHRASES:
        slot, present = PHRASES[name]
    else:
        slot, present = _colored(name)
    bare = present.removeprefix("a ").removeprefix("an ")
    return Attribute(name, slot, present, f"not {bare}" if slot == "doing" else f"no {bare}")


def _colored(name: str) -> tuple[Slot, str]:
    """Return slot and English of a colour label such as ``upperBodyBlack``."""
    for part, noun in COLORED.items():
        color = name.removeprefix(part)
        if color != name and color in COLORS:
            return "with" if part == "hair" else "wearing", f"{color.lower()} {noun}"
    raise UserError(f"PETA.mat: attribute '{name}' is none of PETA's 105; get the release again")
