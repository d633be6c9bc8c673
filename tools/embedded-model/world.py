"""The small world that the embedded model knows: kinds, colours, sizes, and how things are placed in a picture.

Nothing here draws or speaks; `render.py` draws a Scene and `questions.py` talks about it.
"""

import colorsys
import random
from dataclasses import dataclass, field

SHAPES = ("circle", "square", "triangle", "star", "heart", "cross", "diamond", "arrow")
ICONS = ("house", "tree", "sun", "moon", "cloud", "flower", "fish", "smiley")
DIGITS = tuple(f"digit {value}" for value in range(10))
KINDS = SHAPES + ICONS + DIGITS

# Hue in degrees, saturation and value ranges; the gaps between neighbours are what makes a name learnable.
COLOUR_RANGES: dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    "red": ((-7, 6), (0.75, 1.0), (0.7, 1.0)),
    "orange": ((23, 36), (0.8, 1.0), (0.88, 1.0)),
    "yellow": ((50, 60), (0.65, 1.0), (0.9, 1.0)),
    "green": ((90, 150), (0.5, 1.0), (0.4, 0.9)),
    "blue": ((198, 240), (0.55, 1.0), (0.55, 1.0)),
    "purple": ((265, 290), (0.5, 1.0), (0.4, 0.8)),
    "pink": ((318, 340), (0.32, 0.75), (0.93, 1.0)),
    "brown": ((16, 32), (0.55, 0.9), (0.3, 0.56)),
    "black": ((0, 360), (0.0, 0.3), (0.0, 0.15)),
    "white": ((0, 360), (0.0, 0.05), (0.94, 1.0)),
    "gray": ((0, 360), (0.0, 0.07), (0.42, 0.62)),
}
COLOURS = tuple(COLOUR_RANGES)

# Extent (longer side of the bounding box) over the side of the padded picture; nothing is ever drawn in between.
SMALL = (0.17, 0.25)
BIG = (0.38, 0.60)
BIG_ALONE = (0.38, 0.85)
SIZES = ("small", "big")
MAX_THINGS = 4

Rgb = tuple[int, int, int]


@dataclass
class Thing:
    kind: str
    colour: str
    size: str
    extent: float
    rgb: Rgb
    cx: float = 0.0
    cy: float = 0.0


@dataclass
class Scene:
    """Things sorted left to right, in coordinates of the padded square; `region` is the picture inside it."""

    things: list[Thing] = field(default_factory=list)
    region: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)


def sample_rgb(rng: random.Random, colour: str) -> Rgb:
    hue, saturation, value = (rng.uniform(low, high) for low, high in COLOUR_RANGES[colour])
    return tuple(round(255 * c) for c in colorsys.hsv_to_rgb(hue / 360 % 1, saturation, value))


def colour_distance(a: Rgb, b: Rgb) -> float:
    """The 'redmean' distance: 0 to about 765, cheap and close enough to what the eye sees."""
    red = (a[0] + b[0]) / 2
    dr, dg, db = (x - y for x, y in zip(a, b))
    return ((2 + red / 256) * dr * dr + 4 * dg * dg + (2 + (255 - red) / 256) * db * db) ** 0.5


def sample_region(rng: random.Random) -> tuple[float, float, float, float]:
    if rng.random() < 0.6:
        return (0.0, 0.0, 1.0, 1.0)
    short = rng.uniform(0.6, 0.95)
    low, high = (1 - short) / 2, (1 + short) / 2
    return (0.0, low, 1.0, high) if rng.random() < 0.7 else (low, 0.0, high, 1.0)


def sample_scene(rng: random.Random, num_things: int | None = None) -> Scene:
    """A scene whose order from left to right is clear and whose things do not touch."""
    if num_things is None:
        num_things = rng.choices((1, 2, 3, 4), (32, 32, 20, 16))[0]
    while True:
        scene = Scene(region=sample_region(rng))
        scene.things = sample_things(rng, num_things)
        if place(rng, scene):
            scene.things.sort(key=lambda thing: thing.cx)
            return scene


def sample_things(rng: random.Random, num_things: int) -> list[Thing]:
    # Digits are ten of the kinds; drawing the family first keeps them from crowding out shapes and icons.
    family = lambda: rng.choice(rng.choices((SHAPES, ICONS, DIGITS), (42, 34, 24))[0])
    first = family()
    repeat_kind = rng.random() < 0.35
    first_colour = rng.choice(COLOURS)
    repeat_colour = rng.random() < 0.2
    things: list[Thing] = []
    num_big = 0
    for index in range(num_things):
        kind = first if index == 0 or (repeat_kind and rng.random() < 0.75) else family()
        colour = first_colour if index == 0 or (repeat_colour and rng.random() < 0.7) else rng.choice(COLOURS)
        big = rng.random() < 0.55 and num_big < 2
        num_big += big
        extent = rng.uniform(*(SMALL if not big else BIG_ALONE if num_things == 1 else BIG))
        if num_things > 2 and big:
            extent = rng.uniform(BIG[0], 0.46)
        things.append(Thing(kind, colour, "big" if big else "small", extent, sample_rgb(rng, colour)))
    return things


def place(rng: random.Random, scene: Scene) -> bool:
    x0, y0, x1, y1 = scene.region
    placed: list[Thing] = []
    for thing in sorted(scene.things, key=lambda t: -t.extent):
        half = thing.extent / 2
        if 2 * half > min(x1 - x0, y1 - y0) - 0.02:
            return False
        for _ in range(30):
            thing.cx = rng.uniform(x0 + half, x1 - half)
            thing.cy = rng.uniform(y0 + half, y1 - half)
            if all(apart(thing, other) for other in placed):
                break
        else:
            return False
        placed.append(thing)
    if len(placed) == 2:
        dx, dy = placed[0].cx - placed[1].cx, placed[0].cy - placed[1].cy
        return abs(abs(dx) - abs(dy)) > 0.1
    return True


def apart(a: Thing, b: Thing) -> bool:
    dx, dy = abs(a.cx - b.cx), abs(a.cy - b.cy)
    reach = (a.extent + b.extent) / 2 + 0.025
    return dx > 0.07 and max(dx, dy) > reach
