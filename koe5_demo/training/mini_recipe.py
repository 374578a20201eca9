"""Every number of the embedded model's training, in one frozen record."""

from __future__ import annotations

from dataclasses import dataclass

MOST_HASHES = 4
"""A 64-bit hash names four coordinates of 15 bits and their signs."""
SPOKEN_SOURCES = ("sae4k", "chatbot", "paraKQC", "question_pair", "korsts_ge4", "klue_nli_dev", "xnli_ko")
QUESTION_SOURCES = ("tydi_miracl", "kobest_boolq", "petitions")


@dataclass(frozen=True)
class SourceGroup:
    """Sources that share batches: passages of one kind are the harder negatives for each other.

    Attributes:
        name: For the log.
        sources: Values of the data's `source` column; a group without any takes what no other group names.
        share: How often a batch is of this group, relative to the others.
        batch_factor: Batch size relative to the recipe's; short texts allow larger ones.
    """

    name: str
    sources: tuple[str, ...]
    share: float
    batch_factor: int = 1


@dataclass(frozen=True)
class HeldOut:
    """Rows of a source that are set aside to measure on."""

    source: str
    n: int


HELD_OUT = (
    HeldOut("tydi_miracl", 400),
    HeldOut("kobest_boolq", 500),
    HeldOut("petitions", 500),
    HeldOut("docs", 1_500),
    HeldOut("wiki", 1_500),
)
GROUPS = (
    SourceGroup("wiki", ("wiki",), 0.24),
    SourceGroup("docs", ("docs",), 0.24),
    SourceGroup("precedent", ("precedent",), 0.14),
    SourceGroup("law", ("law",), 0.12),
    SourceGroup("spoken", SPOKEN_SOURCES, 0.14, batch_factor=2),
    SourceGroup("questions", QUESTION_SOURCES, 0.12),
    SourceGroup("other", (), 0.10),
)


@dataclass(frozen=True)
class MiniRecipe:
    """How the embedded model is made. The defaults are those of the shipped one.

    Attributes:
        seed: Of every random choice.
        vocabulary: Rows of the learned table: the most frequent n-grams.
        semantic_dim: Width of a row; with a teacher, also the teacher's width.
        lexical_dim: Width of the hashed half.
        hashes: Coordinates per n-gram of the hashed half.
        bucket_bits: The lexical weights are kept in 2**bucket_bits buckets.
        weight_bits: Bits of a stored weight of the learned table, 4 or 8.
        max_words: Longest input in words, written into the model.
        min_word_count: Rarer words do not vote on the vocabulary.
        idf_passages: Passages on which inverse document frequencies are counted.
        teacher_max_chars: Longest text shown to the teacher.
        teacher_sentences: How many queries and sentences of long passages are shown to the teacher at most, beside all
            everyday sentences.
        teacher_words: How many of the most frequent single words are shown to the teacher.
        warmup_steps: Steps that regress the semantic half on the teacher's vectors (none without a teacher).
        warmup_batch: Texts in such a step.
        warmup_lr: Adam's rate in these steps, falling linearly.
        steps: Contrastive steps.
        batch: Pairs in a step.
        passage_words: Passages are cut to this many words in training.
        lr: Adam's rate for the learned table.
        lexical_lr: Adam's rate for the logarithms of the lexical weights.
        scale: Logits are cosines times this (twice this for the mix of both halves).
        lexical_start: Share of the lexical half when training starts; it is learned from there.
        semantic_loss: Weight of a contrastive loss on the semantic half alone.
        similarity_loss: Weight of matching the teacher's similarity matrix.
        regression_loss: Weight of matching the teacher's vectors.
        teacher_batch: Texts of the teacher in a contrastive step.
        mixed_batches: How often a batch is drawn from all groups instead of one.
        groups: Which sources share batches and how often each is drawn.
        held_out: Rows never trained on, whose retrieval is measured at the end.
        lexical_trust: How far the lexical weights written into the model follow what was learned; the rest is idf.
            Learned weights serve kinds of text seen in training best, idf the others.
        retrieval_share: Share of the lexical half written into the model for queries and passages.
        similarity_share: The same for texts without a role.
    """

    seed: int = 2
    vocabulary: int = 56_000
    semantic_dim: int = 512
    lexical_dim: int = 1536
    hashes: int = 2
    bucket_bits: int = 18
    weight_bits: int = 4
    max_words: int = 2048
    min_word_count: int = 4
    idf_passages: int = 30_000
    teacher_max_chars: int = 74
    teacher_sentences: int = 1_000_000
    teacher_words: int = 100_000
    warmup_steps: int = 800
    warmup_batch: int = 2048
    warmup_lr: float = 2e-3
    steps: int = 1_400
    batch: int = 640
    passage_words: int = 110
    lr: float = 1e-3
    lexical_lr: float = 0.02
    scale: float = 25.0
    lexical_start: float = 0.5
    semantic_loss: float = 0.3
    similarity_loss: float = 20.0
    regression_loss: float = 0.7
    teacher_batch: int = 700
    mixed_batches: float = 0.25
    groups: tuple[SourceGroup, ...] = GROUPS
    held_out: tuple[HeldOut, ...] = HELD_OUT
    lexical_trust: float = 0.5
    retrieval_share: float = 0.6
    similarity_share: float = 0.5

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be meant."""
        if self.semantic_dim <= 0 or self.semantic_dim % 2:
            raise ValueError(f"semantic_dim must be even (two 4-bit weights share a byte), got {self.semantic_dim}")
        if not 1 <= self.hashes <= MOST_HASHES:
            raise ValueError(f"hashes must be 1 to {MOST_HASHES}, got {self.hashes}")
        for name in ("lexical_start", "retrieval_share", "similarity_share"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} must lie between 0 and 1, got {getattr(self, name)}")
