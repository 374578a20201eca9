"""The command line. Results go to standard output, everything else to standard error; bad input exits with 2."""

from __future__ import annotations

import argparse
import errno
import logging
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import numpy as np

from koe5_demo import exports, inputs
from koe5_demo.catalog import EMBEDDED_MODEL
from koe5_demo.encoding.opening import ModelOptions, add_model_options
from koe5_demo.encoding.opening import open_model as open_named
from koe5_demo.errors import DataError, DemoError, HubError, InputError
from koe5_demo.ranking import Comparison, compare, require_top_k, similarity
from koe5_demo.records import FloatArray, ModelInfo, Notice, Role
from koe5_demo.settings import Settings, load_settings
from koe5_demo.whole_files import whole_file
from koe5_demo.words import Language

if TYPE_CHECKING:
    from koe5_demo.records import Encoder

FORMATS: Final = ("json", "csv", "table")
BAD_INPUT: Final = 2
INTERRUPTED: Final = 130
SHOWN_PASSAGE: Final = 60
BRIEF: Final = ("rank", "similarity")
QUICK: Final = ("rank", "similarity", "encode", "models", "export")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("koe5_demo").setLevel(logging.CRITICAL)  # the one line below says it
    language = Language.KO
    try:
        settings = load_settings()
        language = settings.language
        given = sys.argv[1:] if arguments is None else arguments
        if given and given[0] in BRIEF:
            # Read when torch is imported. Threads that wait by counting cost a few texts more than they save.
            os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        options = build_parser(given[0] if given else None).parse_args(given)
        run: Callable[[argparse.Namespace, Settings], int] = options.func
        return run(options, settings)
    except DemoError as error:
        print(error.text(language), file=sys.stderr)
        return BAD_INPUT
    except BrokenPipeError:
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED


class OneLineParser(argparse.ArgumentParser):
    """A parser whose complaint is one line, without the usage text."""

    def error(self, message: str) -> NoReturn:
        """Print the complaint and exit with 2."""
        self.exit(BAD_INPUT, f"{self.prog}: {message}\n")


def build_parser(command: str | None = None) -> argparse.ArgumentParser:
    """Return the parser; each command sets `func`, called with (options, settings).

    Args:
        command: The first argument, if there is one. A quick command is not kept waiting for what the others import.
    """
    parser = OneLineParser(prog="python -m koe5_demo", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_rank(commands)
    _add_similarity(commands)
    _add_encode(commands)
    models = commands.add_parser("models", help="list the models of the catalog")
    models.add_argument("--format", choices=FORMATS, default="table")
    models.set_defaults(func=run_models)
    _add_export(commands)
    if command not in QUICK:
        from koe5_demo.benchmark.commands import add_parsers as add_benchmark
        from koe5_demo.calibration_command import add_parsers as add_calibration
        from koe5_demo.training.commands import add_parsers as add_training

        for add in (add_benchmark, add_training, add_calibration):
            add(commands)
    return parser


def _add_rank(commands: argparse._SubParsersAction[Any]) -> None:
    parser = commands.add_parser("rank", help="order passages by similarity to queries")
    parser.add_argument("--query", action="append", required=True, help="may be given more than once")
    passages = parser.add_mutually_exclusive_group(required=True)
    passages.add_argument("--passage", action="append", help="may be given more than once")
    passages.add_argument("--passages-file", type=Path, help=".txt (one a line), .csv, .tsv or .jsonl")
    parser.add_argument("--column", help="column of the file that holds the passages")
    parser.add_argument("--top-k", type=int, help="how many passages to return for a query")
    _add_common(parser)
    parser.set_defaults(func=run_rank)


def _add_similarity(commands: argparse._SubParsersAction[Any]) -> None:
    parser = commands.add_parser("similarity", help="cosines between all pairs of texts")
    parser.add_argument("--text", action="append", required=True, help="may be given more than once")
    parser.add_argument("--role", choices=[role.value for role in Role], default=Role.NONE.value)
    _add_common(parser)
    parser.set_defaults(func=run_similarity)


def _add_encode(commands: argparse._SubParsersAction[Any]) -> None:
    parser = commands.add_parser("encode", help="write the vectors of a file's texts")
    parser.add_argument("--input", type=Path, required=True, help=".txt (one text a line), .csv, .tsv or .jsonl")
    parser.add_argument("--column", help="column of the file that holds the texts")
    parser.add_argument("--role", choices=[role.value for role in Role], required=True)
    parser.add_argument("--output", type=Path, required=True, help="a .npy file: (n, dimensions) float32")
    parser.add_argument("--engine", choices=("local", "ray"), default="local", help="ray: folders of parquet files")
    parser.add_argument("--workers", type=int, help="ray: how many (default: one a CPU or GPU)")
    parser.add_argument("--id-column", help="ray: column that names the rows")
    _add_model(parser)
    parser.set_defaults(func=run_encode)


def _add_export(commands: argparse._SubParsersAction[Any]) -> None:
    parser = commands.add_parser("export", help="write a model as a plain sentence-transformers folder")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="a folder that is new or empty")
    _add_name(parser)
    add_model_options(parser, ("float16", "float32"))
    parser.set_defaults(func=run_export)


