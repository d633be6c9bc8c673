"""Outlines of every kind in unit coordinates (x right, y down, within about -1..1). Pixels are made in `render.py`.

A Drawing has closed `fills` (the silhouette), open or closed `lines` (what a brush follows when the thing is drawn as an
outline) and `details` (door, eyes, mouth: closed fills on top of a filled silhouette). Points are numpy arrays [n, 2].
"""

import math
import random
from dataclasses import dataclass, field

import numpy as np

Points = np.ndarray


@dataclass
class Drawing:
    fills: list[Points] = field(default_factory=list)
    lines: list[Points] = field(default_factory=list)
    details: list[Points] = field(default_factory=list)
    detail_lines: list[Points] = field(default_factory=list)
    second: list[Points] = field(default_factory=list)
    # True when the thing has no silhouette of its own (a digit, an X of two strokes): it is always drawn by brush.
    strokes_only: bool = False


def arc(cx: float, cy: float, rx: float, ry: float, start: float = 0, end: float = 360, count: int = 28) -> Points:
    angle = np.radians(np.linspace(start, end, count))
    return np.stack([cx + rx * np.cos(angle), cy + ry * np.sin(angle)], 1)


def path(*points: tuple[float, float], closed: bool = True) -> Points:
    """A polyline with points every ~0.12, so that wobble bends straight edges too."""
    corners = list(points) + ([points[0]] if closed else [])
    pieces = []
    for (ax, ay), (bx, by) in zip(corners, corners[1:]):
        count = max(2, int(math.hypot(bx - ax, by - ay) / 0.12))
        share = np.linspace(0, 1, count, endpoint=False)[:, None]
        pieces.append(np.array([ax, ay]) + share * np.array([bx - ax, by - ay]))
    return np.concatenate(pieces + [np.array([corners[-1]])])


def closed(outline: Points) -> Drawing:
    return Drawing(fills=[outline], lines=[outline])


def star(rng: random.Random) -> Drawing:
    inner = rng.uniform(0.38, 0.5)
    if rng.random() < 0.15:  # the star that one draws without lifting the pen
        tips = [(math.sin(i * 4 * math.pi / 5), -math.cos(i * 4 * math.pi / 5)) for i in range(5)]
        drawing = Drawing(fills=[polygon_star(inner)], lines=[path(*tips)])
        return drawing
    return closed(polygon_star(inner))


def polygon_star(inner: float) -> Points:
    radius = [1.0, inner] * 5
    return path(*[(r * math.sin(i * math.pi / 5), -r * math.cos(i * math.pi / 5)) for i, r in enumerate(radius)])


def heart(rng: random.Random) -> Drawing:
    t = np.linspace(0, 2 * math.pi, 40)
    x = 16 * np.sin(t) ** 3 / 16
    y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)) / 15
    return closed(np.stack([x, y], 1))


def cross(rng: random.Random) -> Drawing:
    a = rng.uniform(0.2, 0.4)
    plus = path(
        (-a, -1), (a, -1), (a, -a), (1, -a), (1, a), (a, a), (a, 1), (-a, 1), (-a, a), (-1, a), (-1, -a), (-a, -a)
    )
    drawing = closed(plus)
    if rng.random() < 0.45:
        bars = [path((0, -1), (0, 1), closed=False), path((-1, 0), (1, 0), closed=False)]
        drawing = Drawing(fills=[plus], lines=bars, strokes_only=True)
    return turned(drawing, 45) if rng.random() < 0.4 else drawing


def arrow(rng: random.Random) -> Drawing:
    a, head = rng.uniform(0.15, 0.3), rng.uniform(0.0, 0.3)
    solid = path((-1, -a), (head, -a), (head, -0.75), (1, 0), (head, 0.75), (head, a), (-1, a))
    drawing = closed(solid)
    if rng.random() < 0.45:
        tip = path((head, -0.65), (1, 0), (head, 0.65), closed=False)
        drawing = Drawing(fills=[solid], lines=[path((-1, 0), (1, 0), closed=False), tip], strokes_only=True)
    return turned(drawing, 90 * rng.randrange(4))


def house(rng: random.Random) -> Drawing:
    eave, width = rng.uniform(-0.25, 0.0), rng.uniform(0.7, 0.85)
    over = width + rng.choice((0.0, 0.15))
    body = path((-width, eave), (width, eave), (width, 1), (-width, 1))
    roof = path((-over, eave), (0, -1), (over, eave))
    door_x = rng.uniform(-0.3, 0.2)
    details = [path((door_x, 0.4), (door_x + 0.3, 0.4), (door_x + 0.3, 1), (door_x, 1))]
    if rng.random() < 0.5:
        details.append(path((door_x - 0.4, 0.2), (door_x - 0.15, 0.2), (door_x - 0.15, 0.5), (door_x - 0.4, 0.5)))
    return Drawing(fills=[body, roof], lines=[body, roof], details=details if rng.random() < 0.75 else [])


