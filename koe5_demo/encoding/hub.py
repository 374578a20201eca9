"""Files of the hub, models and data sets: what is in the cache, what there is, and downloads with progress.

Endpoint, cache folder and token are huggingface_hub's own (HF_ENDPOINT, HF_HOME, HF_HUB_CACHE, HF_TOKEN). It is
imported when it is asked for something: who opens a model's folder need not wait for it. Knows no torch.
"""

from __future__ import annotations

import glob
import json
import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from threading import Lock, Thread
from typing import Any, Final, TypeVar

from koe5_demo.errors import HubError
from koe5_demo.records import OnProgress

PICKLED_WEIGHTS: Final = "pytorch_model.bin"
PICKLE_ENDINGS: Final = (".bin", ".pt", ".pth", ".pkl", ".ckpt")
SMALL_FILES: Final = ("*.json", "*.txt", "*.model")
FOREIGN_FOLDERS: Final = ("onnx", "openvino", "coreml", "gguf")
HTTP_PACKAGES: Final = frozenset({"httpx", "httpx2", "httpcore", "httpcore2", "requests", "urllib3"})
"""What huggingface_hub has used, by version; their errors share no base class with the hub's."""
COMMIT: Final = re.compile(r"[0-9a-f]{40}")
T = TypeVar("T")


@dataclass(frozen=True)
class RemoteFile:
    """A file of a repository: its path there and its size in bytes."""

    path: str
    size: int


@dataclass(frozen=True)
class Repository:
    """A repository of the hub at a revision.

    Attributes:
        hub_id: owner/name.
        revision: Commit, branch or tag.
        kind: model or dataset.
    """

    hub_id: str
    revision: str = "main"
    kind: str = "model"

    @property
    def cache(self) -> Path:
        """Return the folder of huggingface_hub's cache that is this repository's."""
        from huggingface_hub import constants

        return Path(constants.HF_HUB_CACHE) / f"{self.kind}s--{self.hub_id.replace('/', '--')}"

    def cached(self) -> Path | None:
        """Return the snapshot of an earlier download, whole or not, or None. Makes no request."""
        ref = self.cache / "refs" / self.revision
        commit = ref.read_text("utf-8").strip() if ref.is_file() else self.revision
        folder = self.cache / "snapshots" / commit
        return folder if COMMIT.fullmatch(commit) and folder.is_dir() else None

    def listing(self, timeout: float) -> tuple[str, list[RemoteFile]]:
        """Return the full commit and the files of it.

        Args:
            timeout: Seconds to wait for the hub's answer.

        Raises:
            HubError: If the hub cannot be reached, or has no such repository or revision.
        """
        from huggingface_hub import HfApi

        def ask() -> Any:
            # Without `endpoint` an HfApi keeps the one of its import.
            return HfApi(endpoint=endpoint()).repo_info(
                self.hub_id, repo_type=self.kind, revision=self.revision, files_metadata=True, timeout=timeout
            )

        try:
            answer = within(timeout * 1.5, ask)
        except Exception as error:
            raise self._told(error, "hub_unreachable") from error
        if answer.sha is None:
            raise HubError("hub_not_found", name=self.hub_id, revision=self.revision)
        return answer.sha, [RemoteFile(sibling.rfilename, sibling.size or 0) for sibling in answer.siblings or ()]

    def fetch(
        self, commit: str, files: Sequence[RemoteFile], *, timeout: float, on_progress: OnProgress | None = None
    ) -> Path:
        """Return a snapshot's folder with `files` in it; what is in the cache already is not fetched again.

        Args:
            commit: From `listing`; a branch is remembered to be it, for the day without a network.
            files: Some of its files.
            timeout: Seconds to wait for each answer.
            on_progress: Called with (bytes here, bytes in all).

        Raises:
            HubError: If the download breaks off.
        """
        from huggingface_hub import snapshot_download

        folder, total = self.cache / "snapshots" / commit, sum(file.size for file in files)
        missing = [file for file in files if not (folder / file.path).is_file()]
        progress = _Progress(total - sum(file.size for file in missing), total, on_progress)
        if missing:
            try:
                snapshot_download(
                    self.hub_id,
                    repo_type=self.kind,
                    revision=commit,
                    allow_patterns=[glob.escape(file.path) for file in missing],
                    etag_timeout=timeout,
                    tqdm_class=progress.bar_class(),
                    endpoint=endpoint(),
                )
            except Exception as error:
                raise self._told(error, "hub_incomplete") from error
        lost = next((file.path for file in missing if not (folder / file.path).is_file()), None)
        if lost is not None:  # the hub went away, and huggingface_hub gave what there was
            raise HubError("hub_incomplete", name=self.hub_id, reason=f"{lost} did not arrive")
        progress.settle(total)
        if self.revision != commit:
            ref = self.cache / "refs" / self.revision
            ref.parent.mkdir(parents=True, exist_ok=True)
            ref.write_text(commit, "utf-8")
        return folder

    def _told(self, error: Exception, key: str) -> HubError:
        """Return what to tell of an error of the network or the hub.

        Raises:
            Exception: The error itself, if it is a bug.
        """
        from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

        if isinstance(error, (RepositoryNotFoundError, RevisionNotFoundError)):
            return HubError("hub_not_found", name=self.hub_id, revision=self.revision)
        if not isinstance(error, (OSError, ValueError)) and type(error).__module__.split(".")[0] not in HTTP_PACKAGES:
            raise error
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
        return HubError(key, name=self.hub_id, endpoint=endpoint(), reason=reason)


