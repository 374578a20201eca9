"""The quality of a model on the sets that mini is judged by: what its card and the table of attempts say.

    python -m bench.mini --benchmarks ../shared/benchmarks            # retrieval by folder, Spearman by *.tsv
    python -m bench.mini --model runs/mini --only tune-law --only korsts-dev

Retrieval is scored as `python -m koe5_demo benchmark` scores it, similarity by scipy on texts that both carry the
query's prefix. The training file's own held-out rows are scored by `train --recipe mini`, in its report; speed by
`bench.peers`.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

from scipy.stats import spearmanr

from koe5_demo.benchmark.run import finished, run_suite
from koe5_demo.benchmark.systems import encoder_source
from koe5_demo.encoding.opening import load_encoder
from koe5_demo.records import Encoder, Role

MEASURES = ("ndcg_at_10", "ndcg_at_1")


def retrieval(encoder: Encoder, folder: Path) -> dict[str, float]:
    """Return the measures of one data set."""
    found = finished(run_suite([folder], [encoder_source(encoder)]))
    for failure in found.failures:
        raise failure.error
    return {name: found.results[0].metrics[name] for name in MEASURES}


def similarity(encoder: Encoder, file: Path) -> dict[str, float]:
    """Return Spearman's correlation of cosines with the scores that people gave."""
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    first, second = (
        encoder.encode([row[name] for row in rows], Role.QUERY).vectors for name in ("sentence1", "sentence2")
    )
    return {"spearman": float(spearmanr((first * second).sum(axis=1), [float(row["score"]) for row in rows]).statistic)}


def main() -> None:
    """Parse the command line, measure, print a line of JSON for each set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="mini")
    parser.add_argument("--dtype", default="fp32")
    parser.add_argument("--benchmarks", type=Path, default=Path("../shared/benchmarks"))
    parser.add_argument("--only", action="append", metavar="NAME")
    args = parser.parse_args()
    encoder = load_encoder(args.model, dtype=args.dtype)
    for path in (*sorted(args.benchmarks.glob("*.tsv")), *sorted(args.benchmarks.glob("*/"))):
        if args.only is None or path.stem in args.only:
            scores = similarity(encoder, path) if path.is_file() else retrieval(encoder, path)
            print(json.dumps({"set": path.stem, "model": args.model, "dtype": encoder.info.dtype} | scores), flush=True)


if __name__ == "__main__":
    main()
