"""Measures a checkpoint on the held-out pictures: attributes right, refusals, and what INT4 costs.

python evaluate.py CHECKPOINT HELD_OUT [--int4] [--limit N] [--json FILE]
python evaluate.py CHECKPOINT HELD_OUT --talk        a few conversations to read
"""

import argparse
import json
from pathlib import Path

import torch
from PIL import Image

from generate import Speaker, user_message
from held_out import write_held_out
from quantise import quantise
from scoring import read_lines, report, score

CHATS = (
    ("hello", "who are you?", "what can you do", "thanks, bye"),
    ("Tell me a story about a fox.", "another story please"),
    ("what do you see?", "how many circles are there?"),
    ("whats the capital of spain", "are you a robot", "I am sad"),
)


def held_out_answers(speaker: Speaker, folder: Path, questions: list[dict], batch_size: int = 64) -> list[str]:
    answers: list[str] = []
    for start in range(0, len(questions), batch_size):
        lines = questions[start : start + batch_size]
        pictures = [Image.open(folder / line["image"]).convert("RGB") for line in lines]
        answers += speaker.answers([[user_message(line["question"], True)] for line in lines], pictures)
    return answers


def converse(speaker: Speaker, questions: list[str], picture: Image.Image | None) -> None:
    messages: list[dict] = []
    for index, question in enumerate(questions):
        messages.append(user_message(question, picture is not None and index == 0))
        answer = speaker.answers([messages], [picture] if picture else [], max_new_tokens=160)[0]
        messages.append({"role": "assistant", "content": answer})
        print(f"  > {question}\n  {answer}")
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("held_out", type=Path, help="written with seed 1 when it does not exist")
    parser.add_argument("--int4", action="store_true", help="round the weights to INT4 in groups of 64 first")
    parser.add_argument("--embedding-bits", type=int, default=8)
    parser.add_argument(
        "--limit", type=int, default=None, help="only every n-th question, so that about this many are asked"
    )
    parser.add_argument("--json", type=Path, default=None, help="also write the shares here")
    parser.add_argument("--answers", type=Path, default=None, help="also write the answers, one {answer} per line")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--talk", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    speaker = Speaker(options.checkpoint)
    if options.int4:
        quantise(speaker.model, options.embedding_bits)
    if not (options.held_out / "questions.jsonl").exists():
        write_held_out(options.held_out, seed=1)
    questions = read_lines(options.held_out / "questions.jsonl")
    if options.talk:
        for chat in CHATS:
            converse(speaker, list(chat), None)
        for line in questions[-12::3]:
            print(line["image"], line["expect"])
            converse(
                speaker,
                ["hi, look at this. what is it?", line["question"], "how many objects are there", "thank you"],
                Image.open(options.held_out / line["image"]).convert("RGB"),
            )
        return
    if options.limit:
        questions = questions[:: max(1, len(questions) // options.limit)]
    answers = held_out_answers(speaker, options.held_out, questions)
    shares = score(questions, answers)
    print(report(shares))
    if options.json:
        options.json.write_text(json.dumps(shares, indent=2) + "\n")
    if options.answers:
        options.answers.write_text("".join(json.dumps({"answer": answer}) + "\n" for answer in answers))


if __name__ == "__main__":
    main()
