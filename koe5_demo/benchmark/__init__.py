"""Run, compare and explain retrieval benchmarks. Knows encoders by their protocol only: no torch, no page."""
