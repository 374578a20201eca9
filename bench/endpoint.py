"""The endpoint engine against a real embedding server: same vectors, same ranking, how long.

    python -m venv infinity && infinity/bin/pip install torch==2.13.0
    infinity/bin/pip install "infinity-emb[torch,server]==0.0.77" "optimum<2" "transformers<4.49" "click<8.2"
    python -m bench.endpoint --infinity infinity/bin/infinity_emb    # starts it with a tiny model, compares, stops

    python -m bench.endpoint --prepare tiny-model                    # writes that model for another server
    python -m bench.endpoint --url http://127.0.0.1:8080 --name tiny --folder tiny-model

Exits with 1 if a vector is off by more than 1e-5 or a ranking differs.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np

from bench.texts import korean_documents
from koe5_demo import load_encoder
from koe5_demo.encoding.endpoint import open_endpoint
from koe5_demo.ranking import compare
from koe5_demo.records import Encoder, Prompts, Role
from tests.tiny_models import build_tiny_xlmr

NAME: Final = "tiny"
ALLOWED: Final = 1e-5
START_S: Final = 120.0
N_TEXTS: Final = 120
PROMPTS: Final = Prompts("query: ", "passage: ")
OLD_MODULES: Final = {
    "Transformer": "sentence_transformers.models.Transformer",
    "Pooling": "sentence_transformers.models.Pooling",
    "Normalize": "sentence_transformers.models.Normalize",
}


def prepare(folder: Path) -> Path:
    """Write the tiny model with the names that servers on older libraries (and this project) read."""
    build_tiny_xlmr(folder)
    modules = _read(folder / "modules.json")
    for module in modules:
        module["type"] = OLD_MODULES[module["type"].rsplit(".", 1)[-1]]
    _write(folder / "modules.json", modules)
    _write(folder / "sentence_bert_config.json", {"max_seq_length": 512, "do_lower_case": False})
    width = _read(folder / "config.json")["hidden_size"]
    _write(folder / "1_Pooling" / "config.json", {"word_embedding_dimension": width, "pooling_mode_mean_tokens": True})
    tokenizer = _read(folder / "tokenizer_config.json")
    kept = {key: value for key, value in tokenizer.items() if key not in ("backend", "is_local", "local_files_only")}
    _write(folder / "tokenizer_config.json", kept | {"tokenizer_class": "PreTrainedTokenizerFast"})
    return folder


def measure(url: str, name: str, folder: Path) -> dict[str, Any]:
    """Compare a server with the same model opened here."""
    remote = open_endpoint(f"endpoint:{url}#{name}", prompts=PROMPTS)
    local = load_encoder(str(folder), device="cpu", dtype="fp32", prompts=PROMPTS)
    # Infinity strips blanks at the ends of texts, so there must be none.
    texts = [text[:400].strip() for text in korean_documents()[:N_TEXTS]]
    here, here_s = _timed(local, texts)
    there, there_s = _timed(remote, texts)
    billed = remote.tokens_billed
    queries = [text[:30].strip() for text in texts[::20]]
    orders = [
        [[hit.index for hit in shown.hits(n)[:10]] for n in range(len(queries))]
        for shown in (compare(queries, texts, encoder) for encoder in (local, remote))
    ]
    return {
        "texts": len(texts),
        "largest_difference": float(np.abs(here.vectors - there.vectors).max()),
        "rankings_equal": orders[0] == orders[1],
        "tokens_here": int(here.n_tokens.sum()),
        "tokens_estimated": int(there.n_tokens.sum()),
        "tokens_by_server": billed,
        "seconds_here": round(here_s, 2),
        "seconds_there": round(there_s, 2),
        "model": f"{remote.info.id} @ {remote.info.revision}, {remote.info.device}",
        "note": remote.info.note,
    }


@contextmanager
def infinity(program: Path, folder: Path) -> Iterator[str]:
    """Run Infinity on a free port of the loopback address; give its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(program), "v2", "--model-id", str(folder), "--served-model-name", NAME, "--port", str(port)]
    command += ["--host", "127.0.0.1", "--device", "cpu", "--engine", "torch", "--no-bettertransformer"]
    command += ["--dtype", "float32", "--no-compile"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1", "INFINITY_ANONYMOUS_USAGE_STATS": "0"}
    with tempfile.TemporaryFile() as log, subprocess.Popen(command, env=environment, stdout=log, stderr=log) as server:
        try:
            url = f"http://127.0.0.1:{port}/embeddings"
            _await(url, server)
            yield url
        finally:
            server.terminate()
            log.seek(0)
            if server.wait() not in (0, -15):
                print(log.read().decode("utf-8", "replace")[-2000:], file=sys.stderr)


def _await(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    health = url.removesuffix("/embeddings") + "/health"
    while time.monotonic() < deadline and server.poll() is None:
        if _answers(health):
            return
        time.sleep(0.5)
    raise SystemExit(f"the server did not start within {START_S:g} s")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def _timed(encoder: Encoder, texts: list[str]) -> tuple[Any, float]:
    started = time.perf_counter()
    encoded = encoder.encode(texts, Role.PASSAGE)
    return encoded, time.perf_counter() - started


def _read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def _write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=2), "utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--infinity", type=Path, help="program to start with the tiny model")
    parser.add_argument("--prepare", type=Path, help="folder to write the tiny model to, and nothing else")
    parser.add_argument("--url", help="a server that runs already")
    parser.add_argument("--name", default=NAME, help="the model's name on it")
    parser.add_argument("--folder", type=Path, help="the same model on this machine")
    options = parser.parse_args()
    if options.prepare:
        prepare(options.prepare)
        return 0
    if options.url:
        report = measure(options.url, options.name, options.folder)
    else:
        with tempfile.TemporaryDirectory() as place:
            folder = prepare(Path(place) / "model")
            with infinity(options.infinity, folder) as url:
                report = measure(url, NAME, folder)
    print(json.dumps(report, ensure_ascii=False, indent=2))
    return 0 if report["largest_difference"] <= ALLOWED and report["rankings_equal"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
