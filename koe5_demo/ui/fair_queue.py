"""Keeps the page open for everybody: nobody takes all places of the queue, and long runs let rankings go first."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import gradio as gr
from gradio.queueing import Queue

from koe5_demo.benchmark.progress import ShouldStop
from koe5_demo.edge.visitors import is_this_machine, visitor_key
from koe5_demo.ui.boundary import MODEL_QUEUE

MOST_PLACES_OF_A_VISITOR: Final = 32
MOST_PLACES_OF_A_KIND: Final = 32
"""Of the queue's 64. Rankings and the like may take all of them."""
REST: Final = 4.0
"""Seconds that a long run rests for each second it worked, as long as visitors keep the model busy."""
LONGEST_REST_S: Final = 8.0
POLL_S: Final = 0.02


class Courtesy:
    """Lets rankings go before a long run. Without it, one benchmark takes half of what fifty visitors need.

    Args:
        page: Whose rankings.
        clock, sleep: Seconds that never go back, and waiting.
    """

    def __init__(
        self,
        page: gr.Blocks,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._page = page
        self._clock = clock
        self._sleep = sleep

    def between(self, should_stop: ShouldStop) -> ShouldStop:
        """Return a stop signal for one run that rests, while rankings wait or run, whenever it is asked."""
        since = self._clock()

        def rest_and_ask() -> bool:
            nonlocal since
            now = self._clock()
            end = now + min(REST * (now - since), LONGEST_REST_S)
            while self._clock() < end and self._is_busy() and not should_stop():
                self._sleep(POLL_S)
            since = self._clock()
            return should_stop()

        return rest_and_ask

    def _is_busy(self) -> bool:
        # app.py makes the queue after the page: ask for it each time.
        events = self._page._queue.event_queue_per_concurrency_id.get(MODEL_QUEUE)  # noqa: SLF001 told nowhere else
        return events is not None and bool(events.queue or events.current_concurrency)


def share_places(*, behind_proxy: bool, spares_this_machine: bool) -> None:
    """Refuse, as if the queue were full, who already has half of its places.

    Args:
        behind_proxy, spares_this_machine: As `koe5_demo.edge.gate.GateRules`.
    """
    original = getattr(Queue.push, "original", Queue.push)

    async def push(self: Queue, body: Any, request: Any, username: str | None) -> Any:
        spared = spares_this_machine and is_this_machine(request.scope)
        if _has_its_share(self, body.fn_index, None if spared else request.scope, behind_proxy=behind_proxy):
            return False, "queue is full", "queue_full"
        return await original(self, body, request, username)

    push.original = original  # type: ignore[attr-defined]
    Queue.push = push  # type: ignore[method-assign]


def _has_its_share(queue: Queue, function: int | None, scope: Any, *, behind_proxy: bool) -> bool:
    """Return whether the kind of work, or the visitor (None is not counted), has all the places it may have."""
    waiting = [event for kind in queue.event_queue_per_concurrency_id.values() for event in kind.queue]
    known = queue.blocks.fns.get(function) if function is not None else None
    kind = known.concurrency_id if known is not None else MODEL_QUEUE
    if kind != MODEL_QUEUE and sum(event.concurrency_id == kind for event in waiting) >= MOST_PLACES_OF_A_KIND:
        return True
    if scope is None:
        return False
    visitor = visitor_key(scope, behind_proxy=behind_proxy)
    theirs = sum(visitor_key(event.request.scope, behind_proxy=behind_proxy) == visitor for event in waiting)
    return theirs >= MOST_PLACES_OF_A_VISITOR
