"""Opens a model in the fastest engine and arithmetic that give its own vectors.

Where they are not the ones asked for, the model's description says why. The padding-free engine reads the weights from
the model's file itself, one by one: what runs in bf16 or int8 is never in memory in float32.
"""

from __future__ import annotations

import ctypes
import gc
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from sentence_transformers import SentenceTransformer

from koe5_demo.encoding import precision as guard
from koe5_demo.encoding.checkpoint import FileWeights
from koe5_demo.encoding.model_parts import transformer, uses_cls
from koe5_demo.encoding.packed import Arithmetic, PackedNetwork, Shape, StreamedLayers, build_embeddings
from koe5_demo.encoding.padding_free import ENGINE_NAME, PaddingFreeEncoder, supports
from koe5_demo.encoding.precision import Precision
from koe5_demo.encoding.probes import probes
from koe5_demo.encoding.sentence_transformer import ENGINE_NAME as REFERENCE_ENGINE
from koe5_demo.encoding.sentence_transformer import SentenceTransformerEncoder
from koe5_demo.encoding.text_tokens import TextTokenizer
from koe5_demo.encoding.threads import bound_kernel_cache, set_threads
from koe5_demo.prompts import with_prompts
from koe5_demo.records import Encoder, FloatArray, ModelInfo, Notice, Role

STORED_AS: Final = {
    Precision.FP32: torch.float32,
    Precision.BF16: torch.bfloat16,
    Precision.FP16: torch.float16,
    # Word vectors are looked up, not multiplied: int8 leaves them in bf16.
    Precision.INT8: torch.bfloat16,
}
Build = Callable[[Precision, Sequence[Notice]], Encoder]
NO_WEIGHTS: Final[dict[str, Any]] = {"device_map": "meta"}


@dataclass(frozen=True)
class ModelFiles:
    """How to open a model, as the loader knows it.

    Attributes:
        load: Loads it in a dtype, `SentenceTransformer(folder, device=..., model_kwargs={"dtype": dtype})`; called only
            for models that the fast engines do not fit.
        describe: Tells what a loaded model is; engine, dtype, device and note are filled in here.
        stamp: Gives a finished description its fingerprint.
        folder: Where the files lie.
    """

    load: Callable[[torch.dtype], SentenceTransformer]
    describe: Callable[[SentenceTransformer], ModelInfo]
    stamp: Callable[[ModelInfo], ModelInfo]
    folder: Path


def open_fast(files: ModelFiles, device: str, *, dtype: str = "auto") -> Encoder:
    """Open a model in the padding-free engine if it fits, else in sentence-transformers.

    Args:
        files: The model.
        device: cpu, cuda, cuda:0, mps.
        dtype: auto, fp32, bf16, fp16 or int8. Every one but fp32 must pass the guard of `precision`; the next cheapest
            is tried where it does not, and `info.notices` says so.

    Returns:
        The encoder; its `info` names the engine and arithmetic that run.
    """
    bound_kernel_cache()
    set_threads()
    place = _with_index(torch.device(device))
    model = _without_weights(files)
    weights = FileWeights.find(files.folder, place)
    reason = supports(model)
    if weights is None and reason is None:
        reason = "weights in several files"
    if weights is None or reason is not None:
        return _open_reference(files, place, dtype, str(reason))
    base = replace(files.describe(model), engine=ENGINE_NAME, device=str(place))
    opening = _Opening(files, model, weights, base, place)
    return _guarded(dtype, guard.candidates(dtype, guard.detect(place)), opening.build, opening.float32_probes)


def probe_vectors(encoder: Encoder) -> FloatArray:
    """Return (16, D) vectors of the probes, in file order."""
    vectors = np.empty((len(probes()), encoder.info.dimensions), dtype=np.float32)
    for role in {probe.role for probe in probes()}:
        places = [place for place, probe in enumerate(probes()) if probe.role is role]
        vectors[places] = encoder.encode([probes()[place].text for place in places], role).vectors
    return vectors


def probe_queries() -> npt.NDArray[np.bool_]:
    """Return (16,) which probes are queries."""
    return np.array([probe.role is Role.QUERY for probe in probes()])


