"""Results as JSON, CSV and code: the same shapes for the command line, the downloads of the page and the API."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from koe5_demo.catalog import CATALOG
from koe5_demo.encoding.endpoint import KEY_VARIABLE, model_address, parse_address
from koe5_demo.encoding.opening import is_here
from koe5_demo.prompts import with_prompts
from koe5_demo.ranking.agreement import Agreement, AgreementReport
from koe5_demo.ranking.calibration import percent_text
from koe5_demo.ranking.explain import Explanation, Unit
from koe5_demo.ranking.map2d import TextMap
from koe5_demo.ranking.result import RankingResult, TextRef
from koe5_demo.records import ENDPOINT_ENGINE, DoubleArray, Encoded, FloatArray, Hit, ModelInfo, Role
from koe5_demo.tables.delimited import GUARDED
from koe5_demo.words import Language, message

MODEL_COLUMNS: Final = ("model", "revision", "engine", "dtype", "device")
RANKING_COLUMNS: Final = ("query", "rank", "index", "number", "score", "tokens", "truncated", "passage", *MODEL_COLUMNS)
SHOWN_WORDS: Final = 5
BYTE_ORDER_MARK: Final = "\ufeff"
FORMULA: Final = re.compile(GUARDED)
LOCAL_CODE: Final = """\
from sentence_transformers import SentenceTransformer

{remark}model = SentenceTransformer({place!r}{revision}{dtype})
{limit}{texts}
# The prompts stand in the texts already; prompt="" keeps the library from adding one.
q = model.encode(queries, prompt="", normalize_embeddings=True)
p = model.encode(passages, prompt="", normalize_embeddings=True)
print((q @ p.T).round(4))
"""
OTHER_ARITHMETIC: Final = "# Shown were scores in int8, which the library does not have: these are float32's.\n"
DTYPES_OF_TORCH: Final = ("bfloat16", "float16")
"""Named to the library, which computes in float32 by itself."""
SERVER_CODE: Final = """\
import os

import numpy as np
from openai import OpenAI

client = OpenAI(base_url={url!r}, api_key=os.environ.get("{key}") or "none")


def embed(texts, model, body):
    rows = []
    for start in range(0, len(texts), 8):
        answer = client.embeddings.create(
            model=model, input=texts[start : start + 8], encoding_format="float", extra_body=body
        )
        entries = sorted(answer.data, key=lambda entry: getattr(entry, "index", 0) or 0)
        rows += [entry.embedding for entry in entries]
    vectors = np.array(rows)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


