"""Damaged files, the same ones each time: what a disk, a network or somebody else makes of one."""

import random
import struct

NUMBERS = (0, 0x7FFFFFFF, 0xFFFFFFFF, 30_000, 1 << 20)
LARGE = [struct.pack(form, number) for number in NUMBERS for form in ("<I", ">I")]
LARGE += [b"\xff" * 8, b"\0" * 8, b"[" * 200, b'"', b"\n", b"\xed\xb3\xbf"]


def mutations(originals, count, seed):
    """Yield so many damaged forms of some files' bytes."""
    rng = random.Random(seed)  # noqa: S311 - for tests
    for _ in range(count):
        content = bytearray(rng.choice(originals))
        for _ in range(rng.choice((1, 1, 1, 2, 5))):
            _damage(content, rng, originals)
        yield bytes(content)


def _damage(content, rng, originals):
    """Change some bytes in place."""
    place = rng.randrange(len(content) + 1)
    # what stands at the beginning says what the rest is
    place = rng.choice((place, min(place, 128), min(place, 600)))
    what = rng.randrange(7)
    if what == 0:
        del content[place:]
    elif what == 1:
        content[place : place + 1] = bytes([rng.randrange(256)])
    elif what == 2:
        content[place : place + 1] = bytes([(content + b"\0")[place] ^ (1 << rng.randrange(8))])
    elif what == 3:
        part = rng.choice(LARGE)
        content[place : place + len(part)] = part
    elif what == 4:
        content[place:place] = rng.choice(LARGE)
    elif what == 5:
        del content[place : place + rng.choice((1, 4, 100))]
    else:
        other = rng.choice(originals)
        start = rng.randrange(len(other) + 1)
        content[place:place] = other[start : start + rng.choice((4, 50, 1000))]
