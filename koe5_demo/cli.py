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
from koe5_demo.encoding.fast.memory import prepare_memory
from koe5_demo.encoding.opening import ModelOptions, add_model_options
from koe5_demo.encoding.opening import open_model as open_named
from koe5_demo.errors import DataError, DemoError, HubError, InputError
from koe5_demo.ranking.calibration import load_calibration
from koe5_demo.ranking.lexical import BM25
from koe5_demo.ranking.map2d import LEAST_TEXTS
from koe5_demo.ranking.result import RankingRequest, RankingResult, rank_all
from koe5_demo.ranking.scores import checked_top_k, similarity
from koe5_demo.records import FloatArray, ModelInfo, Notice, Role
from koe5_demo.settings import DTYPES, Settings, load_settings
from koe5_demo.whole_files import whole_file
from koe5_demo.words import Language

if TYPE_CHECKING:
    from koe5_demo.records import Encoder

FORMATS: Final = ("json", "csv", "table")
BAD_INPUT: Final = 2
INTERRUPTED: Final = 130
SHOWN_PASSAGE: Final = 60
FILE_HELP: Final = ".txt (one text a line), .csv, .tsv, .jsonl, .parquet or .xlsx"
BRIEF: Final = ("rank", "similarity")
QUICK: Final = ("rank", "similarity", "encode", "models", "export")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("koe5_demo").setLevel(logging.CRITICAL)  # the one line below says it
    language = Language.KO
    try:
        settings = load_settings()
        language = _printable(settings.language)
        given = sys.argv[1:] if arguments is None else arguments
        # Bytes that the locale could not read: Python hands each on as a lone surrogate.
        if any("\ud800" <= char <= "\udfff" for argument in given for char in argument):
            raise InputError("argument_broken")
        if given and given[0] in BRIEF:
            # Read when torch is imported. Threads that wait by counting cost a few texts more than they save.
            os.environ.setdefault("OMP_WAIT_POLICY", "passive")
            prepare_memory(large_pages=False)  # they take longer to come: a few texts never earn that
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


