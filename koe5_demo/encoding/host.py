"""The models of a running page: the embedded one at once, others loaded or downloaded in the background.

Holds no visitor's data. One host is made in `app.py` and passed in.
"""

from __future__ import annotations

import logging
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Final

from koe5_demo.catalog import CATALOG, EMBEDDED_MODEL
from koe5_demo.encoding import loading, zero_gpu
from koe5_demo.encoding.cache import CachingEncoder, VectorCache
from koe5_demo.encoding.endpoint import is_endpoint, open_endpoint, shown_name
from koe5_demo.errors import DemoError, ModelLoadError, UnknownModelError
from koe5_demo.prompts import GivenPrompts
from koe5_demo.records import Encoder
from koe5_demo.settings import Settings

logger = logging.getLogger(__name__)

HUB_ID: Final = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}(@[\w./-]{1,100})?", re.ASCII)


class Phase(str, Enum):
    """Where a model is on its way to serving."""

    ABSENT = "absent"
    DOWNLOADING = "downloading"
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True)
class ModelState:
    """What the page tells about one model.

    Attributes:
        id: The name it was asked for by.
        phase: Where it is.
        done, total: Bytes of a download.
        error: Why it failed.
    """

    id: str
    phase: Phase
    done: int = 0
    total: int = 0
    error: DemoError | None = None

    @property
    def settled(self) -> bool:
        """Return whether nothing is under way."""
        return self.phase in (Phase.ABSENT, Phase.READY, Phase.FAILED)


