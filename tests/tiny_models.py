"""Models of the real architectures with random weights, small enough to build in a test.

The folders have the layout that `SentenceTransformer.save` writes and the hub serves. Weights come from a seed, so two
builds are equal. The tokenizer's pieces are written down here rather than learned: the characters of KS X 1001, ASCII
and the E5 prompts, so that the number of tokens of a text can be worked out by hand (XLM-RoBERTa: one a character, one
at the start of each word, and two around the text).
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertModel,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaModel,
    XLMRobertaConfig,
    XLMRobertaModel,
)

from koe5_demo.encoding.fast.model_folder import read_model_folder
from koe5_demo.encoding.fast.padding_free import PaddingFreeEncoder
from koe5_demo.encoding.fast.precision import STORED_AS, Precision
from koe5_demo.encoding.fast.weights import FileWeights
from koe5_demo.encoding.few_bits import BLOCK, CODES, SCALES, pack
from koe5_demo.records import ModelInfo

XLMR_SPECIAL: Final = ("<s>", "<pad>", "</s>", "<unk>")
BERT_SPECIAL: Final = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
FIRST_HANGUL_ROW, LAST_HANGUL_ROW = 0xB0, 0xC8
SEED: Final = 5
FEW_BITS_FILES = ("few-bits-01.safetensors", "few-bits-02.safetensors")


def korean_syllables() -> list[str]:
    """Return the 2,350 Hangul syllables of KS X 1001, which make up nearly all Korean text."""
    rows = range(FIRST_HANGUL_ROW, LAST_HANGUL_ROW + 1)
    return [bytes((row, cell)).decode("euc_kr") for row in rows for cell in range(0xA1, 0xFF)]


def characters() -> list[str]:
    """Return the characters that the tiny tokenizers know: ASCII without the blank, then Hangul."""
    return [chr(code) for code in range(0x21, 0x7F)] + korean_syllables()


def xlmr_tokenizer(max_tokens: int, extra_pieces: tuple[str, ...] = ()) -> PreTrainedTokenizerFast:
    """Build a Unigram tokenizer with XLM-RoBERTa's special tokens, their ids and its `<s> text </s>` frame.

    Args:
        max_tokens: Longest input, special tokens included.
        extra_pieces: Longer pieces, so that a text has fewer tokens than characters; a blank is written `▁`.
    """
    pieces = ["▁", *characters(), "query", "passage", *extra_pieces]
    scored = [(piece, 0.0) for piece in XLMR_SPECIAL] + [(piece, -9.0) for piece in dict.fromkeys(pieces)]
    tokenizer = Tokenizer(models.Unigram([*scored, ("<mask>", 0.0)], unk_id=3, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=max_tokens,
        bos_token="<s>",
        cls_token="<s>",
        eos_token="</s>",
        sep_token="</s>",
        unk_token="<unk>",
        pad_token="<pad>",
        mask_token="<mask>",
        model_input_names=["input_ids", "attention_mask"],
    )


def bert_tokenizer(max_tokens: int) -> PreTrainedTokenizerFast:
    """Build a WordPiece tokenizer over characters with BERT's special tokens and `[CLS] text [SEP]` frame."""
    pieces = [*BERT_SPECIAL, *characters(), *("##" + char for char in characters())]
    vocabulary = {piece: index for index, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=1000))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    cls_token, sep_token = ("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[cls_token, sep_token]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=max_tokens,
        unk_token="[UNK]",
        sep_token="[SEP]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        mask_token="[MASK]",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )


def build_tiny_xlmr(
    path: Path,
    *,
    pooling: str = "mean",
    hidden: int = 32,
    layers: int = 2,
    max_tokens: int = 512,
    normalize: bool = True,
    prompts: dict[str, str] | None = None,
    seed: int = SEED,
) -> Path:
    """Write a KoE5-shaped model: XLM-RoBERTa, pooling, unit length. Heads are 8 wide.

    Args:
        path: Folder to write; made anew.
        pooling: "mean" as in E5 or "cls" as in BGE-M3.
        hidden: Width, a multiple of 8.
        layers: Number of layers.
        max_tokens: Longest input.
        normalize: Whether the folder ends with a Normalize module.
        prompts: Prompts registered in the folder; KoE5's own files register none.
        seed: Of the weights.

    Returns:
        `path`.
    """
    tokenizer = xlmr_tokenizer(max_tokens)
    config = XLMRobertaConfig(**_shape(hidden, layers), **_xlmr_ids(len(tokenizer), max_tokens))
    return save_model(path, XLMRobertaModel, config, tokenizer, pooling, normalize, prompts, seed)


def build_tiny_roberta(path: Path, *, pooling: str = "mean", hidden: int = 32, max_tokens: int = 512) -> Path:
    """Write a RoBERTa model (same tokens as `build_tiny_xlmr`)."""
    tokenizer = xlmr_tokenizer(max_tokens)
    config = RobertaConfig(**_shape(hidden, 2), **_xlmr_ids(len(tokenizer), max_tokens))
    return save_model(path, RobertaModel, config, tokenizer, pooling)


def build_tiny_bert(
    path: Path,
    *,
    pooling: str = "mean",
    hidden: int = 32,
    layers: int = 2,
    max_tokens: int = 512,
    normalize: bool = True,
    seed: int = SEED,
) -> Path:
    """Write a model shaped like the small E5s: BERT with token types. Arguments as in `build_tiny_xlmr`."""
    tokenizer = bert_tokenizer(max_tokens)
    config = BertConfig(
        vocab_size=len(tokenizer), max_position_embeddings=max_tokens, pad_token_id=0, **_shape(hidden, layers)
    )
    return save_model(path, BertModel, config, tokenizer, pooling, normalize, None, seed)


def build_tiny_mini(path: Path, *, bits: int = 4, tokenizer_class: str | None = None) -> Path:
    """Write a model shaped like the embedded one: BERT with XLM-RoBERTa's tokens, mean pooling, weights in few bits.

    Args:
        path: Folder to write; made anew.
        bits: Of each weight of a matrix, 4 or 8.
        tokenizer_class: What tokenizer_config.json names; what transformers wrote there when None.
    """
    tokenizer = xlmr_tokenizer(512)
    size = _shape(64, 2) | {"vocab_size": len(tokenizer), "pad_token_id": 0}
    config = BertConfig(max_position_embeddings=512, **size)
    save_model(path, BertModel, config, tokenizer, prompts={"query": "query: ", "passage": "passage: "})
    if tokenizer_class is not None:
        named = json.loads((path / "tokenizer_config.json").read_text("utf-8")) | {"tokenizer_class": tokenizer_class}
        (path / "tokenizer_config.json").write_text(json.dumps(named), "utf-8")
    pack_folder(path, bits)
    return path


def pack_folder(path: Path, bits: int) -> None:
    """Put the weights of a folder in few bits, in two files: word vectors, and all else."""
    files: dict[str, dict[str, torch.Tensor]] = {name: {} for name in FEW_BITS_FILES}
    for name, weight in load_file(path / "model.safetensors").items():
        file = files[FEW_BITS_FILES["word_embeddings" not in name]]
        if weight.dim() == 2 and weight.shape[1] % BLOCK == 0:
            codes, scales = pack(weight.numpy(), bits)
            file[name + CODES], file[name + SCALES] = torch.from_numpy(codes), torch.from_numpy(scales)
        else:
            file[name] = weight
    for name, weights in files.items():
        save_file(weights, path / name)
    (path / "model.safetensors").unlink()


def fast_encoder(
    folder: Path, info: ModelInfo, *, precision: Precision = Precision.FP32, tokens_per_batch: int | None = None
) -> PaddingFreeEncoder:
    """Open a folder in the padding-free engine, whatever the guard would say."""
    model, cpu = read_model_folder(folder), torch.device("cpu")
    source = FileWeights.find(model.path, cpu).all(STORED_AS[precision])
    return PaddingFreeEncoder.from_weights(
        source, model, info, cpu, precision=precision, tokens_per_batch=tokens_per_batch
    )


def _shape(hidden: int, layers: int) -> dict[str, Any]:
    return {
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": hidden // 8,
        "intermediate_size": 4 * hidden,
        # Wider than the usual 0.02: vectors of different texts must differ enough for an error to show.
        "initializer_range": 0.1,
    }


def _xlmr_ids(vocab_size: int, max_tokens: int) -> dict[str, Any]:
    return {
        "vocab_size": vocab_size,
        "max_position_embeddings": max_tokens + 2,
        "type_vocab_size": 1,
        "pad_token_id": 1,
        "bos_token_id": 0,
        "eos_token_id": 2,
        "layer_norm_eps": 1e-5,
    }


def save_model(
    path: Path,
    model_class: type[PreTrainedModel],
    config: Any,
    tokenizer: PreTrainedTokenizerFast,
    pooling: str = "mean",
    normalize: bool = True,
    prompts: dict[str, str] | None = None,
    seed: int = SEED,
) -> Path:
    """Write a sentence-transformers folder with random weights of `config`'s shape.

    Biases and the scale of each LayerNorm, which start as zeros and ones, are made random too: an engine that forgets
    one of them must not pass.
    """
    shutil.rmtree(path, ignore_errors=True)
    inner = path.with_name(path.name + "-inner")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = model_class(config)
        _shake_constants(network)
    network.save_pretrained(inner)
    tokenizer.save_pretrained(inner)
    transformer = Transformer(str(inner))
    modules = [transformer, Pooling(config.hidden_size, pooling_mode=pooling)]
    if normalize:
        modules.append(Normalize())
    SentenceTransformer(modules=modules, prompts=prompts, device="cpu").save(str(path), create_model_card=False)
    shutil.rmtree(inner)
    return path


@torch.no_grad()
def _shake_constants(network: PreTrainedModel) -> None:
    for parameter in network.parameters():
        if parameter.dim() == 1:
            parameter.add_(torch.randn_like(parameter), alpha=0.1)
