"""Results made to order, for tests of what comes after a run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from koe5_demo.benchmark.datasets.assembly import assemble
from koe5_demo.benchmark.results import RunResult
from koe5_demo.benchmark.run import finished, run_suite
from koe5_demo.benchmark.systems import encoder_source
from toy_encoder import LetterCounter


def result_with(values: np.ndarray) -> RunResult:
    """Return a result whose every per-query measure has the given values."""
    n = len(values)
    data = assemble(
        [{"_id": "d", "text": "a"}],
        [{"_id": f"q{i}", "text": "a"} for i in range(n)],
        [{"query-id": f"q{i}", "corpus-id": "d", "score": 1} for i in range(n)],
        name="made",
    )
    result = finished(run_suite([data], [encoder_source(LetterCounter())])).results[0]
    return replace(result, per_query={name: values.astype(np.float32) for name in result.per_query})
