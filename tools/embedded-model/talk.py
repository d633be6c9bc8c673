"""Words shared by everything that is said: turns of a conversation, names of things, and the careless typing of visitors."""

import random
from dataclasses import dataclass, field

from world import Thing

NUMBER_WORDS = ("no", "one", "two", "three", "four")
SYNONYMS = {
    "square": ("box", "rectangle"),
    "smiley": ("face", "smiley face"),
    "cross": ("plus", "x"),
    "diamond": ("rhombus",),
    "circle": ("round thing", "disc"),
    "moon": ("crescent",),
    "house": ("home", "building"),
}


@dataclass
class Turn:
    """One question and its answer. `expect` maps attributes to the words a right answer must hold (empty: any answer)."""

    user: str
    answer: str
    sort: str = "chat"
    expect: dict[str, object] = field(default_factory=dict)


def article(phrase: str) -> str:
    return f"an {phrase}" if phrase[0] in "aeiou" else f"a {phrase}"


def full_name(thing: Thing) -> str:
    return article(f"{thing.size} {thing.colour} {thing.kind}")


def plural(noun: str) -> str:
    if noun == "fish":
        return noun
    return noun + ("es" if noun.endswith(("s", "x")) else "s")


def count_phrase(count: int, noun: str) -> str:
    """Says how many there are: `There is one circle.`, `There are no stars.`"""
    if count == 1:
        return f"There is one {noun}."
    return f"There are {NUMBER_WORDS[count]} {plural(noun)}."


def listed(phrases: list[str]) -> str:
    return phrases[0] if len(phrases) == 1 else ", ".join(phrases[:-1]) + " and " + phrases[-1]


def pick(rng: random.Random, text: str) -> str:
    """One of the forms that are separated by ` | `."""
    return rng.choice(text.split(" | "))


def typed(rng: random.Random, text: str) -> str:
    """The way a visitor may type it: lower case, without punctuation, with a slip of the finger, in another spelling."""
    if rng.random() < 0.3:
        text = text.replace("colour", "color")
    roll = rng.random()
    if roll < 0.45:
        text = text.lower()
    elif roll < 0.47:
        text = text.upper()
    if rng.random() < 0.4:
        text = text.rstrip("?.!")
    if rng.random() < 0.04 and len(text) > 8:
        at = rng.randrange(1, len(text) - 2)
        slips = (text[at + 1 :], text[at + 1] + text[at] + text[at + 2 :], text[at] + text[at:])
        text = text[:at] + rng.choice(slips)
    if rng.random() < 0.03:
        text = " " + text
    return text
