"""Questions about a picture and their true answers, built from the Scene. Wording of small talk is in `chat.py`.

Answers have few, regular forms so that a tiny model gets them right; questions have many. For the same reason what was seen
comes before what follows from it ("The star is blue, so no."): the comparison then reads words that are already there.
"""

import random

from referring import (
    ASKED,
    OPPOSITE,
    PHRASE,
    asked_name,
    axis_relation,
    dominant_relation,
    nouns_of,
    reference,
    sentence,
    third_of,
    without_colour,
)
from talk import NUMBER_WORDS, Turn, article, count_phrase, full_name, listed, pick, plural
from world import COLOURS, DIGITS, ICONS, KINDS, SHAPES, Scene, sample_scene

NOT_RECOGNISED = "I do not recognise anything in this picture."
DESCRIBE = (
    "What do you see? | What is in the picture? | What is on the picture? | Describe the picture. | Describe it. | "
    "What is this? | What's this? | What is in this image? | Describe the image. | What can you see? | What is it? | "
    "Tell me what you see. | What did I draw? | What have I drawn? | Can you describe this picture? | What's in the picture? | "
    "What is shown here? | Look at this. What is it? | Please describe what you see. | What is that? | Describe this drawing. | "
    "Do you know what this is? | Can you see it? | What does the picture show? | Guess what I drew. | Describe this. | "
    "What are these? | What do you see in this picture? | Describe my drawing. | What's on the image? | Explain this picture."
)


def description(scene: Scene) -> str:
    things = scene.things
    if len(things) == 1:
        return f"I see {full_name(things[0])}."
    if len(things) == 2:
        relation = dominant_relation(things[0], things[1])
        return sentence(f"{full_name(things[0])} is {PHRASE[relation]} {full_name(things[1])}.")
    return f"I see, from left to right, {listed([full_name(t) for t in things])}."


def describe(rng: random.Random, scene: Scene) -> Turn:
    expect: dict[str, object] = {
        "things": [{"kind": t.kind, "colour": t.colour, "size": t.size} for t in scene.things],
        "count": len(scene.things),
    }
    if len(scene.things) == 2:
        expect["relation"] = dominant_relation(*scene.things)
    return Turn(pick(rng, DESCRIBE), description(scene), "describe", expect)


def ask_colour(rng: random.Random, scene: Scene) -> Turn | None:
    thing = rng.choice(scene.things)
    names = without_colour(rng, scene, thing)
    if not names:
        return None
    if len(scene.things) == 1 and rng.random() < 0.5:
        names = ("it", names[1])
    asked = pick(
        rng,
        "What colour is {}? | Which colour is {}? | What is the colour of {}? | What colour does {} have? | "
        "Tell me the colour of {}. | {} is what colour? | And what colour is {}? | Colour of {}?",
    )
    return Turn(
        sentence(asked.format(names[0])), sentence(f"{names[1]} is {thing.colour}."), "colour", {"colour": thing.colour}
    )


def ask_kind(rng: random.Random, scene: Scene) -> Turn | None:
    """What is red? / What is the big one? / Which digit is it?"""
    thing = rng.choice(scene.things)
    if thing.kind in DIGITS and sum(t.kind in DIGITS for t in scene.things) == 1 and rng.random() < 0.7:
        asked = pick(
            rng,
            "What digit is it? | Which digit is it? | What number is it? | Which number do you see? | What digit is there? | "
            "What number is this? | Read the digit. | Which digit did I write? | Can you read the number?",
        )
        return Turn(asked, f"It is the {thing.kind}.", "kind", {"kind": thing.kind})
    if len(scene.things) == 1:
        asked = pick(
            rng,
            "What shape is it? | Which shape is this? | What object is it? | What thing is it? | Name the object. | "
            "What kind of shape is it? | What is the shape? | Which object do you see?",
        )
        return Turn(
            asked,
            f"It is {article(thing.kind)}." if thing.kind not in DIGITS else f"It is the {thing.kind}.",
            "kind",
            {"kind": thing.kind},
        )
    if sum(t.colour == thing.colour for t in scene.things) == 1:
        asked = pick(
            rng,
            f"What is {thing.colour}? | Which object is {thing.colour}? | What is the {thing.colour} thing? | "
            f"Which shape is {thing.colour}? | What is the {thing.colour} object? | Which one is {thing.colour}?",
        )
    elif sum(t.size == thing.size for t in scene.things) == 1:
        size = thing.size if rng.random() < 0.7 else {"big": "large", "small": "little"}[thing.size]
        asked = pick(
            rng,
            f"What is {size}? | Which object is {size}? | What is the {size} thing? | Which one is {size}? | "
            f"What is the {size} object?",
        )
    else:
        return None
    return Turn(
        asked,
        f"The {thing.kind} is {thing.colour if thing.colour in asked else thing.size}.",
        "kind",
        {"kind": thing.kind},
    )


