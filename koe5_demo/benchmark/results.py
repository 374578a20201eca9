"""One result: a system on a data set. Kept on disk in MTEB's form, with the queries beside it.

`DIR/<model>/<dataset>.json` is loadable by `mteb` (`TaskResult.from_disk`); what MTEB has no place for is under
`koe5_demo`. `DIR/<model>/<dataset>.queries.jsonl` has one line a query (measures, best documents, token counts), and
`DIR/<model>/<dataset>.trec` the run in TREC's form.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np

from koe5_demo.benchmark.datasets.records import RetrievalData
from koe5_demo.benchmark.manifest import Manifest
from koe5_demo.benchmark.metrics import CUTOFFS, HEADLINE_METRICS, PER_QUERY, PerQuery
from koe5_demo.benchmark.systems import Ranked
from koe5_demo.errors import DataError
from koe5_demo.records import FloatArray, IntArray
from koe5_demo.whole_files import whole_file

RESULT_FORMAT: Final = 1
_MTEB_FORM: Final = "2.0.0"
"""The version of MTEB whose result form is written; MTEB converts older ones."""
_HITS_KEPT: Final = 10
_SCORES: Final = (*(f"{m}_at_{k}" for m in ("ndcg", "recall", "precision", "f1") for k in CUTOFFS), "mrr_at_10")


@dataclass(frozen=True)
class RunResult:
    """A system on a data set.

    Attributes:
        manifest: The record beside every number.
        metrics: Averages by name (`ndcg_at_10`, ...), in [0, 1].
        per_query: Measures of each query, in the order of `query_ids`.
        query_ids: Judged queries.
        hits: Ids of the documents found, best first, one tuple a query: up to 100 in a fresh result, 10 in
            a loaded one.
        hit_scores: Their scores.
        query_tokens: (n_queries,) int64 before any cut; None for lexical search.
        hit_tokens: Tokens of the documents in `hits`; None for lexical search.
        max_tokens: Where the model cuts; 0 for lexical search.
    """

    manifest: Manifest
    metrics: Mapping[str, float]
    per_query: PerQuery
    query_ids: tuple[str, ...]
    hits: tuple[tuple[str, ...], ...]
    hit_scores: tuple[FloatArray, ...]
    query_tokens: IntArray | None
    hit_tokens: tuple[IntArray, ...] | None
    max_tokens: int

    @property
    def model(self) -> str:
        """Id of the model or system."""
        return str(self.manifest.model["id"])

    @property
    def dataset(self) -> str:
        """Name of the data set."""
        return str(self.manifest.data["name"])

    @property
    def task(self) -> str:
        """MTEB's name of the data set."""
        return str(self.manifest.data["task"])

    def headline(self) -> dict[str, float]:
        """Return the measures that tables show."""
        return {name: self.metrics[name] for name in HEADLINE_METRICS}


def result_of(
    manifest: Manifest,
    metrics: Mapping[str, float],
    per_query: PerQuery,
    data: RetrievalData,
    ranked: Ranked,
) -> RunResult:
    """Put a result together."""
    rankings, lengths = ranked.rankings, ranked.lengths
    found = [row[row >= 0] for row in rankings.positions]
    return RunResult(
        manifest=manifest,
        metrics=metrics,
        per_query=per_query,
        query_ids=data.query_ids,
        hits=tuple(tuple(data.document_ids[position] for position in row) for row in found),
        hit_scores=tuple(scores[: len(row)] for row, scores in zip(found, rankings.scores, strict=True)),
        query_tokens=lengths.queries if lengths else None,
        hit_tokens=tuple(lengths.documents[row] for row in found) if lengths else None,
        max_tokens=lengths.max_tokens if lengths else 0,
    )


def file_name(name: str) -> str:
    """Return a name that every file system takes: `BAAI/bge-m3` becomes `BAAI__bge-m3`, `rrf:mini` `rrf-mini`."""
    safe = re.sub(r"[^\w.+-]", "-", name.replace("/", "__").replace("\\", "__")).strip(".")
    return safe or "unnamed"


def result_path(folder: Path, model: str, dataset: str) -> Path:
    """Return where the result of a system on a data set lies."""
    return folder / file_name(model) / f"{file_name(dataset)}.json"


def save_result(result: RunResult, folder: Path) -> Path:
    """Write the three files of a result, each whole or not at all; return the path of the JSON.

    Raises:
        DataError: If the folder cannot be written.
    """
    path = result_path(folder, result.model, result.dataset)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_whole(path.with_suffix(".trec"), trec_run(result))
        _write_whole(path.with_suffix(".queries.jsonl"), _query_lines(result))
        _write_whole(path, json.dumps(mteb_form(result), ensure_ascii=False, indent=2) + "\n")
    except OSError as error:
        raise DataError("output_failed", name=str(path), reason=error.strerror or error) from error
    return path


