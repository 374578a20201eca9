"""Results as JSON, CSV and code: the same shapes for the command line, the downloads of the page and the API."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from koe5_demo.catalog import CATALOG
from koe5_demo.prompts import with_prompts
from koe5_demo.ranking import Comparison
from koe5_demo.records import FloatArray, ModelInfo, Role
from koe5_demo.tables.delimited import GUARDED

MODEL_COLUMNS: Final = ("model", "revision", "engine", "dtype", "device")
RANKING_COLUMNS: Final = ("query", "rank", "index", "score", "tokens", "truncated", "passage", *MODEL_COLUMNS)
BYTE_ORDER_MARK: Final = "\ufeff"
FORMULA: Final = re.compile(GUARDED)
NUMBER: Final = re.compile(r"[+-]?\d[\d,]*(\.\d+)?(e[+-]?\d+)?( ?%)?")


def model_json(info: ModelInfo) -> dict[str, Any]:
    """Return what names a model beside its numbers."""
    return {
        "id": info.id,
        "hub_id": info.hub_id,
        "revision": info.revision,
        "engine": info.engine,
        "dtype": info.dtype,
        "device": info.device,
    }


def catalog_json() -> list[dict[str, Any]]:
    """Return the models of the catalog, and whether each is on this machine."""
    from koe5_demo.encoding.hub import cached_folder  # brings in huggingface_hub, which other exports do not need

    return [
        {
            "id": spec.id,
            "hub_id": spec.hub_id,
            "revision": spec.revision,
            "dimensions": spec.dimensions,
            "max_tokens": spec.max_tokens,
            "licence": spec.licence,
            "cached": spec.hub_id is None or cached_folder(spec.hub_id, spec.revision) is not None,
        }
        for spec in CATALOG.values()
    ]


def ranking_json(comparison: Comparison, info: ModelInfo, top_k: int | None = None) -> dict[str, Any]:
    """Return {"model", "results": [{"query", "hits": [{"rank", "index", "score", "tokens", ...}]}]}."""
    results = [
        {
            "query": query,
            "hits": [{**vars(hit), "index": comparison.place(hit.index)} for hit in comparison.hits(n, top_k)],
        }
        for n, query in enumerate(comparison.queries)
    ]
    return {"model": model_json(info), "results": results}


def similarity_json(texts: Sequence[str], matrix: FloatArray, info: ModelInfo) -> dict[str, Any]:
    """Return {"model", "texts", "matrix"}, the matrix as rows of numbers."""
    return {"model": model_json(info), "texts": list(texts), "matrix": [[float(x) for x in row] for row in matrix]}


def to_json(value: Any) -> str:
    """Return indented JSON with Hangul as it is."""
    return json.dumps(value, ensure_ascii=False, indent=2)


def ranking_csv(comparison: Comparison, info: ModelInfo, top_k: int | None = None) -> str:
    """Return one row a hit; text cells are defused, numbers are not touched."""
    made_by = [defuse(str(model_json(info)[key])) for key in ("id", "revision", "engine", "dtype", "device")]
    rows = [
        [
            defuse(query),
            hit.rank,
            comparison.place(hit.index),
            f"{hit.score:.6f}",
            hit.tokens,
            hit.truncated,
            defuse(hit.passage),
            *made_by,
        ]
        for n, query in enumerate(comparison.queries)
        for hit in comparison.hits(n, top_k)
    ]
    return to_csv([RANKING_COLUMNS, *rows])


def similarity_csv(texts: Sequence[str], matrix: FloatArray, info: ModelInfo) -> str:
    """Return the matrix with the texts as its header row and first column; the corner names the model."""
    corner = defuse(f"{info.id}@{info.revision} {info.engine} {info.dtype} {info.device}")
    header = [corner, *map(defuse, texts)]
    rows = [[defuse(text), *(f"{x:.6f}" for x in row)] for text, row in zip(texts, matrix, strict=True)]
    return to_csv([header, *rows])


def to_csv(rows: Iterable[Sequence[object]]) -> str:
    """Return rows as CSV text with CRLF line ends, as RFC 4180 has it. Cells are written as they are."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue()


def defuse(cell: str) -> str:
    """Return a text cell that no spreadsheet takes for a formula: an apostrophe goes before = + - @ and tabs.

    So it does before apostrophes that stand there already: whoever reads our files takes one off, see
    `koe5_demo.tables.delimited.unguarded`.
    """
    return f"'{cell}" if FORMULA.match(cell) else cell


def defuse_texts(rows: Iterable[Sequence[str]]) -> list[list[str]]:
    """Return rows with every cell defused that is no number."""
    return [[cell if NUMBER.fullmatch(cell) else defuse(cell) for cell in row] for row in rows]


def snippet(comparison: Comparison, info: ModelInfo) -> str:
    """Return Python code that computes the same scores with sentence-transformers alone."""
    place = info.hub_id or f"<{info.id}>"  # an endpoint or folder: whoever runs this names its own
    revision = f', revision="{info.revision}"' if info.hub_id else ""
    dtype = "" if info.dtype == "float32" else f', model_kwargs={{"dtype": "{info.dtype}"}}'
    queries = with_prompts(comparison.queries, Role.QUERY, info.prompts)
    passages = with_prompts(comparison.passages, Role.PASSAGE, info.prompts)
    if info.id == "mini":
        place = "assets/mini"
    return "\n".join(
        [
            "from sentence_transformers import SentenceTransformer",
            "",
            f"model = SentenceTransformer({place!r}{revision}{dtype})",
            f"model.max_seq_length = {info.max_tokens}",
            "queries = [",
            *(f"    {json.dumps(text, ensure_ascii=False)}," for text in queries),
            "]",
            "passages = [",
            *(f"    {json.dumps(text, ensure_ascii=False)}," for text in passages),
            "]",
            '# The prompts stand in the texts already; prompt="" keeps the library from adding one.',
            'q = model.encode(queries, prompt="", normalize_embeddings=True)',
            'p = model.encode(passages, prompt="", normalize_embeddings=True)',
            "print((q @ p.T).round(4))",
            "",
        ]
    )