def ask_size(rng: random.Random, scene: Scene) -> Turn | None:
    thing = rng.choice(scene.things)
    names = reference(rng, scene, thing)
    if not names:
        return None
    if len(scene.things) == 1 and rng.random() < 0.4:
        names = ("it", names[1])
    asked = pick(
        rng,
        "What size is {}? | How big is {}? | Is {} big or small? | How large is {}? | What is the size of {}? | "
        "Is {} small or big? | Is {} large or small?",
    )
    return Turn(asked.format(names[0]), sentence(f"{names[1]} is {thing.size}."), "size", {"size": thing.size})


def ask_count(rng: random.Random, scene: Scene) -> Turn:
    roll = rng.random()
    if roll < 0.4:
        count, noun = len(scene.things), "object"
        asked = pick(
            rng,
            "How many objects are there? | How many things do you see? | How many shapes are there? | "
            "How many objects are in the picture? | Count the objects. | How many things are in the picture? | "
            "How many are there? | How many shapes do you see? | How many? | Count the shapes.",
        )
    elif roll < 0.65:
        # Half of the colours asked for are there.
        colour = rng.choice(scene.things).colour if rng.random() < 0.6 else rng.choice(COLOURS)
        count, noun = sum(t.colour == colour for t in scene.things), f"{colour} object"
        asked = pick(
            rng,
            f"How many {colour} objects are there? | How many {colour} things do you see? | How many objects are {colour}? | "
            f"How many {colour} shapes are there? | Count the {colour} things.",
        )
    else:
        kind = rng.choice(scene.things).kind if rng.random() < 0.7 else rng.choice(KINDS)
        noun = nouns_of(kind)
        count = sum(nouns_of(t.kind) == noun for t in scene.things)
        many = plural(rng.choice((noun, "number")) if noun == "digit" else noun)
        asked = pick(
            rng,
            f"How many {many} are there? | How many {many} do you see? | Count the {many}. | "
            f"How many {many} are in the picture? | How many {many} can you see?",
        )
    return Turn(asked, count_phrase(count, noun), "count", {"count": count})


def ask_exists(rng: random.Random, scene: Scene) -> Turn:
    present = rng.random() < 0.5
    if present:
        kind = rng.choice(scene.things).kind
    else:
        kind = rng.choice([k for k in rng.choice((SHAPES, ICONS, DIGITS)) if all(t.kind != k for t in scene.things)])
    name = asked_name(rng, kind)
    asked = pick(
        rng,
        f"Is there {article(name)}? | Do you see {article(name)}? | Is there {article(name)} in the picture? | "
        f"Can you see {article(name)}? | Is it {article(name)}? | Did I draw {article(name)}?",
    )
    matching = [t for t in scene.things if t.kind == kind]
    if not matching:
        answer = f"No, there is no {kind}."
    elif len(matching) == 1:
        answer = f"Yes, there is {article(matching[0].colour)} {kind}."
    else:
        answer = f"Yes, there are {NUMBER_WORDS[len(matching)]} {plural(kind)}."
    return Turn(asked, answer, "exists", {"answer": "yes" if matching else "no"})


def ask_missing(rng: random.Random, scene: Scene) -> Turn:
    """A question about a thing that is not there."""
    kind = rng.choice([k for k in SHAPES + ICONS if all(t.kind != k for t in scene.things)])
    asked = pick(
        rng,
        "What colour is the {}? | Where is the {}? | How big is the {}? | Is the {} big or small? | What is above the {}?",
    )
    return Turn(asked.format(kind), f"There is no {kind}.", "missing", {"answer": "there is no"})


def ask_is_colour(rng: random.Random, scene: Scene) -> Turn | None:
    thing = rng.choice(scene.things)
    names = without_colour(rng, scene, thing)
    if not names:
        return None
    colour = thing.colour if rng.random() < 0.5 else rng.choice(COLOURS)
    asked = pick(rng, "Is {} {}? | Is the colour of {} {}? | Is {} really {}?").format(names[0], colour)
    yes = colour == thing.colour
    return Turn(
        asked,
        sentence(f"{names[1]} is {thing.colour}, so {'yes' if yes else 'no'}."),
        "is-colour",
        {"answer": "yes" if yes else "no"},
    )


def two_things(rng: random.Random, scene: Scene):
    if len(scene.things) < 2:
        return None
    a, b = rng.sample(scene.things, 2)
    first, second = reference(rng, scene, a), reference(rng, scene, b)
    return (a, b, first, second) if first and second else None


def ask_is_relation(rng: random.Random, scene: Scene) -> Turn | None:
    pair = two_things(rng, scene)
    if not pair:
        return None
    a, b, first, second = pair
    truth = axis_relation(a, b, rng.choice("xy"))
    if not truth:
        return None
    guess = truth if rng.random() < 0.5 else OPPOSITE[truth]
    asked = f"Is {first[0]} {rng.choice(ASKED[guess])} {second[0]}?"
    yes = guess == truth
    return Turn(
        asked,
        sentence(f"{first[1]} is {PHRASE[truth]} {second[1]}, so {'yes' if yes else 'no'}."),
        "is-relation",
        {"answer": "yes" if yes else "no", "relation": truth},
    )