def _add_common(parser: argparse.ArgumentParser) -> None:
    _add_model(parser)
    parser.add_argument("--format", choices=FORMATS, default="table")


def _add_model(parser: argparse.ArgumentParser) -> None:
    _add_name(parser)
    add_model_options(parser)


def _add_name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", help="catalog id, hub id, folder or endpoint:URL#name (default: KOE5_MODEL or koe5)")


def run_rank(options: argparse.Namespace, settings: Settings) -> int:
    """Print a ranking for each query."""
    require_top_k(options.top_k)
    queries, passages = inputs.clean(options.query), _passages(options, settings)
    notices = inputs.check(queries, passages, settings.limits)
    encoder = open_model(options, settings)
    comparison = compare(queries.texts, passages.texts, encoder)
    _tell_all(notices, settings)
    cut = int(comparison.passage_encoded.truncated.sum() + comparison.query_encoded.truncated.sum())
    _tell_cut(cut, encoder.info, settings)
    writers: dict[str, Callable[[], str]] = {
        "json": lambda: exports.to_json(exports.ranking_json(comparison, encoder.info, options.top_k)) + "\n",
        "csv": lambda: exports.ranking_csv(comparison, encoder.info, options.top_k),
        "table": lambda: ranking_table(comparison, encoder.info, options.top_k),
    }
    _print(writers[options.format]())
    return 0


def run_similarity(options: argparse.Namespace, settings: Settings) -> int:
    """Print the matrix of cosines."""
    texts = inputs.clean(options.text)
    inputs.check_texts(texts, settings.limits)
    encoder = open_model(options, settings)
    role = Role(options.role)
    matrix = similarity(texts.texts, encoder, role=role)
    _tell_all(texts.notices, settings)
    counts = encoder.count_tokens(texts.texts, role)
    _tell_cut(int((counts > encoder.info.max_tokens).sum()), encoder.info, settings)
    writers: dict[str, Callable[[], str]] = {
        "json": lambda: exports.to_json(exports.similarity_json(texts.texts, matrix, encoder.info)) + "\n",
        "csv": lambda: exports.similarity_csv(texts.texts, matrix, encoder.info),
        "table": lambda: similarity_table(texts.texts, matrix, encoder.info),
    }
    _print(writers[options.format]())
    return 0


