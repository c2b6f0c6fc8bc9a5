"""Drawing in a person's own measure: places in body heights, paint that is a colour or a fabric."""

from typing import Any

Point = tuple[float, float]
Span = tuple[float, float]


class Canvas:
    """A picture with a person's floor, middle and size.

    Args:
        image: Pillow image to draw on.
        feet: Where the person stands, in pixels of the image.
        unit: Its height in pixels.
        lean: How far it leans forward, in heights at the top; negative to the left.
    """

    def __init__(self, image: Any, feet: Point, unit: float, lean: float) -> None:
        self.image, self.unit, self.lean = image, unit, lean
        self.x, self.floor = feet

    def at(self, x: float, y: float) -> Point:
        """Return image coordinates of a place: x from the middle, y from the floor, in heights."""
        lean = self.lean * max(0.0, y - 0.5) * 1.5
        return self.x + (x + lean) * self.unit, self.floor - y * self.unit

    def polygon(self, points: list[Point], paint: Any, percent: int = 100) -> None:
        """Fill a polygon (in heights) with a colour or a fabric, darkened to some per cent."""
        self._fill([("polygon", [self.at(*p) for p in points])], paint, percent)

    def trapezoid(
        self, top: Span, low: Span, paint: Any, percent: int = 100, x: float = 0.0
    ) -> None:
        """Fill a trapezoid around ``x``; ``top`` and ``low`` are (height, half width)."""
        (a, wide), (b, wider) = top, low
        self.polygon([(x - wide, a), (x + wide, a), (x + wider, b), (x - wider, b)], paint, percent)

    def ellipse(
        self, x: float, y: float, wide: float, high: float, paint: Any, percent: int = 100
    ) -> None:
        """Fill an ellipse of half-axes ``wide`` and ``high`` around (x, y), in heights."""
        (a, b), (w, h) = self.at(x, y), (wide * self.unit, high * self.unit)
        self._fill([("ellipse", [a - w, b - h, a + w, b + h])], paint, percent)

    def tube(self, points: list[Point], width: float, paint: Any, percent: int = 100) -> None:
        """Draw a limb: thick lines through points (in heights), with round joints."""
        places = [self.at(*p) for p in points]
        radius = width * self.unit / 2
        shapes: list[tuple[str, Any]] = [("line", places)]
        shapes += [("ellipse", [a - radius, b - radius, a + radius, b + radius]) for a, b in places]
        self._fill(shapes, paint, percent, line=round(2 * radius))

    def _fill(self, shapes: list[tuple[str, Any]], paint: Any, percent: int, line: int = 1) -> None:
        """Fill shapes (in pixels) with a colour or a fabric."""
        from PIL import Image, ImageDraw

        if isinstance(paint, tuple):
            _shapes(
                ImageDraw.Draw(self.image), shapes, tuple(v * percent // 100 for v in paint), line
            )
            return
        left, top, right, bottom = self._frame(shapes, line)
        if right <= left or bottom <= top:
            return
        mask = Image.new("L", (right - left, bottom - top))
        _shapes(ImageDraw.Draw(mask), [(k, _moved(w, left, top)) for k, w in shapes], 255, line)
        cloth = paint.crop((left, top, right, bottom))
        if percent != 100:
            cloth = cloth.point([v * percent // 100 for v in range(256)] * 3)
        self.image.paste(cloth, (left, top), mask)

    def _frame(self, shapes: list[tuple[str, Any]], line: int) -> tuple[int, int, int, int]:
        """Return the part of the image that shapes touch."""
        pairs = [pair for kind, where in shapes for pair in _pairs(where)]
        xs, ys = zip(*pairs, strict=True)
        edge = line + 2
        return (
            max(0, int(min(xs)) - edge),
            max(0, int(min(ys)) - edge),
            min(self.image.width, int(max(xs)) + edge),
            min(self.image.height, int(max(ys)) + edge),
        )


def _pairs(where: list[Any]) -> list[Point]:
    """Return a list of points, from one or from a box ``[x0, y0, x1, y1]``."""
    return where if isinstance(where[0], tuple) else [(where[0], where[1]), (where[2], where[3])]


def _moved(where: list[Any], left: int, top: int) -> list[Point]:
    """Return points with their origin at (left, top)."""
    return [(x - left, y - top) for x, y in _pairs(where)]


def _shapes(draw: Any, shapes: list[tuple[str, Any]], ink: Any, line: int) -> None:
    """Draw lines of some width, polygons and ellipses."""
    for kind, where in shapes:
        if kind == "line":
            draw.line(where, fill=ink, width=line)
        else:
            getattr(draw, kind)(where, fill=ink)
