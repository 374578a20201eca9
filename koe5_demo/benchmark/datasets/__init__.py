"""Retrieval data sets: a record each, the layouts they are stored in, and the checks that every set passes."""