def ask_relation(rng: random.Random, scene: Scene) -> Turn | None:
    """Where is the circle, seen from the square?"""
    pair = two_things(rng, scene)
    if not pair:
        return None
    a, b, first, second = pair
    truth = dominant_relation(a, b)
    if not truth:
        return None
    asked = pick(
        rng,
        "Where is {0} relative to {1}? | Where is {0} compared to {1}? | Where is {0} seen from {1}? | "
        "On which side of {1} is {0}? | What is the position of {0} relative to {1}?",
    )
    return Turn(
        asked.format(first[0], second[0]),
        sentence(f"{first[1]} is {PHRASE[truth]} {second[1]}."),
        "relation",
        {"relation": truth},
    )


def ask_neighbour(rng: random.Random, scene: Scene) -> Turn | None:
    """What is to the right of the circle? Only asked when the answer is clear."""
    if len(scene.things) < 2:
        return None
    a = rng.choice(scene.things)
    names = reference(rng, scene, a)
    relation = rng.choice(list(PHRASE))
    if not names:
        return None
    relations = {axis_relation(t, a, "x" if relation in ("left", "right") else "y") for t in scene.things if t is not a}
    there = [
        t
        for t in scene.things
        if t is not a and axis_relation(t, a, "x" if relation in ("left", "right") else "y") == relation
    ]
    if None in relations or len(there) > 1:
        return None
    asked = f"{rng.choice(('What is', 'Which object is', 'What do you see', 'Who is'))} {rng.choice(ASKED[relation])} {names[0]}?"
    if not there:
        return Turn(asked, f"Nothing is {PHRASE[relation]} {names[1]}.", "neighbour", {"answer": "nothing"})
    thing = there[0]
    answer = sentence(f"{article(thing.colour)} {thing.kind} is {PHRASE[relation]} {names[1]}.")
    return Turn(asked, answer, "neighbour", {"kind": thing.kind, "colour": thing.colour})


def ask_where(rng: random.Random, scene: Scene) -> Turn | None:
    thing = rng.choice(scene.things)
    names = reference(rng, scene, thing)
    thirds = [third_of(thing.cx), third_of(thing.cy)]
    if not names or None in thirds:
        return None
    place = " ".join(("top", "", "bottom")[thirds[1]].split() + ("left", "", "right")[thirds[0]].split())
    if len(scene.things) == 1 and rng.random() < 0.4:
        names = ("it", names[1])
    asked = pick(
        rng,
        "Where is {}? | Where is {} in the picture? | Where do you see {}? | In which corner is {}? | Where can I find {}?",
    )
    where = f"at the {place}" if place else "in the middle"
    return Turn(asked.format(names[0]), sentence(f"{names[1]} is {where}."), "where", {"where": place or "middle"})


def ask_compare(rng: random.Random, scene: Scene) -> Turn | None:
    pair = two_things(rng, scene)
    if not pair or pair[0].size == pair[1].size:
        return None
    a, b, first, second = pair
    wanted = rng.choice(("big", "small"))
    word = rng.choice({"big": ("bigger", "larger"), "small": ("smaller",)}[wanted])
    thing, name = (a, first[1]) if a.size == wanted else (b, second[1])
    asked = pick(
        rng,
        f"Which is {word}, {first[0]} or {second[0]}? | Is {first[0]} or {second[0]} {word}? | "
        f"What is {word}, {first[0]} or {second[0]}?",
    )
    return Turn(
        asked, sentence(f"{name} is {wanted + 'ger' if wanted == 'big' else 'smaller'}."), "compare", {"name": name}
    )


# Each way to ask with its share of the questions.
ASKERS = (
    (ask_colour, 14),
    (ask_kind, 14),
    (ask_size, 9),
    (ask_count, 14),
    (ask_exists, 10),
    (ask_missing, 4),
    (ask_is_colour, 6),
    (ask_is_relation, 9),
    (ask_relation, 8),
    (ask_neighbour, 9),
    (ask_where, 8),
    (ask_compare, 4),
)

# Their answers follow from two things, or from where a thing is.
INVOLVED = {ask_exists, ask_missing, ask_is_relation, ask_relation, ask_neighbour, ask_where, ask_compare}


def ask_something(rng: random.Random, scene: Scene, involved: float = 1) -> Turn:
    """Asks in one of the ways; `involved` times as often in one of those."""
    shares = [share * (involved if asker in INVOLVED else 1) for asker, share in ASKERS]
    while True:
        asker = rng.choices([a for a, _ in ASKERS], shares)[0]
        turn = asker(rng, scene)
        if turn:
            return turn


def ask_of_nothing(rng: random.Random) -> Turn:
    """Any picture question, asked of a picture in which nothing is to be recognised."""
    asked = pick(rng, DESCRIBE) if rng.random() < 0.5 else ask_something(rng, sample_scene(rng)).user
    return Turn(asked, NOT_RECOGNISED, "nothing", {"answer": "not recognise"})
