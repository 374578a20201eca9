"""Results on disk: how one is written and read.

`DIR/<model>/<dataset>.json` is loadable by `mteb` (`TaskResult.from_disk`); what MTEB has no place for is under
`koe5_demo`. `DIR/<model>/<dataset>.queries.jsonl` has one line a query (measures, best documents, token counts), and
`DIR/<model>/<dataset>.trec` the run in TREC's form.

A name that belongs to another model's results, or to a result on other data, is never written over: such a result goes
to `<model>~<fingerprint>` or `<dataset>~<content>`, a few digits of what tells the two apart.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, fields
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import numpy as np

from koe5_demo.benchmark.metrics import CUTOFFS, PER_QUERY
from koe5_demo.benchmark.results import Manifest, RunResult
from koe5_demo.errors import DataError
from koe5_demo.whole_files import whole_file

logger = logging.getLogger(__name__)

RESULT_FORMAT: Final = 1
_MTEB_FORM: Final = "2.0.0"
"""The version of MTEB whose result form is written; MTEB converts older ones."""
_HITS_KEPT: Final = 10
_SCORES: Final = (*(f"{m}_at_{k}" for m in ("ndcg", "recall", "precision", "f1") for k in CUTOFFS), "mrr_at_10")
_ROUNDING: Final = 1e-6
_MODEL_FIELDS: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("id", "revision", "engine", "dtype", "device", "fingerprint"), str),
    "hub_id": str | None,
    "dimensions": int,
    "prompts": dict,
}
_DATA_FIELDS: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("name", "task", "source", "licence", "subset", "split", "revision", "content"), str),
    "problems": dict,
}
_MANIFEST_FIELDS: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("date", "tie_rule"), str),
    **dict.fromkeys(("texts_encoded", "texts_cached", "queries_cut", "documents_cut"), int),
    "tokens_per_s": int | float,
    "notes": list,
}


def file_name(name: str) -> str:
    """Return a name that every file system takes: `BAAI/bge-m3` becomes `BAAI__bge-m3`, `rrf:mini` `rrf-mini`."""
    safe = re.sub(r"[^\w.+-]", "-", name.replace("/", "__").replace("\\", "__")).strip(".")
    return safe or "unnamed"


def result_path(folder: Path, model: Mapping[str, Any], data: Mapping[str, Any]) -> Path:
    """Return where the result of a system on a data set lies, or is to lie.

    Args:
        folder: Of all results.
        model: The system's record in a manifest; its id and fingerprint decide.
        data: The data set's record in a manifest; its name and content decide.
    """
    name, fingerprint = file_name(str(model["id"])), str(model["fingerprint"])
    own = folder / name
    if any(manifest.model["fingerprint"] != fingerprint for manifest in _manifests(own, "*.json")):
        own = folder / f"{name}~{blake2b(fingerprint.encode(), digest_size=4).hexdigest()}"
    stem, content = file_name(str(data["name"])), str(data["content"])
    if any(manifest.data["content"] != content for manifest in _manifests(own, f"{stem}.json")):
        stem = f"{stem}~{content[:8]}"
    return own / f"{stem}.json"


def save_result(result: RunResult, folder: Path) -> Path:
    """Write the three files of a result, each whole or not at all; return the path of the JSON.

    Raises:
        DataError: If the folder cannot be written.
    """
    path = result_path(folder, result.manifest.model, result.manifest.data)
    parts = (
        (path.with_suffix(".trec"), trec_run(result)),
        (path.with_suffix(".queries.jsonl"), _query_lines(result)),
        (path, json.dumps(mteb_form(result), ensure_ascii=False, indent=2) + "\n"),
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for place, text in parts:
            with whole_file(place) as file:
                file.write(text.encode("utf-8", "surrogatepass"))
    except OSError as error:
        logger.warning("%s: %s", path, error)
        reason = error.strerror or type(error).__name__
        raise DataError("output_failed", name=_shown(path), reason=reason) from error
    return path


def load_result(path: Path) -> RunResult:
    """Read a result that `save_result` wrote.

    Raises:
        DataError: If it is missing, broken, or MTEB's own (which has no queries).
    """
    try:
        manifest, extra = _manifest(path)
        lines = _text(path.with_suffix(".queries.jsonl")).split("\n")
        return _result(manifest, extra, [_json(line) for line in lines if line.strip()])
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise DataError("file_missing", name=_shown(path), reason=reason) from error
    except _BROKEN as error:
        raise DataError("data_not_a_run", name=_shown(path)) from error


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
    """Return the run in TREC's six columns, which blanks part; ids are written as `trec_id` has them."""
    tag = file_name(result.model)
    lines: list[str] = []
    for query_id, ids, scores in zip(result.query_ids, result.hits, result.hit_scores, strict=True):
        query = trec_id(query_id)
        pairs = enumerate(zip(map(trec_id, ids), scores.tolist(), strict=True), start=1)
        lines += [f"{query} Q0 {document_id} {rank} {score:.9g} {tag}\n" for rank, (document_id, score) in pairs]
    return "".join(lines)


