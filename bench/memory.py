"""Memory: what a model of KoE5's size takes, and whether 10,000 requests leave anything behind.

python -m bench.memory --dtype bf16        # opens a model of KoE5's shape, encodes two texts of 512 tokens
python -m bench.memory --requests 10000    # a tiny model, requests of random sizes through the page's cache

Resident memory as the kernel counts it (VmRSS, and VmHWM for the peak).
"""

from __future__ import annotations

import argparse
import gc
import json
import tempfile
import time
from pathlib import Path
from random import Random

from bench.interactive import open_model
from bench.random_model import random_koe5
from bench.texts import korean_documents
from koe5_demo.encoding.cache import CachingEncoder, VectorCache
from koe5_demo.encoding.fast.threads import set_threads
from koe5_demo.records import Encoder, Role
from tests.tiny_models import build_tiny_xlmr

STATUS = Path("/proc/self/status")
CACHE_BYTES = 8_000_000
MOST_TEXTS, MOST_CHARS = 6, 300
LONG_TEXT = "서울은 한국의 수도이다. " * 300
SEED = 1


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dtype", choices=("auto", "fp32", "bf16", "int8"), default="auto")
    parser.add_argument("--requests", type=int, default=0, help="that many requests to a tiny model instead")
    parser.add_argument("--every", type=int, default=1000, help="requests between two readings")
    options = parser.parse_args(argv)
    set_threads()
    if options.requests:
        with tempfile.TemporaryDirectory() as folder:
            encoder = open_model(build_tiny_xlmr(Path(folder) / "tiny"), "cpu", options.dtype)
            print(json.dumps(growth(encoder, options.requests, options.every)))
        return
    folder_of_koe5 = random_koe5()
    encoder = open_model(folder_of_koe5, "cpu", options.dtype)
    encoder.encode([LONG_TEXT, LONG_TEXT], Role.PASSAGE)
    print(json.dumps({"dtype": encoder.info.dtype, "peak_mb": _megabytes("VmHWM"), "steady_mb": _megabytes("VmRSS")}))


def growth(encoder: Encoder, n_requests: int, every: int) -> dict[str, object]:
    """Send requests of random sizes; return resident megabytes after each `every` requests, and the rate."""
    random, documents = Random(SEED), korean_documents()
    cached = CachingEncoder(encoder, VectorCache(CACHE_BYTES))
    readings = {}
    start = time.perf_counter()
    for done in range(1, n_requests + 1):
        texts = random.choices(documents, k=random.randint(1, MOST_TEXTS))
        cached.encode([text[: random.randint(1, MOST_CHARS)] for text in texts], random.choice(list(Role)))
        if done % every == 0:
            gc.collect()
            readings[done] = _megabytes("VmRSS")
    seconds = time.perf_counter() - start
    return {"dtype": encoder.info.dtype, "resident_mb": readings, "requests_per_s": round(n_requests / seconds, 1)}


def _megabytes(name: str) -> int:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(name))
    return round(int(line.split()[1]) * 1024 / 1e6)


if __name__ == "__main__":
    main()
