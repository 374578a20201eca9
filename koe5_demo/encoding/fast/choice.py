"""Opens a model in the fastest engine and arithmetic that give its own vectors.

Where they are not the ones asked for, the model's description says why. The padding-free engine reads the weights from
the model's files itself, one by one: what runs in bf16 or int8 is never in memory in float32. sentence-transformers is
imported for models of another shape alone.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from koe5_demo.encoding.fast import precision as guard
from koe5_demo.encoding.fast.memory import close_gaps, prepare_memory
from koe5_demo.encoding.fast.model_folder import ModelFolder, OtherShapeError, read_model_folder
from koe5_demo.encoding.fast.packed import Arithmetic, PackedNetwork, StreamedLayers, build_embeddings
from koe5_demo.encoding.fast.padding_free import ENGINE_NAME, PaddingFreeEncoder
from koe5_demo.encoding.fast.precision import STORED_AS, Hardware, Precision
from koe5_demo.encoding.fast.speeds import UNKNOWN, Speeds, known_speeds, machine
from koe5_demo.encoding.fast.threads import set_threads
from koe5_demo.encoding.fast.verdicts import NOTHING_SAID, Verdicts
from koe5_demo.encoding.fast.weights import FileWeights
from koe5_demo.encoding.probes import probes
from koe5_demo.encoding.text_tokens import TextTokenizer
from koe5_demo.errors import SettingError
from koe5_demo.prompts import with_prompts
from koe5_demo.records import Encoder, FloatArray, ModelInfo, Notice, Prompts, Role

SPEEDS: Final = "speeds.json"
VERDICTS: Final = "verdicts.json"

Build = Callable[[Precision, Sequence[Notice]], Encoder]
Describe = Callable[[int, int | None, Mapping[str, str]], ModelInfo]
"""Called with the width of a vector, the model's own limit of tokens, and the prompts that its files register."""


@dataclass(frozen=True)
class ModelFiles:
    """A model whose files are here.

    Attributes:
        folder: Where they lie.
        describe: Tells what the model is; engine, dtype, device and notices are filled in by the engine.
        stamp: Gives a finished description its fingerprint.
        kept: Folder for what was found out on this machine, speeds and verdicts; None: found out anew.
    """

    folder: Path
    describe: Describe
    stamp: Callable[[ModelInfo], ModelInfo]
    kept: Path | None = None


def open_fast(files: ModelFiles, device: str = "auto", *, dtype: str = "auto") -> Encoder:
    """Open a model in the padding-free engine if it fits, else in sentence-transformers.

    Args:
        files: The model.
        device: auto, cpu, cuda, cuda:0, mps.
        dtype: auto, fp32, bf16, fp16 or int8. Every one but fp32 must pass the guard of `precision`; the next cheapest
            is tried where it does not, and `info.notices` says so.

    Returns:
        The encoder; its `info` names the engine and arithmetic that run.

    Raises:
        SettingError: If the machine has no such device.
        OSError, ValueError, KeyError, RuntimeError, TypeError, AttributeError: If the files are broken.
    """
    prepare_memory()
    set_threads()
    # OpenMP keeps a team of threads for each thread that computed. While there are two, a team goes to sleep between
    # two operators, and a query takes up to twice as long: the team of this thread ends with it.
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="opening") as passing:
        return passing.submit(_open, files, device, dtype).result()


def _open(files: ModelFiles, device: str, dtype: str) -> Encoder:
    place = find_device(device)
    try:
        folder = read_model_folder(files.folder)
        weights = FileWeights.find(folder.path, place)
    except OtherShapeError as error:
        from koe5_demo.encoding.sentence_transformer import open_reference  # seconds to import

        return open_reference(files, place, dtype, str(error))
    described = files.describe(folder.shape.width, folder.max_tokens, folder.prompts)
    width = folder.shape.width
    # float32 asks the hardware nothing: trying its other instructions takes time.
    hardware = Hardware(place.type) if dtype == "fp32" else guard.detect(place)
    tried = guard.candidates(dtype, hardware, width)
    speeds: Speeds = {}
    if place.type == "cpu":
        speeds = known_speeds(width, folder.shape.n_heads, tried, files.kept and files.kept / SPEEDS)
        costs = {precision: speed.microseconds for precision, speed in speeds.items()}
        tried = guard.candidates(dtype, hardware, width, costs) if dtype == "auto" else tried
    info = replace(described, engine=ENGINE_NAME, device=str(place))
    opening = _Opening(files, folder, weights, info, place, hardware, speeds)
    kept = files.kept / VERDICTS if files.kept and place.type == "cpu" else None
    verdicts = Verdicts(kept, opening.what_was_judged)
    return first_that_passes(dtype, tried, opening.build, opening.float32_probes, verdicts)


