"""Every environment variable of the project: documented, parsed and checked here and nowhere else."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from koe5_demo.catalog import DEFAULT_MODEL
from koe5_demo.errors import SettingError
from koe5_demo.words import Language

DEVICES: Final = ("auto", "cpu", "cuda", "mps")
DTYPES: Final = ("auto", "fp32", "bf16", "fp16", "int8")
LOG_FORMATS: Final = ("text", "json")
ON_A_SPACE: Final = "SPACE_ID"
MAY_BE_EMPTY: Final = ("KOE5_QUERY_PROMPT", "KOE5_PASSAGE_PROMPT")
NAME_CHARS: Final = 255
SHOWN_CHARS: Final = 60
"""Of a value in a message: one that is refused may be of any length."""


def _default_data_dir() -> Path:
    """Return where results and caches are kept unless KOE5_DATA_DIR says otherwise.

    Raises:
        SettingError: If this user has no home folder.
    """
    try:
        return Path.home() / ".cache" / "koe5-demo"
    except RuntimeError as error:
        raise SettingError("no_home") from error


@dataclass(frozen=True)
class Limits:
    """How much one visitor may send at once; shown on the page.

    Attributes:
        queries: Queries in one run.
        passages: Passages in one run.
        chars_per_text: Characters of one text.
        chars_in_all: Characters of all texts together.
        file_mb: Size of an uploaded file, in 10^6 bytes.
        columns: Columns of an uploaded table.
        cells: Cells of an uploaded table, of a workbook's sheet too.
        rows: Rows of each file of a visitor's own test set.
    """

    queries: int = 50
    passages: int = 1_000
    chars_per_text: int = 100_000
    chars_in_all: int = 2_000_000
    file_mb: float = 20.0
    columns: int = 1_000
    cells: int = 5_000_000
    rows: int = 20_000


@dataclass(frozen=True)
class Settings:
    """What the operator chose.

    Attributes:
        model: KOE5_MODEL: catalog id, hub id (owner/name or owner/name@revision) or folder.
        model_named: Whether KOE5_MODEL or --model named it; a default may be replaced by the embedded model.
        host: KOE5_HOST: address the page listens on.
        port: KOE5_PORT: its port.
        device: KOE5_DEVICE: auto, cpu, cuda or mps.
        dtype: KOE5_DTYPE: auto, fp32, bf16, fp16 or int8. Not set, the page takes auto; the command line and the
            benchmark take fp32, see `exact_dtype`.
        language: KOE5_LANG: language of the command line and of the page's first view (ko or en).
        query_prompt, passage_prompt: KOE5_QUERY_PROMPT, KOE5_PASSAGE_PROMPT: prompts of a model outside the catalog;
            set and empty means none, not set what the model has.
        cache_mb: KOE5_CACHE_MB: memory for vectors of texts already seen, in 10^6 bytes.
        models_in_memory: KOE5_MODELS_IN_MEMORY: how many models stay loaded beside the embedded one.
        hub_timeout: KOE5_HUB_TIMEOUT: seconds to wait for a first answer of the hub.
        data_dir: KOE5_DATA_DIR: where benchmark vectors and runs are kept.
        disk_cache_mb: KOE5_DISK_CACHE_MB: size of the vectors kept on disk, in 10^6 bytes.
        allow_custom_models: KOE5_ALLOW_CUSTOM_MODELS: whether a visitor of the page may name models outside the
            catalog. The command line always may.
        rate_limit: KOE5_RATE_LIMIT: model requests of one visitor a minute; 0 means any number. Not set means 60, and
            any number for the machine that the page runs on.
        behind_proxy: KOE5_BEHIND_PROXY: how many proxies of the operator visitors come through (1 also as true), so
            that they are told apart by `X-Forwarded-For`. 1 by default on a Space, which always has one.
        uploads_mb: KOE5_UPLOADS_MB: size of all uploaded files that are kept at once, in 10^6 bytes; a quarter of it
            from one visitor.
        sessions_mb: KOE5_SESSIONS_MB: memory for the last results of all visitors' pages, in 10^6 bytes.
        mcp: KOE5_MCP: whether the endpoints are also MCP tools; needs requirements-mcp.txt.
        metrics: KOE5_METRICS: whether /metrics tells counts to the private network.
        log_format: KOE5_LOG_FORMAT: text or json.
        limits: KOE5_MAX_QUERIES, KOE5_MAX_PASSAGES, KOE5_MAX_CHARS, KOE5_MAX_TOTAL_CHARS, KOE5_MAX_FILE_MB,
            KOE5_MAX_CELLS, KOE5_MAX_ROWS.
    """

    model: str = DEFAULT_MODEL
    model_named: bool = False
    host: str = "127.0.0.1"
    port: int = 7860
    device: str = "auto"
    dtype: str | None = None
    language: Language = Language.KO
    query_prompt: str | None = None
    passage_prompt: str | None = None
    cache_mb: int = 16
    models_in_memory: int = 2
    hub_timeout: float = 5.0
    data_dir: Path = field(default_factory=_default_data_dir)
    disk_cache_mb: int = 4_096
    allow_custom_models: bool = False
    rate_limit: int | None = None
    behind_proxy: int = 0
    uploads_mb: int = 1_000
    sessions_mb: int = 256
    mcp: bool = False
    metrics: bool = False
    log_format: str = "text"
    limits: Limits = Limits()

    @property
    def page_dtype(self) -> str:
        """Return the arithmetic of the page: as fast as the hardware allows, behind a guard, unless one was chosen."""
        return self.dtype or "auto"

    @property
    def exact_dtype(self) -> str:
        """Return the arithmetic of what programs keep and papers print: float32 unless another was chosen."""
        return self.dtype or "fp32"


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from environment variables; an empty variable counts as not set, but for the prompts.

    Raises:
        SettingError: If a variable holds a value that cannot be used; the message says which are valid. Also if there
            is no home folder and KOE5_DATA_DIR names none.
    """
    given = os.environ if environ is None else environ
    env = {name: value for name, value in given.items() if value != "" or name in MAY_BE_EMPTY}
    endpoint_options(env)  # read again by whoever opens a server, and told here if one of them is wrong
    values: dict[str, Any] = {"behind_proxy": int(ON_A_SPACE in env)}
    for setting, (name, parse) in _VARIABLES.items():
        if name in env:
            values[setting] = parse(name, env[name])
    limits = {setting: parse(name, env[name]) for setting, (name, parse) in _LIMITS.items() if name in env}
    settings = Settings(**values, model_named="KOE5_MODEL" in env, limits=Limits(**limits))
    if environ is None:
        _be_at_home(settings.data_dir)
    return settings


