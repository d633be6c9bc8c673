"""Prints stories like those that the model was trained on, of a seed that training does not use: to measure it, or to calibrate.

    python texts.py SEED COUNT
"""

import random
import sys

from stories import HEROES, story


def main() -> None:
    seed, count = map(int, sys.argv[1:])
    rng = random.Random(seed)
    print("\n\n".join(story(rng, rng.choice(HEROES)) for _ in range(count)))


if __name__ == "__main__":
    main()
