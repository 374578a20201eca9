"""What a run tells about itself while it goes on."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from enum import Enum


class Phase(str, Enum):
    """What a run is doing."""

    WAITING = "waiting"
    LOADING_DATA = "loading_data"
    LOADING_MODEL = "loading_model"
    ENCODING_QUERIES = "encoding_queries"
    ENCODING_DOCUMENTS = "encoding_documents"
    SEARCHING = "searching"
    SCORING = "scoring"
    WRITING = "writing"


@dataclass(frozen=True)
class Progress:
    """One step of a run.

    Attributes:
        phase: What goes on.
        dataset, model: Of what; empty where it is of neither.
        done, total: Texts, or queries, or runs ahead in the queue (phase WAITING, total 0); total 0 where unknown.
        texts_per_s: Speed of encoding; 0 outside of it.
        seconds_left: Of this phase; None where unknown.
    """

    phase: Phase
    dataset: str = ""
    model: str = ""
    done: int = 0
    total: int = 0
    texts_per_s: float = 0.0
    seconds_left: float | None = None

    def about(self, dataset: str, model: str) -> Progress:
        """Return the same step with names filled in."""
        return replace(self, dataset=dataset, model=model)


class SpeedMeter:
    """Speed and time left of work whose cost goes with the length of texts."""

    def __init__(self, phase: Phase, total: int, cost: int, done: int = 0) -> None:
        self._phase = phase
        self._total = total
        self._done = done
        self._start_done = done
        self._cost_left = cost
        self._cost_done = 0
        self._start = time.perf_counter()

    def step(self, n: int, cost: int) -> Progress:
        """Count `n` more texts of `cost` characters as done."""
        self._done += n
        self._cost_done += cost
        self._cost_left -= cost
        seconds = max(time.perf_counter() - self._start, 1e-9)
        return Progress(
            phase=self._phase,
            done=self._done,
            total=self._total,
            texts_per_s=(self._done - self._start_done) / seconds,
            seconds_left=max(0, self._cost_left) * seconds / max(self._cost_done, 1),
        )
