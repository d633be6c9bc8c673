"""Puts turns together into conversations: about one picture, without a picture, or a mix of both."""

import random
from dataclasses import dataclass

from chat import about_missing_picture, ask_story, small_talk, talk
from pictures import Picture
from questions import ask_of_nothing, ask_something, describe, description
from talk import Turn, typed
from world import sample_scene

SYSTEM_PROMPTS = (
    "You are a helpful assistant.",
    "You are a friendly assistant that looks at pictures.",
    "Answer shortly.",
    "You are the tiny picture model of Pagemind.",
    "Be kind and brief.",
)


@dataclass
class Conversation:
    system: str | None
    turns: list[Turn]
    # Index of the turn whose user message carries the picture; None without a picture.
    picture_at: int | None


def about_picture(
    rng: random.Random, picture: Picture, num_turns: int, system: bool = True, involved: float = 1
) -> Conversation:
    turns: list[Turn] = []
    is_described = False
    for index in range(num_turns):
        if picture.sort != "things":
            turn = ask_of_nothing(rng)
        elif rng.random() < (0.35 if index == 0 else 0.05):
            turn = describe(rng, picture.scene)
        else:
            turn = ask_something(rng, picture.scene, involved)
            # Describing is what the model does best, and the rest follows from a description.
            if not is_described:
                turn = Turn(turn.user, f"{description(picture.scene)} {turn.answer}", turn.sort, turn.expect)
        is_described = True
        turns.append(turn)
        # Thanks, praise or a story between the questions must not derail the picture.
        roll = rng.random()
        if roll < 0.05:
            turns.append(small_talk(rng))
        elif roll < 0.06:
            turns.append(ask_story(rng))
    picture_at = 0
    if rng.random() < 0.1:
        before = [talk(rng)] if rng.random() < 0.7 else [about_missing_picture(rng, describe(rng, sample_scene(rng)))]
        turns, picture_at = before + turns, 1
    return Conversation(system_prompt(rng) if system else None, careless(rng, turns), picture_at)


def without_picture(rng: random.Random) -> Conversation:
    turns: list[Turn] = []
    for _ in range(rng.randrange(1, 5)):
        roll = rng.random()
        if roll < 0.12:
            scene = sample_scene(rng)
            question = describe(rng, scene) if rng.random() < 0.6 else ask_something(rng, scene)
            turns.append(about_missing_picture(rng, question))
        elif roll < 0.4:
            turns.append(ask_story(rng))
        else:
            turns.append(talk(rng))
    return Conversation(system_prompt(rng), careless(rng, turns), None)


def system_prompt(rng: random.Random) -> str | None:
    return rng.choice(SYSTEM_PROMPTS) if rng.random() < 0.08 else None


def careless(rng: random.Random, turns: list[Turn]) -> list[Turn]:
    return [Turn(typed(rng, turn.user), turn.answer, turn.sort, turn.expect) for turn in turns]
