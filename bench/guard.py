"""What each arithmetic costs on a trained model, beside what the guard's 16 probes say of it.

    python -m bench.guard                                        # mini: fp32, bf16, int8, some minutes
    python -m bench.guard --model FOLDER --original UNROUNDED    # and what storing it in few bits cost

The guard's bounds (`koe5_demo.encoding.fast.precision`) are to be as wide as what costs less than 0.3 points on the
tune sets, and no wider: a line that passes and costs more, or fails and costs less, says that they are wrong.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from bench.peer_engines import ours
from bench.peers import EQUAL_POINTS, machine, quality_of, quality_texts
from koe5_demo.catalog import MINI
from koe5_demo.encoding.fast.choice import find_device, probe_queries
from koe5_demo.encoding.fast.model_folder import read_model_folder
from koe5_demo.encoding.fast.precision import LARGEST_MOVE, TIE, candidates, detect, judge
from koe5_demo.encoding.fast.threads import set_threads
from koe5_demo.encoding.probes import probes


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=MINI.folder)
    parser.add_argument("--original", type=Path, help="the model before it was stored in few bits")
    parser.add_argument("--queries", type=int, default=300, help="of each tune set (default %(default)s)")
    options = parser.parse_args(argv)
    set_threads()
    width = read_model_folder(options.model).shape.width
    native = [precision.value for precision in candidates("auto", detect(find_device("cpu")), width)]
    runs = [("original fp32", options.original, "fp32")] if options.original else []
    runs += [(f"stored {dtype}", options.model, dtype) for dtype in ("fp32", *native[:-1])]
    lines = measure(runs, options.queries)
    print(json.dumps({"machine": machine(), "bounds": [LARGEST_MOVE, TIE], "lines": lines}, indent=1))


def measure(runs: list[tuple[str, Path, str]], n_queries: int) -> list[dict[str, Any]]:
    """Return a line for each run; the first is what the others are held against."""
    parts, gold = quality_texts(n_queries)
    lines: list[dict[str, Any]] = []
    expected: tuple[list[np.ndarray], np.ndarray] | None = None
    for name, folder, dtype in runs:
        encode, _ = ours(folder, dtype)
        found = [encode(texts, role, 0) for texts, role in parts]
        probed = np.concatenate([encode([probe.text], probe.role.value, 0) for probe in probes()])
        expected = expected or (found, probed)
        quality = quality_of(name, found, expected[0], gold)
        verdict = judge(expected[1], probed, probe_queries())
        cost = round(lines[0]["mean"] - quality.mean, 2) if lines else 0.0
        lines.append(
            {
                **asdict(quality),
                "mean": round(quality.mean, 2),
                "cost": cost,
                "probes_moved": round(verdict.largest_move, 5),
                "probe_rankings_changed": verdict.n_changed,
                "passes": verdict.passed,
                "bounds_are_right": verdict.passed == (cost <= EQUAL_POINTS),
            }
        )
    return lines


if __name__ == "__main__":
    main()
