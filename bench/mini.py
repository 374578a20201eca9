"""The embedded model's quality and speed: what its card and the table of attempts say.

    python -m bench.mini quality --benchmarks ../shared/benchmarks    # retrieval by folder, Spearman by *.tsv
    python -m bench.mini quality --model runs/mini                    # of a rebuilt one
    python -m bench.mini speed --texts ../shared/train/train.parquet  # passages never seen before, texts a second
    python -m bench.mini load                                         # seconds to the first vector

Retrieval is scored by sentence-transformers' evaluator, similarity by scipy. The training file's own held-out rows are
scored by `python -m koe5_demo train --recipe mini`, in its report.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet
import torch

from koe5_demo.catalog import MINI
from koe5_demo.records import Role

ENGINES = ("sentence-transformers", "load_encoder")
PASSAGE_CHARS = (350, 450)
LOAD = """
import sys, time, torch, sentence_transformers
import koe5_demo.encoding.opening
from koe5_demo.records import Role
wall, cpu = time.perf_counter(), time.process_time()
if sys.argv[1] == "load_encoder":
    koe5_demo.encoding.opening.load_encoder(sys.argv[2]).encode(["서울의 인구"], Role.QUERY)
else:
    sentence_transformers.SentenceTransformer(sys.argv[2], device="cpu").encode(["서울의 인구"], prompt_name="query")
print(time.perf_counter() - wall, time.process_time() - cpu)
"""


def quality(model_folder: str, benchmarks: Path) -> dict[str, dict[str, float]]:
    """Return NDCG@10 and NDCG@1 of every BEIR folder and Spearman's correlation of every file of scored pairs."""
    from scipy.stats import spearmanr
    from sentence_transformers import SentenceTransformer

    from koe5_demo.training.data.retrieval_set import load_retrieval_set
    from koe5_demo.training.evaluation import build_evaluator
    from koe5_demo.training.recipe import TripletPrompts

    model = SentenceTransformer(model_folder, device="cpu", local_files_only=True)
    scores: dict[str, dict[str, float]] = {}
    for queries in sorted(benchmarks.glob("*/queries.jsonl")):
        found = build_evaluator(load_retrieval_set(queries.parent), TripletPrompts())(model)
        name = queries.parent.name
        scores[name] = {f"ndcg@{k}": float(found[f"{name}_cosine_ndcg@{k}"]) for k in (10, 1)}
    for file in sorted(benchmarks.glob("*.tsv")):
        with file.open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
        first, second = (model.encode([row[name] for row in rows]) for name in ("sentence1", "sentence2"))
        gold = [float(row["score"]) for row in rows]
        scores[file.stem] = {"spearman": float(spearmanr((first * second).sum(axis=1), gold).statistic)}
    return scores


def passages(file: Path, n: int) -> list[str]:
    """Return n different passages of about 400 characters, spread over the file."""
    column = pyarrow.parquet.read_table(file, columns=["passage"])["passage"].to_pylist()
    low, high = PASSAGE_CHARS
    fitting = list(dict.fromkeys(text for text in column if low <= len(text) <= high))
    return [fitting[i] for i in np.linspace(0, len(fitting) - 1, n).astype(int)]


def speed(model_folder: str, texts: list[str], *, threads: int, repeats: int) -> list[dict[str, object]]:
    """Return texts a second of both ways to run the model, best of some repeats, each on texts of its own."""
    from sentence_transformers import SentenceTransformer

    from koe5_demo.encoding.opening import load_encoder

    torch.set_num_threads(threads)
    encoder = load_encoder(model_folder)
    model = SentenceTransformer(model_folder, device="cpu", local_files_only=True)
    encode = {
        "sentence-transformers": lambda part: model.encode(part, prompt_name="passage"),
        "load_encoder": lambda part: encoder.encode(part, Role.PASSAGE),
    }
    rows: list[dict[str, object]] = []
    for name in ENGINES:
        encode[name](["준비"])
        rates, cpu_rates = [], []
        for part in np.array_split(np.array(texts, dtype=object), repeats):
            wall, cpu = time.perf_counter(), time.process_time()
            encode[name](part.tolist())
            rates.append(len(part) / (time.perf_counter() - wall))
            cpu_rates.append(len(part) / (time.process_time() - cpu))
        rows.append({"engine": name, "threads": threads, "texts_per_s": max(rates), "per_cpu_s": max(cpu_rates)})
    return rows


def load(model_folder: str, repeats: int) -> list[dict[str, object]]:
    """Return seconds from a process with its libraries imported to the first vector, best of some repeats."""
    rows: list[dict[str, object]] = []
    for name in ENGINES:
        command = [sys.executable, "-c", LOAD, name, model_folder]
        took = [
            tuple(map(float, subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()))
            for _ in range(repeats)
        ]
        wall, cpu = min(took)
        rows.append({"engine": name, "wall_s": wall, "cpu_s": cpu})
    return rows


def main() -> None:
    """Parse the command line, measure, print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("quality", "speed", "load"))
    parser.add_argument("--model", default=str(MINI.folder))
    parser.add_argument("--benchmarks", type=Path, default=Path("../shared/benchmarks"))
    parser.add_argument("--texts", type=Path, default=Path("../shared/train/train.parquet"))
    parser.add_argument("--n", type=int, default=6_000, help="passages")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    if args.what == "quality":
        found: object = quality(args.model, args.benchmarks)
    elif args.what == "speed":
        found = speed(args.model, passages(args.texts, args.n), threads=args.threads, repeats=args.repeats)
    else:
        found = load(args.model, args.repeats)
    machine = {
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "torch": torch.__version__,
    }
    print(json.dumps({"model": args.model, **machine, args.what: found}, ensure_ascii=False, indent=2))


if __name__ == "__main__":
    main()
