"""What the three training stages share: a time budget, a log line now and then, and a checkpoint to resume from.

The budget is processor time, not wall time: on a busy machine a stage takes longer but learns as much.
"""

import os
import signal
import time
from pathlib import Path

import torch


class Stage:
    """Counts the training time over all runs, so that an interrupted stage goes on where it was."""

    def __init__(self, folder: Path, name: str, minutes: float, threads: int = 1, save_every: float = 180.0) -> None:
        self.path = folder / f"{name}.pt"
        self.name = name
        self.budget = minutes * 60
        self.save_every = save_every
        self.spent = 0.0
        self.step = 0
        self.parts: dict[str, object] = {}
        self.means: dict[str, float] = {}
        self.asked_to_stop = False
        signal.signal(signal.SIGTERM, self.on_terminate)
        self.threads = threads
        self.last_save = self.last_log = time.monotonic()
        self.last_tick = time.process_time()

    def on_terminate(self, *_: object) -> None:
        self.asked_to_stop = True

    def attach(self, **parts: object) -> None:
        """Names everything with a state_dict that belongs into the checkpoint, and loads what an earlier run left."""
        self.parts = parts
        if self.path.exists():
            saved = torch.load(self.path, weights_only=False)
            self.spent, self.step = saved["spent"], saved["step"]
            for name, part in parts.items():
                part.load_state_dict(saved[name])
        self.last_tick = time.process_time()

    @property
    def share_done(self) -> float:
        return min(1.0, self.spent / self.budget)

    def running(self) -> bool:
        return self.spent < self.budget

    def tick(self, **numbers: float) -> None:
        used = time.process_time()
        self.spent += (used - self.last_tick) / self.threads
        self.last_tick = used
        self.step += 1
        now = time.monotonic()
        for name, value in numbers.items():
            self.means[name] = 0.95 * self.means.get(name, value) + 0.05 * value
        if now - self.last_log > 20:
            self.last_log = now
            shown = " ".join(f"{name} {value:.4f}" for name, value in self.means.items())
            print(f"{self.name} step {self.step} {self.spent / 60:.1f}/{self.budget / 60:.0f} min {shown}", flush=True)
        if now - self.last_save > self.save_every:
            self.save()
        if self.asked_to_stop:
            self.save()
            raise SystemExit(f"{self.name} stopped; run again to go on")

    def save(self) -> None:
        state = {name: part.state_dict() for name, part in self.parts.items()}
        part = self.path.with_suffix(".part")
        torch.save({"spent": self.spent, "step": self.step, **state}, part)
        os.replace(part, self.path)
        self.last_save = time.monotonic()