def run_encode(options: argparse.Namespace, settings: Settings) -> int:
    """Write the vectors of a file; row n belongs to text n of the file."""
    if options.engine == "ray":
        return run_encode_ray(options, settings)
    for option, value in (("--workers", options.workers), ("--id-column", options.id_column)):
        if value is not None:
            raise InputError("ray_option", option=option)
    if options.output.suffix != ".npy":
        raise InputError("output_kind", name=str(options.output))
    if not options.output.parent.is_dir():  # before the work, not after it
        raise DataError("output_failed", name=str(options.output), reason=os.strerror(errno.ENOENT))
    unlimited = replace(settings, limits=replace(settings.limits, file_mb=1e9))
    table = _table(options.input, unlimited)
    column = options.column or table.suggested_column
    if column not in table.columns:
        raise InputError("file_no_column", name=table.name, column=column, valid=", ".join(table.columns))
    texts = inputs.clean_each([row[table.columns.index(column)] for row in table.rows])
    if not texts.texts:
        raise InputError("file_no_text", name=table.name, column=column)
    encoder = open_model(options, settings)
    encoded = encoder.encode(texts.texts, Role(options.role), on_progress=_bar("encode"))
    try:
        with whole_file(options.output) as file:
            # As np.save, which tells a full disk as "4096 requested and 1218 written".
            np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(encoded.vectors))
            file.write(np.ascontiguousarray(encoded.vectors).data)
    except OSError as error:
        raise DataError("output_failed", name=str(options.output), reason=error.strerror or str(error)) from error
    _tell_all(texts.notices, settings)
    _tell_cut(int(encoded.truncated.sum()), encoder.info, settings)
    n, dimensions = encoded.vectors.shape
    _tell(f"{options.output}: {n:,} x {dimensions:,} float32, {made_by(encoder.info)}")
    return 0


def run_encode_ray(options: argparse.Namespace, settings: Settings) -> int:
    """Write the vectors of a folder of parquet files through Ray; parts that are there already are kept."""
    from koe5_demo.encoding import ray_corpus

    column = options.column
    if column is None:
        columns, rows = ray_corpus.sample(options.input)
        column = inputs.Table(options.input.name, "utf-8", columns, rows).suggested_column
    job = ray_corpus.CorpusJob(options.input, options.output, column, Role(options.role), options.id_column)
    device = options.device or settings.device
    opener = partial(open_named, options.model or settings.model, settings, ModelOptions.of(options))
    workers = ray_corpus.Workers(count=options.workers, gpus=1 if device == "cuda" else 0)
    report = ray_corpus.encode_corpus(job, opener, workers=workers, on_progress=_bar("encode"))
    _tell(
        f"{options.output}: {report.n_rows:,} x {report.dimensions:,} float32, {report.n_blank:,} blank, "
        f"{report.n_truncated:,} cut, {report.n_skipped:,} of {report.n_parts:,} parts kept, {report.model}"
    )
    return 0


def run_export(options: argparse.Namespace, settings: Settings) -> int:
    """Write a model's folder and say what it is."""
    from koe5_demo.encoding.export import export_model  # brings in torch

    name, how = options.model or settings.model, replace(ModelOptions.of(options), dtype=None)
    dtype = options.dtype or "float16"
    done = export_model(name, options.output, settings, how, dtype=dtype, on_progress=_bar(name))
    told = {"path": str(options.output), "id": done.info.id, "revision": done.info.revision, "dtype": dtype}
    _tell(Notice("export_done", told).text(settings.language))
    if done.largest_move is not None:
        _tell(Notice("export_compared", {"move": done.largest_move}).text(settings.language))
    return 0


def run_models(options: argparse.Namespace, _settings: Settings) -> int:
    """Print the catalog."""
    rows = exports.catalog_json()
    cells = [["" if value is None else str(value) for value in row.values()] for row in rows]
    writers: dict[str, Callable[[], str]] = {
        "json": lambda: exports.to_json({"models": rows}) + "\n",
        "csv": lambda: exports.to_csv([list(rows[0]), *cells]),
        "table": lambda: _aligned([list(rows[0]), *cells]),
    }
    _print(writers[options.format]())
    return 0