# Prompts of this side stand in the texts already.
{texts}
q = embed(queries, {query_model!r}, {query_body!r})
p = embed(passages, {passage_model!r}, {passage_body!r})
print((q @ p.T).round(4))
"""
NUMBER: Final = re.compile(r"[+-]?\d[\d,]*(\.\d+)?(e[+-]?\d+)?( ?%)?")


def model_json(info: ModelInfo, role: Role | None = None) -> dict[str, Any]:
    """Return what names a model beside its numbers: its prompts, and what a reader should know, among it.

    Args:
        info: The model.
        role: Of the texts, where all have the same; without a prompt, a note says so.
    """
    notes = [remarks] if (remarks := info.remarks(Language.EN)) else []
    if role is Role.NONE:
        notes.append(message("note_role_none", Language.EN))
    elif not info.prompts.query and not info.prompts.passage:
        notes.append(message("note_no_prompts", Language.EN))
    return {
        "id": info.id,
        "hub_id": info.hub_id,
        "revision": info.revision,
        "engine": info.engine,
        "dtype": info.dtype,
        "device": info.device,
        "prompts": {"query": info.prompts.query, "passage": info.prompts.passage},
        "notes": notes,
    }


def model_option(info: ModelInfo) -> str:
    """Return what `--model` takes to open a model again, as it is typed in a shell."""
    if info.engine != ENDPOINT_ENGINE:
        return shlex.quote(info.id)
    return shlex.quote(model_address(info))


def catalog_json() -> list[dict[str, Any]]:
    """Return the models of the catalog, and whether each is on this machine."""
    return [
        {
            "id": spec.id,
            "hub_id": spec.hub_id,
            "revision": spec.revision,
            "dimensions": spec.dimensions,
            "max_tokens": spec.max_tokens,
            "licence": spec.licence,
            "cached": is_here(spec.id),
        }
        for spec in CATALOG.values()
    ]


def ranking_json(result: RankingResult, top_k: int | None = None) -> dict[str, Any]:
    """Return {"model", "results": [{"query", "hits": [{"rank", "index", "score", "tokens", ...}]}], "notices"}.

    What the ranking was asked for beside comes under names of its own: in a hit "window", "without_prompts",
    "compared", "percentiles" and "explanation"; in a result "agreement_without_prompts" and "agreement"; at the top
    "compared_with", "calibration" and "map".
    """
    queries = range(len(result.comparison.queries))
    answer: dict[str, Any] = {
        "model": model_json(result.info),
        "results": [_query_json(result, query, top_k) for query in queries],
        "notices": [notice.text(Language.EN) for notice in result.notices],
    }
    if result.second is not None:
        info = result.second.info
        answer["compared_with"] = {"name": result.second.name, "model": None if info is None else model_json(info)}
    if result.request.calibration:
        found = result.calibration
        answer["calibration"] = (
            None
            if found is None
            else {
                "dataset": found.data["name"],
                "relevant_pairs": found.relevant.n,
                "random_pairs": found.random.n,
                "date": found.date,
            }
        )
    if result.request.text_map:
        answer["map"] = None if result.text_map is None else _map_json(result, result.text_map)
    return answer


def _query_json(result: RankingResult, query: int, top_k: int | None) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "query": result.comparison.queries[query],
        "hits": [vars(hit) | _hit_json(result, query, hit) for hit in result.hits(query, top_k)],
    }
    if result.without_prompts is not None:
        answer["agreement_without_prompts"] = _agreement_json(result, result.without_prompts.queries[query])
    if result.second is not None:
        answer["agreement"] = _agreement_json(result, result.second.report.queries[query])
    return answer


def _hit_json(result: RankingResult, query: int, hit: Hit) -> dict[str, Any]:
    """Return where the passage stood among all that were given, and what was asked for beside the ranking itself."""
    extra: dict[str, Any] = {"index": result.comparison.place(hit.index)}
    if result.request.columns:
        extra["columns"] = {name: values[hit.index] for name, values in result.request.columns.items()}
    left, right = TextRef(Role.QUERY, query), TextRef(Role.PASSAGE, hit.index)
    window = result.best_window(right, left)
    if result.windowed is not None:
        extra["window"] = (
            None
            if window is None
            else {
                "n": window.n,
                "of": window.of,
                "start": window.window.start,
                "end": window.window.end,
                "text": hit.passage[slice(*window.span)],
            }
        )
    if result.without_prompts is not None:
        change = result.without_prompts.queries[query].of(hit.index)
        extra["without_prompts"] = {"rank": change.rank_b, "score": change.score_b}
    if result.second is not None:
        change = result.second.report.queries[query].of(hit.index)
        extra["compared"] = {"rank": change.rank_b, "score": change.score_b, "no_match": change.rank_b is None}
    if result.calibration is not None:
        extra["percentiles"] = vars(result.calibration.percentile(hit.score))
    if (query, hit.index) in result.explanations:
        extra["explanation"] = explanation_json(result.explanations[query, hit.index])
    return extra


def explanation_json(explanation: Explanation) -> dict[str, Any]:
    """Return {"exact", "score", "query": [{"text", "kind", "value", "cut"}], "passage": [...]}.

    Exact: the values of either side add up to the score. Otherwise they are cosines of words, and "score" is null.
    """

    def side(units: Sequence[Unit], values: DoubleArray) -> list[dict[str, Any]]:
        return [
            {"text": unit.text, "kind": unit.kind.value, "value": float(value), "cut": unit.cut}
            for unit, value in zip(units, values, strict=True)
        ]

    return {
        "exact": explanation.exact,
        "score": explanation.score,
        "query": side(explanation.query_units, explanation.query_values),
        "passage": side(explanation.passage_units, explanation.passage_values),
    }


def _agreement_json(result: RankingResult, found: Agreement) -> dict[str, Any]:
    return {"kendall_tau": found.kendall_tau, "most_different": result.comparison.place(found.most_different.index)}


def _map_json(result: RankingResult, found: TextMap) -> dict[str, Any]:
    texts = result.drawn_texts

    def place(ref: TextRef) -> int:
        return result.comparison.place(ref.index) if ref.role is Role.PASSAGE else ref.index

    points = [
        {
            "role": ref.role.value,
            "index": place(ref),
            "x": float(x),
            "y": float(y),
            "nearest": [
                {"role": texts[n].role.value, "index": place(texts[n]), "cosine": float(cosine)}
                for n, cosine in zip(near, cosines, strict=True)
            ],
        }
        for ref, (x, y), near, cosines in zip(texts, found.points, found.neighbours, found.cosines, strict=True)
    ]
    return {"explained": [float(share) for share in found.explained], "points": points}


def similarity_json(
    texts: Sequence[str], matrix: FloatArray, info: ModelInfo, role: Role | None = None
) -> dict[str, Any]:
    """Return {"model", "texts", "matrix"}, the matrix as rows of numbers."""
    return {
        "model": model_json(info, role),
        "texts": list(texts),
        "matrix": matrix.tolist(),
    }


def vectors_json(encoded: Encoded, info: ModelInfo, role: Role) -> dict[str, Any]:
    """Return {"model", "dimensions", "vectors", "tokens", "truncated"}."""
    return {
        "model": model_json(info, role),
        "dimensions": info.dimensions,
        "vectors": encoded.vectors.tolist(),
        "tokens": encoded.tokens_used.tolist(),
        "truncated": encoded.truncated.tolist(),
    }


def to_json(value: Any) -> str:
    """Return indented JSON with Hangul as it is."""
    return json.dumps(value, ensure_ascii=False, indent=2)


def ranking_csv(result: RankingResult, top_k: int | None = None) -> str:
    """Return one row a hit; text cells are defused, numbers are not touched.

    What was asked for beside the ranking stands in columns after those of every ranking.
    """
    made_by = [defuse(str(model_json(result.info)[key])) for key in ("id", "revision", "engine", "dtype", "device")]
    rows, extra = [], extra_columns(result)
    for query, text in enumerate(result.comparison.queries):
        for hit in result.hits(query, top_k):
            own = [
                defuse(text),
                hit.rank,
                result.comparison.place(hit.index),
                result.comparison.place(hit.index) + 1,  # as the page counts
                f"{hit.score:.6f}",
                hit.tokens,
                hit.truncated,
            ]
            beside = [cell(query, hit) for cell in extra.values()]
            rows.append([*own, defuse(hit.passage), *made_by, *beside])
    return to_csv([[*RANKING_COLUMNS, *extra], *rows])


def extra_columns(result: RankingResult) -> dict[str, Callable[[int, Hit], str]]:
    """Return what a table shows of a hit beside the ranking itself: a maker of cells by the column's name."""

    def window(query: int, hit: Hit) -> str:
        found = result.best_window(TextRef(Role.PASSAGE, hit.index), TextRef(Role.QUERY, query))
        return "" if found is None else f"{found.n}/{found.of} ({found.span[0] + 1} ~ {found.span[1]})"

    def words(query: int, hit: Hit) -> str:
        found = result.explanations.get((query, hit.index))
        if found is None:
            return ""
        pairs = [pair for pair in zip(found.passage_values.tolist(), found.passage_units, strict=True) if pair[1].text]
        strongest = sorted(pairs, key=lambda pair: -abs(pair[0]))[:SHOWN_WORDS]
        return defuse(", ".join(f"{unit.text} {value:+.4f}" for value, unit in strongest))

    columns = _file_columns(result)
    if result.windowed is not None:
        columns["window"] = window
    if result.without_prompts is not None:
        columns |= _second_columns("without_prompts", result.without_prompts)
    if result.second is not None:
        columns |= _second_columns(defuse(result.second.name), result.second.report)
    if result.calibration is not None:
        found = result.calibration
        columns["percent_of_random_below"] = lambda _, hit: percent_text(found.percentile(hit.score).random)
        columns["percent_of_relevant_below"] = lambda _, hit: percent_text(found.percentile(hit.score).relevant)
    if result.text_map is not None:
        columns |= _map_columns(result, result.text_map)
    if result.explanations:
        columns["strongest_words"] = words
    return columns


