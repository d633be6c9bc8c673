"""Draws a Scene the way a canvas or a phone camera would show it, and says which of the 8x8 patches each thing covers.

What a thing looks like is in `shapes.py`, what is behind it in `backgrounds.py`, what is said about it in `questions.py`.
"""

import io
import math
import random
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont

import backgrounds
from shapes import Drawing, mapped, outline_of
from world import Rgb, Scene, Thing, colour_distance, sample_region, sample_rgb

IMAGE_SIDE = 96
GRID = 8
# What LlavaImageProcessor pads a picture with: the CLIP mean, cut to whole numbers.
PAD_RGB = (122, 116, 104)
NOTHING = 255


@dataclass
class Rendered:
    image: Image.Image
    # [8, 8] uint8: index of the thing that covers the patch, NOTHING elsewhere.
    cover: np.ndarray


def render_scene(rng: random.Random, scene: Scene) -> Rendered:
    side = rng.randrange(128, 225)
    noise = np.random.default_rng(rng.getrandbits(32))
    x0, y0, x1, y1 = (round(v * side) for v in scene.region)
    image = contrasting_ground(rng, noise, x1 - x0, y1 - y0, scene)
    index_map = Image.new("L", (GRID * 6, GRID * 6), NOTHING)
    brush = rng.uniform(0.01, 0.05)
    for index, thing in enumerate(scene.things):
        drawing = posed(rng, outline_of(rng, thing.kind), thing)
        paint(rng, image, drawing, thing, side, (x0, y0), brush)
        silhouette = ImageDraw.Draw(index_map)
        for points in drawing.fills:
            silhouette.polygon([tuple(p) for p in points * GRID * 6], index)
    return Rendered(degraded(rng, noise, image), cover_of(index_map, len(scene.things)))


def render_meaningless(rng: random.Random, sort: str) -> Image.Image:
    side = rng.randrange(128, 225)
    noise = np.random.default_rng(rng.getrandbits(32))
    x0, y0, x1, y1 = (round(v * side) for v in sample_region(rng))
    return degraded(rng, noise, backgrounds.meaningless(rng, noise, x1 - x0, y1 - y0, sort))


def contrasting_ground(
    rng: random.Random, noise: np.random.Generator, width: int, height: int, scene: Scene
) -> Image.Image:
    for _ in range(12):
        image, mean = backgrounds.ground(rng, noise, width, height)
        if min(colour_distance(mean, thing.rgb) for thing in scene.things) > 170:
            return image
    best = max(
        ((255, 255, 255), (10, 10, 10), (150, 200, 235), (235, 225, 190), (60, 80, 60)),
        key=lambda rgb: min(colour_distance(rgb, thing.rgb) for thing in scene.things),
    )
    return Image.new("RGB", (width, height), best)


def posed(rng: random.Random, drawing: Drawing, thing: Thing) -> Drawing:
    """The drawing wobbled, turned by up to 15 degrees, and fitted into the thing's place (unit square coordinates)."""
    angle = math.radians(rng.uniform(-15, 15))
    c, s = math.cos(angle), math.sin(angle)
    stretch, shear = rng.uniform(0.9, 1.1), rng.uniform(-0.08, 0.08)
    linear = np.array([[stretch, 0], [shear, 1]]) @ np.array([[c, s], [-s, c]])
    wobble = rng.choice((0.0, 0.02, 0.05)) * rng.random()
    phases = [rng.uniform(0, 6.3) for _ in range(4)]

    def place(points: np.ndarray) -> np.ndarray:
        x, y = points[:, 0], points[:, 1]
        bend = np.stack(
            [
                np.sin(3 * y + phases[0]) + np.sin(7 * y + phases[1]),
                np.sin(3 * x + phases[2]) + np.sin(7 * x + phases[3]),
            ],
            1,
        )
        return (points + wobble * bend) @ linear

    turned = mapped(drawing, place)
    extent_of = turned.lines + turned.fills if not drawing.strokes_only else turned.lines
    points = np.concatenate(extent_of)
    low, high = points.min(0), points.max(0)
    scale = thing.extent / (high - low).max()
    shift = np.array([thing.cx, thing.cy]) - (low + high) / 2 * scale
    return mapped(turned, lambda p: p * scale + shift)


