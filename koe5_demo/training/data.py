"""Training triplets and evaluation sets from the hub or from files, checked row by row.

Nothing is dropped in silence: `DataReport` counts every row that was left out and why. A set without a usable row is
refused. Tables are Arrow's, so that 700,000 triplets need no copy as Python objects.
"""

from __future__ import annotations

import csv
import json
from codecs import getincrementaldecoder
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

from koe5_demo.errors import DataError
from koe5_demo.records import Notice
from koe5_demo.training.recipe import KOE5_RECIPE, NEGATIVE, POSITIVE, QUERY

QUERY_NAMES: Final = (QUERY,)
POSITIVE_NAMES: Final = (POSITIVE, "passage", "positive")
NEGATIVE_NAMES: Final = (NEGATIVE, "negative")
FILE_KINDS: Final = (".parquet", ".jsonl", ".ndjson", ".csv")
TRIPLET: Final = 3
"""Columns of a row that has a hard negative."""
ROWS_AT_A_TIME: Final = 8_192
LINES_FOR_NAMES: Final = 1_000
"""Lines of a JSONL file that are read to learn its column names; later lines may add none."""
SNIFFED_BYTES: Final = 1 << 20
"""How much of a CSV file decides its encoding."""
JSON_BLOCK: Final = 1 << 26
"""Arrow refuses a line longer than its block: 64 MB is far beyond any passage."""


class Negatives(str, Enum):
    """What to do with rows that have no hard negative; the loss needs the same columns in every row.

    AUTO: where at least half of the rows have one, the others are left out; else all rows are used as pairs.
    REQUIRE: rows without one are left out. IGNORE: all rows are used as pairs.
    """

    AUTO = "auto"
    REQUIRE = "require"
    IGNORE = "ignore"


@dataclass(frozen=True)
class Columns:
    """Where a triplet's parts are; `negative` is None in a set of pairs."""

    query: str
    positive: str
    negative: str | None

    @property
    def names(self) -> tuple[str, ...]:
        """Return the columns to read, in the order that the loss wants."""
        return tuple(name for name in (self.query, self.positive, self.negative) if name is not None)