def _file_columns(result: RankingResult) -> dict[str, Callable[[int, Hit], str]]:
    """Return the columns of the visitor's own file; one that has the name of one of ours is told apart."""

    def maker(values: Sequence[str]) -> Callable[[int, Hit], str]:
        return lambda _, hit: defuse(values[hit.index])

    given = result.request.columns.items()
    return {defuse(f"file_{name}" if name in RANKING_COLUMNS else name): maker(values) for name, values in given}


def _map_columns(result: RankingResult, found: TextMap) -> dict[str, Callable[[int, Hit], str]]:
    points = dict(zip(result.drawn_texts, found.points.tolist(), strict=True))

    def maker(axis: int) -> Callable[[int, Hit], str]:
        def coordinate(_query: int, hit: Hit) -> str:
            point = points.get(TextRef(Role.PASSAGE, hit.index))
            return "" if point is None else f"{point[axis]:.6f}"

        return coordinate

    return {"map_x": maker(0), "map_y": maker(1)}


def _second_columns(name: str, report: AgreementReport) -> dict[str, Callable[[int, Hit], str]]:
    def rank(query: int, hit: Hit) -> str:
        place = report.queries[query].of(hit.index).rank_b
        return "no match" if place is None else str(place)

    def score(query: int, hit: Hit) -> str:
        return f"{report.queries[query].of(hit.index).score_b:.6f}"

    return {f"rank_{name}": rank, f"score_{name}": score}


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


