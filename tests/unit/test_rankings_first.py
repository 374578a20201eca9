"""Long runs let rankings go first."""

from __future__ import annotations

import pytest

from koe5_demo.benchmark.progress import LONGEST_REST_S, POLL_S, RankingsFirst


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


def test_a_run_rests_four_times_as_long_as_it_worked_while_rankings_wait_or_run() -> None:
    day = Day()
    ask = RankingsFirst(lambda: True, clock=day.clock, sleep=day.sleep).resting(lambda: False)
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

    def sleep(seconds: float) -> None:
        day.sleep(seconds)
        if day.slept > 0.1:
            waiting.clear()

    ask = RankingsFirst(lambda: bool(waiting), clock=day.clock, sleep=sleep).resting(lambda: False)
    day.now += 1.0
    ask()
    assert day.slept == pytest.approx(0.1, abs=2 * POLL_S)
    day.now += 1.0
    ask()
    assert day.slept == pytest.approx(0.1, abs=2 * POLL_S)


def test_a_stop_is_heard_at_once_also_while_resting() -> None:
    day = Day()
    ask = RankingsFirst(lambda: True, clock=day.clock, sleep=day.sleep).resting(lambda: day.now >= 1.05)
    day.now += 1.0
    assert ask() is True
    assert day.slept == pytest.approx(0.05, abs=2 * POLL_S)
