"""The calibration that comes with the project is that of the model that comes with it.

After the embedded model or `assets/bench-ours` has changed:
python -m koe5_demo calibrate --model mini --dataset ours --output assets/calibration/mini.json
"""

from __future__ import annotations

import pytest

from koe5_demo import load_encoder
from koe5_demo.benchmark.calibrating import measure
from koe5_demo.benchmark.datasets.registry import read_dataset
from koe5_demo.catalog import CATALOG
from koe5_demo.ranking.calibration import SHIPPED, load_calibration, read


def test_the_shipped_calibration_of_the_embedded_model_is_what_is_measured_now() -> None:
    encoder, data = load_encoder("mini"), read_dataset("ours")
    shipped = load_calibration(encoder.info)
    assert shipped is not None, "the model has changed: measure it again (see the head of this file)"
    assert shipped.data["content"] == data.content_hash()
    now = measure(encoder, data)
    for kind, expected in ((shipped.relevant, now.relevant), (shipped.random, now.random)):
        assert kind.n == expected.n
        assert kind.values == pytest.approx(expected.values, abs=2e-5)
    # What makes it useful: the two kinds of pairs lie apart.
    assert now.relevant.percentile(now.random.values[now.random.levels.index(99)]) < 50


def test_every_shipped_file_can_be_read_and_is_of_a_model_that_was_measured() -> None:
    found = [read(path) for path in SHIPPED.glob("*.json")]
    assert found
    assert all(calibration is not None and calibration.model["id"] in CATALOG for calibration in found)