def streamed_vectors(
    weights: FileWeights, ids: Sequence[Sequence[int]], model: SentenceTransformer, device: torch.device
) -> FloatArray:
    """Compute vectors in float32 with one layer in memory at a time.

    Args:
        weights: Of the model.
        ids: Token ids of the texts; all go through at once, because each pass reads all weights.
        model: For its configuration; its own weights are not used.
        device: Where to compute.
    """
    shape, arithmetic = Shape.of(transformer(model).config), Arithmetic()
    words, places = np.unique(np.concatenate([np.asarray(text) for text in ids]), return_inverse=True)
    source = weights.with_words(words)
    layers = StreamedLayers(source, shape, arithmetic, device)
    embeddings = build_embeddings(source, shape)
    network = PackedNetwork(embeddings, layers, shape, arithmetic, device, cls=uses_cls(model))
    tokens = replace(network.pack(ids), ids=torch.from_numpy(places).to(device))
    return network.pooled(tokens).cpu().numpy()


def give_back_memory() -> None:
    """Return freed memory to the system; glibc by itself keeps the gaps that packing weights leaves behind."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)


@dataclass(frozen=True)
class _Opening:
    """A model that fits the padding-free engine, on its way into it; `model` has no weights."""

    files: ModelFiles
    model: SentenceTransformer
    weights: FileWeights
    base: ModelInfo
    device: torch.device

    def build(self, precision: Precision, notices: Sequence[Notice]) -> PaddingFreeEncoder:
        info = self.files.stamp(replace(self.base, dtype=precision.label, notices=(*self.base.notices, *notices)))
        source = self.weights.all(STORED_AS[precision])
        encoder = PaddingFreeEncoder.from_weights(source, self.model, info, self.device, precision=precision)
        give_back_memory()
        return encoder

    def float32_probes(self) -> FloatArray:
        sent = [with_prompts([probe.text], probe.role, self.base.prompts)[0] for probe in probes()]
        ids = TextTokenizer(self.model.tokenizer, self.base.max_tokens).tokenize(sent).ids
        vectors = streamed_vectors(self.weights, ids, self.model, self.device)
        give_back_memory()
        return vectors


def _guarded(asked: str, precisions: Sequence[Precision], build: Build, exact: Callable[[], FloatArray]) -> Encoder:
    """Build the encoder in the first arithmetic that passes the guard; the last needs none.

    Args:
        asked: What the visitor or operator asked for; one by name that cannot run here is told.
        precisions: What to try, in order.
        build: Makes an encoder in an arithmetic, with what there is to tell about the choice.
        exact: The probes' vectors in float32; asked for only if there is something to compare.
    """
    *cheaper, last = precisions
    missing = asked not in ("auto", *(precision.value for precision in precisions))
    notices = [Notice("notice_dtype_missing", {"dtype": asked})] if missing else []
    if not cheaper:
        return build(last, notices)
    reference = exact()
    for precision in cheaper:
        encoder = build(precision, notices)
        verdict = guard.judge(reference, probe_vectors(encoder), probe_queries())
        if verdict.passed:
            return encoder
        notices.append(guard.notice_of(precision, verdict))
        # The refused weights go before the next ones come.
        del encoder
        give_back_memory()
    return build(last, notices)


def _without_weights(files: ModelFiles) -> SentenceTransformer:
    """Load a model's settings and tokenizer only; modules that are no Hugging Face networks come whole."""
    model: SentenceTransformer
    try:
        model = SentenceTransformer(str(files.folder), local_files_only=True, model_kwargs=NO_WEIGHTS)
    except (ImportError, ValueError):
        # transformers needs the package accelerate for this. Without it: load all, then let the weights go.
        model = files.load(torch.bfloat16)
        model.to("meta")
        give_back_memory()
    return model


def _open_reference(files: ModelFiles, device: torch.device, dtype: str, reason: str) -> Encoder:
    """Open a model that the fast engine does not know: in float32, or in the 16-bit dtype asked for by name."""

    def build(precision: Precision, notices: Sequence[Notice]) -> Encoder:
        model = files.load(STORED_AS[precision])
        info = files.describe(model)
        told = (*info.notices, Notice("notice_engine_fallback", {"reason": reason}), *notices)
        info = replace(info, engine=REFERENCE_ENGINE, dtype=precision.label, device=str(device), notices=told)
        return SentenceTransformerEncoder(model, files.stamp(info))

    by_name = (Precision(dtype),) if dtype in (Precision.BF16.value, Precision.FP16.value) else ()
    return _guarded(dtype, (*by_name, Precision.FP32), build, lambda: probe_vectors(build(Precision.FP32, [])))


def _with_index(device: torch.device) -> torch.device:
    """Name the device as tensors name theirs: `cuda` is `cuda:0`."""
    if device.type == "cuda" and device.index is None:
        return torch.device("cuda", torch.cuda.current_device())
    return device
