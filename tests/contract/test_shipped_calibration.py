"""The calibration that comes with the project is that of the model that comes with it.

After the embedded model or `assets/bench-ours` has changed:
python -m koe5_demo calibrate --model mini --dataset ours --output assets/calibration/mini.json
"""

from __future__ import annotations

import pytest

from koe5_demo import load_encoder
from koe5_demo.benchmark.calibrating import judged_pairs, measure, random_pairs
from koe5_demo.benchmark.datasets.registry import read_dataset
from koe5_demo.catalog import CATALOG
from koe5_demo.ranking.calibration import SHIPPED, Calibration, load_calibration, read
from koe5_demo.records import Encoder


@pytest.fixture(scope="module")
def mini() -> Encoder:
    return load_encoder("mini")


@pytest.fixture(scope="module")
def shipped(mini: Encoder) -> Calibration:
    found = load_calibration(mini.info)
    assert found is not None, "the model has changed: measure it again (see the head of this file)"
    return found


def test_the_shipped_calibration_is_of_the_embedded_model_and_the_data_of_today(shipped: Calibration) -> None:
    data = read_dataset("ours")
    assert shipped.data["content"] == data.content_hash()
    assert (shipped.relevant.n, shipped.random.n) == (len(judged_pairs(data, least_grade=1)), len(random_pairs(data)))
    # What makes it useful: the two kinds of pairs lie apart.
    assert shipped.relevant.percentile(shipped.random.values[shipped.random.levels.index(99)]) < 50


@pytest.mark.slow
def test_the_shipped_calibration_is_what_is_measured_now(mini: Encoder, shipped: Calibration) -> None:
    now = measure(mini, read_dataset("ours"))
    for kind, expected in ((shipped.relevant, now.relevant), (shipped.random, now.random)):
        assert kind.n == expected.n
        assert kind.values == pytest.approx(expected.values, abs=2e-5)
    # What makes it useful: the two kinds of pairs lie apart.
    assert now.relevant.percentile(now.random.values[now.random.levels.index(99)]) < 50


def test_every_shipped_file_can_be_read_and_is_of_a_model_that_was_measured() -> None:
    found = [read(path) for path in SHIPPED.glob("*.json")]
    assert found
    assert all(calibration is not None and calibration.model["id"] in CATALOG for calibration in found)
