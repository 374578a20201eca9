"""Model files from the hub: what is in the cache, and downloads with progress. Knows no torch.

The endpoint and the cache folder are huggingface_hub's own (HF_ENDPOINT, HF_HOME, HF_HUB_CACHE, HF_TOKEN).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from threading import Lock, Thread
from typing import Any, Final, TypeVar

from huggingface_hub import HfApi, constants, hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from tqdm.auto import tqdm

from koe5_demo.errors import HubError
from koe5_demo.records import OnProgress

logger = logging.getLogger(__name__)

SAFE_WEIGHTS: Final = "model.safetensors"
PICKLED_WEIGHTS: Final = "pytorch_model.bin"
PICKLE_ENDINGS: Final = (".bin", ".pt", ".pth", ".pkl", ".ckpt")
SMALL_FILES: Final = ("*.json", "*.txt", "*.model")
FOREIGN_FOLDERS: Final = ("onnx", "openvino", "coreml", "gguf")
T = TypeVar("T")


@dataclass(frozen=True)
class RemoteFile:
    """A file of a repository: its path there and its size in bytes."""

    path: str
    size: int


def cached_folder(hub_id: str, revision: str | None) -> Path | None:
    """Return the folder of a model that is wholly in the cache, or None. Makes no request.

    Args:
        hub_id: owner/name.
        revision: Full commit; None means what `main` pointed to at the last download.
    """
    try:
        folder = Path(snapshot_download(hub_id, revision=revision, local_files_only=True, allow_patterns="*.json"))
    except (LocalEntryNotFoundError, ValueError, OSError):
        return None
    return folder if is_complete(folder) else None


def is_complete(folder: Path) -> bool:
    """Return whether a folder has everything that sentence-transformers needs to load it."""
    if not ((folder / "config.json").is_file() or (folder / "modules.json").is_file()):
        return False
    return _has_weights(folder) and _has_module_configs(folder)


def download(
    hub_id: str,
    revision: str | None,
    *,
    timeout: float,
    on_progress: OnProgress | None = None,
    pickles: bool = False,
) -> tuple[Path, str]:
    """Fetch the files that loading needs; what is in the cache already is not fetched again.

    Args:
        hub_id: owner/name.
        revision: Commit, branch or tag; None means main.
        timeout: Seconds to wait for the hub's first answer in all, and for each later one.
        on_progress: Called with (bytes here, bytes in all).
        pickles: Whether weights may be a Python pickle where there are no others.

    Returns:
        The folder and the full commit.

    Raises:
        HubError: If the hub cannot be reached or has no such model, its weights are a pickle, or the download breaks
            off.
    """
    files, commit = _listing(hub_id, revision, timeout)
    pickled = next((file.path for file in files if file.path.endswith(PICKLE_ENDINGS)), None)
    if pickled is not None and not pickles:
        raise HubError("model_pickled", name=hub_id, file=pickled)
    progress = _Progress(sum(file.size for file in files), on_progress)
    folder = Path()
    for file in files:
        before = progress.done
        try:
            path = hf_hub_download(
                hub_id, file.path, revision=commit, etag_timeout=timeout, tqdm_class=progress.bar_class()
            )
        except (HfHubHTTPError, OSError, ValueError, RuntimeError) as error:
            raise HubError("hub_incomplete", name=hub_id, reason=_reason(error)) from error
        except Exception as error:
            # The HTTP client's own errors (a connection cut in mid-file) share no base class with the hub's.
            if not _is_transport_error(error):
                raise
            raise HubError("hub_incomplete", name=hub_id, reason=_reason(error)) from error
        progress.settle(before + file.size)
        folder = Path(path).parents[len(PurePosixPath(file.path).parts) - 1]
    if not is_complete(folder):
        raise HubError("hub_incomplete", name=hub_id, reason="files are missing")
    return folder, commit


def endpoint() -> str:
    """Return the address of the hub in use."""
    return constants.ENDPOINT


def needed_files(files: Iterable[RemoteFile]) -> list[RemoteFile]:
    """Choose what loading needs: configurations, tokenizer, and one set of weights, safetensors if there is one."""
    own = [file for file in files if PurePosixPath(file.path).parts[0] not in FOREIGN_FOLDERS]
    small = [file for file in own if any(fnmatch(PurePosixPath(file.path).name, kind) for kind in SMALL_FILES)]
    safe = [file for file in own if file.path.endswith(".safetensors")]
    pickled = [file for file in own if file.path == PICKLED_WEIGHTS or fnmatch(file.path, "pytorch_model-*.bin")]
    return small + (safe or pickled)


def _listing(hub_id: str, revision: str | None, timeout: float) -> tuple[list[RemoteFile], str]:
    """Return the files to fetch, largest last, and the commit they belong to."""

    def ask() -> Any:
        return HfApi().model_info(hub_id, revision=revision, files_metadata=True, timeout=timeout)

    try:
        answer = within(timeout * 1.5, ask)
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise HubError("hub_not_found", name=hub_id, revision=revision or "main") from error
    except Exception as error:
        if not isinstance(error, (OSError, ValueError)) and not _is_transport_error(error):
            raise
        raise HubError("hub_unreachable", name=hub_id, endpoint=endpoint(), reason=_reason(error)) from error
    files = [RemoteFile(sibling.rfilename, sibling.size or 0) for sibling in answer.siblings or ()]
    chosen = sorted(needed_files(files), key=lambda file: file.size)
    if not chosen or answer.sha is None:
        raise HubError("hub_not_found", name=hub_id, revision=revision or "main")
    return chosen, answer.sha


def within(seconds: float, work: Callable[[], T]) -> T:
    """Run `work` in a thread and give up after `seconds`: a server that drips bytes passes every socket timeout.

    Raises:
        TimeoutError: If there is no result in time; the thread is left behind, it dies with the process.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 handed to the waiting thread as it is
            future.set_exception(error)

    Thread(target=run, daemon=True, name="hub-request").start()
    try:
        return future.result(timeout=seconds)
    except FutureTimeoutError:
        if future.done():
            raise
        raise TimeoutError(f"no answer within {seconds:g} s") from None


