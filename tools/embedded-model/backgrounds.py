"""Procedural surfaces: plain, paper, gradient and photo-like grounds, and the pictures on which nothing is to be recognised.

No outside pictures: everything that looks like a photo is made of fractal noise, blurred shapes and light.
"""

import math
import random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from world import COLOURS, Rgb, sample_rgb


def any_rgb(rng: random.Random) -> Rgb:
    return tuple(rng.randrange(256) for _ in range(3))


def flat_rgb(rng: random.Random) -> Rgb:
    """The colour of a plain ground: mostly white or light, sometimes dark or loud."""
    roll = rng.random()
    if roll < 0.5:
        return (255, 255, 255)
    if roll < 0.72:
        return tuple(rng.randrange(200, 256) for _ in range(3))
    if roll < 0.84:
        return tuple(rng.randrange(0, 60) for _ in range(3))
    return any_rgb(rng)


def smooth_noise(noise: np.random.Generator, width: int, height: int, cells: int) -> np.ndarray:
    """Noise of about unit range [height, width, 3] that varies over 1/cells of the picture."""
    coarse = noise.integers(0, 256, (max(2, cells * height // width), cells, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.BICUBIC), np.float32) / 255 - 0.5


def fractal(noise: np.random.Generator, width: int, height: int, roughness: float) -> np.ndarray:
    total = np.zeros((height, width, 3), np.float32)
    weight, cells = 1.0, int(noise.integers(2, 5))
    while cells < 80:
        total += weight * smooth_noise(noise, width, height, cells)
        weight, cells = weight * roughness, cells * 2
    return total


def paper(rng: random.Random, noise: np.random.Generator, width: int, height: int) -> tuple[Image.Image, Rgb]:
    shade = rng.randrange(200, 253)
    base = (shade, shade - rng.randrange(0, 8), shade - rng.randrange(0, 30))
    image = Image.new("RGB", (width, height), base)
    roll = rng.random()
    if roll < 0.55:
        draw = ImageDraw.Draw(image)
        step = rng.uniform(0.05, 0.12) * width
        ink = tuple(max(0, c - rng.randrange(15, 60)) for c in base)
        offset = rng.uniform(0, step)
        for index in range(int(max(width, height) / step) + 1):
            at = offset + index * step
            draw.line([(0, at), (width, at)], ink)
            if roll < 0.3:
                draw.line([(at, 0), (at, height)], ink)
    grain = smooth_noise(noise, width, height, int(noise.integers(4, 60))) * rng.uniform(4, 22)
    return Image.fromarray(np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8)), base


def gradient(rng: random.Random, width: int, height: int) -> tuple[Image.Image, Rgb]:
    """A soft change from one colour to a neighbour of it."""
    start = np.array(flat_rgb(rng), np.float32)
    end = np.clip(start + np.array([rng.uniform(-60, 60) for _ in range(3)]), 0, 255)
    angle = rng.uniform(0, 2 * math.pi)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    share = ((x / width - 0.5) * math.cos(angle) + (y / height - 0.5) * math.sin(angle) + 0.7) / 1.4
    pixels = start + share[..., None] * (end - start)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)), tuple(int(c) for c in (start + end) / 2)


def blurred_photo(rng: random.Random, noise: np.random.Generator, width: int, height: int) -> tuple[Image.Image, Rgb]:
    """A tame out-of-focus surface (table, wall, cloth) on which things can still be told apart."""
    base = np.array(flat_rgb(rng) if rng.random() < 0.6 else any_rgb(rng), np.float32)
    texture = fractal(noise, width, height, rng.uniform(0.3, 0.9)) * rng.uniform(20, 90)
    if rng.random() < 0.5:
        texture = texture.mean(2, keepdims=True)
    pixels = np.clip(base + texture, 0, 255)
    image = Image.fromarray(pixels.astype(np.uint8))
    return image, tuple(int(c) for c in pixels.reshape(-1, 3).mean(0))


def ground(rng: random.Random, noise: np.random.Generator, width: int, height: int) -> tuple[Image.Image, Rgb]:
    """A ground to draw on, and its mean colour."""
    roll = rng.random()
    if roll < 0.6:
        rgb = flat_rgb(rng)
        return Image.new("RGB", (width, height), rgb), rgb
    if roll < 0.76:
        return paper(rng, noise, width, height)
    if roll < 0.85:
        return gradient(rng, width, height)
    return blurred_photo(rng, noise, width, height)