def paint(
    rng: random.Random,
    image: Image.Image,
    drawing: Drawing,
    thing: Thing,
    side: int,
    origin: tuple[int, int],
    brush: float,
) -> None:
    draw = ImageDraw.Draw(image)
    to_pixels = lambda points: [tuple(p) for p in points * side - np.array(origin)]
    # A brush as wide as a small thing would drown it.
    width = max(2, round(side * min(brush, thing.extent * 0.13) * (1.25 if drawing.strokes_only else 1)))
    if thing.kind.startswith("digit ") and rng.random() < 0.3:
        return typed_digit(rng, image, thing, side, origin)
    contrast = detail_rgb(rng, thing)
    if drawing.strokes_only or rng.random() < 0.4:
        for points in drawing.lines + drawing.detail_lines:
            stroke(draw, to_pixels(points), thing.rgb, width)
        if thing.kind in ("smiley", "fish"):
            for points in drawing.details:
                draw.polygon(to_pixels(points), thing.rgb)
        elif thing.kind == "house" and rng.random() < 0.6:
            for points in drawing.details:
                stroke(draw, to_pixels(points), thing.rgb, max(2, width // 2))
        return
    second = second_rgb(rng, thing)
    for points in drawing.second:
        if thing.kind == "tree":
            draw.polygon(to_pixels(points), second)
        else:
            stroke(draw, to_pixels(points), second, width)
    if rng.random() < 0.1:
        hatch(rng, image, [to_pixels(points) for points in drawing.fills], thing.rgb, width)
    else:
        for points in drawing.fills:
            draw.polygon(to_pixels(points), thing.rgb)
    if rng.random() < 0.12 and not drawing.detail_lines:
        edge = tuple(int(c * 0.45) for c in thing.rgb)
        for points in drawing.lines if not drawing.second else drawing.fills:
            stroke(draw, to_pixels(points), edge, max(1, width // 3))
    for points in drawing.details:
        draw.polygon(to_pixels(points), contrast)
    line_rgb = thing.rgb if thing.kind == "sun" else contrast
    for points in drawing.detail_lines:
        stroke(draw, to_pixels(points), line_rgb, width)


def stroke(draw: ImageDraw.ImageDraw, points: list[tuple[float, float]], rgb: Rgb, width: int) -> None:
    draw.line(points, rgb, width, joint="curve")
    radius = width / 2 - 0.5
    for x, y in (points[0], points[-1]):
        draw.ellipse([x - radius, y - radius, x + radius, y + radius], rgb)


def hatch(rng: random.Random, image: Image.Image, polygons: list, rgb: Rgb, width: int) -> None:
    """Fills the way one does with a brush: an edge and close parallel strokes."""
    mask = Image.new("L", image.size, 0)
    lines = Image.new("L", image.size, 0)
    for polygon in polygons:
        ImageDraw.Draw(mask).polygon(polygon, 255)
    draw = ImageDraw.Draw(lines)
    reach, step, slope = max(image.size), max(3, int(width * rng.uniform(1.3, 1.8))), rng.uniform(-1, 1)
    for at in range(-reach, 2 * reach, step):
        draw.line([(0, at), (reach, at + slope * reach)], 255, width)
    image.paste(rgb, mask=Image.composite(lines, Image.new("L", image.size, 0), mask))
    for polygon in polygons:
        stroke(ImageDraw.Draw(image), polygon, rgb, width)


def typed_digit(rng: random.Random, image: Image.Image, thing: Thing, side: int, origin: tuple[int, int]) -> None:
    """A printed digit, turned a little."""
    size = thing.extent * side
    font = ImageFont.load_default(round(size * 1.35))
    text = thing.kind[6:]
    left, top, right, bottom = font.getbbox(text, stroke_width=1)
    stamp = Image.new("L", (round(right - left) + 4, round(bottom - top) + 4), 0)
    ImageDraw.Draw(stamp).text((2 - left, 2 - top), text, 255, font=font, stroke_width=rng.choice((0, 1, 2)))
    stamp = stamp.rotate(rng.uniform(-15, 15), Image.BICUBIC, expand=True)
    scale = size / max(stamp.size)
    stamp = stamp.resize((max(1, round(stamp.width * scale)), max(1, round(stamp.height * scale))), Image.BICUBIC)
    x, y = thing.cx * side - origin[0] - stamp.width / 2, thing.cy * side - origin[1] - stamp.height / 2
    image.paste(thing.rgb, (round(x), round(y)), stamp)


def detail_rgb(rng: random.Random, thing: Thing) -> Rgb:
    """Eyes, doors and mouths: dark on light things, light on dark ones."""
    choices = [
        rgb
        for rgb in ((0, 0, 0), (255, 255, 255), (70, 40, 20), (250, 220, 60))
        if colour_distance(rgb, thing.rgb) > 300
    ]
    return rng.choice(choices or [(0, 0, 0) if sum(thing.rgb) > 380 else (255, 255, 255)])


def second_rgb(rng: random.Random, thing: Thing) -> Rgb:
    """The trunk of a tree or the stalk of a flower: its usual colour, or that of the thing."""
    if rng.random() < 0.35:
        return thing.rgb
    return sample_rgb(rng, "brown" if thing.kind == "tree" else "green")


def cover_of(index_map: Image.Image, num_things: int) -> np.ndarray:
    cells = np.asarray(index_map).reshape(GRID, 6, GRID, 6).transpose(0, 2, 1, 3).reshape(GRID, GRID, 36)
    shares = np.stack([(cells == index).sum(2) for index in range(num_things)])
    best = shares.argmax(0).astype(np.uint8)
    return np.where(shares.max(0) >= 5, best, NOTHING).astype(np.uint8)


def degraded(rng: random.Random, noise: np.random.Generator, image: Image.Image) -> Image.Image:
    """Light, blur, grain and compression of a camera; a third of the pictures stay as clean as a canvas."""
    if rng.random() < 0.33:
        return image
    if rng.random() < 0.35:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.8)))
    if rng.random() < 0.4:
        image = ImageEnhance.Contrast(image).enhance(rng.uniform(0.75, 1.15))
    pixels = np.asarray(image, np.float32)
    if rng.random() < 0.3:
        light = backgrounds.smooth_noise(noise, image.width, image.height, 2).mean(2, keepdims=True)
        pixels = pixels * (1 + light * rng.uniform(0.1, 0.5))
    pixels = pixels * rng.uniform(0.82, 1.06)
    if rng.random() < 0.3:
        pixels = pixels * np.array([rng.uniform(0.93, 1.05) for _ in range(3)], np.float32)
    if rng.random() < 0.6:
        grain = noise.standard_normal(pixels.shape[:2] + (3 if rng.random() < 0.5 else 1,), dtype=np.float32)
        pixels = pixels + grain * rng.uniform(2, 26)
    image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    if rng.random() < 0.35:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=rng.randrange(25, 90))
        image = Image.open(buffer).convert("RGB")
    return image


def model_pixels(image: Image.Image) -> np.ndarray:
    """Exactly what LlavaImageProcessor makes of a picture before rescaling: padded to a square, resized, uint8 [96, 96, 3]."""
    side = max(image.size)
    if image.width != image.height:
        square = Image.new("RGB", (side, side), PAD_RGB)
        square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
        image = square
    return np.asarray(image.resize((IMAGE_SIDE, IMAGE_SIDE), Image.BICUBIC))
