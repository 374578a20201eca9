"""The one way to open a model: its name, the options and the settings in, an `Encoder` out.

The page, the command line, benchmarks, calibration, the API, Ray's workers and Python programs come through
`open_model`. Nothing here falls back to another model: who asks for KoE5 gets KoE5 or an error; `host` decides what
serves meanwhile. Knows no torch: what needs it is imported when a network is opened.
"""

from __future__ import annotations

import json
import logging
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Final

from koe5_demo.catalog import CATALOG, EMBEDDED_MODEL, ModelSpec
from koe5_demo.encoding import hub, zero_gpu
from koe5_demo.encoding.endpoint import is_endpoint, open_endpoint
from koe5_demo.errors import ModelLoadError, SettingError, UnknownModelError
from koe5_demo.prompts import GivenPrompts, resolve_prompts
from koe5_demo.records import UNKNOWN_LIMIT, Encoder, ModelInfo, OnProgress, Prompts
from koe5_demo.settings import DEVICES, DTYPES, Settings, load_settings

logger = logging.getLogger(__name__)

WHOLE_FILE_BYTES: Final = 64 * 1024 * 1024
SAMPLE_BYTES: Final = 1024 * 1024
N_SAMPLES: Final = 32
KNOWN_MODULES: Final = "sentence_transformers."
PASSAGE_PROMPT_NAMES: Final = ("passage", "document", "corpus")
SHOWN_NAME: Final = 100
WEIGHT_FILES: Final = (".safetensors", ".bin")
"""File in the data folder that remembers how fast this machine computes in which way."""
LEAST_WORTH_BYTES: Final = 50_000_000
"""Size of the weights below which `auto` stays with float32: to try the others takes longer than a page of texts, and
the embedded model says the same numbers on the page as on the command line. `--dtype bf16` is obeyed all the same."""


@dataclass(frozen=True)
class ModelOptions:
    """How a model is to be opened, where the settings are not followed; None follows them.

    Attributes:
        device: auto, cpu, cuda or mps.
        dtype: fp32 gives the model's own vectors; auto the fastest arithmetic here that passes the guard of
            `koe5_demo.encoding.fast.precision`; bf16, fp16 or int8 by name. The settings say fp32 unless the operator
            chose one.
        query_prompt, passage_prompt: Prompts that overrule every other, each for itself; empty for none.
    """

    device: str | None = None
    dtype: str | None = None
    query_prompt: str | None = None
    passage_prompt: str | None = None

    @classmethod
    def of(cls, options: Namespace) -> ModelOptions:
        """Take them from parsed arguments; see `add_model_options`."""
        return cls(options.device, options.dtype, options.query_prompt, options.passage_prompt)

    def prompts(self, settings: Settings) -> GivenPrompts:
        """Return the prompts that overrule a model's own: these, and for models outside the catalog the settings'."""
        return GivenPrompts(self.query_prompt, self.passage_prompt, settings.query_prompt, settings.passage_prompt)


def add_model_options(parser: ArgumentParser, dtypes: Sequence[str] = DTYPES) -> None:
    """Add the options of every command that opens a model, for `ModelOptions.of`."""
    parser.add_argument("--device", choices=DEVICES)
    parser.add_argument("--dtype", choices=dtypes)
    parser.add_argument("--query-prompt", metavar="TEXT", help="in place of the model's own; '' for none")
    parser.add_argument("--passage-prompt", metavar="TEXT", help="in place of the model's own; '' for none")


@dataclass(frozen=True)
class Source:
    """A model that was asked for, before its files are looked for.

    Attributes:
        id: Name to show.
        hub_id: Hub id, or None for a folder.
        revision: Commit, branch or tag; None means main, or a folder.
        folder: The folder, or None for a hub model.
        spec: The catalog's record, or None.
    """

    id: str
    hub_id: str | None
    revision: str | None
    folder: Path | None
    spec: ModelSpec | None


@dataclass(frozen=True)
class Files:
    """A source whose files are on this machine, with the content name that its fingerprint starts from."""

    source: Source
    folder: Path
    revision: str
    content: str


