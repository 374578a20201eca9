"""The map: PCA as it is defined, the same every time, neighbours from the full vectors."""

from __future__ import annotations

import numpy as np
import pytest

from koe5_demo.errors import InputError
from koe5_demo.ranking.map2d import text_map


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_points_in_a_plane_keep_their_distances() -> None:
    # Eight directions of one circle lie in a plane: nothing is lost, and both axes have half of the variance.
    angles = np.arange(8) * np.pi / 4
    vectors = unit(np.stack([np.cos(angles), np.sin(angles), np.zeros(8)], axis=1))
    found = text_map(vectors)
    distances = np.linalg.norm(found.points[:, None] - found.points[None], axis=2)
    np.testing.assert_allclose(distances, np.linalg.norm(vectors[:, None] - vectors[None], axis=2), atol=1e-6)
    np.testing.assert_allclose(found.explained, [0.5, 0.5], atol=1e-6)


def test_the_first_axis_is_the_direction_of_most_variance() -> None:
    rows = np.tile([1.0, 0, 0, 0], (8, 1))
    rows[:4, 1] = 0.5
    rows[4:, 1] = -0.5
    rows[::2, 2] = 0.1
    found = text_map(unit(rows))
    assert found.explained[0] > 0.9
    # The larger coordinate of an axis is positive, so those with +0.5 lie on the right.
    assert (found.points[:4, 0] > 0).all()
    assert (found.points[4:, 0] < 0).all()


def test_neighbours_are_the_highest_cosines_without_the_text_itself() -> None:
    angles = np.deg2rad([0, 1, 3, 90, 91, 93, 180, 181])
    found = text_map(unit(np.stack([np.cos(angles), np.sin(angles)], axis=1)), n_neighbours=2)
    assert found.neighbours.tolist() == [[1, 2], [0, 2], [1, 0], [4, 5], [3, 5], [4, 3], [7, 5], [6, 5]]
    assert found.cosines[0, 0] == pytest.approx(np.cos(np.deg2rad(1)), abs=1e-6)


def test_the_map_does_not_depend_on_chance() -> None:
    vectors = unit(np.random.default_rng(3).normal(size=(20, 16)))
    np.testing.assert_array_equal(text_map(vectors).points, text_map(vectors.copy()).points)


def test_a_reordered_list_gives_the_same_places() -> None:
    vectors = unit(np.random.default_rng(4).normal(size=(12, 16)))
    order = np.random.default_rng(5).permutation(12)
    np.testing.assert_allclose(text_map(vectors[order]).points, text_map(vectors).points[order], atol=1e-6)


def test_equal_texts_are_one_point_and_explain_nothing() -> None:
    found = text_map(unit(np.ones((9, 4))))
    assert not found.points.any()
    assert found.explained.tolist() == [0, 0]
    assert found.cosines.min() == pytest.approx(1)


def test_fewer_than_eight_texts_have_no_map() -> None:
    with pytest.raises(InputError) as refused:
        text_map(unit(np.ones((7, 4))))
    assert refused.value.values == {"n": 7, "least": 8}