def trec_id(id_: str) -> str:
    r"""Return an id without blanks, different for different ids: blanks and `%` become `%XX` of their UTF-8 bytes.

    An empty id is a single `%`. `urllib.parse.unquote` gives the others back.

    >>> trec_id("finance - 1.pdf"), trec_id("a_b"), trec_id("5%")
    ('finance%20-%201.pdf', 'a_b', '5%25')
    """
    return re.sub(r"[\s%]", lambda found: quote(found[0], safe=""), id_) or "%"


_BROKEN: Final = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)


def _json(text: str) -> Any:
    """Read JSON that holds finite numbers only.

    Raises:
        ValueError: If it is no JSON, or has `NaN`, `Infinity` or a number beyond any float.
    """
    return json.loads(text, parse_constant=_finite, parse_float=_finite)


def _finite(text: str) -> float:
    value = float(text)
    if not np.isfinite(value):
        raise ValueError(text)
    return value


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "surrogatepass")


def _manifest(path: Path) -> tuple[Manifest, dict[str, Any]]:
    """Return the manifest of a saved result and what else stands beside it; raises `_BROKEN`, OSError."""
    extra = _json(_text(path))["koe5_demo"]
    known = {field.name for field in fields(Manifest)}
    manifest = Manifest(**{name: value for name, value in extra["manifest"].items() if name in known})
    _require(manifest.model, _MODEL_FIELDS)
    _require(manifest.model["prompts"], {"query": str, "passage": str})
    _require(manifest.data, _DATA_FIELDS)
    _require_all(manifest.data["problems"].values(), int)
    _require_all(manifest.seconds.values(), int | float)
    _require_all(manifest.versions.values(), str)
    _require_all(manifest.notes, str)
    _require(vars(manifest), _MANIFEST_FIELDS)
    return manifest, extra


def _require(values: Mapping[str, Any], kinds: Mapping[str, Any]) -> None:
    """Check the kinds of some values.

    Raises:
        KeyError: If a value is missing.
        TypeError: If one is of another kind.
    """
    for name, kind in kinds.items():
        _require_all([values[name]], kind)


def _require_all(values: Iterable[Any], kind: Any) -> None:
    """Check that all values are of one kind.

    Raises:
        TypeError: If one is not.
    """
    for value in values:
        if not isinstance(value, kind):
            raise TypeError(value)


def _result(manifest: Manifest, extra: Mapping[str, Any], records: list[dict[str, Any]]) -> RunResult:
    for record in records:
        _require(record, {"query": str, "metrics": dict, "hits": list, "scores": list})
        _require_all(record["hits"], str)
    counted = bool(records) and "tokens" in records[0]
    result = RunResult(
        manifest=manifest,
        metrics={name: _share(value) for name, value in extra["metrics"].items()},
        per_query={
            name: np.array([_share(record["metrics"][name]) for record in records], dtype=np.float32)
            for name in PER_QUERY
        },
        query_ids=tuple(record["query"] for record in records),
        hits=tuple(tuple(record["hits"]) for record in records),
        hit_scores=tuple(np.array(record["scores"], dtype=np.float32) for record in records),
        query_tokens=np.array([record["tokens"] for record in records], dtype=np.int64) if counted else None,
        hit_tokens=tuple(np.array(record["hit_tokens"], dtype=np.int64) for record in records) if counted else None,
        max_tokens=int(extra["max_tokens"]),
    )
    shapes = [[values.shape for values in beside] for beside in (result.hit_scores, result.hit_tokens) if beside]
    if any(found != [(len(hits),) for hits in result.hits] for found in shapes):
        raise ValueError("hits")
    if not records or any(name not in result.metrics for name in _SCORES):
        raise KeyError("metrics")
    return result


def _share(value: Any) -> float:
    """Return a measure.

    Raises:
        TypeError, ValueError: If it is no number in [0, 1].
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(value)
    if not -_ROUNDING <= value <= 1 + _ROUNDING:
        raise ValueError(value)
    return float(value)


def _manifests(folder: Path, pattern: str) -> Iterator[Manifest]:
    """Yield the manifests of the results in a folder; a file that is none, or broken, is nobody's."""
    for path in sorted(folder.glob(pattern)):
        try:
            yield _manifest(path)[0]
        except (OSError, *_BROKEN):  # noqa: PERF203 a model's folder holds a few files
            continue


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


def _shown(path: Path) -> str:
    """Return a path as a visitor may see it: not where on the machine it lies."""
    return f"{path.parent.name}/{path.name}"