def _printable(language: Language) -> Language:
    """Return a language that standard error can be written in."""
    try:
        "가".encode(sys.stderr.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return Language.EN
    return language


class OneLineParser(argparse.ArgumentParser):
    """A parser whose complaint is one line, without the usage text."""

    def error(self, message: str) -> NoReturn:
        """Exit with 2, as for any other input that cannot be used."""
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
    _add_format(models)
    models.set_defaults(func=run_models)
    _add_export(commands)
    if command not in QUICK:
        from koe5_demo.benchmark.commands import add_parsers as add_benchmark
        from koe5_demo.training.commands import add_parsers as add_training

        add_benchmark(commands)
        add_training(commands)
    return parser


def _add_rank(commands: argparse._SubParsersAction[Any]) -> None:
    parser = commands.add_parser("rank", help="order passages by similarity to queries")
    parser.add_argument("--query", action="append", required=True, help="may be given more than once")
    passages = parser.add_mutually_exclusive_group(required=True)
    passages.add_argument("--passage", action="append", help="may be given more than once")
    passages.add_argument("--passages-file", type=Path, help=FILE_HELP)
    parser.add_argument("--column", help="column of the file that holds the passages")
    parser.add_argument("--sheet", help="sheet of an .xlsx file (default: the first)")
    parser.add_argument("--top-k", type=int, help="how many passages to return for a query")
    parser.add_argument("--windows", action="store_true", help="score too long passages by their best window")
    parser.add_argument("--compare", default="", metavar="NAME", help=f"a second ranking beside it: {BM25}, or a model")
    parser.add_argument("--bare", action="store_true", help="rank without the model's prefixes too, to compare")
    parser.add_argument("--explain", action="store_true", help="take the scores of the ten best hits apart, by words")
    parser.add_argument("--calibration", action="store_true", help="how high the scores are among measured pairs")
    parser.add_argument("--map", action="store_true", help="lay the texts out in two dimensions, from 8 texts on")
    _add_model(parser)
    _add_format(parser)
    parser.set_defaults(func=run_rank)


def _add_similarity(commands: argparse._SubParsersAction[Any]) -> None:
    parser = commands.add_parser("similarity", help="cosines between all pairs of texts")
    parser.add_argument("--text", action="append", required=True, help="may be given more than once")
    parser.add_argument("--role", choices=[role.value for role in Role], default=Role.NONE.value)
    _add_model(parser)
    _add_format(parser)
    parser.set_defaults(func=run_similarity)


def _add_encode(commands: argparse._SubParsersAction[Any]) -> None:
    parser = commands.add_parser("encode", help="write the vectors of a file's texts")
    parser.add_argument("--input", type=Path, required=True, help=FILE_HELP)
    parser.add_argument("--column", help="column of the file that holds the texts")
    parser.add_argument("--sheet", help="sheet of an .xlsx file (default: the first)")
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
    _add_model(parser, ("float16", "float32"))
    parser.set_defaults(func=run_export)


def _add_format(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=FORMATS, default="table")


def _add_model(parser: argparse.ArgumentParser, dtypes: Sequence[str] = DTYPES) -> None:
    parser.add_argument("--model", help="catalog id, hub id, folder or endpoint:URL#name (default: KOE5_MODEL or koe5)")
    add_model_options(parser, dtypes)


def run_rank(options: argparse.Namespace, settings: Settings) -> int:
    """Print a ranking for each query, with what was asked for beside."""
    top_k = checked_top_k(options.top_k)
    queries, passages = inputs.clean_each(options.query, "blank_query"), _passages(options, settings)
    notices = inputs.check(queries, passages, settings.limits)
    request = RankingRequest(
        queries=queries.texts,
        passages=passages.texts,
        windows=options.windows,
        compare_with=options.compare,
        without_prompts=options.bare,
        explain=options.explain,
        calibration=options.calibration,
        text_map=options.map,
        notices=tuple(notices),
        places=passages.places,
    )
    encoder = open_model(options, settings)
    name, how = request.second_model, ModelOptions(options.device, options.dtype)
    second = open_named(name, settings, how, on_progress=_bar(name)) if name else None
    measured = load_calibration(encoder.info, settings) if request.calibration else None
    result = rank_all(request, encoder, second_encoder=second, calibration=measured, on_progress=_bar("rank"))
    told = [*result.notices]
    if request.calibration and measured is None:
        told.append(Notice("calibration_none", {"model": encoder.info.id}))
    if request.text_map and result.text_map is None:
        n_texts = len(queries.texts) + len(passages.texts)
        told.append(Notice("map_too_few", {"n": n_texts, "least": LEAST_TEXTS}))
    _tell_all(told, settings)
    if options.format == "json":
        _print(exports.to_json(exports.ranking_json(result, top_k)) + "\n")
    else:
        shown = exports.ranking_csv if options.format == "csv" else ranking_table
        _print(shown(result, top_k))
    return 0


def run_similarity(options: argparse.Namespace, settings: Settings) -> int:
    """Print the matrix of cosines."""
    texts = inputs.clean_each(options.text)
    inputs.check_texts(texts, settings.limits)
    encoder = open_model(options, settings)
    role = Role(options.role)
    matrix = similarity(texts.texts, encoder, role=role)
    n_cut = int((encoder.count_tokens(texts.texts, role) > encoder.info.max_tokens).sum())
    _tell_all([*texts.notices, *_cut(n_cut, encoder.info)], settings)
    if options.format == "json":
        _print(exports.to_json(exports.similarity_json(texts.texts, matrix, encoder.info, role)) + "\n")
    else:
        shown = exports.similarity_csv if options.format == "csv" else similarity_table
        _print(shown(texts.texts, matrix, encoder.info))
    return 0


def run_encode(options: argparse.Namespace, settings: Settings) -> int:
    """Write the vectors of a file; row n belongs to row n of the file, and is all zeros where that is blank."""
    if options.engine == "ray":
        return run_encode_ray(options, settings)
    for option, value in (("--workers", options.workers), ("--id-column", options.id_column)):
        if value is not None:
            raise InputError("ray_option", option=option)
    if options.output.suffix != ".npy":
        raise InputError("output_kind", name=str(options.output))
    if not options.output.parent.is_dir():  # before the work, not after it
        raise DataError("output_failed", name=str(options.output), reason=os.strerror(errno.ENOENT))
    texts = inputs.read_file(options.input, sheet=options.sheet).texts(options.column)
    encoder = open_model(options, settings)
    encoded = encoder.encode(texts.texts, Role(options.role), on_progress=_bar("encode"))
    vectors = encoded.vectors
    if texts.places is not None and texts.n_given is not None:
        vectors = np.zeros((texts.n_given, encoder.info.dimensions), dtype=np.float32)
        vectors[list(texts.places)] = encoded.vectors
    try:
        with whole_file(options.output) as file:
            # As np.save, which tells a full disk as "4096 requested and 1218 written".
            np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(vectors))
            file.write(np.ascontiguousarray(vectors).data)
    except OSError as error:
        raise DataError("output_failed", name=str(options.output), reason=error.strerror or str(error)) from error
    _tell_all([*texts.notices, *_cut(int(encoded.truncated.sum()), encoder.info)], settings)
    n, dimensions = vectors.shape
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
    gpus = 1 if device == "cuda" else 0
    report = ray_corpus.encode_corpus(job, opener, n_workers=options.workers, gpus=gpus, on_progress=_bar("encode"))
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
    info, moved = export_model(name, options.output, settings, how, dtype=dtype, on_progress=_bar(name))
    told = [Notice("export_done", {"path": options.output, "id": info.id, "revision": info.revision, "dtype": dtype})]
    if moved is not None:
        told.append(Notice("export_compared", {"move": moved}))
    _tell_all(told, settings)
    return 0