def snippet(result: RankingResult) -> str:
    """Return Python code that computes the same scores: with sentence-transformers alone, or from the same server."""
    comparison, info = result.comparison, result.info
    if info.engine == ENDPOINT_ENGINE:
        return endpoint_code(info, comparison.queries, comparison.passages)
    # A model that is only here has no name on the hub: whoever runs this names the folder.
    place = "assets/mini" if info.id == "mini" else info.hub_id or f"<{info.id}>"
    return LOCAL_CODE.format(
        place=place,
        revision=f', revision="{info.revision}"' if info.hub_id else "",
        remark=OTHER_ARITHMETIC if info.dtype == "int8" else "",
        dtype=f', model_kwargs={{"dtype": "{info.dtype}"}}' if info.dtype in DTYPES_OF_TORCH else "",
        limit=f"model.max_seq_length = {info.known_limit}\n" if info.known_limit else "",
        texts=_texts_as_code(info, comparison.queries, comparison.passages),
    )


def endpoint_code(info: ModelInfo, queries: Sequence[str], passages: Sequence[str]) -> str:
    """Return Python code that computes the scores of a server's model with the official client and numpy alone.

    Args:
        info: A model that `encoding.endpoint.open_endpoint` opened.
        queries, passages: As a visitor gave them; the code holds them as they are sent.
    """
    address = parse_address(model_address(info))
    query_model, query_body = address.asked(Role.QUERY)
    passage_model, passage_body = address.asked(Role.PASSAGE)
    return SERVER_CODE.format(
        url=address.url,
        key=KEY_VARIABLE,
        texts=_texts_as_code(info, queries, passages),
        query_model=query_model,
        query_body=dict(query_body),
        passage_model=passage_model,
        passage_body=dict(passage_body),
    )


def _texts_as_code(info: ModelInfo, queries: Sequence[str], passages: Sequence[str]) -> str:
    """Return two lists of texts with their prompts. Servers refuse an empty text; a blank has no token of its own."""
    lines = []
    for name, texts, role in (("queries", queries, Role.QUERY), ("passages", passages, Role.PASSAGE)):
        sent = with_prompts(texts, role, info.prompts)
        lines += [f"{name} = [", *(f"    {json.dumps(text or ' ', ensure_ascii=False)}," for text in sent), "]"]
    return "\n".join(lines)
