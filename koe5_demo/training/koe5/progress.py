"""What a run tells while it trains: steps, loss, time left, scores."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from transformers import TrainerCallback

from koe5_demo.records import Notice, OnProgress
from koe5_demo.training.clock import clock

OnNotice = Callable[[Notice], None]


class Progress(TrainerCallback):  # type: ignore[misc] # transformers is not read by mypy
    """Tells steps done, loss, speed and time left, and scores as they come.

    The methods have the signatures of the trainer's callbacks, used or not.
    """

    def __init__(self, batch_size: int, on_progress: OnProgress | None, tell: OnNotice) -> None:
        self._batch_size = batch_size
        self._on_progress = on_progress
        self._tell = tell
        self._first_step = 0
        self._busy_since = 0.0
        self._busy = 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """Start counting at the step that a resumed run starts from."""
        self._first_step = state.global_step

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """Start the clock of a step: evaluations and checkpoints are not part of a step's time."""
        self._busy_since = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """Stop the clock and report the step."""
        self._busy += time.monotonic() - self._busy_since
        if self._on_progress is not None and state.is_world_process_zero:
            self._on_progress(state.global_step, state.max_steps)

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """Tell a line of progress."""
        logs = kwargs.get("logs") or {}
        if not state.is_world_process_zero or "loss" not in logs:
            return
        per_step = self._busy / max(1, state.global_step - self._first_step)
        self._tell(
            Notice(
                "train_progress",
                {
                    "step": state.global_step,
                    "steps": state.max_steps,
                    "loss": f"{float(logs['loss']):.4f}",
                    "per_step": per_step,
                    "left": clock(per_step * (state.max_steps - state.global_step)),
                },
            )
        )

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """Tell a score."""
        for key, value in (kwargs.get("metrics") or {}).items():
            if key.endswith("_ndcg@10") and state.is_world_process_zero:
                name = key.removeprefix("eval_").removesuffix("_ndcg@10")
                self._tell(Notice("train_score", {"step": state.global_step, "name": name, "value": float(value)}))
