"""Locks that die with their holder: flock on a file of its own.

A lock file is never mapped (a mapping keeps a dead owner's lock alive in a forked child) and
never unlinked while it matters; after locking, the inode is compared with the path's, so that
a file that somebody removed or replaced never gives two holders.
"""

import fcntl
import os
from pathlib import Path


class Lock:
    """An exclusive lock on a file; it is created when it is missing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._fd is not None

    def acquire(self) -> bool:
        """Try to take the lock, without waiting; tell whether it is held now.

        Raises:
            OSError: the file can't be opened or locked at all.
        """
        if self._fd is not None:
            if self._same_file(self._fd):
                return True
            self.close()
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        for _ in range(10):
            fd = os.open(self.path, flags, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                same = self._same_file(fd)
            except BlockingIOError:
                os.close(fd)
                return False
            except BaseException:  # a file that nobody knows of would hold the lock for ever
                os.close(fd)
                raise
            if same:
                self._fd = fd
                return True
            os.close(fd)  # it was replaced between open and lock: try the new one
        return False

    def _same_file(self, fd: int) -> bool:
        try:
            there = os.stat(self.path, follow_symlinks=False)
        except OSError:
            return False
        here = os.fstat(fd)
        return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)

    def release(self) -> None:
        """Give the lock up."""
        self.close()

    def close(self) -> None:
        """Close the file without unlocking it: in a forked child the parent's lock stays."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