def run_models(options: argparse.Namespace, _settings: Settings) -> int:
    """Print the catalog."""
    models = exports.catalog_json()
    rows = [list(models[0]), *(["" if value is None else str(value) for value in model.values()] for model in models)]
    if options.format == "json":
        _print(exports.to_json({"models": models}) + "\n")
    else:
        _print(exports.to_csv(rows) if options.format == "csv" else _aligned(rows))
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


def ranking_table(result: RankingResult, top_k: int | None) -> str:
    """Return rankings as text for a terminal."""
    parts, extra = [], exports.extra_columns(result)
    header = ["rank", "score", "tokens", *extra, "passage"]
    for n, query in enumerate(result.comparison.queries):
        rows = []
        for hit in result.hits(n, top_k):
            tokens = f"{hit.tokens}{'!' if hit.truncated else ''}"
            beside = [cell(n, hit) for cell in extra.values()]
            rows.append([str(hit.rank), f"{hit.score:.4f}", tokens, *beside, _shown(hit.passage)])
        tau = result.second.report.queries[n].kendall_tau if result.second is not None else None
        agreed = "" if tau is None or result.second is None else f"Kendall's tau with {result.second.name}: {tau:.3f}\n"
        parts.append(f"# {query}\n{_aligned([header, *rows])}{agreed}")
    return "\n".join(parts) + f"\n{made_by(result.info)}\n"


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
        table = inputs.read_file(options.passages_file, settings.limits, sheet=options.sheet)
        return table.texts(options.column, settings.limits)
    for option, value in (("--column", options.column), ("--sheet", options.sheet)):
        if value is not None:
            raise InputError("column_without_file", option=option, value=value)
    return inputs.clean_each(options.passage, "blank_passage")


def _tell_all(notices: Sequence[Notice], settings: Settings) -> None:
    for notice in notices:
        _tell(notice.text(settings.language))


def _cut(n: int, info: ModelInfo) -> list[Notice]:
    return [Notice("notice_truncated", {"n": n, "limit": info.max_tokens})] if n else []


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
