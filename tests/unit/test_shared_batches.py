"""Batches of several callers: who goes with whom and when, whose rows are whose, and whose error."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import pytest

from doubles import until
from koe5_demo.encoding.fast.shared_batches import (
    FREE_TOKENS,
    LATELY_S,
    MOST_PASSED_OVER,
    PARTS,
    POLL_S,
    REST,
    SharedBatches,
    Tokens,
)

MOST_TOKENS: Final = 8


class Network:
    """Gives the sum of each text's tokens; the first batch waits until it is let through."""

    def __init__(self) -> None:
        self.batches: list[list[list[int]]] = []
        self.go_on = threading.Event()

    def run(self, ids: Tokens) -> list[int]:
        self.batches.append([list(text) for text in ids])
        assert self.go_on.wait(10)
        if any(13 in text for text in ids):
            raise RuntimeError("thirteen")
        return [sum(text) for text in ids]


def order_behind_a_batch(network: Network, orders: list[Tokens]) -> list[list[int] | BaseException]:
    """Order these, one after the other, while a batch of one text runs; return what each got."""
    shared = SharedBatches(network.run, list.__getitem__, most_tokens=MOST_TOKENS)

    def rows(ids: Tokens) -> list[int] | BaseException:
        try:
            return shared.rows(ids)
        except RuntimeError as error:
            return error

    with ThreadPoolExecutor(len(orders) + 1) as pool:
        first = pool.submit(rows, [[1]])
        until(lambda: len(network.batches) == 1, breath_s=0.001)
        waiting = []
        for ids in orders:
            waiting.append(pool.submit(rows, ids))
            until(lambda: len(shared._waiting) == len(waiting), breath_s=0.001)
        network.go_on.set()
        assert first.result(10) == [1]
        return [rows.result(10) for rows in waiting]


def test_what_waits_goes_together_in_the_next_batch_and_each_gets_its_own_rows() -> None:
    network = Network()
    assert order_behind_a_batch(network, [[[1, 2], [3]], [[4]], [[5, 6]]]) == [[3, 3], [4], [11]]
    assert network.batches == [[[1]], [[4], [5, 6], [1, 2], [3]]]


def test_a_batch_of_several_holds_at_most_its_tokens_and_the_small_go_first() -> None:
    network = Network()
    more_than_a_batch, five, four, one = [[1] * 9], [[1] * 5], [[2] * 4], [[3]]
    assert order_behind_a_batch(network, [more_than_a_batch, five, four, one]) == [[9], [5], [8], [3]]
    assert network.batches[1:] == [one + four, five, more_than_a_batch]


def test_a_large_order_is_passed_over_so_often_and_no_oftener() -> None:
    network = Network()
    large, small = [[1] * MOST_TOKENS], [[2] * (MOST_TOKENS - 1)]
    order_behind_a_batch(network, [large, *[small] * (MOST_PASSED_OVER + 2)])
    assert network.batches.index(large) == 1 + MOST_PASSED_OVER


def test_an_error_is_told_to_those_of_its_batch_and_the_others_go_on() -> None:
    network = Network()
    together, after = [[[13]], [[7]]], [[1] * 7]
    *failed, fine = order_behind_a_batch(network, [*together, after])
    assert [str(error) for error in failed] == ["thirteen", "thirteen"]
    assert fine == [7]


def test_something_else_runs_between_two_batches() -> None:
    network = Network()
    network.go_on.set()
    shared = SharedBatches(network.run, list.__getitem__, most_tokens=MOST_TOKENS)
    names = {shared.alone(threading.current_thread).name, shared.alone(threading.current_thread).name}
    assert len(names) == 1
    assert threading.current_thread().name not in names
    with pytest.raises(ZeroDivisionError):
        shared.alone(lambda: 1 // 0)
    assert shared.rows([[2, 3]]) == [5]


class Line:
    """A network that takes a tenth of a second for each batch, in a time that goes on by work and waiting alone.

    Args:
        others_go_on: Whether another thread makes a small order each time that this one has waited for a moment.
    """

    def __init__(self, *, others_go_on: bool = False) -> None:
        self.now = 100.0
        self.began: list[tuple[float, int]] = []
        self._others_go_on = others_go_on
        self._thread = threading.current_thread()
        self.shared = SharedBatches(
            self.run, list.__getitem__, most_tokens=MOST_TOKENS, clock=lambda: self.now, sleep=self.sleep
        )

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self._others_go_on and threading.current_thread() is self._thread:
            self.small_order_of_another()

    def run(self, ids: Tokens) -> list[int]:
        self.began.append((self.now, len(ids)))
        self.now += 0.1
        return [sum(text) for text in ids]

    def small_order_of_another(self) -> None:
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(self.shared.rows, [[7]]).result(10) == [7]


MUCH: Final = FREE_TOKENS


def test_who_had_much_rests_while_others_want_little() -> None:
    line = Line(others_go_on=True)
    line.small_order_of_another()  # 100.0 to 100.1
    assert [line.shared.rows([[1, 2], [3]], n_before=MUCH) for _ in range(2)] == [[3, 3], [3, 3]]
    large = [at for at, n_texts in line.began if n_texts == 2]
    # The first at once; the second after its 0.1 s, a rest of eight times as long, and the small batch under way.
    assert large == pytest.approx([100.1, 100.2 + REST * 0.1 + 0.05], abs=0.1)


def test_a_rest_is_over_when_the_others_have_gone() -> None:
    line = Line()
    line.shared.rows([[1]], n_before=MUCH)  # ends at 100.1, to rest for eight tenths
    line.small_order_of_another()
    line.shared.rows([[1]], n_before=MUCH)
    assert line.began[-1][0] == pytest.approx(100.1 + LATELY_S, abs=POLL_S)


def test_one_caller_alone_does_not_rest_for_the_own_small_orders() -> None:
    line = Line()
    for n_before in (0, MUCH, MUCH, MUCH):
        line.shared.rows([[1]], n_before=n_before)
    assert [at for at, _ in line.began] == pytest.approx([100.0, 100.1, 100.2, 100.3])
    assert line.shared.n_parts(2) == 1


def test_several_batches_of_one_caller_are_cut_while_others_want_little() -> None:
    line = Line()
    line.small_order_of_another()
    assert line.shared.n_parts(2) == PARTS
    assert line.shared.n_parts(1) == 1
    line.now += LATELY_S
    assert line.shared.n_parts(2) == 1
