"""Agreement of two rankings: places climbed, Kendall's tau, and BM25 as one of the sides."""

from __future__ import annotations

import numpy as np
import pytest

from koe5_demo.errors import InputError
from koe5_demo.ranking.agreement import agreement
from koe5_demo.ranking.lexical import lexical_scores
from koe5_demo.ranking.scores import ranking_of


def scores(*rows: list[float]) -> np.ndarray:
    return np.array(rows, dtype=np.float32)


def test_equal_scores_keep_the_order_of_the_passages_and_share_a_rank() -> None:
    order, ranks = ranking_of(np.array([0.2, 0.9, 0.2, 0.5, 0.1], dtype=np.float32))
    assert order.tolist() == [1, 3, 0, 2, 4]
    assert ranks.tolist() == [3, 1, 3, 2, 5]


def test_scores_that_differ_by_rounding_alone_share_a_rank() -> None:
    _, ranks = ranking_of(np.array([0.5, 0.50000006, 0.499998], dtype=np.float32))
    assert ranks.tolist() == [1, 1, 3]


def test_what_the_second_system_does_not_find_has_no_rank_there() -> None:
    found = agreement(scores([0.9, 0.5, 0.7]), scores([0, 3, 0]), zero_is_no_match=True).queries[0]
    assert [(change.index, change.rank_a, change.rank_b, change.places) for change in found.changes] == [
        (0, 1, None, None),
        (2, 2, None, None),
        (1, 3, 1, 2),
    ]
    assert found.of(1).score_b == 3
    # Ranks 1 and (2 + 3) / 2 for passage 0, 3 and 1 for passage 1: the latter lies furthest apart.
    assert found.most_different.index == 1


def test_changes_are_places_climbed_in_the_order_of_the_first_ranking() -> None:
    found = agreement(scores([0.9, 0.5, 0.7]), scores([10, 30, 20])).queries[0]
    assert [(c.index, c.rank_a, c.rank_b, c.places) for c in found.changes] == [
        (0, 1, 3, -2),
        (2, 2, 2, 0),
        (1, 3, 1, 2),
    ]
    # 0 and 1 differ by two places; 0 is first in A, 1 is first in B: the one met first in the order of A is named.
    assert found.most_different.index == 0


def test_tau_counts_pairs_in_the_same_order() -> None:
    # Of 6 pairs one is swapped: (5 - 1) / 6.
    found = agreement(scores([4, 3, 2, 1]), scores([4, 3, 1, 2]))
    assert found.queries[0].kendall_tau == pytest.approx(4 / 6)
    assert agreement(scores([1, 2, 3]), scores([3, 2, 1])).queries[0].kendall_tau == pytest.approx(-1)


def test_tau_is_not_made_up_where_it_is_not_defined() -> None:
    found = agreement(scores([1, 2], [1, 2]), scores([5, 5], [1, 2]))
    assert [query.kendall_tau for query in found.queries] == [None, pytest.approx(1)]
    assert agreement(scores([1.0]), scores([2.0])).queries[0].kendall_tau is None


def test_the_pair_that_differs_most_is_found_over_all_queries() -> None:
    found = agreement(scores([3, 2, 1], [3, 2, 1]), scores([3, 2, 1], [1, 3, 2]))
    query, change = found.most_different
    assert (query, change.index, change.rank_a, change.rank_b) == (1, 0, 1, 3)


def test_passages_of_equal_score_share_a_rank_when_gaps_are_measured() -> None:
    # B has 5, 0, 0, 0: the last three share rank 3. The last of A at 4 and of B at 4 is 1 off; 2 of A is 1 off too;
    # the first of both does not move. By listed rank the passage 3 would seem to fall from 2 to 4.
    found = agreement(scores([9, 7, 6, 8]), scores([5, 0, 0, 0])).queries[0]
    assert [(change.index, change.gap) for change in found.changes] == [(0, 0), (3, 1), (1, 0), (2, 1)]
    assert found.most_different.index == 3


def test_the_scatter_names_query_and_passage_of_each_point() -> None:
    left, right, pairs = agreement(scores([1, 2], [4, 3]), scores([10, 20], [40, 30])).scatter()
    assert pairs.tolist() == [[0, 1], [0, 0], [1, 0], [1, 1]]
    assert left.tolist() == [2, 1, 4, 3]
    assert right.tolist() == [20, 10, 40, 30]


def test_different_shapes_are_refused() -> None:
    for a, b in ((scores([1, 2]), scores([1, 2, 3])), (np.zeros((0, 3)), np.zeros((0, 3)))):
        with pytest.raises(InputError) as refused:
            agreement(a, b)
        assert refused.value.key == "agreement_too_few"


def test_bm25_scores_every_passage_in_order_and_gives_0_where_nothing_is_shared() -> None:
    found = lexical_scores(["한국의 수도", "바다"], ["부산의 바다", "서울은 한국의 수도이다.", "xyz"])
    assert found.shape == (2, 3)
    assert found[0].argmax() == 1
    assert found[0, 2] == found[1, 1] == found[1, 2] == 0
    assert found[1, 0] > 0


def test_bm25_of_texts_without_terms_is_0() -> None:
    assert lexical_scores(["?"], [" "]).tolist() == [[0.0]]