def first_that_passes(
    asked: str,
    precisions: Sequence[Precision],
    build: Build,
    exact: Callable[[], FloatArray],
    verdicts: Verdicts = NOTHING_SAID,
) -> Encoder:
    """Build the encoder in the first arithmetic that passes the guard; the last needs none.

    Args:
        asked: What the visitor or operator asked for; one by name that cannot run here is told.
        precisions: What to try, in order.
        build: Makes an encoder in an arithmetic, with what there is to tell about the choice.
        exact: The probes' vectors in float32; asked for only if there is something to compare.
        verdicts: What the guard said before; one that was refused then is not built again.
    """
    *cheaper, last = precisions
    missing = asked not in ("auto", *(precision.value for precision in precisions))
    notices = [Notice("notice_dtype_missing", {"dtype": asked})] if missing else []
    reference: FloatArray | None = None
    for precision in cheaper:
        verdict = verdicts.of(precision)
        if verdict is not None and verdict.passed:
            return build(precision, notices)
        if verdict is None:
            # Before the weights come: the reference takes memory of its own, which goes again.
            reference = exact() if reference is None else reference
            encoder = build(precision, notices)
            verdict = guard.judge(reference, probe_vectors(encoder), probe_queries())
            verdicts.remember(precision, verdict)
            if verdict.passed:
                return encoder
            # The refused weights go before the next ones come.
            del encoder
            give_back_memory()
        notices.append(guard.notice_of(precision, verdict))
    return build(last, notices)


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
    weights: FileWeights, ids: Sequence[Sequence[int]], folder: ModelFolder, device: torch.device
) -> FloatArray:
    """Compute vectors in float32 with one layer in memory at a time.

    Args:
        weights: Of the model.
        ids: Token ids of the texts; all go through at once, because each pass reads all weights.
        folder: The model's sizes and pooling.
        device: Where to compute.
    """
    shape, arithmetic = folder.shape, Arithmetic()
    words, places = np.unique(np.concatenate([np.asarray(text) for text in ids]), return_inverse=True)
    source = weights.with_words(words)
    layers = StreamedLayers(source, shape, arithmetic, device)
    embeddings = build_embeddings(source, shape)
    network = PackedNetwork(embeddings, layers, shape, arithmetic, device, cls=folder.cls)
    tokens = replace(network.pack(ids), ids=torch.from_numpy(places).to(device))
    return network.pooled(tokens).cpu().numpy()


def float32_probes(folder: Path, prompts: Prompts, max_tokens: int, device: str) -> FloatArray | None:
    """Return (16, D) vectors of the probes in float32, or None for a model that the padding-free engine does not fit.

    Args:
        folder: The model's files.
        prompts: Added to the probes.
        max_tokens: Where they are cut.
        device: Where to compute.
    """
    place = find_device(device)
    try:
        model = read_model_folder(folder)
        weights = FileWeights.find(model.path, place)
    except OtherShapeError:
        return None
    return _float32_probes(model, weights, prompts, max_tokens, place)


def _float32_probes(
    model: ModelFolder, weights: FileWeights, prompts: Prompts, max_tokens: int, device: torch.device
) -> FloatArray:
    sent = [with_prompts([probe.text], probe.role, prompts)[0] for probe in probes()]
    ids = TextTokenizer(model.tokenizer, max_tokens).tokenize(sent).ids
    vectors = streamed_vectors(weights, ids, model, device)
    give_back_memory()
    return vectors


def give_back_memory() -> None:
    """Return all freed memory to the system, that of a GPU and of cycles too."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    close_gaps()


def find_device(device: str) -> torch.device:
    """Return the device of a name; `cuda` is `cuda:0`, as tensors name theirs.

    Raises:
        SettingError: If the machine has no such device.
    """
    here = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    usable = [name for name, is_here in here.items() if is_here]
    if device == "auto":
        device = usable[0] if usable else "cpu"
    if device.split(":")[0] not in ("cpu", *usable):
        raise SettingError("no_device", device=device)
    place = torch.device(device)
    return torch.device("cuda", torch.cuda.current_device()) if device == "cuda" else place


@dataclass(frozen=True)
class _Opening:
    """A model that fits the padding-free engine, on its way into it."""

    files: ModelFiles
    folder: ModelFolder
    weights: FileWeights
    base: ModelInfo
    device: torch.device
    hardware: Hardware
    speeds: Speeds

    def build(self, precision: Precision, notices: Sequence[Notice]) -> PaddingFreeEncoder:
        coarse = precision is Precision.INT8 and self.hardware.weights_of_7_bits
        told = (*self.base.notices, *notices, *([Notice("notice_weights_of_7_bits")] if coarse else []))
        info = self.files.stamp(replace(self.base, dtype=precision.label, notices=told))
        source = self.weights.all(STORED_AS[precision])
        speed = self.speeds.get(precision, UNKNOWN)
        encoder = PaddingFreeEncoder.from_weights(
            source, self.folder, info, self.device, precision=precision, speed=speed
        )
        close_gaps()
        return encoder

    def what_was_judged(self, precision: Precision) -> str:
        """Return all that a verdict depends on: model, arithmetic, the ways that were measured to be fast, machine."""
        stamped = self.files.stamp(replace(self.base, dtype=precision.label))
        speed = self.speeds.get(precision, UNKNOWN)
        return " / ".join((machine(), stamped.fingerprint, precision.value, speed.layout, speed.attend))

    def float32_probes(self) -> FloatArray:
        return _float32_probes(self.folder, self.weights, self.base.prompts, self.base.max_tokens, self.device)
