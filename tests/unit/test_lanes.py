"""Batches side by side, each on a thread that computes alone."""

from __future__ import annotations

from threading import Barrier, Thread

import pytest
import torch

from koe5_demo.encoding.fast.lanes import Lanes, n_lanes


def test_all_lanes_compute_at_once() -> None:
    together = Barrier(3, timeout=20)  # is passed only if three are there
    lanes = Lanes(3, lambda ids: (together.wait(), len(ids))[1])
    begun = [lanes.begin([[1]] * n) for n in (5, 6, 7)]
    assert [batch.result() for batch in begun] == [5, 6, 7]


def test_lanes_compute_with_one_thread_and_everybody_else_with_as_many_as_before() -> None:
    before = torch.get_num_threads()

    def count(_: object = None) -> int:
        torch.ones(1 << 20).sum()  # a thread takes over the common number when it first computes
        return torch.get_num_threads()

    lanes = Lanes(2, count)
    assert {lanes.begin([[1]]).result() for _ in range(6)} == {1}
    assert torch.get_num_threads() == before
    others: list[int] = []
    other = Thread(target=lambda: others.append(count()))
    other.start()
    other.join()
    assert others == [before]


def test_callers_may_bring_the_first_batches_at_once() -> None:
    for _ in range(20):
        lanes, together = Lanes(2, len), Barrier(4)
        found: list[int] = []

        def bring(lanes: Lanes[int] = lanes, together: Barrier = together, found: list[int] = found) -> None:
            together.wait()
            found.append(lanes.begin([[1]]).result(timeout=20))

        callers = [Thread(target=bring) for _ in range(4)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        assert found == [1] * 4


def test_what_a_batch_raises_is_raised_for_it_alone() -> None:
    lanes = Lanes(2, lambda ids: 1 // len(ids))
    bad, good = lanes.begin([]), lanes.begin([[1]])
    assert good.result() == 1
    with pytest.raises(ZeroDivisionError):
        bad.result()


@pytest.mark.parametrize(
    ("threads", "short", "n"), [(1, True, 1), (2, True, 2), (8, True, 8), (9, True, 1), (2, False, 1)]
)
def test_lanes_are_for_few_threads_and_short_products(threads: int, short: bool, n: int) -> None:
    assert n_lanes(threads, short_products=short) == n
