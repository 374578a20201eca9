"""The engine for models of a known shape: their folder read, their weights, the packed network, its arithmetic.

Needs torch, safetensors and tokenizers alone. What does not fit is opened by `encoding.sentence_transformer`.
"""