def cached_folder(hub_id: str, revision: str | None) -> Path | None:
    """Return the folder of a model that is wholly in the cache, or None. Makes no request.

    Args:
        hub_id: owner/name.
        revision: Full commit; None means what `main` pointed to at the last download.
    """
    try:
        folder = Repository(hub_id, revision or "main").cached()
    except (OSError, ValueError):
        return None
    return folder if folder is not None and is_complete(folder) else None


def is_complete(folder: Path) -> bool:
    """Return whether a folder has everything that is needed to load it."""
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
    """Fetch the files of a model that loading needs; what is in the cache already is not fetched again.

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
    repository = Repository(hub_id, revision or "main")
    commit, listed = repository.listing(timeout)
    files = needed_files(listed)
    if not files:
        raise HubError("hub_not_found", name=hub_id, revision=repository.revision)
    pickled = next((file.path for file in files if file.path.endswith(PICKLE_ENDINGS)), None)
    if pickled is not None and not pickles:
        raise HubError("model_pickled", name=hub_id, file=pickled)
    folder = repository.fetch(commit, files, timeout=timeout, on_progress=on_progress)
    if not is_complete(folder):
        raise HubError("hub_incomplete", name=hub_id, reason="files are missing")
    return folder, commit


def endpoint() -> str:
    """Return the address of the hub in use."""
    from huggingface_hub import constants

    return constants.ENDPOINT


def needed_files(files: Iterable[RemoteFile]) -> list[RemoteFile]:
    """Choose what loading needs: configurations, tokenizer, and one set of weights, safetensors if there is one."""
    own = [file for file in files if PurePosixPath(file.path).parts[0] not in FOREIGN_FOLDERS]
    small = [file for file in own if any(fnmatch(PurePosixPath(file.path).name, kind) for kind in SMALL_FILES)]
    safe = [file for file in own if file.path.endswith(".safetensors")]
    pickled = [file for file in own if file.path == PICKLED_WEIGHTS or fnmatch(file.path, "pytorch_model-*.bin")]
    return small + (safe or pickled)


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
    """Adds up the bytes of files from the bar that huggingface_hub draws; never goes back, never passes the total."""

    def __init__(self, done: int, total: int, on_progress: OnProgress | None) -> None:
        self._done = done
        self._total = total
        self._report = on_progress
        self._lock = Lock()

    def settle(self, done: int) -> None:
        with self._lock:
            self._done = min(max(done, self._done), self._total)
        if self._report is not None:
            self._report(self._done, self._total)

    def bar_class(self) -> type[Any]:
        from tqdm.auto import tqdm

        progress, before = self, self._done

        class Bar(tqdm):  # type: ignore[misc, type-arg]
            """A bar that draws nothing. Of those that are made one counts the bytes that have been written."""

            def __init__(self, *args: Any, **kwargs: Any) -> None:
                kwargs.pop("name", None)
                described = str(kwargs.get("desc", ""))
                self._counts = kwargs.get("unit") == "B" and not described.startswith("Downloading bytes")
                self._bytes = 0
                super().__init__(*args, **kwargs | {"disable": True})

            def update(self, n: float | None = 1) -> None:
                if self._counts:
                    self._bytes += int(n or 0)
                    progress.settle(before + self._bytes)

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