def open_model(
    name: str, settings: Settings, options: ModelOptions = ModelOptions(), *, on_progress: OnProgress | None = None
) -> Encoder:
    """Open a model by name, from this machine if it is here, else from the hub or at its address.

    Args:
        name: Catalog id, hub id (owner/name or owner/name@revision), folder, or endpoint:URL#name.
        settings: Device, arithmetic, prompts of models outside the catalog, and the hub's time limit.
        options: What to do otherwise than the settings say.
        on_progress: Called with (bytes here, bytes in all) while files are fetched.

    Raises:
        UnknownModelError: If the name means nothing.
        HubError: If the files are not here and cannot be fetched.
        ModelLoadError: If the files are broken, or need code that is not ours.
        EndpointError: If `name` is endpoint:URL and the server does not answer as it should.
        SettingError: If device or dtype is none of the valid ones, or not on this machine.
    """
    prompts = options.prompts(settings)
    if is_endpoint(name):
        return open_endpoint(name, prompts=prompts)
    device, dtype = options.device or settings.device, options.dtype or settings.exact_dtype
    for option, value, valid in (("device", device, DEVICES), ("dtype", dtype, DTYPES)):
        if value not in valid:
            raise SettingError("bad_option", name=option, value=value, valid=", ".join(valid))
    files = fetch_files(find_source(name), timeout=settings.hub_timeout, on_progress=on_progress)
    refuse_foreign_code(files)
    refuse_pickles(files)
    device, dtype = zero_gpu.placement(device, dtype, small=name == EMBEDDED_MODEL)
    try:
        from koe5_demo.encoding.fast.choice import ModelFiles, open_fast  # brings in torch, which takes seconds

        n_bytes = sum(path.stat().st_size for path in files.folder.rglob("*") if path.suffix in WEIGHT_FILES)
        if dtype == "auto" and n_bytes < LEAST_WORTH_BYTES:
            dtype = "fp32"
        described = partial(describe, files, prompts=prompts)
        stamp = partial(ModelInfo.with_fingerprint, content=files.content)
        opened = open_fast(ModelFiles(files.folder, described, stamp, settings.data_dir), device, dtype=dtype)
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, AttributeError) as error:
        logger.exception("loading %s failed", files.source.id)
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise ModelLoadError("model_load_failed", name=files.source.id, reason=reason) from error
    return zero_gpu.lend_gpu(opened)


def load_encoder(
    name: str = "koe5",
    *,
    device: str | None = None,
    dtype: str | None = None,
    prompts: Prompts | None = None,
    hub_timeout: float | None = None,
    on_progress: OnProgress | None = None,
) -> Encoder:
    """Open a model for a Python program; what is not given comes from the environment variables of `settings`.

    Args:
        name, device, dtype, on_progress: See `open_model` and `ModelOptions`.
        prompts: Prompts that overrule those of the catalog, of the environment and of the model's files.
        hub_timeout: Seconds to wait for the hub's first answer.

    Raises:
        DemoError: See `open_model`.
    """
    settings = load_settings()
    if hub_timeout is not None:
        settings = replace(settings, hub_timeout=hub_timeout)
    typed = (None, None) if prompts is None else (prompts.query, prompts.passage)
    return open_model(name, settings, ModelOptions(device, dtype, *typed), on_progress=on_progress)


def is_here(name: str) -> bool:
    """Whether opening a model fetches nothing: a folder, an address, or files in the hub's cache. Makes no request.

    Raises:
        UnknownModelError, ModelLoadError: See `find_source`.
    """
    if is_endpoint(name):
        return True
    source = find_source(name)
    return source.folder is not None or hub.cached_folder(source.hub_id or "", source.revision) is not None


def find_source(name: str) -> Source:
    """Tell what a model's name means: a catalog id, a folder, or a hub id (owner/name or owner/name@revision).

    Raises:
        UnknownModelError: If it is none of these.
        ModelLoadError: If it is a folder without a model.
    """
    if name in CATALOG:
        spec = CATALOG[name]
        return Source(spec.id, spec.hub_id, spec.revision or None, spec.folder, spec)
    try:
        folder = Path(name).expanduser()
        is_folder = folder.is_dir()
    except (OSError, RuntimeError, ValueError):  # a name that no file can have, or ~user of nobody
        raise UnknownModelError("unknown_model", value=name[:SHOWN_NAME], valid=", ".join(CATALOG)) from None
    if is_folder:
        if not hub.is_complete(folder):
            raise ModelLoadError("model_not_a_folder", path=name)
        return Source(folder.resolve().name, None, None, folder, None)
    hub_id, _, revision = name.partition("@")
    owner, _, repository = hub_id.partition("/")
    if owner and repository and "/" not in repository and not name.startswith((".", "/", "~")):
        return Source(hub_id, hub_id, revision or None, None, None)
    raise UnknownModelError("unknown_model", value=name, valid=", ".join(CATALOG))


def local_files(source: Source) -> Files | None:
    """Return the files of a source that are on this machine, or None. Makes no request."""
    if source.folder is not None:
        content = folder_hash(source.folder)
        return Files(source, source.folder, content[:12], content)
    if source.hub_id is None:
        return None
    folder = hub.cached_folder(source.hub_id, source.revision)
    # A snapshot's folder is named by its commit.
    return None if folder is None else Files(source, folder, folder.name, f"{source.hub_id}@{folder.name}")


