"""The one command: renders pictures, trains the four stages, writes and measures the checkpoint. Every part resumes.

    python train.py [--work DIR] [--out DIR] [--minutes N] [--threads N] [--shards N]

A second run with more --minutes goes on from where the first one ended.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
DEFAULT_WORK = Path.home() / ".cache" / "pagemind" / "embedded-model"
# Shares of the minutes: tower and decoder learn side by side, then together, and then the decoder alone goes on.
APART, JOINT, ANSWERS = 0.35, 0.45, 0.2


def start(log: Path, script: str, *arguments: object) -> subprocess.Popen:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    command = ["nice", "-n", "5", sys.executable, str(HERE / script), *map(str, arguments)]
    with log.open("a") as stream:
        return subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, env=environment)


def finish(*processes: subprocess.Popen) -> None:
    for process in processes:
        if process.wait() != 0:
            raise SystemExit(f"failed: {' '.join(process.args)} (see the log beside the checkpoints)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=DEFAULT_WORK, help="pictures, logs and training state")
    parser.add_argument("--out", type=Path, default=None, help="the checkpoint folder (default: WORK/checkpoint)")
    parser.add_argument("--minutes", type=float, default=80, help="processor minutes of training (per thread)")
    parser.add_argument("--threads", type=int, default=1, help="threads of each training process")
    parser.add_argument("--shards", type=int, default=140, help="rendered shards of 1,024 pictures")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    work, out = options.work, options.out or options.work / "checkpoint"
    work.mkdir(parents=True, exist_ok=True)

    common = ("--threads", options.threads, "--seed", options.seed)
    pictures = work / "pictures"
    # The first shards are made at once so that training finds some; the rest appear while it runs.
    finish(
        start(work / "render.log", "pictures.py", pictures, "--count", min(8, options.shards), "--seed", options.seed)
    )
    render = start(work / "render.log", "pictures.py", pictures, "--count", options.shards, "--seed", options.seed)
    # Once the parts have been joined, more time goes to the joint stage only.
    if not (work / "joint.pt").exists():
        apart = ("--minutes", options.minutes * APART, *common)
        vision = start(work / "vision.log", "train_vision.py", work, *apart)
        text = start(work / "text.log", "train_text.py", work, *apart)
        finish(vision, text)
    finish(start(work / "joint.log", "train_joint.py", work, "--minutes", options.minutes * JOINT, *common))
    finish(start(work / "answers.log", "train_answers.py", work, "--minutes", options.minutes * ANSWERS, *common))
    finish(render)

    finish(start(work / "evaluate.log", "export.py", work, out, "--seed", options.seed))
    held_out = work / "held-out"
    finish(start(work / "evaluate.log", "evaluate.py", out, held_out, "--json", work / "score-f32.json"))
    finish(start(work / "evaluate.log", "evaluate.py", out, held_out, "--int4", "--json", work / "score-int4.json"))
    finish(start(work / "evaluate.log", "golden.py", out, out / "golden"))
    print((work / "evaluate.log").read_text())


if __name__ == "__main__":
    main()
