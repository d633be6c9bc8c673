"""A story grammar: a hero, a place, a wish or a worry, a helper, a good end. Six to eight short sentences."""

import random

from talk import article, pick

HEROES = (
    "fox",
    "bear",
    "rabbit",
    "mouse",
    "owl",
    "cat",
    "dog",
    "frog",
    "duck",
    "hedgehog",
    "horse",
    "bird",
    "turtle",
    "lion",
    "pig",
    "dragon",
    "robot",
    "fish",
    "bee",
    "squirrel",
    "girl",
    "boy",
    "star",
    "cloud",
    "tree",
    "snail",
    "penguin",
    "elephant",
)
NAMES = (
    "Mia",
    "Tom",
    "Lily",
    "Max",
    "Anna",
    "Ben",
    "Nora",
    "Leo",
    "Ella",
    "Sam",
    "Pip",
    "Zoe",
    "Finn",
    "Ruby",
    "Otto",
    "Ida",
)
MOODS = ("little", "small", "brave", "kind", "shy", "curious", "happy", "quiet", "clever", "young")
PLACES = (
    "in a green forest",
    "near a blue lake",
    "in a small house",
    "on a high hill",
    "at the edge of the sea",
    "in an old garden",
    "behind a big tree",
    "in a quiet village",
    "under a wide sky",
    "on a sunny island",
)
TIMES = ("One day", "One morning", "One sunny day", "One cold evening", "One night", "On a rainy day")
# The trouble, what the helper does about it, and how it ends for the hero.
PLOTS: tuple[tuple[str, str, str], ...] = (
    ("{n} lost a red ball", "They looked behind every tree", "{n} found the ball under a leaf"),
    ("{n} could not find the way home", "They followed the light of the moon", "{n} saw the warm lights of home"),
    ("{n} wanted to touch the stars", "They climbed the highest hill together", "the stars seemed very near"),
    (
        "{n} found a tiny yellow flower without water",
        "They carried water from the river",
        "the flower opened and smiled at the sun",
    ),
    ("{n} was afraid of the dark", "They sang a soft song in the night", "{n} was not afraid any more"),
    ("{n} heard someone crying", "They shared a sweet apple with a sad little bird", "the bird sang for joy"),
    ("{n} wanted to build a boat", "They tied old branches with grass", "the boat swam on the water"),
    ("{n} was very hungry", "They picked blue berries in the bushes", "everyone had enough to eat"),
    (
        "{n} wanted to see the sea",
        "They walked over hills and through fields",
        "the sea lay before them, wide and blue",
    ),
    (
        "{n} found a strange golden key",
        "They tried it on every door",
        "a small door opened, and behind it was a garden",
    ),
    ("a big storm came", "They hid together in a dry cave", "a rainbow stood over the hills"),
    ("{n} had no one to play with", "They played hide and seek until evening", "{n} was not alone any more"),
)
LESSONS = (
    "Together everything is easier.",
    "A good friend is worth more than gold.",
    "Being brave means trying anyway.",
    "Sharing makes everyone happy.",
    "Small friends can do great things.",
    "It is good to ask for help.",
)
ENDS = (
    "And they lived happily ever after.",
    "And that night they slept very well.",
    "From then on they met every day.",
    "The end.",
)


def story_request(rng: random.Random, hero: str | None) -> str:
    if hero is None:
        return pick(
            rng,
            "Tell me a story. | Tell a story | A story please | Can you tell me a story? | I want a story | Another story | "
            "Please tell me a short story. | Do you know a story? | One more story please | Tell me a bedtime story",
        )
    about = rng.choice((article(hero), article(hero), f"the {hero}", f"{article(rng.choice(MOODS))} {hero}"))
    return pick(
        rng,
        f"Tell me a story about {about}. | Tell a story about {about} | A story about {about} please | "
        f"Can you tell me a story about {about}? | Please tell me a short story about {about}. | "
        f"I want a story about {about} | Do you know a story about {about}? | Story about {about} | "
        f"Make up a story about {about} | Write a story about {about}",
    )


def story(rng: random.Random, hero: str) -> str:
    name, friend_name = rng.sample(NAMES, 2)
    friend = rng.choice([other for other in HEROES if other != hero])
    trouble, help_given, outcome = (part.format(n=name) for part in rng.choice(PLOTS))
    mood = rng.choice(MOODS)
    opening = pick(
        rng,
        f"Once upon a time there was {article(mood)} {hero} named {name}. | "
        f"There once was {article(mood)} {hero} called {name}.",
    )
    sentences = [
        opening,
        f"{name} lived {rng.choice(PLACES)}.",
        f"{rng.choice(TIMES)}, {trouble}.",
        f"Then {article(rng.choice(MOODS))} {friend} named {friend_name} came by.",
        pick(
            rng,
            f'"I will help you," said {friend_name}. | "Do not worry," said {friend_name}. | "Let us go together," said {friend_name}.',
        ),
        f"{help_given}.",
        f"In the end, {outcome}.",
    ]
    if rng.random() < 0.5:
        sentences.append(f'"Thank you, {friend_name}!" said {name}.')
    sentences.append(rng.choice(LESSONS) if rng.random() < 0.5 else rng.choice(ENDS))
    return " ".join(sentences)