class _Progress:
    """Adds up the bytes of several files from the bars that huggingface_hub draws."""

    def __init__(self, total: int, on_progress: OnProgress | None) -> None:
        self.total = total
        self.done = 0
        self._report = on_progress
        self._lock = Lock()

    def add(self, n: float) -> None:
        self.settle(self.done + int(n))

    def settle(self, done: int) -> None:
        with self._lock:
            self.done = min(max(done, self.done), self.total)
        if self._report is not None:
            self._report(self.done, self.total)

    def bar_class(self) -> type[Any]:
        progress = self

        class Bar(tqdm):  # type: ignore[misc, type-arg]
            """A bar that draws nothing and counts everything."""

            def __init__(self, *args: Any, **kwargs: Any) -> None:
                kwargs.pop("name", None)
                kwargs["disable"] = True
                super().__init__(*args, **kwargs)
                progress.add(kwargs.get("initial") or 0)

            def update(self, n: float | None = 1) -> None:
                progress.add(n or 0)

        return Bar


def _has_weights(folder: Path) -> bool:
    """Whether one complete set of weights lies in the folder or, for module folders, in one below it."""
    for index in (*folder.glob("*.safetensors.index.json"), *folder.glob("pytorch_model.bin.index.json")):
        shards = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
        return all((folder / shard).is_file() for shard in shards)
    patterns = ("*.safetensors", "*/*.safetensors", PICKLED_WEIGHTS)
    return any(next(folder.glob(pattern), None) is not None for pattern in patterns)


def _has_module_configs(folder: Path) -> bool:
    """Whether every module that modules.json names has its configuration (Normalize needs none)."""
    listing = folder / "modules.json"
    if not listing.is_file():
        return True
    try:
        modules: Sequence[dict[str, str]] = json.loads(listing.read_text("utf-8"))
    except json.JSONDecodeError:
        return False
    return all(
        module["path"] == "" or module["type"].endswith("Normalize") or any((folder / module["path"]).glob("*.json"))
        for module in modules
    )


def _is_transport_error(error: Exception) -> bool:
    """Whether an error comes from the HTTP client under huggingface_hub, whichever client that version uses."""
    return type(error).__module__.split(".")[0] in {"httpx", "httpx2", "httpcore", "httpcore2", "requests", "urllib3"}


def _reason(error: Exception) -> str:
    """Return one short line about an error."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:160]
