"""Results as JSON, CSV and code: the same shapes for the command line, the downloads of the page and the API."""

from __future__ import annotations

import csv
import io
import json
import shlex
from collections.abc import Iterable, Sequence
from typing import Any, Final

from koe5_demo.catalog import CATALOG
from koe5_demo.prompts import with_prompts
from koe5_demo.ranking import Comparison
from koe5_demo.records import ENDPOINT_ENGINE, FloatArray, ModelInfo, Role

FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
MODEL_COLUMNS: Final = ("model", "revision", "engine", "dtype", "device")
RANKING_COLUMNS: Final = ("query", "rank", "index", "score", "tokens", "truncated", "passage", *MODEL_COLUMNS)
BYTE_ORDER_MARK: Final = "\ufeff"


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


def model_option(info: ModelInfo) -> str:
    """Return what `--model` takes to open a model again, as it is typed in a shell."""
    if info.engine != ENDPOINT_ENGINE:
        return shlex.quote(info.id)
    from koe5_demo.encoding.endpoint import model_address  # as in `catalog_json`

    return shlex.quote(model_address(info))


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
        {"query": query, "hits": [vars(hit) for hit in comparison.hits(n, top_k)]}
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
            hit.index,
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
    """Return a text cell that no spreadsheet takes for a formula: an apostrophe goes before = + - @ and tabs."""
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell


def snippet(comparison: Comparison, info: ModelInfo) -> str:
    """Return Python code that computes the same scores: with sentence-transformers alone, or from the same server."""
    if info.engine == ENDPOINT_ENGINE:
        from koe5_demo.encoding.endpoint import endpoint_code  # as in `catalog_json`

        return endpoint_code(info, comparison.queries, comparison.passages)
    place = info.hub_id or f"<{info.id}>"  # a folder: whoever runs this names its own
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
            *([f"model.max_seq_length = {info.known_limit}"] if info.known_limit else []),
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