def folder_hash(folder: Path) -> str:
    """Return 40 hexadecimal digits for the files of a model folder: names, sizes and contents.

    Files over 64 MiB are read at 32 even places of 1 MiB, so that 2 GB of weights take a fraction of a second: any
    training step moves nearly every weight, so two models differ in every sample.
    """
    digest = blake2b(digest_size=20)
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".md"):
        size = path.stat().st_size
        digest.update(f"{path.relative_to(folder).as_posix()}\0{size}\0".encode())
        with path.open("rb") as file:
            if size <= WHOLE_FILE_BYTES:
                digest.update(file.read())
                continue
            for n in range(N_SAMPLES):
                file.seek((size - SAMPLE_BYTES) * n // (N_SAMPLES - 1))
                digest.update(file.read(SAMPLE_BYTES))
    return digest.hexdigest()


def fetch_files(source: Source, *, timeout: float, on_progress: OnProgress | None = None) -> Files:
    """Return the files of a source, from this machine if they are all here, else from the hub.

    Raises:
        HubError: If the hub cannot be reached, has no such model, or breaks off.
    """
    files = local_files(source)
    if files is not None:
        return files
    if source.hub_id is None:
        raise ModelLoadError("model_not_a_folder", path=str(source.folder))
    folder, commit = hub.download(
        source.hub_id,
        source.revision,
        timeout=timeout,
        on_progress=on_progress,
        pickles=_may_be_pickled(source.spec),
    )
    return Files(source, folder, commit, f"{source.hub_id}@{commit}")


def describe(
    files: Files,
    dimensions: int,
    most_tokens: int | None,
    registered: Mapping[str, str],
    *,
    prompts: Prompts | GivenPrompts | None,
) -> ModelInfo:
    """Describe a model; the engine fills in what it is.

    Args:
        files: The model.
        dimensions: Width of a vector.
        most_tokens: The model's own limit, None for none; the catalog's may be lower.
        registered: Prompts by name that the model's files register.
        prompts: Prompts that overrule those of the catalog and of the files.
    """
    spec = files.source.spec
    if spec is not None:
        found, note = spec.prompts, ""
    else:
        passage = next((registered[name] for name in PASSAGE_PROMPT_NAMES if registered.get(name)), "")
        found = Prompts(registered.get("query") or "", passage)
        note = "no prompts registered in the model's files, none added" if found == Prompts() else ""
    used = resolve_prompts(found, prompts, in_catalog=spec is not None)
    limit = min(most_tokens or UNKNOWN_LIMIT, spec.max_tokens if spec is not None else UNKNOWN_LIMIT)
    return ModelInfo(
        id=files.source.id,
        hub_id=files.source.hub_id,
        revision=files.revision,
        engine="",
        dtype="float32",
        device="cpu",
        dimensions=dimensions,
        max_tokens=limit,
        prompts=used,
        fingerprint="",
        note=note if used == found and prompts in (None, GivenPrompts()) else "",
    )


def refuse_foreign_code(files: Files) -> None:
    """Refuse a model whose modules.json names classes that are not sentence-transformers' own.

    sentence-transformers 5 would import such classes from a local folder without asking.

    Raises:
        ModelLoadError: If it names such a class, or is broken.
    """
    listing = files.folder / "modules.json"
    if not listing.is_file():
        return
    try:
        modules = [str(module["type"]) for module in json.loads(listing.read_text("utf-8"))]
    except (ValueError, KeyError, TypeError) as error:
        raise ModelLoadError("model_load_failed", name=files.source.id, reason="modules.json is broken") from error
    for module in modules:
        if not module.startswith(KNOWN_MODULES):
            raise ModelLoadError("model_foreign_code", name=files.source.id, module=module)


def refuse_pickles(files: Files) -> None:
    """Refuse weights that are only there as a Python pickle, unless the catalog's record of the model names them.

    Even those are read as plain tensors (`weights_only`).

    Raises:
        ModelLoadError: Naming the file.
    """
    if _may_be_pickled(files.source.spec):
        return
    for path in (*files.folder.glob("*"), *files.folder.glob("*/*")):
        if path.suffix in hub.PICKLE_ENDINGS and next(path.parent.glob("*.safetensors"), None) is None:
            raise ModelLoadError("model_pickled", name=files.source.id, file=path.name)


def _may_be_pickled(spec: ModelSpec | None) -> bool:
    return spec is not None and spec.weights == hub.PICKLED_WEIGHTS