def endpoint_options(environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return what KOE5_ENDPOINT_* say of how a server is asked, by the fields of `encoding.endpoint.Options`.

    KOE5_ENDPOINT_TIMEOUT: seconds without a byte from the server before a try counts as failed.
    KOE5_ENDPOINT_CONCURRENCY: requests under way at a time.
    KOE5_ENDPOINT_BATCH: most texts of a request.
    KOE5_ENDPOINT_QUERY_BODY, KOE5_ENDPOINT_PASSAGE_BODY: JSON objects that are added to requests of queries and of
    passages, for servers that add prefixes themselves.
    (KOE5_ENDPOINT_KEY is read where a server is opened, and kept in no record.)

    Raises:
        SettingError: If one holds a value that cannot be used.
    """
    env = os.environ if environ is None else environ
    return {option: parse(name, env[name]) for option, (name, parse) in _ENDPOINT.items() if env.get(name)}


def _be_at_home(folder: Path) -> None:
    """Let libraries that ask for a home folder find one: a user without any is common in containers."""
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = str(folder)


def _refused(name: str, value: str, rule: str) -> SettingError:
    shown = value if len(value) <= SHOWN_CHARS else f"{value[:SHOWN_CHARS]}…"
    return SettingError("bad_setting", name=name, value=shown, rule=rule)


def _text(name: str, value: str) -> str:
    if any("\ud800" <= char <= "\udfff" for char in value):  # bytes that this locale could not read
        raise _refused(name, value, "UTF-8 (LC_ALL=C.UTF-8, PYTHONUTF8=1)")
    return value


def _model(name: str, value: str) -> str:
    if len(value) > NAME_CHARS or not value.isprintable():
        raise _refused(name, value, f"1 - {NAME_CHARS:,} characters")
    return _text(name, value)


def _path(name: str, value: str) -> Path:
    try:
        return Path(value).expanduser()
    except RuntimeError as error:  # ~user of nobody
        raise _refused(name, value, str(error)) from error


def _whole(low: int, high: int) -> Callable[[str, str], int]:
    def parse(name: str, value: str) -> int:
        digits = value.strip()
        # Not every decimal digit is ASCII, and Python reads no number of more than 4,300 of them.
        if not digits.isdecimal() or len(digits) > len(str(high)) or not low <= int(digits) <= high:
            raise _refused(name, value, f"{low:,} - {high:,}")
        return int(digits)

    return parse


def _positive(high: float) -> Callable[[str, str], float]:
    def parse(name: str, value: str) -> float:
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if not 0 < number <= high:
            raise _refused(name, value, f"0 < x <= {high:g}")
        return number

    return parse


def _one_of(*valid: str) -> Callable[[str, str], str]:
    def parse(name: str, value: str) -> str:
        if value.lower() not in valid:
            raise _refused(name, value, " | ".join(valid))
        return value.lower()

    return parse


def _json_object(name: str, value: str) -> dict[str, Any]:
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise SettingError("bad_setting", name=name, value=value, rule='{"name": value}')
    return found


def _language(name: str, value: str) -> Language:
    return Language(_one_of(*(language.value for language in Language))(name, value))


def _switch(name: str, value: str) -> bool:
    return _one_of("0", "1", "true", "false")(name, value) in ("1", "true")


def _proxies(name: str, value: str) -> int:
    known = {"false": 0, "true": 1}
    return known[value.lower()] if value.lower() in known else _whole(0, 9)(name, value)


_VARIABLES: Final[dict[str, tuple[str, Callable[[str, str], Any]]]] = {
    "model": ("KOE5_MODEL", _model),
    "host": ("KOE5_HOST", _text),
    "port": ("KOE5_PORT", _whole(1, 65_535)),
    "device": ("KOE5_DEVICE", _one_of(*DEVICES)),
    "dtype": ("KOE5_DTYPE", _one_of(*DTYPES)),
    "language": ("KOE5_LANG", _language),
    "query_prompt": ("KOE5_QUERY_PROMPT", _text),
    "passage_prompt": ("KOE5_PASSAGE_PROMPT", _text),
    "cache_mb": ("KOE5_CACHE_MB", _whole(1, 1_000_000)),
    "models_in_memory": ("KOE5_MODELS_IN_MEMORY", _whole(1, 16)),
    "hub_timeout": ("KOE5_HUB_TIMEOUT", _positive(60)),
    "data_dir": ("KOE5_DATA_DIR", _path),
    "disk_cache_mb": ("KOE5_DISK_CACHE_MB", _whole(1, 100_000_000)),
    "allow_custom_models": ("KOE5_ALLOW_CUSTOM_MODELS", _switch),
    "rate_limit": ("KOE5_RATE_LIMIT", _whole(0, 1_000_000)),
    "behind_proxy": ("KOE5_BEHIND_PROXY", _proxies),
    "uploads_mb": ("KOE5_UPLOADS_MB", _whole(1, 1_000_000)),
    "sessions_mb": ("KOE5_SESSIONS_MB", _whole(1, 1_000_000)),
    "mcp": ("KOE5_MCP", _switch),
    "metrics": ("KOE5_METRICS", _switch),
    "log_format": ("KOE5_LOG_FORMAT", _one_of(*LOG_FORMATS)),
}
_LIMITS: Final[dict[str, tuple[str, Callable[[str, str], Any]]]] = {
    "queries": ("KOE5_MAX_QUERIES", _whole(1, 10_000)),
    "passages": ("KOE5_MAX_PASSAGES", _whole(1, 1_000_000)),
    "chars_per_text": ("KOE5_MAX_CHARS", _whole(1, 10_000_000)),
    "chars_in_all": ("KOE5_MAX_TOTAL_CHARS", _whole(1, 1_000_000_000)),
    "file_mb": ("KOE5_MAX_FILE_MB", _positive(10_000)),
    "cells": ("KOE5_MAX_CELLS", _whole(1, 1_000_000_000)),
    "rows": ("KOE5_MAX_ROWS", _whole(1, 100_000_000)),
}
_ENDPOINT: Final[dict[str, tuple[str, Callable[[str, str], Any]]]] = {
    "timeout_s": ("KOE5_ENDPOINT_TIMEOUT", _positive(3_600)),
    "concurrency": ("KOE5_ENDPOINT_CONCURRENCY", _whole(1, 64)),
    "texts_per_request": ("KOE5_ENDPOINT_BATCH", _whole(1, 2_048)),
    "query_body": ("KOE5_ENDPOINT_QUERY_BODY", _json_object),
    "passage_body": ("KOE5_ENDPOINT_PASSAGE_BODY", _json_object),
}
