"""Measurements of speed and memory against peers; not tests. Figures are kept in RESULTS.md."""
