"""The models this project knows: one frozen record each, revision pinned, prompts explicit.

Revisions and prompts are those of the published evaluations (`assets/published.csv`). Add a model by adding a record.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from koe5_demo.records import Prompts


def assets_folder(package: Path) -> Path:
    """Return where the data lies: inside the package once it is installed, beside it in the repository."""
    inside = package / "assets"
    return inside if inside.is_dir() else package.parent / "assets"


ASSETS: Final = assets_folder(Path(__file__).resolve().parent)
E5_PROMPTS: Final = Prompts(query="query: ", passage="passage: ")


@dataclass(frozen=True)
class ModelSpec:
    """A model that can be asked for by its short id.

    Attributes:
        id: Short name for `--model`, `KOE5_MODEL` and the page.
        hub_id: Repository on the hub; None for the embedded model.
        revision: Full commit; empty for the embedded model, whose content hash stands in.
        dimensions: Width of a vector.
        max_tokens: Longest input, prefix and special tokens included.
        prompts: Prefixes of the model's training.
        pooling: "mean", "cls" or "lasttoken": how token vectors become one (exact explanations need the mean).
        parameters: Number of parameters.
        licence: SPDX name.
        download_mb: Size of the files that are fetched, in 10^6 bytes.
        weights: Name of the weight file.
        folder: Where an embedded model lies; None for hub models.
        summary_ko, summary_en: One sentence for people who choose.
    """

    id: str
    hub_id: str | None
    revision: str
    dimensions: int
    max_tokens: int
    prompts: Prompts
    pooling: str
    parameters: int
    licence: str
    download_mb: int
    summary_ko: str
    summary_en: str
    weights: str = "model.safetensors"
    folder: Path | None = None


KOE5: Final = ModelSpec(
    id="koe5",
    hub_id="nlpai-lab/KoE5",
    revision="bc6d284c60fe5a973e74c1751b92594c9f581213",
    dimensions=1024,
    max_tokens=512,
    prompts=E5_PROMPTS,
    pooling="mean",
    parameters=559_890_432,
    licence="MIT",
    download_mb=2_257,
    summary_ko="이 데모의 주인공. multilingual-e5-large를 한국어 삼중항 약 70만 개로 미세 조정했습니다.",
    summary_en="What this demo is about: multilingual-e5-large fine-tuned on some 700,000 Korean triplets.",
)
ME5_LARGE: Final = ModelSpec(
    id="me5-large",
    hub_id="intfloat/multilingual-e5-large",
    revision="ab10c1a7f42e74530fe7ae5be82e6d4f11a719eb",
    dimensions=1024,
    max_tokens=512,
    prompts=E5_PROMPTS,
    pooling="mean",
    parameters=559_890_432,
    licence="MIT",
    download_mb=2_257,
    summary_ko="KoE5의 바탕 모델(다국어).",
    summary_en="The multilingual model that KoE5 was made from.",
)
BGE_M3: Final = ModelSpec(
    id="bge-m3",
    hub_id="BAAI/bge-m3",
    revision="5617a9f61b028005a4858fdac845db406aefb181",
    dimensions=1024,
    max_tokens=8192,
    prompts=Prompts(),
    pooling="cls",
    parameters=567_754_752,
    licence="MIT",
    download_mb=2_288,
    summary_ko="접두사 없이 쓰는 다국어 모델. 8,192 토큰까지 읽습니다.",
    summary_en="A multilingual model without prefixes that reads up to 8,192 tokens.",
    weights="pytorch_model.bin",
)
KURE_V1: Final = ModelSpec(
    id="kure-v1",
    hub_id="nlpai-lab/KURE-v1",
    revision="d14c8a9423946e268a0c9952fecf3a7aabd73bd9",
    dimensions=1024,
    max_tokens=8192,
    prompts=Prompts(),
    pooling="cls",
    parameters=567_754_752,
    licence="MIT",
    download_mb=2_288,
    summary_ko="같은 연구실이 bge-m3를 한국어로 미세 조정한 모델.",
    summary_en="bge-m3 fine-tuned for Korean by the laboratory that made KoE5.",
)
# The models people choose between today. Prompts are those that MTEB's published evaluations ran with, as its own
# records of these models state them (mteb/models/model_implementations: korean_models, pixie_models, qwen3_models).
ARCTIC_PROMPTS: Final = Prompts(query="query: ")
SNOWFLAKE_KO: Final = ModelSpec(
    id="snowflake-ko",
    hub_id="dragonkue/snowflake-arctic-embed-l-v2.0-ko",
    revision="55ec6e9358a56d56af759bc8372e970caf8c305f",
    dimensions=1024,
    max_tokens=8192,
    prompts=ARCTIC_PROMPTS,
    pooling="cls",
    parameters=567_754_752,
    licence="Apache-2.0",
    download_mb=2_288,
    summary_ko="snowflake-arctic-embed-l-v2.0을 한국어로 미세 조정한 모델. 매개변수 10억 미만에서 으뜸입니다.",
    summary_en="snowflake-arctic-embed-l-v2.0 fine-tuned for Korean: first of the models under a billion parameters.",
)
PIXIE_RUNE: Final = ModelSpec(
    id="pixie-rune",
    hub_id="telepix/PIXIE-Rune-v1.5",
    revision="29dd334196af53e6cfc16674379e743334f5fa66",
    dimensions=1024,
    max_tokens=8192,
    prompts=ARCTIC_PROMPTS,
    pooling="cls",
    parameters=567_754_752,
    licence="Apache-2.0",
    download_mb=2_288,
    summary_ko="텔레픽스가 snowflake-arctic-embed-l-v2.0을 한국어·영어로 미세 조정한 모델.",
    summary_en="snowflake-arctic-embed-l-v2.0 fine-tuned for Korean and English by TelePIX.",
)
BGE_M3_KO: Final = ModelSpec(
    id="bge-m3-ko",
    hub_id="dragonkue/BGE-m3-ko",
    revision="7074d66aa46562342193ca4feb3d89bf9dad71b4",
    dimensions=1024,
    max_tokens=8192,
    prompts=Prompts(),
    pooling="cls",
    parameters=567_754_752,
    licence="Apache-2.0",
    download_mb=2_288,
    summary_ko="bge-m3를 한국어로 미세 조정한 모델. 접두사 없이 씁니다.",
    summary_en="bge-m3 fine-tuned for Korean; used without prefixes.",
)
ME5_SMALL_KO: Final = ModelSpec(
    id="me5-small-ko",
    hub_id="dragonkue/multilingual-e5-small-ko-v2",
    revision="fcfc26bf355882620c48df58be112275bd756f50",
    dimensions=384,
    max_tokens=512,
    prompts=E5_PROMPTS,
    pooling="mean",
    parameters=117_653_760,
    licence="Apache-2.0",
    download_mb=488,
    summary_ko="multilingual-e5-small을 한국어로 미세 조정한 작은 모델.",
    summary_en="multilingual-e5-small fine-tuned for Korean: a small model.",
)
QWEN3_06B: Final = ModelSpec(
    id="qwen3-0.6b",
    hub_id="Qwen/Qwen3-Embedding-0.6B",
    revision="b22da495047858cce924d27d76261e96be6febc0",
    dimensions=1024,
    max_tokens=32_768,
    # MTEB's instruction for retrieval tasks that have none of their own; passages go without.
    prompts=Prompts(query="Instruct: Retrieve text based on user query.\nQuery:"),
    pooling="lasttoken",
    parameters=595_776_512,
    licence="Apache-2.0",
    download_mb=1_208,
    summary_ko="질의에 영어 지시문을 붙이는 다국어 모델. 32,768 토큰까지 읽습니다.",
    summary_en="A multilingual model whose queries carry an instruction. It reads up to 32,768 tokens.",
)
KOEN_E5_TINY: Final = ModelSpec(
    id="koen-e5-tiny",
    hub_id="exp-models/dragonkue-KoEn-E5-Tiny",
    revision="292c09c78c71a3f00ed56ee0d1ed9f0d39182fc9",
    dimensions=384,
    max_tokens=512,
    prompts=E5_PROMPTS,
    pooling="mean",
    parameters=37_000_000,
    licence="Apache-2.0",
    download_mb=150,
    summary_ko="CPU에서도 빠른 작은 한국어·영어 E5.",
    summary_en="A small Korean and English E5 that a CPU runs quickly.",
)
MINI: Final = ModelSpec(
    id="mini",
    hub_id=None,
    revision="",
    dimensions=2048,
    max_tokens=2048,
    prompts=E5_PROMPTS,
    pooling="mean",
    parameters=28_934_144,
    licence="CC-BY-SA-4.0",
    download_mb=0,
    summary_ko="저장소에 들어 있는 작은 모델. 허브 없이 바로 돕니다. KoE5가 아닙니다.",
    summary_en="The small model inside this repository: runs without the hub. It is not KoE5.",
    folder=ASSETS / "mini",
)

CATALOG: Final[dict[str, ModelSpec]] = {
    spec.id: spec
    for spec in (
        *(KOE5, ME5_LARGE, BGE_M3, KURE_V1),
        *(SNOWFLAKE_KO, PIXIE_RUNE, BGE_M3_KO, QWEN3_06B, ME5_SMALL_KO),
        *(KOEN_E5_TINY, MINI),
    )
}
DEFAULT_MODEL: Final = KOE5.id
EMBEDDED_MODEL: Final = MINI.id