def tree(rng: random.Random) -> Drawing:
    trunk = path((-0.14, 0.3), (0.14, 0.3), (0.14, 1), (-0.14, 1))
    style = rng.random()
    if style < 0.4:
        crown = [arc(0, -0.3, rng.uniform(0.6, 0.75), 0.7)]
    elif style < 0.65:
        crown = [bumps(0, -0.3, 0.72, 0.68, rng.randrange(6, 9))]
    elif style < 0.85:
        crown = [path((0, -1), (0.7, 0.4), (-0.7, 0.4))]
    else:
        crown = [path((0, -1), (0.5, -0.2), (-0.5, -0.2)), path((0, -0.6), (0.7, 0.4), (-0.7, 0.4))]
    return Drawing(fills=crown, lines=crown + [trunk], second=[trunk])


def bumps(cx: float, cy: float, rx: float, ry: float, count: int) -> Points:
    """A cloud-like outline: `count` half circles around an ellipse."""
    angle = np.linspace(0, 2 * math.pi, count * 8 + 1)
    radius = 0.8 + 0.2 * np.abs(np.sin(angle * count / 2))
    return np.stack([cx + rx * radius * np.cos(angle), cy + ry * radius * np.sin(angle)], 1)


def sun(rng: random.Random) -> Drawing:
    count, inner = rng.randrange(7, 13), rng.uniform(0.45, 0.58)
    disk = arc(0, 0, inner, inner)
    rays = []
    for i in range(count):
        c, s = math.cos(2 * math.pi * i / count), math.sin(2 * math.pi * i / count)
        rays.append(path(((inner + 0.12) * c, (inner + 0.12) * s), (c, s), closed=False))
    return Drawing(fills=[disk], lines=[disk] + rays, detail_lines=rays)


def moon(rng: random.Random) -> Drawing:
    depth = rng.uniform(0.2, 0.5)
    outer = arc(0, 0, 1, 1, -75, 75)
    tip_x = math.cos(math.radians(75))
    inner = arc(tip_x - 0.02, 0, depth, math.sin(math.radians(75)), 90, -90)
    drawing = closed(np.concatenate([outer, inner]) - np.array([0.6, 0]))
    return turned(drawing, rng.choice((0, 180)))


def cloud(rng: random.Random) -> Drawing:
    base = rng.uniform(0.4, 0.5)
    lobes = [arc(-0.6, 0.1, 0.38, 0.34, 90, 255), arc(-0.15, -0.25, 0.45, 0.42, 190, 320)]
    lobes += [arc(0.45, -0.05, 0.4, 0.36, 240, 360), arc(0.7, 0.2, 0.3, 0.26, -60, 90)]
    outline = np.concatenate(lobes)
    outline[:, 1] = np.minimum(outline[:, 1], base)
    return closed(np.concatenate([outline, outline[:1]]))


def flower(rng: random.Random) -> Drawing:
    count, stem = rng.randrange(5, 8), rng.random() < 0.55
    size, lift = (0.62, -0.38) if stem else (1.0, 0.0)
    radius = size * rng.uniform(0.3, 0.38)
    petals = []
    for i in range(count):
        angle = 2 * math.pi * i / count
        petals.append(arc((size - radius) * math.cos(angle), lift + (size - radius) * math.sin(angle), radius, radius))
    heart_of = arc(0, lift, size * 0.28, size * 0.28)
    stalk = [path((0, lift + size * 0.9), (0, 1), closed=False)] if stem else []
    return Drawing(fills=petals, lines=petals + [heart_of] + stalk, details=[heart_of], second=stalk)


def fish(rng: random.Random) -> Drawing:
    ry = rng.uniform(0.4, 0.58)
    body = arc(-0.25, 0, 0.75, ry)
    tail = path((0.35, 0), (1, -0.5), (1, 0.5))
    eye = arc(-0.6, -0.12, 0.08, 0.08, count=10)
    drawing = Drawing(fills=[body, tail], lines=[body, tail], details=[eye])
    return mirrored(drawing) if rng.random() < 0.5 else drawing


