"""`python -m koe5_demo.deploy OWNER/NAME`: put the project on a Space, or tell what would go.

The token is huggingface_hub's own (`hf auth login` or HF_TOKEN).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import HfHubHTTPError

from koe5_demo.deploy.space import SpaceFile, collect
from koe5_demo.errors import DemoError
from koe5_demo.settings import load_settings
from koe5_demo.words import Language, message

ROOT: Final = Path(__file__).resolve().parents[2]
REFUSED: Final = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = _parser().parse_args(arguments)
    language = load_settings().language
    files, problems = collect(ROOT, zero_gpu=options.zero_gpu)
    for file in files if options.dry_run else ():
        _say(f"{file.n_bytes:>12,}  {'LFS' if file.lfs else '   '}  {file.path}")
    total = {"n": len(files), "mb": sum(file.n_bytes for file in files) / 1e6, "lfs": sum(file.lfs for file in files)}
    _say(message("space_plan", language, **total))
    for problem in problems:
        sys.stderr.write(f"{problem.text(language)}\n")
    if problems:
        return REFUSED
    return 0 if options.dry_run else _upload(options.space, files, language, private=options.private)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m koe5_demo.deploy", description="Put the project on a Space.")
    parser.add_argument("space", nargs="?", default="", help="owner/name of the Space")
    parser.add_argument("--dry-run", action="store_true", help="tell what would go, and upload nothing")
    parser.add_argument("--zero-gpu", action="store_true", help="for a Space on ZeroGPU")
    parser.add_argument("--private", action="store_true", help="make the Space private if it is new")
    return parser


def _upload(space: str, files: Sequence[SpaceFile], language: Language, *, private: bool) -> int:
    api = HfApi()
    operations = [
        CommitOperationAdd(file.path, str(ROOT / file.path) if file.content is None else file.content) for file in files
    ]
    try:
        api.create_repo(space, repo_type="space", space_sdk="gradio", exist_ok=True, private=private)
        commit = api.create_commit(space, operations, commit_message="Upload the demo", repo_type="space")
    except (HfHubHTTPError, OSError, ValueError) as error:
        sys.stderr.write(DemoError("space_refused", reason=str(error).splitlines()[0]).text(language) + "\n")
        return REFUSED
    _say(message("space_done", language, url=commit.commit_url))
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