def load_result(path: Path) -> RunResult:
    """Read a result that `save_result` wrote.

    Raises:
        DataError: If it is missing, broken, or MTEB's own (which has no queries).
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        extra = document["koe5_demo"]
        known = {field.name for field in fields(Manifest)}
        manifest = Manifest(**{name: value for name, value in extra["manifest"].items() if name in known})
        lines = path.with_suffix(".queries.jsonl").read_text(encoding="utf-8").splitlines()
        return _from_lines(manifest, extra["metrics"], [json.loads(line) for line in lines], int(extra["max_tokens"]))
    except OSError as error:
        raise DataError("file_missing", name=str(path), reason=error.strerror or error) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError("data_not_a_run", name=str(path)) from error


def find_results(where: Path) -> list[Path]:
    """Return the result files at a path: itself, or all below a folder, sorted.

    Raises:
        DataError: If there is none.
    """
    if where.is_file():
        return [where]
    found = sorted(path for path in where.rglob("*.json") if path.with_suffix(".queries.jsonl").is_file())
    if not found:
        raise DataError("data_not_a_run", name=str(where))
    return found


def mteb_form(result: RunResult) -> dict[str, Any]:
    """Return the result as `mteb.TaskResult` stores it, with this project's manifest under `koe5_demo`."""
    data, seconds = result.manifest.data, result.manifest.seconds
    scores: dict[str, Any] = {name: round(result.metrics[name], 6) for name in _SCORES}
    scores |= {"main_score": scores["ndcg_at_10"], "hf_subset": data["subset"], "languages": ["kor-Hang"]}
    return {
        "dataset_revision": data["revision"] or data["content"],
        "task_name": data["task"],
        "mteb_version": _MTEB_FORM,
        "scores": {data["split"]: [scores]},
        "evaluation_time": round(sum(seconds.values()), 3),
        "kg_co2_emissions": None,
        "koe5_demo": {
            "format": RESULT_FORMAT,
            "metrics": dict(result.metrics),
            "max_tokens": result.max_tokens,
            "manifest": asdict(result.manifest),
        },
    }


def trec_run(result: RunResult) -> str:
    """Return the run in TREC's six columns; blanks in ids become `_`, since the form cannot hold them."""
    tag = file_name(result.model)
    lines: list[str] = []
    for query_id, ids, scores in zip(result.query_ids, result.hits, result.hit_scores, strict=True):
        name = _unblank(query_id)
        plain = " ".join(ids).split()
        if plain != list(ids):  # some id holds a blank
            plain = [_unblank(id_) for id_ in ids]
        pairs = enumerate(zip(plain, scores.tolist(), strict=True), start=1)
        lines += [f"{name} Q0 {document_id} {rank} {score:.9g} {tag}\n" for rank, (document_id, score) in pairs]
    return "".join(lines)


def _query_lines(result: RunResult) -> str:
    lines = []
    for row, query_id in enumerate(result.query_ids):
        record: dict[str, Any] = {
            "query": query_id,
            "metrics": {name: round(float(values[row]), 7) for name, values in result.per_query.items()},
            "hits": list(result.hits[row][:_HITS_KEPT]),
            "scores": [float(score) for score in result.hit_scores[row][:_HITS_KEPT]],
        }
        if result.query_tokens is not None and result.hit_tokens is not None:
            record["tokens"] = int(result.query_tokens[row])
            record["hit_tokens"] = result.hit_tokens[row][:_HITS_KEPT].tolist()
        lines.append(json.dumps(record, ensure_ascii=False))
    return "\n".join(lines) + "\n"


def _from_lines(
    manifest: Manifest, metrics: Mapping[str, float], records: list[dict[str, Any]], max_tokens: int
) -> RunResult:
    counted = bool(records) and "tokens" in records[0]
    return RunResult(
        manifest=manifest,
        metrics={str(name): float(value) for name, value in metrics.items()},
        per_query={
            name: np.array([record["metrics"][name] for record in records], dtype=np.float32) for name in PER_QUERY
        },
        query_ids=tuple(str(record["query"]) for record in records),
        hits=tuple(tuple(record["hits"]) for record in records),
        hit_scores=tuple(np.array(record["scores"], dtype=np.float32) for record in records),
        query_tokens=np.array([record["tokens"] for record in records], dtype=np.int64) if counted else None,
        hit_tokens=tuple(np.array(record["hit_tokens"], dtype=np.int64) for record in records) if counted else None,
        max_tokens=max_tokens,
    )


def _unblank(id_: str) -> str:
    return "_".join(id_.split())


def _write_whole(path: Path, text: str) -> None:
    with whole_file(path) as file:
        file.write(text.encode("utf-8"))
