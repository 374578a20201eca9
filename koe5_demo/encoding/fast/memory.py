"""How the engine uses memory: what is kept, in pages of which size, and what goes back to the system.

Imports nothing large: a page sets this before torch is there.
"""

from __future__ import annotations

import ctypes
import os
import platform
from typing import Final

KERNEL_CACHES: Final = ("LRU_CACHE_CAPACITY", "ONEDNN_PRIMITIVE_CACHE_CAPACITY")
N_KERNELS: Final = 128
LARGE_PAGES: Final = "THP_MEM_ALLOC_ENABLE"
N_HEAPS: Final = "MALLOC_ARENA_MAX"
M_ARENA_MAX: Final = -8  # of glibc's malloc.h
HEAPS: Final = 2


def prepare_memory(*, large_pages: bool = True) -> None:
    """Tell torch how to use memory. Works if nothing has been computed yet; what was set before is obeyed.

    oneDNN keeps a kernel for every shape it saw, by default 1,024 of about 1 MB each. A batch needs some 100, and
    batches come in few sizes (`packed.usual_rows`).

    Args:
        large_pages: Whether tensors of 2 MB and more lie in pages of 2 MB, where Linux gives them on request, and not
            of 4 KB: fewer are looked up, and fewer made anew for each batch. A network of KoE5's width gains a tenth
            with AVX2 alone and a seventh in int8, and takes no more memory. A narrow one gains nothing, and small
            pieces that come to lie in such a page take all of it: a page that serves many visitors grows by 2 % more.
    """
    for name in KERNEL_CACHES:
        os.environ.setdefault(name, str(N_KERNELS))
    os.environ.setdefault(LARGE_PAGES, str(int(large_pages)))


def share_heaps() -> None:
    """Let all threads share two heaps.

    glibc by itself gives each thread one of its own, in which what one visitor's large request needed stays for good: a
    page with fifty visitors took 160 MB more. `MALLOC_ARENA_MAX`, where it is set, is obeyed.
    """
    if _is_glibc() and N_HEAPS not in os.environ:
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, HEAPS)


def close_gaps() -> None:
    """Return freed memory to the system; glibc by itself keeps the gaps. Some 10 milliseconds.

    Packing weights leaves gaps, and so do batches of all sizes: after large jobs beside many small ones a page held 150
    of 850 MB in them.
    """
    if _is_glibc():
        ctypes.CDLL(None).malloc_trim(0)


def _is_glibc() -> bool:
    return platform.libc_ver()[0] == "glibc"
