"""Long runs let rankings go first; nobody and no kind of work has all places of the queue."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from gradio.data_classes import PredictBodyInternal
from gradio.queueing import Queue

from koe5_demo.ui.boundary import MODEL_QUEUE
from koe5_demo.ui.fair_queue import LONGEST_REST_S, POLL_S, Courtesy, share_places


class Day:
    """A clock that only sleeping and working move on."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept = 0.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += seconds


def page_with(queue: list[Any], running: int) -> Any:
    kinds = {MODEL_QUEUE: SimpleNamespace(queue=queue, current_concurrency=running)}
    return SimpleNamespace(_queue=SimpleNamespace(event_queue_per_concurrency_id=kinds))


def test_a_run_rests_four_times_as_long_as_it_worked_while_rankings_wait_or_run() -> None:
    for page in (page_with(["waiting"], 0), page_with([], 1)):
        day = Day()
        ask = Courtesy(page, clock=day.clock, sleep=day.sleep).between(lambda: False)
        day.now += 0.5
        assert ask() is False
        assert day.slept == pytest.approx(2.0, abs=POLL_S)
        ask()  # no work since
        assert day.slept == pytest.approx(2.0, abs=POLL_S)
        day.now += 100.0
        ask()
        assert day.slept == pytest.approx(2.0 + LONGEST_REST_S, abs=2 * POLL_S)


def test_a_run_alone_does_not_rest_and_goes_on_when_the_rankings_are_over() -> None:
    day, waiting = Day(), ["one"]
    page = page_with(waiting, 0)

    def sleep(seconds: float) -> None:
        day.sleep(seconds)
        if day.slept > 0.1:
            waiting.clear()

    ask = Courtesy(page, clock=day.clock, sleep=sleep).between(lambda: False)
    day.now += 1.0
    ask()
    assert day.slept == pytest.approx(0.1, abs=2 * POLL_S)
    day.now += 1.0
    ask()
    assert day.slept == pytest.approx(0.1, abs=2 * POLL_S)


def test_a_stop_is_heard_at_once_also_while_resting() -> None:
    day = Day()
    ask = Courtesy(page_with(["waiting"], 1), clock=day.clock, sleep=day.sleep).between(lambda: day.now >= 1.05)
    day.now += 1.0
    assert ask() is True
    assert day.slept == pytest.approx(0.05, abs=2 * POLL_S)


def test_before_the_first_ranking_there_is_no_queue_to_look_at() -> None:
    page = SimpleNamespace(_queue=SimpleNamespace(event_queue_per_concurrency_id={}))
    assert Courtesy(page).between(lambda: False)() is False  # type: ignore[arg-type]


@pytest.fixture
def blocks() -> Iterator[gr.Blocks]:
    """A page with a ranking and a benchmark, whose queue nobody works on."""
    original = Queue.push
    share_places(behind_proxy=True, spares_this_machine=True)
    with gr.Blocks() as page:
        gr.api(lambda: 1, api_name="rank", concurrency_id=MODEL_QUEUE)
        gr.api(lambda: 1, api_name="benchmark", concurrency_id="benchmark-api")
    page.queue(max_size=64)
    yield page
    Queue.push = original  # type: ignore[method-assign]


def push(page: gr.Blocks, function: int | None, visitor: str = "", peer: str = "127.0.0.1") -> str:
    headers = [(b"x-forwarded-for", visitor.encode())] if visitor else []
    request: Any = SimpleNamespace(scope={"client": (peer, 1), "headers": headers})
    body = PredictBodyInternal(data=[], fn_index=function, session_hash=f"s{visitor}")
    with ThreadPoolExecutor(1) as elsewhere:  # a browser test before this one leaves a loop running in this thread
        return elsewhere.submit(asyncio.run, page._queue.push(body, request, None)).result()[2]


def test_a_visitor_has_at_most_half_of_the_places(blocks: gr.Blocks) -> None:
    assert {push(blocks, 0, "9.9.9.1") for _ in range(32)} == {"success"}
    assert push(blocks, 0, "9.9.9.1") == "queue_full"
    assert push(blocks, 0, "6.6.6.6, 9.9.9.1") == "queue_full"  # what the visitor wrote before does not count
    assert push(blocks, 0, "9.9.9.2") == "success"
    assert {push(blocks, 0) for _ in range(31)} == {"success"}  # the machine itself is not counted
    assert push(blocks, 0) == "queue_full"  # all 64 are taken


def test_benchmarks_leave_half_of_the_places_to_rankings(blocks: gr.Blocks) -> None:
    assert {push(blocks, 1, f"9.9.9.{n}") for n in range(32)} == {"success"}
    assert push(blocks, 1, "9.9.9.99") == "queue_full"
    assert push(blocks, 0, "9.9.9.99") == "success"


def test_a_function_that_is_not_there_is_left_to_gradio(blocks: gr.Blocks) -> None:
    assert push(blocks, None, "9.9.9.1") == "error"
