"""How things are referred to (`the red circle`) and how they lie to each other: the logic below every question.

The questions themselves are in `questions.py`.
"""

import random

from talk import SYNONYMS, pick
from world import DIGITS, Scene, Thing

OPPOSITE = {"left": "right", "right": "left", "above": "below", "below": "above"}
PHRASE = {"left": "to the left of", "right": "to the right of", "above": "above", "below": "below"}
ASKED = {
    "left": ("to the left of", "left of", "on the left of", "on the left side of"),
    "right": ("to the right of", "right of", "on the right of", "on the right side of"),
    "above": ("above", "over", "on top of", "higher than"),
    "below": ("below", "under", "underneath", "lower than", "beneath"),
}


def nouns_of(kind: str) -> str:
    return "digit" if kind in DIGITS else kind


def asked_name(rng: random.Random, kind: str) -> str:
    """How a visitor may name the kind."""
    if kind in DIGITS:
        value = kind[6:]
        return rng.choice((f"digit {value}", f"number {value}", value, kind))
    return rng.choice(SYNONYMS[kind]) if kind in SYNONYMS and rng.random() < 0.15 else kind


def reference(rng: random.Random, scene: Scene, thing: Thing) -> tuple[str, str] | None:
    """(how the question names the thing, how the answer does), or None when no short name is unambiguous."""
    same_kind = [t for t in scene.things if t.kind == thing.kind]
    digits = [t for t in scene.things if t.kind in DIGITS]
    if len(same_kind) == 1:
        if thing.kind in DIGITS and len(digits) == 1 and rng.random() < 0.5:
            return pick(rng, "the digit | the number"), f"the {thing.kind}"
        if rng.random() < 0.2 and sum(t.colour == thing.colour for t in scene.things) == 1:
            return pick(
                rng, f"the {thing.colour} thing | the {thing.colour} one | the {thing.colour} object"
            ), f"the {thing.kind}"
        colour = f"{thing.colour} " if rng.random() < 0.15 else ""
        return f"the {colour}{asked_name(rng, thing.kind)}", f"the {thing.kind}"
    if sum(t.colour == thing.colour for t in same_kind) == 1:
        return f"the {thing.colour} {asked_name(rng, thing.kind)}", f"the {thing.colour} {thing.kind}"
    return None


def without_colour(rng: random.Random, scene: Scene, thing: Thing) -> tuple[str, str] | None:
    """Like `reference`, but never telling the colour."""
    if sum(t.kind == thing.kind for t in scene.things) == 1:
        return f"the {asked_name(rng, thing.kind)}", f"the {thing.kind}"
    same = [t for t in scene.things if t.kind == thing.kind]
    if sum(t.size == thing.size for t in same) == 1:
        adjective = thing.size if rng.random() < 0.7 else {"big": "large", "small": "little"}[thing.size]
        return f"the {adjective} {asked_name(rng, thing.kind)}", f"the {thing.size} {thing.kind}"
    return None


def sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def dominant_relation(a: Thing, b: Thing) -> str | None:
    """Where `a` is, seen from `b`; None when it is about as much beside as above."""
    dx, dy = a.cx - b.cx, a.cy - b.cy
    if abs(abs(dx) - abs(dy)) < 0.1:
        return None
    if abs(dx) > abs(dy):
        return "left" if dx < 0 else "right"
    return "above" if dy < 0 else "below"


def axis_relation(a: Thing, b: Thing, axis: str) -> str | None:
    """Where `a` is on one axis only; None when they are nearly level."""
    delta = a.cx - b.cx if axis == "x" else a.cy - b.cy
    if abs(delta) < 0.14:
        return None
    return ("left" if delta < 0 else "right") if axis == "x" else ("above" if delta < 0 else "below")


def third_of(value: float) -> int | None:
    for index, (low, high) in enumerate(((0, 0.3), (0.38, 0.62), (0.7, 1))):
        if low <= value <= high:
            return index
    return None
