"""Time of a benchmark run apart from encoding: loading, search, measures, writing; this project beside its peers.

    python bench/suite_overhead.py                                    # 1,000 queries x 100,000 documents x 1,024
    python bench/suite_overhead.py --queries 200 --documents 5000     # small
    python bench/suite_overhead.py --growth 10000 100000 1000000      # this project only, time and memory by size

Everyone reads the same BEIR folder and gets the same vectors, looked up by the number at the end of each text; the time
spent looking up is taken off. Each measurement is a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
SEED = 0
BLOCK = 4096
NOISE = 0.9  # length of the noise beside a unit document: cosines of right answers near 0.74


def document_block(start: int, stop: int, dim: int) -> np.ndarray:
    """Return (stop - start, dim) float32 unit rows; block numbers seed them, so that nobody needs all at once."""
    rng = np.random.default_rng((SEED, start // BLOCK))
    rows = rng.standard_normal((BLOCK, dim), dtype=np.float32)[: stop - start]
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def query_vectors(queries: int, dim: int) -> np.ndarray:
    """Return (queries, dim) float32 unit rows near the first documents."""
    noise = np.random.default_rng(SEED + 1).standard_normal((queries, dim), dtype=np.float32)
    rows = document_block(0, queries, dim) + NOISE * noise / np.linalg.norm(noise, axis=1, keepdims=True)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class Lookup:
    """Vectors by the number at the end of a text, and the seconds that looking them up took."""

    def __init__(self, queries: int, documents: int, dim: int, *, whole: bool) -> None:
        self._queries = query_vectors(queries, dim)
        self._documents = documents
        self._dim = dim
        self._whole = self._all() if whole else None
        self.seconds = 0.0

    def _all(self) -> np.ndarray:
        blocks = [
            document_block(start, min(start + BLOCK, self._documents), self._dim)
            for start in range(0, self._documents, BLOCK)
        ]
        return np.concatenate(blocks)

    def __call__(self, texts: list[str]) -> np.ndarray:
        """Return the vectors of texts."""
        start = time.perf_counter()
        numbers = np.array([int(text.rsplit(" ", 1)[1]) for text in texts], dtype=np.int64)
        if texts and texts[0].startswith("query"):
            rows = self._queries[numbers]
        elif self._whole is not None:
            rows = self._whole[numbers]
        else:
            rows = self._by_block(numbers)
        self.seconds += time.perf_counter() - start
        return rows

    def _by_block(self, numbers: np.ndarray) -> np.ndarray:
        rows = np.empty((len(numbers), self._dim), dtype=np.float32)
        for block in np.unique(numbers // BLOCK):
            inside = numbers // BLOCK == block
            start = int(block) * BLOCK
            rows[inside] = document_block(start, min(start + BLOCK, self._documents), self._dim)[
                numbers[inside] - start
            ]
        return rows


def write_folder(folder: Path, queries: int, documents: int) -> None:
    """Write texts of a realistic length in BEIR layout."""
    filler = "검색 시스템의 속도를 재려고 만든 문단이다. " * 12
    (folder / "qrels").mkdir(parents=True)
    with (folder / "corpus.jsonl").open("w", encoding="utf-8") as file:
        for n in range(documents):
            row = {"_id": f"d{n}", "title": "", "text": f"passage {filler}{n}"}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    with (folder / "queries.jsonl").open("w", encoding="utf-8") as file:
        for n in range(queries):
            file.write(json.dumps({"_id": f"q{n}", "text": f"query {n}"}) + "\n")
    lines = "".join(f"q{n}\td{n}\t1\n" for n in range(queries))
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + lines)


def run_ours(folder: Path, lookup: Lookup, dim: int, out: Path) -> float:
    sys.path.insert(0, str(ROOT))
    from koe5_demo.benchmark.run import RunOptions, finished, run_suite
    from koe5_demo.benchmark.stored_vectors import DiskVectors
    from koe5_demo.benchmark.systems import encoder_source
    from koe5_demo.records import Encoded, ModelInfo, Prompts

    class Encoder:
        info = ModelInfo("lookup", None, "1", "lookup", "float32", "cpu", dim, 512, Prompts(), f"lookup-{dim}")

        def encode(self, texts, role, *, on_progress=None):  # noqa: ARG002 the protocol has them
            return Encoded(lookup(texts), np.ones(len(texts), dtype=np.int64), 512)

    options = RunOptions(cache=DiskVectors(out / "vectors"), output=out / "results")
    (result,) = finished(run_suite([folder], [encoder_source(Encoder())], options)).results
    print(f"    ours: {result.manifest.seconds}", file=sys.stderr)
    return result.metrics["ndcg_at_10"]


def run_sentence_transformers(folder: Path, lookup: Lookup, _dim: int, out: Path) -> float:
    import torch
    from sentence_transformers.evaluation import InformationRetrievalEvaluator
    from sentence_transformers.util import cos_sim

    read = lambda name: [json.loads(line) for line in (folder / name).open(encoding="utf-8")]  # noqa: E731
    corpus = {row["_id"]: row["text"] for row in read("corpus.jsonl")}
    queries = {row["_id"]: row["text"] for row in read("queries.jsonl")}
    relevant: dict[str, set[str]] = {}
    for line in (folder / "qrels" / "test.tsv").read_text().splitlines()[1:]:
        query_id, document_id, _ = line.split("\t")
        relevant.setdefault(query_id, set()).add(document_id)

    class Model:
        similarity_fn_name = "cosine"
        similarity = staticmethod(cos_sim)
        model_card_data = None

        def encode(self, texts, **_):
            return torch.from_numpy(lookup(texts))

        encode_query = encode_document = encode

    evaluator = InformationRetrievalEvaluator(
        queries, corpus, relevant, score_functions={"cosine": cos_sim}, write_csv=True, show_progress_bar=False
    )
    evaluator.store_metrics_in_model_card_data = lambda *_, **__: None
    return evaluator(Model(), output_path=str(out))["cosine_ndcg@10"]


def run_mteb(folder: Path, lookup: Lookup, _dim: int, out: Path) -> float:
    import mteb
    from datasets import Dataset
    from mteb.abstasks.retrieval import AbsTaskRetrieval
    from mteb.cache import ResultCache
    from mteb.models import ModelMeta
    from mteb.models.abs_encoder import AbsEncoder

    class Task(AbsTaskRetrieval):
        metadata = mteb.get_task("AutoRAGRetrieval").metadata.model_copy(update={"name": "AutoRAGRetrieval"})

        def load_data(self, **_):
            cache_dir = str(out / "datasets")
            qrels = (line.split("\t") for line in (folder / "qrels" / "test.tsv").read_text().splitlines()[1:])
            self.dataset = {
                "default": {
                    "test": {
                        "corpus": Dataset.from_json(str(folder / "corpus.jsonl"), cache_dir=cache_dir).rename_column(
                            "_id", "id"
                        ),
                        "queries": Dataset.from_json(str(folder / "queries.jsonl"), cache_dir=cache_dir).rename_column(
                            "_id", "id"
                        ),
                        "relevant_docs": {query_id: {document_id: 1} for query_id, document_id, _ in qrels},
                        "top_ranked": None,
                    }
                }
            }
            self.data_loaded = True

    class Model(AbsEncoder):
        def __init__(self):
            self.mteb_model_meta = ModelMeta.create_empty({"name": "bench/lookup", "revision": "1"})

        def encode(self, inputs, **_):
            return lookup([text for batch in inputs for text in batch["text"]])

    cache = ResultCache(out / "cache")
    result = mteb.evaluate(Model(), Task(), cache=cache, show_progress_bar=False, encode_kwargs={"batch_size": 512})
    return result.task_results[0].get_score()


RUNNERS = {"ours": run_ours, "sentence-transformers": run_sentence_transformers, "mteb": run_mteb}


def measure_here(name: str, options: argparse.Namespace, folder: Path) -> dict[str, float]:
    """Measure one runner in this process. Imports of the peer are not counted."""
    if name == "mteb":
        import mteb  # noqa: F401
    if name == "sentence-transformers":
        import sentence_transformers.evaluation  # noqa: F401
    if name == "ours":
        sys.path.insert(0, str(ROOT))
        import koe5_demo.benchmark.run
        import koe5_demo.encoding.screening  # noqa: F401 torch, which any real model has loaded before
    lookup = Lookup(options.queries, options.documents, options.dim, whole=not options.growth)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory() as out:
        start = time.perf_counter()
        score = RUNNERS[name](folder, lookup, options.dim, Path(out))
        seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "seconds": seconds - lookup.seconds,
        "lookup_s": lookup.seconds,
        "ndcg": score,
        "mb": peak / 1e3,
        "mb_before": before / 1e3,
    }


def measure(name: str, options: argparse.Namespace, documents: int, folder: Path) -> dict[str, float]:
    """Measure one runner in a process of its own."""
    command = [sys.executable, __file__, "--only", name, "--folder", str(folder), "--queries", str(options.queries)]
    command += ["--documents", str(documents), "--dim", str(options.dim)]
    command += ["--growth", "1"] if options.growth else []
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=1024)
    parser.add_argument("--runners", nargs="+", choices=RUNNERS, default=list(RUNNERS))
    parser.add_argument("--growth", type=int, nargs="+", metavar="DOCUMENTS")
    parser.add_argument("--only", choices=RUNNERS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(measure_here(options.only, options, options.folder)))
        return
    sizes = options.growth or [options.documents]
    runners = ["ours"] if options.growth else options.runners
    print(f"{options.queries:,} queries, {options.dim:,} dimensions; seconds apart from encoding")
    for documents in sizes:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / "set"
            write_folder(folder, options.queries, documents)
            found = {name: measure(name, options, documents, folder) for name in runners}
        for name, values in found.items():
            ratio = values["seconds"] / found["ours"]["seconds"] if "ours" in found else float("nan")
            print(
                f"{documents:>10,} documents  {name:<22} {values['seconds']:8.2f} s  {ratio:5.2f} x ours  "
                f"{1e6 * values['seconds'] / documents:8.1f} us/document  peak {values['mb']:,.0f} MB "
                f"({values['mb_before']:,.0f} before)  NDCG@10 {values['ndcg']:.4f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
