"""What the program runs through on one click: modules, lines and functions of koe5_demo, and the size of the house.

Profiles a click on "rank" (the page's own handler, without a browser) and a benchmark run of the smallest data set, and
counts files, lines and short functions of the package. Imports are not counted: only what is called.

    python -m bench.click_path [--list]
"""

from __future__ import annotations

import argparse
import ast
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import koe5_demo
from koe5_demo.benchmark.run import RunOptions, finished, run_suite
from koe5_demo.benchmark.stored_vectors import DiskVectors as DiskCache
from koe5_demo.benchmark.systems import system_sources
from koe5_demo.encoding.cache import VectorCache
from koe5_demo.encoding.host import ModelHost
from koe5_demo.ranking.examples import rank_first_example
from koe5_demo.settings import load_settings
from koe5_demo.ui.build import build_page

ROOT = Path(koe5_demo.__file__).parent
SHORT_LINES = 4


def called_by(action: Callable[[], object]) -> set[CodeType]:
    """Return the code of each function of the package that an action calls, in this thread."""
    seen: set[CodeType] = set()

    def look(frame: FrameType, event: str, _argument: object) -> None:
        file = Path(frame.f_code.co_filename)
        if event == "call" and file.suffix == ".py" and file.is_relative_to(ROOT):
            seen.add(frame.f_code)

    sys.setprofile(look)
    try:
        action()
    finally:
        sys.setprofile(None)
    return seen


def click_on_rank(texts: dict[str, Any] | None = None) -> Callable[[], Any]:
    """Return what one click on "rank" calls: the page's handler with the values that its components have at the start.

    Args:
        texts: Values by the component's `elem_id` that take the place of those.
    """
    with tempfile.TemporaryDirectory() as folder:
        settings = replace(load_settings(), model="mini", data_dir=Path(folder))
    host = ModelHost(settings, VectorCache(settings.cache_mb * 1_000_000), warm_up=rank_first_example)
    host.start()
    page = build_page(settings, host)
    run = next(found for found in page.fns.values() if getattr(found.fn, "__name__", "") == "on_run")
    given = texts or {}
    values = {part: given.get(part.elem_id or "", getattr(part, "value", None)) for part in run.inputs}
    handler: Any = run.fn
    return lambda: handler(values)


def benchmark_run() -> None:
    """Run the smallest data set with the embedded model and BM25, from an empty cache to the table's numbers."""
    from koe5_demo import load_encoder

    with tempfile.TemporaryDirectory() as folder:
        cache = DiskCache(Path(folder) / "vectors", 100_000_000)
        finished(run_suite(["ours"], system_sources(["mini", "bm25"], load_encoder), RunOptions(cache=cache)))


def tell(title: str, codes: set[CodeType], *, names: bool) -> None:
    """Print modules, lines and functions on the way."""
    files = sorted({Path(code.co_filename) for code in codes})
    lines = sum(len(file.read_text("utf-8").splitlines()) for file in files)
    functions = [code for code in codes if not code.co_name.startswith("<")]
    print(f"{title}: {len(files)} modules, {lines:,} lines, {len(functions)} functions")
    for file in files if names else ():
        own = sorted({code.co_name for code in functions if Path(code.co_filename) == file})
        print(f"  {file.relative_to(ROOT)}: {', '.join(own)}")


def tell_size() -> None:
    """Print how large the package is."""
    files = sorted(ROOT.rglob("*.py"))
    functions = [
        node
        for file in files
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    short = sum((node.end_lineno or node.lineno) - node.lineno + 1 <= SHORT_LINES for node in functions)
    lines = sum(len(file.read_text("utf-8").splitlines()) for file in files)
    print(f"package: {len(files)} files, {lines:,} lines, {len(functions):,} functions, {short} of four lines or fewer")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", action="store_true", help="name the modules and their functions")
    options = parser.parse_args()
    tell_size()
    rank = click_on_rank()
    rank()  # the first click imports and fills caches
    tell("a click on rank", called_by(rank), names=options.list)
    tell("a benchmark run", called_by(benchmark_run), names=options.list)


if __name__ == "__main__":
    main()