@dataclass(frozen=True)
class DataReport:
    """What was read and what was left out.

    Attributes:
        source: Hub id, file or folder as given.
        revision: Commit on the hub, or None.
        files: Names of the files read, none for a hub data set.
        columns: Which columns were read.
        n_read: Rows in the source.
        n_blank: Rows left out because the query or the positive is blank.
        n_without_negative: Rows left out because the hard negative is blank.
        n_contradictions: Rows left out because the positive is also the negative.
        n_duplicates: Rows left out because an equal row came before.
        n_kept: Rows to train on.
        n_negatives_unused: Hard negatives that a set used as pairs leaves aside.
        n_prefixed: Kept rows with a text that carries a training prefix already: it would be added twice.
        n_in_evaluation: Kept rows whose query is also a query of the evaluation set.
        has_negatives: Whether triplets are trained on, or pairs.
        fingerprint: SHA-256 of the kept rows in their order.
    """

    source: str
    revision: str | None
    files: tuple[str, ...]
    columns: Columns
    n_read: int
    n_blank: int
    n_without_negative: int
    n_contradictions: int
    n_duplicates: int
    n_kept: int
    n_negatives_unused: int
    n_prefixed: int
    n_in_evaluation: int
    has_negatives: bool
    fingerprint: str

    def notices(self) -> tuple[Notice, ...]:
        """Return what whoever started the run should know, the most important last."""
        counted = (
            ("train_notice_blank", self.n_blank),
            ("train_notice_without_negative", self.n_without_negative),
            ("train_notice_contradictions", self.n_contradictions),
            ("train_notice_duplicates", self.n_duplicates),
            ("train_notice_negatives_unused", self.n_negatives_unused),
            ("train_notice_prefixed", self.n_prefixed),
            ("train_notice_in_evaluation", self.n_in_evaluation),
        )
        found = tuple(Notice(key, {"n": n, "of": self.n_read}) for key, n in counted if n)
        kind = "train_notice_triplets" if self.has_negatives else "train_notice_pairs"
        return (*found, Notice(kind, {"n": self.n_kept, "columns": ", ".join(self.columns.names)}))

    def as_json(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Triplets:
    """Rows to train on: columns query, document and, where there are negatives, hard_negative; all text."""

    table: pa.Table
    report: DataReport


@dataclass(frozen=True)
class RetrievalSet:
    """An evaluation set in BEIR layout.

    Attributes:
        name: Name of its folder.
        split: Stem of the qrels file.
        queries: Query text by id, only those with a relevant document.
        corpus: Document text by id, the title before the text as MTEB does it.
        relevant: Ids of the relevant documents by query id.
    """

    name: str
    split: str
    queries: dict[str, str]
    corpus: dict[str, str]
    relevant: dict[str, set[str]]


@dataclass(frozen=True)
class _Opened:
    """A source whose column names are known and whose columns can be read."""

    names: tuple[str, ...]
    read: Callable[[Sequence[str]], pa.Table]
    files: tuple[str, ...] = ()
    revision: str | None = None


def load_triplets(
    source: str,
    *,
    columns: Columns | None = None,
    negatives: Negatives = Negatives.AUTO,
    evaluation_queries: frozenset[str] = frozenset(),
) -> Triplets:
    """Read and check a training set.

    Args:
        source: Hub id (owner/name, its split `train`), a parquet, JSONL or CSV file, or a folder of such files.
        columns: Names of the columns; None finds query, document | passage | positive and hard_negative | negative.
        negatives: What to do with rows without a hard negative.
        evaluation_queries: Queries whose presence in the training set is counted.

    Raises:
        DataError: If the source cannot be had or read, lacks a column, holds something else than text, or no row is
            left after the checks.
    """
    opened = _open(source)
    chosen = find_columns(source, opened.names) if columns is None else columns
    _require_columns(source, chosen, opened.names)
    if negatives is Negatives.REQUIRE and chosen.negative is None:
        raise DataError("train_no_column", name=source, column=" | ".join(NEGATIVE_NAMES), valid=_listed(opened.names))
    table = _as_text(source, opened.read(chosen.names), chosen)
    with_negatives, n_negatives = _choose_negatives(table, negatives)
    if not with_negatives and NEGATIVE in table.column_names:
        table = table.drop_columns([NEGATIVE])
    sieve = _Sieve(evaluation_queries)
    kept = table.filter(sieve.mask(table))
    report = DataReport(
        source=source,
        revision=opened.revision,
        files=opened.files,
        columns=chosen,
        n_read=table.num_rows,
        n_blank=sieve.counts["blank"],
        n_without_negative=sieve.counts["without_negative"],
        n_contradictions=sieve.counts["contradiction"],
        n_duplicates=sieve.counts["duplicate"],
        n_kept=kept.num_rows,
        n_negatives_unused=0 if with_negatives else n_negatives,
        n_prefixed=sieve.counts["prefixed"],
        n_in_evaluation=sieve.counts["in_evaluation"],
        has_negatives=with_negatives,
        fingerprint=sieve.fingerprint(),
    )
    if kept.num_rows == 0:
        raise DataError("train_nothing_left", name=source, of=table.num_rows, **_lost(report))
    return Triplets(kept.combine_chunks(), report)


def is_hub_id(source: str) -> bool:
    """Return whether a source names a data set of the hub: owner/name, and nothing of that path on this machine."""
    path = Path(source).expanduser()
    owner, _, name = source.partition("/")
    like_an_id = bool(owner and name) and "/" not in name and not source.startswith((".", "~"))
    return like_an_id and path.suffix.lower() not in FILE_KINDS and not path.exists()


def find_columns(source: str, names: Sequence[str]) -> Columns:
    """Find the parts of a triplet among column names, by the lists at the head of this module.

    Raises:
        DataError: If there is no query or no positive; the message lists what there is.
    """
    found = [next((name for name in accepted if name in names), None) for accepted in (QUERY_NAMES, POSITIVE_NAMES)]
    for name, accepted in zip(found, (QUERY_NAMES, POSITIVE_NAMES), strict=True):
        if name is None:
            raise DataError("train_no_column", name=source, column=" | ".join(accepted), valid=_listed(names))
    negative = next((name for name in NEGATIVE_NAMES if name in names), None)
    return Columns(str(found[0]), str(found[1]), negative)


def load_retrieval_set(folder: Path) -> RetrievalSet:
    """Read an evaluation set: corpus.jsonl, queries.jsonl and one file in qrels (test.tsv where there are several).

    Raises:
        DataError: If a file is missing or broken, or no query has a relevant document in the corpus.
    """
    corpus = {row["_id"]: _titled(row) for row in _jsonl(folder / "corpus.jsonl")}
    queries = {row["_id"]: str(row.get("text") or "") for row in _jsonl(folder / "queries.jsonl")}
    qrels = _qrels_file(folder)
    relevant: defaultdict[str, set[str]] = defaultdict(set)
    for query, document, score in _judgements(qrels):
        if score > 0 and query in queries and document in corpus:
            relevant[query].add(document)
    if not relevant:
        raise DataError("train_no_judgements", name=str(qrels))
    return RetrievalSet(
        folder.resolve().name,
        qrels.stem,
        {key: queries[key] for key in queries if key in relevant},
        corpus,
        dict(relevant),
    )


class _Sieve:
    """Decides row by row what is trained on, and counts why a row is not."""

    def __init__(self, evaluation_queries: frozenset[str]) -> None:
        self.counts: defaultdict[str, int] = defaultdict(int)
        self._evaluation = evaluation_queries
        self._prefixes = tuple(prefix.rstrip() for prefix in KOE5_RECIPE.prompts.by_column().values())
        self._seen: set[bytes] = set()
        self._digest = sha256()

    def mask(self, table: pa.Table) -> pa.Array:
        """Return (rows,) bool, true where a row is kept."""
        return pa.array([self._keeps(row) for row in _rows(table)], pa.bool_())

    def fingerprint(self) -> str:
        """Return the hash of the rows kept so far, in their order."""
        return self._digest.hexdigest()

    def _keeps(self, row: tuple[str | None, ...]) -> bool:
        reason = self._reason_to_drop(row)
        if reason is not None:
            self.counts[reason] += 1
            return False
        self._digest.update(_row_hash(row))
        self.counts["prefixed"] += any(str(text).startswith(self._prefixes) for text in row)
        self.counts["in_evaluation"] += row[0] in self._evaluation
        return True

    def _reason_to_drop(self, row: tuple[str | None, ...]) -> str | None:
        blank = [text is None or not text.strip() for text in row]
        if blank[0] or blank[1]:
            return "blank"
        if len(row) == TRIPLET and blank[2]:
            return "without_negative"
        if len(row) == TRIPLET and row[1] == row[2]:
            return "contradiction"
        digest = _row_hash(row)
        if digest in self._seen:
            return "duplicate"
        self._seen.add(digest)
        return None


def _rows(table: pa.Table) -> Iterator[tuple[str | None, ...]]:
    for batch in table.to_batches(ROWS_AT_A_TIME):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _row_hash(row: tuple[str | None, ...]) -> bytes:
    # A lone surrogate is legal in JSON and not in UTF-8. The lengths keep ("a", "bc") apart from ("ab", "c").
    parts = (str(text).encode("utf-8", "surrogatepass") for text in row)
    return blake2b(b"".join(len(part).to_bytes(8, "big") + part for part in parts), digest_size=16).digest()


def _choose_negatives(table: pa.Table, wish: Negatives) -> tuple[bool, int]:
    """Return whether to train on triplets, and how many rows have a hard negative."""
    if NEGATIVE not in table.column_names:
        return False, 0
    filled = pc.not_equal(pc.utf8_trim_whitespace(pc.fill_null(table[NEGATIVE], "")), "")
    n_negatives = int(pc.sum(filled).as_py() or 0)
    if wish is Negatives.AUTO:
        return 2 * n_negatives >= max(table.num_rows, 1), n_negatives
    return wish is Negatives.REQUIRE, n_negatives


def _as_text(source: str, table: pa.Table, columns: Columns) -> pa.Table:
    """Return the table under the names of the recipe, every column as text.

    Raises:
        DataError: If a column holds something else.
    """
    arrays = []
    for name in columns.names:
        kind = table.schema.field(name).type
        value = kind.value_type if pa.types.is_dictionary(kind) else kind
        if not (pa.types.is_null(value) or _is_text(value)):
            raise DataError("train_not_text", name=source, column=name, kind=str(kind))
        arrays.append(table[name].cast(pa.large_string()))
    return pa.table(dict(zip((QUERY, POSITIVE, NEGATIVE), arrays, strict=False)))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _require_columns(source: str, columns: Columns, names: Sequence[str]) -> None:
    for name in columns.names:
        if name not in names:
            raise DataError("train_no_column", name=source, column=name, valid=_listed(names))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "-"


def _lost(report: DataReport) -> dict[str, int]:
    return {
        "blank": report.n_blank,
        "without_negative": report.n_without_negative,
        "contradictions": report.n_contradictions,
        "duplicates": report.n_duplicates,
    }


def _open(source: str) -> _Opened:
    path = Path(source).expanduser()
    if path.is_dir():
        return _open_files(source, _files_in(path))
    if path.exists():
        return _open_files(source, [path])
    if is_hub_id(source):
        return _open_hub(source)
    raise DataError("train_no_data", name=source, valid=", ".join(FILE_KINDS))


def _files_in(folder: Path) -> list[Path]:
    """Return the data files of a folder in order of their names; only train* where there are such."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix.lower() in FILE_KINDS)
    return [path for path in files if path.name.startswith("train")] or files


def _open_files(source: str, files: Sequence[Path]) -> _Opened:
    if not files or any(path.suffix.lower() not in FILE_KINDS for path in files):
        raise DataError("train_no_data", name=source, valid=", ".join(FILE_KINDS))
    names = [_guarded(path, _names) for path in files]
    shared = tuple(name for name in names[0] if all(name in others for others in names))

    def read(columns: Sequence[str]) -> pa.Table:
        tables = [_guarded(path, lambda path: _read(path, columns)) for path in files]
        return pa.concat_tables([_loosened(table) for table in tables])

    return _Opened(shared, read, tuple(path.name for path in files))


def _loosened(table: pa.Table) -> pa.Table:
    """Return the table with text columns of one type: files of a folder may differ in string or large_string."""
    fields = [field.with_type(pa.large_string()) if _is_text(field.type) else field for field in table.schema]
    return table.cast(pa.schema([field.with_nullable(nullable=True) for field in fields])).replace_schema_metadata()


def _guarded(path: Path, work: Callable[[Path], Any]) -> Any:
    """Run a reader and turn what a broken file makes it raise into one message."""
    try:
        return work(path)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, UnicodeDecodeError, OSError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise DataError("file_missing", name=path.name, reason=reason) from error


def _names(path: Path) -> tuple[str, ...]:
    kind = path.suffix.lower()
    if kind == ".parquet":
        return tuple(pyarrow.parquet.read_schema(path).names)
    with path.open(encoding=_encoding(path), newline="") as lines:
        if kind == ".csv":
            return tuple(next(csv.reader(lines), ()))
        found: dict[str, None] = {}
        for _, line in zip(range(LINES_FOR_NAMES), lines, strict=False):
            found.update(dict.fromkeys(_object(line)))
        return tuple(found)


def _read(path: Path, columns: Sequence[str]) -> pa.Table:
    kind = path.suffix.lower()
    if kind == ".parquet":
        return pyarrow.parquet.read_table(path, columns=list(columns))
    if kind == ".csv":
        return _read_csv(path, columns)
    return _read_jsonl(path, columns)


def _read_csv(path: Path, columns: Sequence[str]) -> pa.Table:
    return pyarrow.csv.read_csv(
        path,
        read_options=pyarrow.csv.ReadOptions(encoding=_encoding(path).removesuffix("-sig")),
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            include_columns=list(columns), column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=False
        ),
    )


def _encoding(path: Path) -> str:
    """Return CP949, as Korean spreadsheets write it, for a CSV file that is no UTF-8."""
    if path.suffix.lower() == ".csv":
        try:
            with path.open("rb") as file:
                getincrementaldecoder("utf-8")().decode(file.read(SNIFFED_BYTES))
        except UnicodeDecodeError:
            return "cp949"
    return "utf-8-sig"


def _read_jsonl(path: Path, columns: Sequence[str]) -> pa.Table:
    # The types are given because Arrow would guess a timestamp from texts that look like one.
    schema = pa.schema([(name, pa.string()) for name in columns])
    try:
        return pyarrow.json.read_json(
            path,
            read_options=pyarrow.json.ReadOptions(block_size=JSON_BLOCK),
            parse_options=pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
        )
    except pa.ArrowInvalid as error:
        raise _jsonl_fault(path, columns) or error from error


def _jsonl_fault(path: Path, columns: Sequence[str]) -> DataError | None:
    """Return which line Arrow stumbled over and why, or None where every line looks right."""
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError:
                row = None
            if not isinstance(row, dict):
                return DataError("file_broken_jsonl", name=path.name, line=number)
            for name in columns:
                if not isinstance(row.get(name), str | None):
                    kind = type(row[name]).__name__
                    return DataError("train_not_text", name=f"{path.name}:{number}", column=name, kind=kind)
    return None


def _object(line: str) -> dict[str, Any]:
    """Return the object of a JSONL line, an empty one where it is none: the reader proper will say which line."""
    try:
        row = json.loads(line)
    except ValueError:
        return {}
    return row if isinstance(row, dict) else {}


def _open_hub(hub_id: str) -> _Opened:
    import datasets
    from huggingface_hub import HfApi

    # `datasets` and the hub's client raise OSError and ValueError of many kinds, and of the HTTP client's own.
    try:
        revision = HfApi().dataset_info(hub_id, timeout=10).sha
    except Exception:  # noqa: BLE001 - a copy in the cache is as good; what is missing is reported by the load below
        revision = None
    try:
        loaded = datasets.load_dataset(hub_id, split="train", revision=revision)
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise DataError("train_hub_data", name=hub_id, reason=reason) from error
    table = loaded.with_format("arrow")
    return _Opened(tuple(loaded.column_names), lambda columns: table.select_columns(list(columns))[:], (), revision)


def _jsonl(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open(encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                row = _object(line)
                if not isinstance(row.get("_id"), str):
                    raise DataError("file_broken_jsonl", name=path.name, line=number)
                yield row
    except (OSError, UnicodeDecodeError) as error:
        raise DataError("file_missing", name=str(path), reason=str(error)) from error


def _titled(row: dict[str, Any]) -> str:
    return f"{row.get('title') or ''} {row.get('text') or ''}".strip()


def _qrels_file(folder: Path) -> Path:
    files = sorted((folder / "qrels").glob("*.tsv"))
    if not files:
        raise DataError("file_missing", name=str(folder / "qrels"), reason="*.tsv")
    return next((path for path in files if path.stem == "test"), files[0])


def _judgements(path: Path) -> Iterator[tuple[str, str, float]]:
    """Yield (query id, document id, score); a header line, whose score is no number, is skipped.

    Raises:
        DataError: If a later line is no judgement.
    """
    with path.open(encoding="utf-8-sig", newline="") as lines:
        for number, row in enumerate(csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE), 1):
            judgement = _judgement(row)
            if judgement is not None:
                yield judgement
            elif number > 1 and row:
                raise DataError("file_broken_csv", name=path.name, line=number, reason="query-id, corpus-id, score")


def _judgement(row: list[str]) -> tuple[str, str, float] | None:
    try:
        return row[0], row[1], float(row[2])
    except (IndexError, ValueError):
        return None