def open_model(options: argparse.Namespace, settings: Settings) -> Encoder:
    """Load the model that was asked for.

    A model that was named is loaded or the command fails; only the unnamed default gives way to the embedded model
    when the hub cannot be reached, and says so.
    """
    name = options.model or settings.model
    try:
        return open_named(name, settings, ModelOptions.of(options), on_progress=_bar(name))
    except HubError as error:
        if options.model or settings.model_named:
            raise
        _tell(error.text(settings.language))
        _tell(f"--model {EMBEDDED_MODEL} (KoE5가 아닙니다 / not KoE5)")
        return open_named(EMBEDDED_MODEL, settings, ModelOptions(options.device, options.dtype))


def ranking_table(comparison: Comparison, info: ModelInfo, top_k: int | None) -> str:
    """Return rankings as text for a terminal."""
    parts = []
    for n, query in enumerate(comparison.queries):
        rows = [
            [str(hit.rank), f"{hit.score:.4f}", f"{hit.tokens}{'!' if hit.truncated else ''}", _shown(hit.passage)]
            for hit in comparison.hits(n, top_k)
        ]
        parts.append(f"# {query}\n" + _aligned([["rank", "score", "tokens", "passage"], *rows]))
    return "\n".join(parts) + f"\n{made_by(info)}\n"


def similarity_table(texts: Sequence[str], matrix: FloatArray, info: ModelInfo) -> str:
    """Return the matrix as text for a terminal."""
    header = ["", *(str(n) for n in range(1, len(texts) + 1)), "text"]
    rows = [
        [str(n), *(f"{x:.4f}" for x in row), _shown(text)]
        for n, (text, row) in enumerate(zip(texts, matrix, strict=True), start=1)
    ]
    return f"{_aligned([header, *rows])}\n{made_by(info)}\n"


def made_by(info: ModelInfo) -> str:
    """Return the line that says what computed the numbers above it."""
    prompts = f"prompts {info.prompts.query!r} {info.prompts.passage!r}"
    remarks = info.remarks(Language.EN)
    note = f" ({remarks})" if remarks else ""
    return f"{info.id} @ {info.revision}, {info.engine}, {info.dtype}, {info.device}, {prompts}{note}"


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows with columns of even width; the last column runs free."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]) - 1)]
    lines = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]) for row in rows
    ]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _shown(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN_PASSAGE else f"{line[: SHOWN_PASSAGE - 1]}…"


def _passages(options: argparse.Namespace, settings: Settings) -> inputs.Parsed:
    if options.passages_file is not None:
        return _table(options.passages_file, settings).texts(options.column)
    if options.column is not None:
        raise InputError("column_without_file", column=options.column)
    return inputs.clean(options.passage)


def _table(path: Path, settings: Settings) -> inputs.Table:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError("file_missing", name=str(path), reason=error.strerror or str(error)) from error
    return inputs.read_table(content, path.name, settings.limits)


def _tell_all(notices: Sequence[Notice], settings: Settings) -> None:
    for notice in notices:
        _tell(notice.text(settings.language))


def _tell_cut(n: int, info: ModelInfo, settings: Settings) -> None:
    if n:
        _tell(Notice("notice_truncated", {"n": n, "limit": info.max_tokens}).text(settings.language))


def _bar(label: str) -> Callable[[int, int], None]:
    """Return a progress callback that rewrites one line of a terminal and is silent elsewhere."""

    def report(done: int, total: int) -> None:
        if sys.stderr.isatty() and total:
            end = "\n" if done >= total else ""
            print(f"\r{label}: {100 * done // total} %", end=end, file=sys.stderr, flush=True)

    return report


def _tell(line: str) -> None:
    print(line, file=sys.stderr)


def _print(text: str) -> None:
    """Write a result.

    Raises:
        DataError: If standard output is closed or full.
    """
    if sys.stdout is None:
        raise DataError("output_failed", name="stdout", reason="closed")
    try:
        # Windows terminals and pipes may not be UTF-8; results must never die on Hangul.
        sys.stdout.reconfigure(encoding="utf-8", newline="")  # type: ignore[union-attr]
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise DataError("output_failed", name="stdout", reason=error.strerror or str(error)) from error