def dead_leaves(rng: random.Random, noise: np.random.Generator, width: int, height: int) -> Image.Image:
    """Many overlapping, softly shaded pieces of few tones: the statistics of a photo without a thing of our world."""
    palette = [any_rgb(rng) for _ in range(rng.randrange(3, 9))]
    if rng.random() < 0.5:
        tone = np.array(any_rgb(rng))
        palette = [tuple(int(v) for v in (np.array(c) * 0.45 + tone * 0.55)) for c in palette]
    image = Image.new("RGB", (width, height), rng.choice(palette))
    draw = ImageDraw.Draw(image)
    side = max(width, height)
    for _ in range(rng.randrange(12, 120)):
        radius = side * min(0.45, 0.03 / max(0.05, rng.random()) ** 1.1)
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        rgb = tuple(max(0, min(255, c + rng.randrange(-30, 31))) for c in rng.choice(palette))
        if rng.random() < 0.5:
            squash = rng.uniform(0.3, 1)
            draw.ellipse([x - radius, y - radius * squash, x + radius, y + radius * squash], rgb)
        else:
            turns = sorted(rng.uniform(0, 2 * math.pi) for _ in range(rng.randrange(3, 8)))
            draw.polygon([(x + radius * math.cos(a), y + radius * math.sin(a)) for a in turns], rgb)
    shading = fractal(noise, width, height, rng.uniform(0.4, 0.9)) * rng.uniform(20, 110)
    pixels = np.clip(np.asarray(image, np.float32) + shading, 0, 255).astype(np.uint8)
    return Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(rng.uniform(0, 3)))


def landscape(rng: random.Random, noise: np.random.Generator, width: int, height: int) -> Image.Image:
    """Bands with rough borders (sky, hills, ground), each with its own texture."""
    pixels = np.zeros((height, width, 3), np.float32)
    pixels += np.array(any_rgb(rng))
    for _ in range(rng.randrange(1, 5)):
        wave = fractal(noise, width, 2, 0.6)[0, :, 0]
        edge = (rng.uniform(0.15, 0.9) + wave * rng.uniform(0.02, 0.4)) * height
        below = np.arange(height)[:, None] > edge[None, :]
        surface = np.array(any_rgb(rng)) + fractal(noise, width, height, rng.uniform(0.5, 1)) * rng.uniform(20, 130)
        pixels[below] = surface[below]
    image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    return image.filter(ImageFilter.GaussianBlur(rng.uniform(0, 2)))


def scribble(rng: random.Random, noise: np.random.Generator, width: int, height: int) -> Image.Image:
    """Tangled brush lines that mean nothing."""
    image, _ = ground(rng, noise, width, height)
    draw = ImageDraw.Draw(image)
    side = max(width, height)
    for _ in range(rng.randrange(1, 5)):
        x, y, heading = rng.uniform(0.2, 0.8) * width, rng.uniform(0.2, 0.8) * height, rng.uniform(0, 6.3)
        points, bend = [(x, y)], 0.0
        for _ in range(rng.randrange(40, 160)):
            bend = 0.8 * bend + rng.gauss(0, 0.3)
            heading += bend
            x = min(width - 4, max(4, x + 0.035 * side * math.cos(heading)))
            y = min(height - 4, max(4, y + 0.035 * side * math.sin(heading)))
            points.append((x, y))
        draw.line(
            points, sample_rgb(rng, rng.choice(COLOURS)), max(1, int(side * rng.uniform(0.008, 0.04))), joint="curve"
        )
    return image


def blank(rng: random.Random, noise: np.random.Generator, width: int, height: int) -> Image.Image:
    """An empty ground, at most with a few specks."""
    image, _ = ground(rng, noise, width, height)
    if rng.random() < 0.3:
        draw = ImageDraw.Draw(image)
        for _ in range(rng.randrange(1, 6)):
            x, y, radius = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0.3, 0.012 * width)
            draw.ellipse([x - radius, y - radius, x + radius, y + radius], any_rgb(rng))
    return image


def static(rng: random.Random, noise: np.random.Generator, width: int, height: int) -> Image.Image:
    """Pure noise of some grain."""
    cells = int(noise.integers(6, 100))
    if rng.random() < 0.5:
        coarse = noise.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
    else:
        coarse = np.repeat(noise.integers(0, 256, (cells, cells, 1), dtype=np.uint8), 3, 2)
    how = rng.choice((Image.NEAREST, Image.BICUBIC))
    return Image.fromarray(coarse).resize((width, height), how)


MEANINGLESS = {"blank": blank, "noise": static, "photo": dead_leaves, "landscape": landscape, "scribble": scribble}


def meaningless(rng: random.Random, noise: np.random.Generator, width: int, height: int, sort: str) -> Image.Image:
    return MEANINGLESS[sort](rng, noise, width, height)
