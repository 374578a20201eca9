"""From the click to the ranking: 1 query and 10 passages of 150 tokens, the first time and after an edit.

    python -m bench.interactive
    python -m bench.interactive --dtype fp32 --format json

After one passage is edited only that one is encoded: the others and the query come from the cache.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from bench.encode import machine
from bench.random_model import random_koe5
from bench.texts import texts_of_lengths
from koe5_demo.catalog import KOE5
from koe5_demo.encoding.cache import CachingEncoder, VectorCache
from koe5_demo.encoding.fast.choice import ModelFiles, open_fast
from koe5_demo.encoding.fast.threads import set_threads
from koe5_demo.ranking import rank
from koe5_demo.records import Encoder, ModelInfo, Role
from koe5_demo.words import Language

N_PASSAGES, PASSAGE_TOKENS, QUERY_TOKENS = 10, 150, 16
CACHE_BYTES = 64_000_000


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--repeats", type=int, default=3, help="rounds with other texts; the best counts")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    options = parser.parse_args(argv)
    set_threads()
    encoder = open_model(options.model or random_koe5(), options.device, options.dtype)
    rounds = [measure(encoder, seed) for seed in range(options.repeats)]
    first, edited = (min(times) for times in zip(*rounds, strict=True))
    report = {
        "machine": machine(options.device),
        "dtype": encoder.info.dtype,
        "note": encoder.info.remarks(Language.EN),
        "first_s": round(first, 3),
        "edited_s": round(edited, 3),
        "edited_share": round(edited / first, 3),
    }
    print(json.dumps(report, ensure_ascii=False, indent=1) if options.format == "json" else _line(report))


def open_model(folder: Path, device: str, dtype: str) -> Encoder:
    """Open a model of KoE5's shape as the page does."""

    def describe(dimensions: int, *_: object) -> ModelInfo:
        return ModelInfo("bench", None, "", "", "", device, dimensions, KOE5.max_tokens, KOE5.prompts, "bench")

    return open_fast(ModelFiles(folder, describe, lambda info: info), device, dtype=dtype)


def measure(encoder: Encoder, seed: int) -> tuple[float, float]:
    """Return seconds of the first ranking and of the one after an edit, with an empty cache."""
    passages, query = _texts(encoder, seed)
    cached = CachingEncoder(encoder, VectorCache(CACHE_BYTES))
    start = time.perf_counter()
    rank(query, passages, cached)
    first = time.perf_counter() - start
    passages[N_PASSAGES // 2] = passages[N_PASSAGES // 2][:-2] + "다."
    start = time.perf_counter()
    rank(query, passages, cached)
    return first, time.perf_counter() - start


def _texts(encoder: Encoder, seed: int) -> tuple[list[str], str]:
    def count(texts: list[str]) -> list[int]:
        return encoder.count_tokens(texts, Role.PASSAGE).tolist()

    passages = texts_of_lengths([PASSAGE_TOKENS] * N_PASSAGES, count, seed)
    return passages, texts_of_lengths([QUERY_TOKENS], count, seed)[0]


def _line(report: dict) -> str:
    times = f"first {report['first_s']} s, after an edit {report['edited_s']} s ({report['edited_share']:.0%})"
    return f"1 query x {N_PASSAGES} passages x {PASSAGE_TOKENS} tokens, {report['dtype']}: {times} {report['note']}"


if __name__ == "__main__":
    main()