def smiley(rng: random.Random) -> Drawing:
    face = arc(0, 0, 1, 1, count=36)
    size = rng.uniform(0.09, 0.15)
    eyes = [arc(side * 0.36, -0.28, size, size * 1.3, count=10) for side in (-1, 1)]
    mouth = arc(0, 0.05, 0.55, 0.5, 20, 160)
    return Drawing(fills=[face], lines=[face], details=eyes, detail_lines=[mouth])


DIGIT_STROKES = {
    0: [arc(0, 0, 0.55, 1.0)],
    2: [np.concatenate([arc(0, -0.5, 0.52, 0.5, 190, 390), path((0.42, -0.2), (-0.55, 1), (0.6, 1), closed=False)])],
    3: [np.concatenate([arc(-0.05, -0.52, 0.52, 0.48, 210, 440), arc(-0.05, 0.48, 0.6, 0.52, -80, 150)])],
    5: [
        np.concatenate(
            [path((0.5, -1), (-0.4, -1), (-0.48, -0.15), closed=False), arc(-0.02, 0.35, 0.58, 0.62, 225, 510)]
        )
    ],
    6: [np.concatenate([arc(0.35, 0.3, 0.9, 1.3, 270, 185)[3:], arc(0, 0.45, 0.55, 0.55, 180, -180)])],
    8: [arc(0, -0.5, 0.45, 0.5), arc(0, 0.5, 0.55, 0.5)],
    9: [np.concatenate([arc(0, -0.45, 0.52, 0.55, 0, 360), path((0.52, -0.45), (0.42, 1), closed=False)])],
}


def digit(rng: random.Random, value: int) -> Drawing:
    if value == 1:
        flag = [path((-0.35, -0.6), (0, -1), (0, 1), closed=False)]
        foot = [path((-0.35, 1), (0.35, 1), closed=False)] if rng.random() < 0.3 else []
        lines = flag + foot if rng.random() < 0.8 else [path((0, -1), (0, 1), closed=False)]
    elif value == 4:
        if rng.random() < 0.5:
            lines = [path((0.2, 1), (0.2, -1), (-0.6, 0.3), (0.6, 0.3), closed=False)]
        else:
            lines = [
                path((-0.4, -1), (-0.55, 0.2), (0.6, 0.2), closed=False),
                path((0.25, -0.7), (0.25, 1), closed=False),
            ]
    elif value == 7:
        lines = [path((-0.55, -1), (0.55, -1), (-0.1, 1), closed=False)]
        if rng.random() < 0.35:
            lines.append(path((-0.25, 0), (0.5, 0), closed=False))
    else:
        lines = DIGIT_STROKES[value]
    return Drawing(fills=[path((-0.6, -1), (0.6, -1), (0.6, 1), (-0.6, 1))], lines=list(lines), strokes_only=True)


def circle(rng: random.Random) -> Drawing:
    return closed(arc(0, 0, 1, 1, count=36))


def square(rng: random.Random) -> Drawing:
    return closed(path((-1, -1), (1, -1), (1, 1), (-1, 1)))


def triangle(rng: random.Random) -> Drawing:
    top = rng.uniform(-0.25, 0.25)
    drawing = closed(path((top, -0.95), (1, 0.85), (-1, 0.85)))
    return turned(drawing, 180) if rng.random() < 0.1 else drawing


def diamond(rng: random.Random) -> Drawing:
    width = rng.uniform(0.6, 0.85)
    return closed(path((0, -1), (width, 0), (0, 1), (-width, 0)))


MAKERS = {
    "circle": circle,
    "square": square,
    "triangle": triangle,
    "star": star,
    "heart": heart,
    "cross": cross,
    "diamond": diamond,
    "arrow": arrow,
    "house": house,
    "tree": tree,
    "sun": sun,
    "moon": moon,
    "cloud": cloud,
    "flower": flower,
    "fish": fish,
    "smiley": smiley,
}


def outline_of(rng: random.Random, kind: str) -> Drawing:
    if kind.startswith("digit "):
        return digit(rng, int(kind[6:]))
    return MAKERS[kind](rng)


def mapped(drawing: Drawing, transform) -> Drawing:
    """The drawing with `transform` applied to each of its point arrays."""
    move = lambda group: [transform(points) for points in group]
    return Drawing(
        move(drawing.fills),
        move(drawing.lines),
        move(drawing.details),
        move(drawing.detail_lines),
        move(drawing.second),
        drawing.strokes_only,
    )


def turned(drawing: Drawing, degrees: float) -> Drawing:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return mapped(drawing, lambda points: points @ np.array([[c, s], [-s, c]]))


def mirrored(drawing: Drawing) -> Drawing:
    return mapped(drawing, lambda points: points * np.array([-1.0, 1.0]))
