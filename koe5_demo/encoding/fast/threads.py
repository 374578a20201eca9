"""How many threads the arithmetic may use: those that a container grants."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import torch

CGROUP: Final = Path("/sys/fs/cgroup")
EXPLICIT: Final = "OMP_NUM_THREADS"


def usable_threads(root: Path = CGROUP, environ: Mapping[str, str] = os.environ) -> int:
    """Return the number of threads that can really run at once, at least 1.

    A container on a 64-core machine that is granted two cores sees 64: torch would start 64 threads and spend its time
    switching between them. `OMP_NUM_THREADS`, where it is set, is obeyed.

    Args:
        root: Where the control groups are mounted.
        environ: Environment variables.
    """
    asked = environ.get(EXPLICIT, "").split(",")[0]
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    granted = cgroup_cores(root)
    cores = _scheduled_cores()
    return cores if granted is None else max(1, min(cores, math.ceil(granted)))


def cgroup_cores(root: Path = CGROUP) -> float | None:
    """Return the cores that the control group (version 2 or 1) grants, or None without a limit."""
    quota, period = _read(root / "cpu.max").partition(" ")[::2]
    if not quota:
        quota, period = _read(root / "cpu/cpu.cfs_quota_us"), _read(root / "cpu/cpu.cfs_period_us")
    if not quota.isdigit() or not period.isdigit() or int(period) == 0:
        return None  # "max" in version 2, "-1" in version 1: no limit
    return int(quota) / int(period)


def set_threads() -> int:
    """Tell torch how many threads to use, and return the number."""
    threads = usable_threads()
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)
    return threads


def _scheduled_cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    # torch counts physical cores: two hyperthreads of one core share its matrix unit and only get in each other's way.
    return max(1, min(cores, torch.get_num_threads()) if affinity is None else cores)


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except OSError:
        return ""
