"""Draw one person of synthped: a body of limbs in clothes, from four sides, while walking."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from clear_bench.data.sets.synthped_canvas import Canvas, Point
from clear_bench.data.sets.synthped_look import Look, tile
from clear_bench.data.sets.synthped_traits import Traits, chance

FACINGS = ("front", "back", "left", "right")


@dataclass(frozen=True)
class Pose:
    """What changes from image to image.

    Args:
        facing: One of `FACINGS`.
        stride: Per cent; how far the feet are apart.
        swing: Per cent; how far the arms swing.
        bend: Per cent; how much the elbows are bent.
        side: 1 or -1; which hand carries, which foot is in front.
    """

    facing: str
    stride: int
    swing: int
    bend: int
    side: int


def pose_of(rng: np.random.Generator) -> Pose:
    """Return a random pose."""
    return Pose(
        facing=FACINGS[int(rng.integers(4))],
        stride=int(rng.integers(0, 101)),
        swing=int(rng.integers(-60, 101)),
        bend=int(rng.integers(0, 101)),
        side=1 if chance(rng, 50) else -1,
    )


class DrawnPerson(Canvas):
    """A person being drawn.

    Args:
        image: Pillow image to draw on.
        traits: What is labelled.
        look: What the identity looks like.
        pose: What changes.
        feet: Where the feet stand, in pixels of the image.
        height: Of an average adult, in pixels.
        rng: Of the image.
    """

    def __init__(
        self,
        image: Any,
        traits: Traits,
        look: Look,
        pose: Pose,
        feet: Point,
        height: float,
        rng: np.random.Generator,
    ) -> None:
        from PIL import Image

        self.traits, self.look, self.pose = traits, look, pose
        self.sideways = pose.facing in ("left", "right")
        self.ahead = {"left": -1, "right": 1}.get(pose.facing, 0)
        super().__init__(image, feet, height * look.height / 100, self.ahead * look.stoop / 100)
        thin = 62 if self.sideways else 100
        self.shoulder = 0.118 * look.shoulder * look.girth * thin / 1e6
        self.hip = 0.092 * look.hip * look.girth * thin / 1e6
        self.limb = 0.042 * look.girth / 100
        size = (image.height, image.width)
        self.upper = Image.fromarray(tile(rng, look.upper, size))
        self.lower = Image.fromarray(tile(rng, look.lower, size))

    def draw(self) -> None:
        """Draw everything, from far to near."""
        front = self.pose.facing == "front"
        if front:
            self.long_hair()
            self.backpack()
        self.arm(-self.pose.side, 78)
        self.legs()
        self.torso()
        if self.sideways:
            self.backpack()
        self.head()
        if not front:
            self.long_hair()
        if self.pose.facing == "back":
            self.backpack()
        self.straps()
        self.arm(self.pose.side, 90)
        self.carried()

    def legs(self) -> None:
        """Draw legs, shoes and what is worn over them."""
        t, look = self.traits, self.look
        spread = self.pose.stride / 100 * (0.13 if self.sideways else 0.02)
        for side, percent in ((-self.pose.side, 82), (self.pose.side, 100)):
            top = (0 if self.sideways else side * self.hip * 0.5, 0.5)
            foot = (side * spread + (0 if self.sideways else side * self.hip * 0.52), 0.03)
            knee = ((top[0] + foot[0]) / 2 + self.ahead * 0.02, 0.27)
            width = self.limb * 1.45
            if not t.pants or t.short_lower:
                self.tube([top, knee, foot], width * 0.8, look.skin, percent)
            if t.pants:
                end = (
                    (knee[0], 0.29 - look.hem / 120) if t.short_lower else (foot[0], foot[1] + 0.02)
                )
                middle = [] if t.short_lower else [knee]
                self.tube(
                    [top, *middle, end],
                    width * (1.25 if t.short_lower else 1.12),
                    self.lower,
                    percent,
                )
            toe = self.ahead * 0.05 if self.sideways else side * 0.012
            self.tube(
                [(foot[0], 0.018), (foot[0] + toe, 0.016)], self.limb * 0.95, look.shoes, percent
            )
        if not t.pants:
            hem = (0.34 - look.hem / 130) if t.short_lower else (0.17 - look.hem / 160)
            flare = self.hip * (1.35 if t.short_lower else 1.5) + spread * 0.5
            self.trapezoid((0.56, self.hip), (hem, flare), self.lower)
        self.trapezoid((0.57, self.hip), (0.47, self.hip), self.lower)

    def torso(self) -> None:
        """Draw the top with its collar, logo or opening."""
        look, s, h = self.look, self.shoulder, self.hip
        right = [(s * 0.45, 0.845), (s, 0.80), (h * 1.02, 0.52)]
        left = [(-x, y) for x, y in reversed(right)]
        self.polygon([left[-1], *right, *left[:-1]], self.upper)
        pattern, second = look.upper.pattern, look.upper.second
        if pattern == "halves":
            self.trapezoid((0.62, h), (0.52, h * 1.02), second)
        if self.pose.facing != "back" and pattern in ("logo", "open"):
            middle = self.ahead * s * 0.6
            if pattern == "open":
                self.trapezoid((0.84, 0.018), (0.53, 0.026), second, x=middle)
            else:
                self.ellipse(middle, 0.71, s * 0.3, 0.03, second)
        if look.scarf:
            self.tube([(-s * 0.4, 0.84), (s * 0.4, 0.84)], 0.05, look.shoes)

    def arm(self, side: int, percent: int) -> None:
        """Draw one arm with its sleeve."""
        elbow, hand = self._arm(side)
        start = (side * self.shoulder * (0.25 if self.sideways else 0.93), 0.79)
        width = self.limb * 1.0
        self.tube([start, elbow, hand], width * 0.78, self.look.skin, percent)
        share = 0.45 + self.look.sleeve / 40
        cut = (start[0] + (elbow[0] - start[0]) * share, start[1] + (elbow[1] - start[1]) * share)
        covered = (
            [start, cut] if self.traits.short_sleeves else [start, elbow, self._toward(elbow, hand)]
        )
        self.tube(covered, width * 1.12, self.upper, percent)

    def _arm(self, side: int) -> tuple[Point, Point]:
        """Return elbow and hand of an arm."""
        swing = side * self.pose.side * self.pose.swing / 100
        bend = self.pose.bend / 100
        if self.sideways:
            elbow = (swing * 0.06, 0.66)
            return elbow, (swing * 0.11 + self.ahead * bend * 0.09, 0.53 + bend * 0.09)
        elbow = (side * (self.shoulder + 0.012), 0.65)
        return elbow, (side * (self.shoulder + 0.01 - bend * 0.06), 0.52 + bend * 0.1)

    def _toward(self, elbow: Point, hand: Point) -> Point:
        """Return where a long sleeve ends."""
        return elbow[0] + (hand[0] - elbow[0]) * 0.82, elbow[1] + (hand[1] - elbow[1]) * 0.82

    def head(self) -> None:
        """Draw neck, face, short hair and hat."""
        look = self.look
        wide, high = 0.046 * look.head / 100, 0.064 * look.head / 100
        self.top = 0.90 + (look.head - 100) / 1000
        self.tube([(0, 0.83), (0, 0.87)], 0.05, look.skin, 88)
        shift = self.ahead * 0.012
        self.ellipse(shift, self.top, wide * (0.95 if self.sideways else 1), high, look.skin)
        if self.pose.facing == "back":
            self.ellipse(0, self.top + 0.006, wide * 1.08, high * 1.0, look.hair)
        elif self.sideways:
            self.ellipse(-self.ahead * 0.014, self.top + 0.018, wide * 0.95, high * 0.84, look.hair)
        else:
            self.face(wide)
            self.polygon([(-wide * 1.08, self.top + 0.012), (-wide * 0.8, self.top + high * 0.95),
                          (0, self.top + high * 1.12), (wide * 0.8, self.top + high * 0.95),
                          (wide * 1.08, self.top + 0.012), (wide * 0.55, self.top + 0.034),
                          (-wide * 0.55, self.top + 0.034)], look.hair)  # fmt: skip
        if look.bun and not self.traits.long_hair:
            self.ellipse(-self.ahead * 0.05, self.top + 0.055, 0.02, 0.02, look.hair)
        if self.traits.hat:
            self.hat(wide, high)

    def face(self, wide: float) -> None:
        """Draw eyes and mouth."""
        for side in (-1, 1):
            self.ellipse(side * wide * 0.42, self.top + 0.008, 0.006, 0.005, (40, 30, 30))
        self.ellipse(0, self.top - 0.03, 0.013, 0.004, (140, 70, 70))

    def hat(self, wide: float, high: float) -> None:
        """Draw a cap, a hat with a brim or a woollen hat."""
        look, y = self.look, self.top + high * 0.45
        self.polygon([(-wide * 1.15, y), (-wide, y + high * 0.75), (wide, y + high * 0.75),
                      (wide * 1.15, y)], look.hat)  # fmt: skip
        if look.hat_kind == 0:
            peak = self.ahead or (0 if self.pose.facing == "front" else None)
            if peak is not None:
                self.tube([(0, y), (peak * wide * 2.0, y - 0.004)], 0.018, look.hat, 80)
        elif look.hat_kind == 1:
            self.tube([(-wide * 1.8, y), (wide * 1.8, y)], 0.016, look.hat, 85)
        else:
            self.ellipse(
                0, y + high * 0.85, 0.016, 0.014, look.hat, 110 if sum(look.hat) < 600 else 90
            )

    def long_hair(self) -> None:
        """Draw hair that falls to the shoulders or below, or a pony-tail."""
        if not self.traits.long_hair:
            return
        look = self.look
        y = 0.90 + (look.head - 100) / 1000
        wide = 0.05 * look.head / 100
        low = (0.80, 0.77, 0.73, 0.79)[look.hair_style]
        if look.hair_style == 3 and self.pose.facing != "front":
            back = -self.ahead * wide * 1.1
            self.tube([(back, y + 0.03), (back * 1.35, low)], 0.034, look.hair)
        elif self.sideways:
            back = -self.ahead
            nape = [(0.0, y + 0.05), (1.25, y + 0.03), (1.35, low), (0.25, low + 0.01)]
            self.polygon([(back * wide * x, height) for x, height in nape], look.hair)
        else:
            flare = 1.25 + 0.1 * look.hair_style
            self.trapezoid((y + 0.05, wide), (low, wide * flare), look.hair)

    def backpack(self) -> None:
        """Draw a backpack: whole from behind, an edge from the front, a bulge from the side."""
        if self.traits.carried != "backpack":
            return
        size, color, s = self.look.bag_size / 100, self.look.accessory, self.shoulder
        if self.sideways:
            near, far = s * 0.7, s + 0.055 * size
            bulge = [(near, 0.80), (far, 0.78), (s + 0.07 * size, 0.60), (near, 0.57)]
            self.polygon([(-self.ahead * x, y) for x, y in bulge], color)
            return
        wide = s * (0.8 if self.pose.facing == "back" else 1.12) * size
        self.trapezoid((0.83, wide * 0.85), (0.58, wide), color)
        if self.pose.facing == "back":
            self.trapezoid((0.70, wide * 0.7), (0.60, wide * 0.7), color, 72)

    def straps(self) -> None:
        """Draw what holds a backpack or a shoulder bag."""
        color, s = self.look.accessory, self.shoulder
        if self.traits.carried == "backpack" and self.pose.facing != "back":
            sides = (self.ahead * 0.25,) if self.sideways else (-0.62, 0.62)
            for side in sides:
                self.tube([(side * s, 0.835), (side * s * 1.15, 0.66)], 0.02, color, 85)
        if self.traits.carried == "bag":
            end = self.bag_place()
            self.tube([(-end[0] * 0.6, 0.835), (end[0], 0.60)], 0.014, color, 85)

    def bag_place(self) -> Point:
        """Return where a shoulder bag hangs."""
        side = self.pose.side
        return (side * (self.hip * 0.6 if self.sideways else self.hip + 0.022), 0.53)

    def carried(self) -> None:
        """Draw a shoulder bag at the hip or a handbag in the hand."""
        size, color = self.look.bag_size / 100, self.look.accessory
        if self.traits.carried == "bag":
            x, y = self.bag_place()
            wide, high = (0.055 if self.sideways else 0.042) * size, 0.05 * size
            self.trapezoid((y + high, wide), (y - high, wide * 1.05), color, x=x)
        if self.traits.carried == "handbag":
            _, (x, y) = self._arm(self.pose.side)
            wide, high = 0.04 * size, 0.062 * size
            self.tube(
                [(x - wide * 0.5, y - 0.03), (x, y), (x + wide * 0.5, y - 0.03)], 0.008, color, 80
            )
            self.trapezoid((y - 0.03, wide), (y - 0.03 - high, wide * 1.15), color, x=x)
