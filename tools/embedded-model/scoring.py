"""Scores answers about the held-out pictures, whoever gave them: this PyTorch code or the engine.

python scoring.py HELD_OUT/questions.jsonl ANSWERS.jsonl      (lines {"answer": ...}, in the order of the questions)
"""

import json
import re
import sys
from collections import defaultdict
from pathlib import Path

from talk import NUMBER_WORDS
from world import COLOURS, KINDS, SIZES

THING = re.compile(rf"\b({'|'.join(SIZES)}) ({'|'.join(COLOURS)}) ({'|'.join(KINDS)})\b")
RELATION_WORDS = ("left", "right", "above", "below")
VOCABULARY = {"colour": COLOURS, "size": SIZES, "kind": KINDS, "count": NUMBER_WORDS, "relation": RELATION_WORDS}


def attributes_right(line: dict, answer: str) -> list[tuple[str, bool]]:
    """Every attribute that was asked for, and whether the answer has it right."""
    answer, expect = answer.lower(), line["expect"]
    if line["kind"] == "describe":
        return description_right(expect, answer)
    # What is asked first about a picture is answered with a description before the answer.
    answer = answer.rstrip(". ").rsplit(". ", 1)[-1] + "."
    results = []
    for name, value in expect.items():
        if name == "answer" and value in ("yes", "no"):
            # "The star is blue, so no." and "No, there is no star." both say no.
            results.append((line["kind"], set(re.findall(r"\b(?:yes|no)\b", answer)) == {value}))
        elif name == "answer":
            results.append((line["kind"], answer.startswith(value) if value == "nothing" else value in answer))
        elif name == "where":
            results.append((name, re.search(rf"(at the|in the) {value}\.", answer) is not None))
        elif line["kind"] == "neighbour":
            # The answer names two things; the first is the one asked for.
            first = re.search(rf"\b({'|'.join(VOCABULARY[name])})\b", answer)
            results.append((name, first is not None and first[0] == value))
        elif name == "name":
            results.append((line["kind"], f"{value} is " in answer))
        else:
            wanted = NUMBER_WORDS[value] if name == "count" else value
            said = {word for word in VOCABULARY[name] if re.search(rf"\b{word}\b", answer)}
            # "There are two red objects." tells a colour too; only words of the same sort can contradict.
            results.append((name, said == {wanted}))
    return results


def description_right(expect: dict, answer: str) -> list[tuple[str, bool]]:
    said = [dict(zip(("size", "colour", "kind"), match)) for match in THING.findall(answer)]
    results = [("count", len(said) == expect["count"])]
    for index, thing in enumerate(expect["things"]):
        guess = said[index] if index < len(said) else {}
        results += [(name, guess.get(name) == thing[name]) for name in ("kind", "colour", "size")]
    if "relation" in expect:
        results.append(("relation", re.search(rf"\b{expect['relation']}\b", answer) is not None))
    return results


def score(questions: list[dict], answers: list[str]) -> dict:
    """Shares right: `attributes` over everything asked of pictures with things, `nothing` over meaningless pictures."""
    tallies: dict[str, list[bool]] = defaultdict(list)
    for line, answer in zip(questions, answers, strict=True):
        if line["sort"] != "things":
            hit = "not recognise" in answer.lower()
            tallies["nothing"].append(hit)
            tallies[f"nothing/{line['sort']}"].append(hit)
            continue
        results = attributes_right(line, answer)
        tallies["attributes"] += [hit for _, hit in results]
        tallies["whole answers"].append(all(hit for _, hit in results))
        for name, hit in results:
            tallies[f"attribute/{name}"].append(hit)
        tallies[f"question/{line['kind']}"] += [hit for _, hit in results]
    return {name: {"right": sum(hits) / len(hits), "of": len(hits)} for name, hits in sorted(tallies.items())}


def read_lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def report(shares: dict) -> str:
    return "\n".join(f"{name:24} {100 * row['right']:5.1f} % of {row['of']}" for name, row in shares.items())


if __name__ == "__main__":
    questions, answers = read_lines(Path(sys.argv[1])), read_lines(Path(sys.argv[2]))
    print(report(score(questions, [line["answer"] for line in answers])))
