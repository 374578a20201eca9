"""The models of a running page: the embedded one, the operator's, and those that visitors ask for.

Every model is opened in the background, once, and whoever waits for it waits for the same event. Holds no visitor's
data. One host is made in `app.py` and passed in.
"""

from __future__ import annotations

import logging
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Final

from koe5_demo.catalog import CATALOG, EMBEDDED_MODEL
from koe5_demo.encoding import opening, zero_gpu
from koe5_demo.encoding.cache import CachingEncoder, VectorCache
from koe5_demo.encoding.endpoint import is_endpoint, shown_name
from koe5_demo.errors import DemoError, EndpointError, ModelLoadError, UnknownModelError
from koe5_demo.records import Encoded, Encoder, Notice, OnProgress, Role, RoleTexts
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

    The embedded model and the wanted one, once loaded, stay: visitors only push out what visitors asked for.

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
        self._under_way: dict[str, Event] = {}
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
        """Say that the embedded and the wanted model are coming; on ZeroGPU, load them.

        A ZeroGPU Space packs what is on cuda when the page starts. Everywhere else models wait for `open_wanted`:
        importing what they need takes seconds that would be the page's.
        """
        for name in (EMBEDDED_MODEL, self.wanted):
            self._set(ModelState(name, Phase.LOADING))
        if zero_gpu.ACTIVE:
            self.open_wanted().wait(zero_gpu.LOAD_WAIT_S)

    def open_wanted(self) -> Event:
        """Begin to load the embedded model and then the wanted one; the event is set when the latter is over."""
        self._begin(EMBEDDED_MODEL)
        return self._begin(self.wanted)

    def request(self, name: str) -> Event:
        """Begin to load a model unless it is ready or under way; the event is set when that is over.

        Raises:
            UnknownModelError: If it is neither in the catalog nor the operator's, and no hub id or not allowed.
        """
        if name not in CATALOG and name != self.wanted:
            if not self._settings.allow_custom_models or is_endpoint(name):  # an address would get the operator's key
                raise UnknownModelError("custom_model_refused", valid=", ".join(CATALOG))
            if HUB_ID.fullmatch(name) is None or Path(name).is_dir():  # folders of this server are not theirs to name
                raise UnknownModelError("hub_id_only")
        return self._begin(name)

    def state(self, name: str) -> ModelState:
        """Return how far a model is."""
        return self._states.get(name, ModelState(name, Phase.ABSENT))

    @property
    def serving(self) -> str:
        """Return the name of the model that answers now: the wanted one when it is ready, else the embedded one."""
        return self.wanted if self.state(self.wanted).phase is Phase.READY else EMBEDDED_MODEL

    def answering(self) -> Encoder:
        """Return the model that answers who names none; where it is not the wanted one, its `info` says so.

        Raises:
            ModelLoadError: If none is ready.
        """
        name = self.serving
        encoder = self.encoder(name)
        if name == self.wanted:
            return encoder
        told = Notice("notice_stand_in", {"wanted": shown_name(self.wanted), "name": name})
        return CachingEncoder(encoder.inner, self._cache, (told,))

    def encoder(self, name: str) -> CachingEncoder:
        """Return a model that is ready, and mark it as used. The embedded one is waited for: it is there in seconds.

        Raises:
            ModelLoadError: If it is not ready; its state says why.
        """
        if name == EMBEDDED_MODEL and self.state(name).phase is not Phase.FAILED:
            self._begin(name).wait()
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
        # On ZeroGPU no model can be opened once the page has started.
        if same or is_endpoint(name) or zero_gpu.ACTIVE or not opening.is_here(name):
            return serving
        with self._load_lock:
            return opening.open_model(name, self._settings, opening.ModelOptions(dtype=wanted))

    def ready_encoder(self, name: str) -> Encoder | None:
        """Return a model if it is ready, else None; it does not count as used."""
        return self._encoders.get(name)

    def _begin(self, name: str) -> Event:
        """Return the event of a model that is under way, a new one for a model that is not, a set one if it is ready.

        A model that lies on the disk is said to be loading, or one to be fetched to be downloading, before this
        returns: what the page shows next is right at once.
        """
        with self._lock:
            over = self._under_way.get(name)
            if over is not None:
                return over
            over = Event()
            if name in self._encoders:
                over.set()
                return over
            self._under_way[name] = over
            self._states[name] = ModelState(name, Phase.LOADING)
        known = Event()
        Thread(target=self._run, args=(name, known, over), daemon=True, name=f"load-{name}").start()
        known.wait(2.0)
        return over

    def _run(self, name: str, known: Event, over: Event) -> None:
        encoder = None
        try:
            encoder = self._load(name, known)
            ended = ModelState(name, Phase.READY)
        except DemoError as error:
            logger.warning("model %s: %s", shown_name(name), error)
            ended = ModelState(name, Phase.FAILED, error=error)
        except Exception:
            logger.exception("model %s", shown_name(name))
            ended = ModelState(name, Phase.FAILED, error=ModelLoadError("model_load_failed", name=name, reason="?"))
        with self._lock:  # in one step: who sees a model settled may ask for it anew at once
            del self._under_way[name]
            self._states[name] = ended
            if encoder is not None:
                self._encoders[name] = encoder
                self._let_oldest_go()
        known.set()
        over.set()

    def _load(self, name: str, known: Event) -> CachingEncoder:
        phase = Phase.LOADING if opening.is_here(name) else Phase.DOWNLOADING
        self._set(ModelState(name, phase))
        known.set()
        if name != EMBEDDED_MODEL:
            self._begin(EMBEDDED_MODEL).wait()  # first the one that answers meanwhile
        if phase is Phase.DOWNLOADING:
            opening.fetch_files(
                opening.find_source(name),
                timeout=self._settings.hub_timeout,
                on_progress=lambda done, total: self._set(ModelState(name, Phase.DOWNLOADING, done, total)),
            )
            self._set(ModelState(name, Phase.LOADING))
        with self._load_lock:
            options = opening.ModelOptions(dtype=self._settings.page_dtype)
            inner = opening.open_model(name, self._settings, options)
        encoder = _Served(inner, self._cache, lambda: self._let_go(name))
        if not zero_gpu.ACTIVE:
            self._warm_up(encoder)
        return encoder

    def _let_oldest_go(self) -> None:
        staying = {EMBEDDED_MODEL, self.wanted}
        visitors = [kept for kept in self._encoders if kept not in staying]
        places = max(1, self._settings.models_in_memory - len(staying - {EMBEDDED_MODEL}))
        for oldest in visitors[: max(0, len(visitors) - places)]:
            del self._encoders[oldest]
            self._states[oldest] = ModelState(oldest, Phase.ABSENT)

    def _let_go(self, name: str) -> None:
        """Forget a model and open it anew: behind its address stands another one now."""
        with self._lock:
            self._encoders.pop(name, None)
            self._states[name] = ModelState(name, Phase.ABSENT)
        self._begin(name)

    def _set(self, state: ModelState) -> None:
        with self._lock:
            self._states[state.id] = state


class _Served(CachingEncoder):
    """A host's encoder that is given up as soon as its server says that the model is another one."""

    def __init__(self, inner: Encoder, cache: VectorCache, give_up: Callable[[], None]) -> None:
        super().__init__(inner, cache)
        self._give_up = give_up

    def encode(self, texts: Sequence[str], role: Role, *, on_progress: OnProgress | None = None) -> Encoded:
        """Encode through the cache; see the parent."""
        with self._watching():
            return super().encode(texts, role, on_progress=on_progress)

    def encode_both(
        self, queries: RoleTexts, passages: RoleTexts, *, on_progress: OnProgress | None = None
    ) -> tuple[Encoded, Encoded]:
        """Encode through the cache; see the parent."""
        with self._watching():
            return super().encode_both(queries, passages, on_progress=on_progress)

    @contextmanager
    def _watching(self) -> Iterator[None]:
        try:
            yield
        except EndpointError as error:
            if error.key == "endpoint_model_changed":
                self._give_up()
            raise


def _is_arithmetic(wanted: str, label: str) -> bool:
    from koe5_demo.encoding.fast.precision import Precision  # torch

    return wanted != "auto" and Precision(wanted).label == label
