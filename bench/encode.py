"""Texts a second of the fast engine against its peers, in one interleaved run on the same texts.

    python -m bench.encode --workload page --tokens 0      # all 32 texts, some minutes on two cores
    python -m bench.encode --workload corpus --format json
    python -m bench.encode --workload mini
    python -m bench.encode --device cuda --workload corpus --tokens 0 --repeats 5

Without `--model` a model of KoE5's shape with random weights is built first. Cosine errors on random weights are larger
than on trained ones. The percent of the matrix limit counts matrix products alone, by the sizes in the model's own
config.json, against the fastest product of those sizes.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TextIO

import numpy as np
import sentence_transformers
import torch
import transformers

from bench.engines import DEFAULT_BATCH, ENGINES, REFERENCE, Engine, Worker, choose_clock, plain_folder
from bench.limits import Network, flops_of, limit_gflops, network_of
from bench.random_model import FOLDER, random_koe5
from bench.texts import corpus_lengths, page_lengths, texts_of_lengths, within
from koe5_demo.catalog import MINI

TOKENS = 2000
LIMIT_OF = {"float32": "fp32", "bfloat16": "bf16"}
WARM_UP = ["가나다라 마바사아"]


@dataclass(frozen=True)
class Row:
    """One engine on one workload; a batch size that is not the library's default stands in the engine's name."""

    workload: str
    engine: str
    dtype: str
    texts_per_s: float
    tokens_per_s: float
    peak_mb: float
    percent_of_limit: float | None
    ratio_to_st_fp32: float
    ratio_to_st_fp32_tuned: float
    max_abs_cosine_error: float


@dataclass(frozen=True)
class Texts:
    """What is encoded, with its token counts."""

    texts: list[str]
    lengths: list[int]


def main(argv: list[str] | None = None) -> None:
    options = _parse(argv)
    now = choose_clock(options.clock)
    folder = options.model or (plain_folder(MINI.folder, FOLDER) if options.workload == "mini" else random_koe5())
    texts = _texts(options.workload, folder, options.tokens)
    network = network_of(folder)
    limits = limit_gflops(options.device, now, network)
    engines = [e for e in ENGINES if e is REFERENCE or not options.engines or e.label in options.engines]
    for engine in engines:
        if not engine.installed:
            print(f"left out: {engine.label}: needs {', '.join(engine.needs)}", file=sys.stderr)
    rows = _measure([e for e in engines if e.installed], folder, texts, options, limits, network)
    as_json = options.format == "json"
    _tell_conditions(machine(options.device), texts, sys.stderr if as_json else sys.stdout)
    if as_json:
        print(json.dumps({"limit_gflops": limits, "rows": [asdict(row) for row in rows]}, ensure_ascii=False, indent=1))
    else:
        print("matrix limit, GFLOP/s:", limits)
        _print_table(rows)


def machine(device: str) -> dict[str, str | int]:
    """Return the kind of machine and the versions, without names."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    cpu = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    return {
        "cpu": cpu,
        "capability": torch.backends.cpu.get_cpu_capability(),
        "gpu": torch.cuda.get_device_name() if device.startswith("cuda") else "",
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "sentence_transformers": sentence_transformers.__version__,
    }


def _texts(workload: str, folder: Path, tokens: int) -> Texts:
    from sentence_transformers import SentenceTransformer

    from koe5_demo.encoding.text_tokens import TextTokenizer

    tokenizer = SentenceTransformer(str(folder), device="meta", local_files_only=True).tokenizer
    count = TextTokenizer(tokenizer, 512).count
    lengths = within(page_lengths() if workload == "page" else corpus_lengths(), tokens)
    texts = texts_of_lengths(lengths, lambda texts: count(texts).tolist())
    return Texts(texts, count(texts).tolist())


def _measure(
    engines: list[Engine],
    folder: Path,
    texts: Texts,
    options: argparse.Namespace,
    limits: dict[str, float],
    network: Network,
) -> list[Row]:
    workers = [Worker(engine, folder, options.device, options.clock) for engine in engines]
    ready = []
    for worker in workers:
        reason = worker.ready()
        if reason is None:
            ready.append(worker)
        else:
            print(f"left out: {worker.engine.label}: {reason}", file=sys.stderr)
    seconds: dict[tuple[str, int | None], float] = {}
    vectors: dict[tuple[str, int | None], np.ndarray] = {}
    for worker in ready:
        worker.encode(WARM_UP, DEFAULT_BATCH)
    for _ in range(options.repeats):
        for worker, batch in _turns(ready):
            key = (worker.engine.label, batch)
            took, vectors[key] = worker.encode(texts.texts, batch or DEFAULT_BATCH)
            seconds[key] = min(took, seconds.get(key, math.inf))
    ended = {worker.engine.label: worker.stop() for worker in ready}
    reference = (REFERENCE.label, DEFAULT_BATCH)
    tuned = min(took for (label, _), took in seconds.items() if label == REFERENCE.label)
    expected = vectors[reference] @ vectors[reference].T
    rows = []
    for (label, batch), took in seconds.items():
        engine = next(e for e in engines if e.label == label)
        peak_mb, ran_in = ended[label]
        limit = limits.get(LIMIT_OF.get(ran_in, ran_in))
        got = vectors[label, batch]
        share = None if limit is None else flops_of(texts.lengths, network) / took / limit / 1e7
        rows.append(
            Row(
                workload=options.workload,
                engine=engine.name if batch in (None, DEFAULT_BATCH) else f"{engine.name}, batch {batch}",
                dtype=LIMIT_OF.get(ran_in, ran_in),
                texts_per_s=round(len(texts.texts) / took, 3),
                tokens_per_s=round(sum(texts.lengths) / took, 1),
                peak_mb=round(peak_mb),
                percent_of_limit=None if share is None else round(share, 1),
                ratio_to_st_fp32=round(seconds[reference] / took, 2),
                ratio_to_st_fp32_tuned=round(tuned / took, 2),
                max_abs_cosine_error=float(f"{np.abs(got @ got.T - expected).max():.2e}"),
            )
        )
    return rows


def _turns(workers: list[Worker]) -> Iterator[tuple[Worker, int | None]]:
    for worker in workers:
        for batch in worker.engine.batch_sizes or (None,):
            yield worker, batch


def _tell_conditions(versions: dict[str, str | int], texts: Texts, where: TextIO) -> None:
    print(" ".join(f"{name}={value}" for name, value in versions.items() if value != ""), file=where)
    lengths = texts.lengths
    print(f"{len(lengths)} texts, {sum(lengths)} tokens, {min(lengths)} to {max(lengths)}", file=where)


def _print_table(rows: list[Row]) -> None:
    names = [field.name for field in fields(Row)]
    cells = [["" if (value := getattr(row, name)) is None else str(value) for name in names] for row in rows]
    table = [names, *cells]
    widths = [max(len(line[i]) for line in table) for i in range(len(names))]
    for line in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)))


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--workload", choices=("page", "corpus", "mini"), default="page")
    parser.add_argument("--tokens", type=int, default=TOKENS, help="bound of the work, 0 for all (default %(default)s)")
    parser.add_argument("--repeats", type=int, default=1, help="rounds; the best of each engine counts")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall", help="cpu: CPU seconds of one thread")
    parser.add_argument("--model", type=Path, help="a sentence-transformers folder instead of random weights")
    labels = [engine.label for engine in ENGINES]
    parser.add_argument(
        "--engines", nargs="*", choices=labels, metavar="ENGINE", help=f"only these and the reference: {labels}"
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
