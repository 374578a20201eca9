"""How long the texts of the benchmark suite take: 9,251 + 720 + 77 documents and 783 queries, by their token counts.

    python -m bench.suite --tokens 20000                     # a sample, and what the whole would take
    python -m bench.suite --device cuda --dtype bf16 --tokens 0
    python -m bench.suite --device cuda --dtype bf16 --tokens 0 --peer   # sentence-transformers, on the same texts

Tokenization is inside the measured time. The lengths are drawn from each set's statistics; the texts are Korean.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from bench.encode import machine
from bench.interactive import open_model
from bench.limits import flops_of, limit_gflops, network_of
from bench.random_model import random_koe5
from bench.texts import CORPUS_DECILES, texts_of_lengths, within
from koe5_demo.encoding.fast.precision import STORED_AS, Precision
from koe5_demo.encoding.fast.threads import set_threads
from koe5_demo.records import Role

PEER_BATCH = 32
LIMIT_OF = {"float32": "fp32", "bfloat16": "bf16"}


@dataclass(frozen=True)
class Part:
    """A kind of text in the suite.

    Attributes:
        name: Of the data set.
        n_texts: How many.
        deciles: Of the token counts, 0 % to 100 %. AutoRAG's were counted; the others are estimates from the sets'
            published mean lengths, to be replaced when the sets are at hand.
    """

    name: str
    n_texts: int
    deciles: tuple[int, ...]


PARTS = (
    Part("Ko-StrategyQA documents", 9251, (20, 60, 80, 100, 120, 140, 165, 200, 245, 330, 512)),
    Part("AutoRAG documents", 720, CORPUS_DECILES),
    Part("PublicHealthQA documents", 77, (40, 90, 120, 150, 180, 210, 250, 300, 360, 450, 512)),
    Part("queries", 783, (8, 12, 14, 15, 17, 18, 20, 22, 26, 32, 80)),
)


def main(argv: list[str] | None = None) -> None:
    options = _parse(argv)
    set_threads()
    folder = options.model or random_koe5()
    encoder = open_model(folder, options.device, options.dtype)
    whole = [length for part in PARTS for length in _lengths(part)]
    lengths = within(whole, options.tokens)
    texts = texts_of_lengths(lengths, lambda texts: encoder.count_tokens(texts, Role.NONE).tolist())
    counted = encoder.count_tokens(texts, Role.NONE).tolist()
    network = network_of(folder)
    limits = limit_gflops(options.device, network=network)
    if options.peer:
        seconds, dtype = _peer_seconds(folder, texts, options), options.dtype
    else:
        encoder.encode(texts[:8], Role.NONE)
        start = time.perf_counter()
        encoder.encode(texts, Role.NONE)
        seconds, dtype = time.perf_counter() - start, LIMIT_OF.get(encoder.info.dtype, encoder.info.dtype)
    share = flops_of(counted, network) / seconds / limits[dtype] / 1e7 if dtype in limits else None
    report = {
        "machine": machine(options.device),
        "limit_gflops": limits,
        "engine": f"sentence-transformers {options.dtype}" if options.peer else f"{encoder.info.engine} {dtype}",
        "texts": len(texts),
        "tokens": sum(counted),
        "seconds": round(seconds, 2),
        "tokens_per_s": round(sum(counted) / seconds, 1),
        "percent_of_limit": None if share is None else round(share, 1),
        "whole_suite_s": round(seconds * flops_of(whole, network) / flops_of(counted, network), 1),
    }
    print(json.dumps(report, indent=1) if options.format == "json" else _lines(report))


def _lengths(part: Part) -> list[int]:
    places = (np.arange(part.n_texts) + 0.5) / part.n_texts * (len(part.deciles) - 1)
    return [round(n) for n in np.interp(places, np.arange(len(part.deciles)), part.deciles)]


def _peer_seconds(folder: Path, texts: list[str], options: argparse.Namespace) -> float:
    dtype = STORED_AS[Precision.FP32 if options.dtype == "auto" else Precision(options.dtype)]
    model = SentenceTransformer(
        str(folder), device=options.device, local_files_only=True, model_kwargs={"dtype": dtype}
    )
    model.encode(texts[:8], batch_size=options.batch)
    start = time.perf_counter()
    model.encode(texts, batch_size=options.batch)
    if options.device.startswith("cuda"):
        torch.cuda.synchronize()
    return time.perf_counter() - start


def _lines(report: dict) -> str:
    return "\n".join(f"{name}: {value}" for name, value in report.items())


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", choices=("auto", "fp32", "bf16", "fp16", "int8"), default="auto")
    parser.add_argument("--tokens", type=int, default=8000, help="a sample of this size; 0 for all")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--peer", action="store_true", help="sentence-transformers instead")
    parser.add_argument("--batch", type=int, default=PEER_BATCH, help="batch size of the peer")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