class ModelHost:
    """Loads models on request, keeps a bounded number of them, and tells how far each is. Safe with threads.

    Args:
        settings: Device, dtype, limits and the model that should serve.
        cache: Shared by all models; keys carry the model's fingerprint.
        warm_up: Called with each model before it serves: the first forward pass allocates and compiles, and a visitor
            should not wait for that.
    """

    def __init__(self, settings: Settings, cache: VectorCache, warm_up: Callable[[Encoder], object]) -> None:
        self._settings = settings
        self._cache = cache
        self._warm_up = warm_up
        self._lock = Lock()
        self._load_lock = Lock()
        self._states: dict[str, ModelState] = {}
        self._encoders: OrderedDict[str, CachingEncoder] = OrderedDict()

    @property
    def wanted(self) -> str:
        """Return the model that the operator chose to serve."""
        return self._settings.model

    @property
    def names(self) -> list[str]:
        """Return the models a visitor may choose: the operator's first, then the catalog."""
        return list(dict.fromkeys([self.wanted, *CATALOG]))

    def start(self) -> None:
        """Load what has to be there before the page is: the embedded model, and on ZeroGPU the wanted one.

        A ZeroGPU Space packs what is on cuda when the page starts. Everywhere else the wanted model waits for
        `open_wanted`: importing what it needs takes seconds that would be the page's.
        """
        self._load(EMBEDDED_MODEL)
        if self.wanted != EMBEDDED_MODEL:
            self._set(ModelState(self.wanted, Phase.LOADING))
        if zero_gpu.ACTIVE:
            self.open_wanted().wait(zero_gpu.LOAD_WAIT_S)

    def open_wanted(self) -> Event:
        """Begin to load or download the wanted model; the event is set when that is over. Call it once."""
        return Event() if self.wanted == EMBEDDED_MODEL else self._begin(self.wanted)

    def request(self, name: str) -> Event:
        """Begin to load a model unless it is ready or under way; the event is set when that is over.

        Raises:
            UnknownModelError: If visitors may not open such a model.
        """
        self.require_allowed(name)
        with self._lock:
            state = self._states.get(name)
            if state is not None and state.phase in (Phase.READY, Phase.LOADING, Phase.DOWNLOADING):
                finished = Event()
                finished.set()
                return finished
            self._states[name] = ModelState(name, Phase.LOADING)
        return self._begin(name)

    def require_allowed(self, name: str) -> None:
        """Refuse models outside the catalog unless the operator allows them or chose this one.

        Raises:
            UnknownModelError: If it is refused.
        """
        if name in CATALOG or name == self.wanted:
            return
        if not self._settings.allow_custom_models or is_endpoint(name):  # an address would get the operator's key
            raise UnknownModelError("custom_model_refused", valid=", ".join(CATALOG))
        if HUB_ID.fullmatch(name) is None or Path(name).is_dir():  # folders of this server are not a visitor's to name
            raise UnknownModelError("hub_id_only")

    def state(self, name: str) -> ModelState:
        """Return how far a model is."""
        return self._states.get(name, ModelState(name, Phase.ABSENT))

    @property
    def serving(self) -> str:
        """Return the name of the model that answers now: the wanted one when it is ready, else the embedded one."""
        return self.wanted if self.state(self.wanted).phase is Phase.READY else EMBEDDED_MODEL

    def encoder(self, name: str) -> Encoder:
        """Return a model that is ready, and mark it as used.

        Raises:
            ModelLoadError: If it is not ready; its state says why.
        """
        with self._lock:
            encoder = self._encoders.get(name)
            if encoder is not None:
                self._encoders.move_to_end(name)
                return encoder
        error = self.state(name).error
        raise error if error is not None else ModelLoadError("model_not_ready", name=name)

    def exact_encoder(self, name: str, dtype: str | None = None) -> Encoder:
        """Return a model as a benchmark wants it: in float32, opened beside the page's own where that one is cheaper.

        The caller lets it go after use.

        Args:
            name: A model that is ready.
            dtype: Another arithmetic; None takes the one that the operator chose, or fp32.

        Raises:
            ModelLoadError: If the model is not ready.
        """
        serving = self.encoder(name)
        wanted = dtype or self._settings.exact_dtype
        same = wanted == self._settings.page_dtype or _is_arithmetic(wanted, serving.info.dtype)
        files = None if same or is_endpoint(name) else loading.local_files(loading.find_source(name))
        if files is None or zero_gpu.ACTIVE:  # there no model can be opened once the page has started
            return serving
        with self._load_lock:
            return self._open(name, files, wanted)

    def ready_encoder(self, name: str) -> Encoder | None:
        """Return a model if it is ready, else None; it does not count as used."""
        return self._encoders.get(name)

    def _begin(self, name: str) -> Event:
        finished, on_disk = Event(), Event()
        thread = Thread(target=self._run, args=(name, on_disk, finished), daemon=True, name=f"load-{name}")
        thread.start()
        on_disk.wait(2.0)
        return finished

    def _run(self, name: str, on_disk: Event, finished: Event) -> None:
        try:
            self._load(name, on_disk)
        except DemoError as error:
            logger.warning("model %s: %s", shown_name(name), error)
            self._set(ModelState(name, Phase.FAILED, error=error))
        except Exception:
            logger.exception("model %s", shown_name(name))
            self._set(ModelState(name, Phase.FAILED, error=ModelLoadError("model_load_failed", name=name, reason="?")))
        finally:
            on_disk.set()
            finished.set()

    def _load(self, name: str, on_disk: Event | None = None) -> None:
        if is_endpoint(name):
            self._keep(name, open_endpoint(name, prompts=self._prompts()))
            return
        source = loading.find_source(name)
        files = loading.local_files(source)
        if files is None:
            self._set(ModelState(name, Phase.DOWNLOADING))
            if on_disk is not None:
                on_disk.set()
            files = loading.fetch_files(source, timeout=self._settings.hub_timeout, on_progress=self._progress(name))
        self._set(ModelState(name, Phase.LOADING))
        if on_disk is not None:
            on_disk.set()
        with self._load_lock:
            inner = self._open(name, files, self._settings.page_dtype)
        self._keep(name, inner)

    def _open(self, name: str, files: loading.Files, wanted_dtype: str) -> Encoder:
        device, dtype = zero_gpu.placement(self._settings.device, wanted_dtype, small=name == EMBEDDED_MODEL)
        opened = loading.open_encoder(files, device=device, dtype=dtype, prompts=self._prompts())
        return zero_gpu.lend_gpu(opened)

    def _progress(self, name: str) -> Callable[[int, int], None]:
        def report(done: int, total: int) -> None:
            self._set(ModelState(name, Phase.DOWNLOADING, done, total))

        return report

    def _prompts(self) -> GivenPrompts:
        given = (self._settings.query_prompt, self._settings.passage_prompt)
        return GivenPrompts(query_outside=given[0], passage_outside=given[1])

    def _keep(self, name: str, inner: Encoder) -> None:
        encoder = CachingEncoder(inner, self._cache)
        if not zero_gpu.ACTIVE:
            self._warm_up(encoder)
        with self._lock:
            self._encoders[name] = encoder
            self._states[name] = ModelState(name, Phase.READY)
            others = [kept for kept in self._encoders if kept not in (EMBEDDED_MODEL, name)]
            for oldest in others[: max(0, len(others) + 1 - self._settings.models_in_memory)]:
                del self._encoders[oldest]
                self._states[oldest] = ModelState(oldest, Phase.ABSENT)

    def _set(self, state: ModelState) -> None:
        with self._lock:
            self._states[state.id] = state


def _is_arithmetic(wanted: str, label: str) -> bool:
    from koe5_demo.encoding.precision import Precision  # torch

    return wanted != "auto" and Precision(wanted).label == label
