"""Mapped files: allocated before they are mapped, made ready to be written, brought to the disk.

Linux has calls for all of that. Elsewhere (macOS) a file is allocated by writing it, its pages
are made ready by nobody, and a child that was forked has the maps until it closes them.
"""

import mmap
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

IS_LINUX = sys.platform == "linux"
_MADV_POPULATE_WRITE = 23  # newer than the names in mmap
_MS_SYNC = 4
_ZEROS = bytes(1 << 20)


def map_new(fd: int, size: int) -> mmap.mmap:
    """Allocate a new file and map it; a forked child doesn't get the map.

    Raises:
        OSError: the disk is full, a quota is reached, or the like: here, and not as SIGBUS when
            it is written.
    """
    if IS_LINUX:
        os.posix_fallocate(fd, 0, size)
    else:
        at = 0
        while at < size:
            at += os.pwrite(fd, _ZEROS[: size - at], at)
    map = mmap.mmap(fd, size)
    if IS_LINUX:
        map.madvise(mmap.MADV_DONTFORK)
    return map


@cache
def _libc() -> Any:
    """Give the C library through ctypes, which lets the other threads run during a call.

    The methods of `mmap` don't. Loaded when the keeper first needs it.
    """
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    libc.madvise.argtypes = libc.msync.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    return libc


@contextmanager
def _address(map: mmap.mmap) -> Iterator[int]:
    """Give where a map lies; as long as this lasts, it stays there."""
    import ctypes

    held = ctypes.c_char.from_buffer(map)
    try:
        yield ctypes.addressof(held)
    finally:
        del held


def _advise(map: mmap.mmap, first: int, end: int, advice: int) -> None:
    """Advise the kernel, which may refuse what it is too old for: it is an optimisation."""
    with _address(map) as address:
        _libc().madvise(address + first, end - first, advice)


def use_large_pages(map: mmap.mmap, *, wanted: bool) -> None:
    """Make what is touched from now on of pages of 2 MiB, or of the common size again.

    A kernel or file system without such pages goes on as it is.
    """
    if IS_LINUX:
        _advise(map, 0, len(map), mmap.MADV_HUGEPAGE if wanted else mmap.MADV_NOHUGEPAGE)


def make_ready(map: mmap.mmap, first: int, end: int) -> None:
    """Touch pages, so that whoever writes there needn't wait; a kernel too old for it doesn't."""
    if IS_LINUX:
        _advise(map, first, end, _MADV_POPULATE_WRITE)


def bring_to_disk(map: mmap.mmap, first: int, end: int) -> None:
    """Write the pages of a part of a map to the disk, and wait for it.

    Raises:
        OSError: it failed; the kernel may have forgotten what it could not write.
    """
    first &= -mmap.PAGESIZE
    if not IS_LINUX:
        map.flush(first, end - first)
        return
    with _address(map) as address:
        if _libc().msync(address + first, end - first, _MS_SYNC) != 0:
            import ctypes

            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error))
