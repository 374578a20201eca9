"""What a document costs as a corpus grows: seconds apart and together, and memory, with the small model or with none.

    python -m bench.growth                                     # vectors made from hashes: 10k, 100k, 1M; minutes
    python -m bench.growth --model mini --sizes 10000 100000   # encoded by mini: about a minute a thousand

Documents are made from a seed: 100 to 500 characters of word-like Korean, no two alike. Each size runs in a process of
its own through `run_suite`, from a BEIR folder to saved results, so its peak memory is its own. Flat means that the
cost of a document differs by less than 20 % from that at the smallest size.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from bench.peers import machine
from bench.texts import SYLLABLES
from koe5_demo.benchmark.run import RunOptions, finished, run_suite
from koe5_demo.benchmark.stored_vectors import DiskVectors
from koe5_demo.benchmark.systems import encoder_source
from koe5_demo.encoding.fast.threads import set_threads
from koe5_demo.encoding.opening import load_encoder
from koe5_demo.records import Encoded, Encoder, ModelInfo, Prompts, Role

SEED = 29
CHARS = (100, 500)
N_QUERIES = 200
FLAT = 1.2
DIMENSIONS = 384
BY_HASH = "hash"
MODEL_TOKENS = 512


def document(number: int) -> str:
    """Return the text of a document: the same each time, no two alike."""
    random = Random(SEED * 1_000_003 + number)
    length = random.randint(*CHARS) - len(str(number)) - 1
    words: list[str] = []
    while sum(map(len, words)) + len(words) < length:
        words.append("".join(random.choices(SYLLABLES, k=random.randint(1, 5))))
    return f"{' '.join(words)[:length].strip()} {number}".ljust(CHARS[0], ".")


class HashEncoder:
    """Makes a text's vector from its hash: takes almost no time, so that all the rest is seen."""

    info = ModelInfo("hash", None, "1", "hash", "float32", "cpu", DIMENSIONS, MODEL_TOKENS, Prompts(), "hash-384")

    def encode(self, texts: Any, role: Role, *, on_progress: Any = None) -> Encoded:  # noqa: ARG002 the protocol has them
        """Return unit rows."""
        seeds = np.array([hash(text) for text in texts], dtype=np.int64).astype(np.uint64)
        steps = np.arange(1, DIMENSIONS + 1, dtype=np.uint64)
        rows = ((seeds[:, None] * steps * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(40)).astype(np.float32)
        rows -= rows.mean(axis=1, keepdims=True)
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        return Encoded(rows / norms, np.ones(len(texts), dtype=np.int64), MODEL_TOKENS)


def write_folder(folder: Path, n_documents: int) -> None:
    """Write a set of `n_documents` documents; a query is the first words of a document."""
    (folder / "qrels").mkdir(parents=True)
    with (folder / "corpus.jsonl").open("w", encoding="utf-8") as corpus:
        for n in range(n_documents):
            row = {"_id": f"d{n}", "title": "", "text": document(n)}
            corpus.write(json.dumps(row, ensure_ascii=False) + "\n")
    asked = range(0, n_documents, max(1, n_documents // N_QUERIES))
    with (folder / "queries.jsonl").open("w", encoding="utf-8") as queries:
        for n in asked:
            queries.write(json.dumps({"_id": f"q{n}", "text": document(n)[:60]}, ensure_ascii=False) + "\n")
    lines = [f"q{n}\td{n}\t1" for n in asked]
    (folder / "qrels" / "test.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *lines]) + "\n", "utf-8")


def measure(model: str, folder: Path) -> dict[str, Any]:
    """Run one size in this process."""
    set_threads()
    encoder: Encoder = HashEncoder() if model == BY_HASH else load_encoder(model)
    encoder.encode(["준비"], Role.PASSAGE)
    before = _megabytes()
    with tempfile.TemporaryDirectory(dir=folder.parent) as out:
        options = RunOptions(cache=DiskVectors(Path(out) / "vectors"), output=Path(out) / "results")
        start, cpu = time.perf_counter(), time.process_time()
        done = finished(run_suite([folder], [encoder_source(encoder)], options))
        seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu
    if done.failures:
        raise done.failures[0].error
    phases = {name: round(float(value), 3) for name, value in done.results[0].manifest.seconds.items()}
    return {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "peak_mb": _megabytes(),
        "before_mb": before,
        "phases": phases,
    }


def main(argv: list[str] | None = None) -> None:
    options = _parse(argv)
    if options.folder:
        print(json.dumps(measure(options.model, options.folder)))
        return
    lines = []
    for n_documents in options.sizes:
        with tempfile.TemporaryDirectory(dir=options.place) as temporary:
            folder = Path(temporary) / "set"
            write_folder(folder, n_documents)
            command = [sys.executable, "-m", "bench.growth", "--model", options.model, "--folder", str(folder)]
            found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
        cost = 1e6 * found["seconds"] / n_documents
        first = lines[0]["us_per_document"] if lines else cost
        lines.append(
            {"documents": n_documents, "us_per_document": round(cost, 1), "flat": cost <= FLAT * first, **found}
        )
        print(
            f"{n_documents:>10,} documents  {cost:10.1f} us each  {found['seconds']:9.1f} s  "
            f"peak {found['peak_mb']:,.0f} MB ({found['before_mb']:,.0f} before)  {found['phases']}",
            file=sys.stderr,
            flush=True,
        )
    print(json.dumps({"machine": machine(), "model": options.model, "lines": lines}, indent=1))


def _megabytes() -> float:
    """Return the peak memory of this process."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in status if line.startswith("VmHWM"))


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--model", default=BY_HASH, help="mini, another model, or hash for none (default)")
    parser.add_argument("--place", type=Path, help="folder for texts and vectors; a million takes 4 GB")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
