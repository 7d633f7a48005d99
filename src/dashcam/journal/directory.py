"""Journal directories: their names, their owner's note, and where they may lie.

`journal_dir/<server>-<pid>-<journal id>/` belongs to one process, which holds the lock on its
file `lock` while it lives. Names are never trusted: links and foreign names are passed over.
"""

import errno
import os
import re
import secrets
import stat
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from dashcam import failpoint
from dashcam.errors import JournalError
from dashcam.journal.lock import Lock

_OCTAL = re.compile(r"\\([0-7]{3})")
OWNER = "owner.json"
LOCK = "lock"
SET_ASIDE = "set-aside"
_NAME = re.compile(r"[A-Za-z0-9._-]{1,80}-\d{1,20}-[0-9a-f]{16}")
_UNFINISHED = re.compile(r"\.new-[0-9a-f]{16}")
ALLOW_ANY = "DASHCAM_ALLOW_ANY_FILESYSTEM"
NETWORK = frozenset(
    {
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "9p",
        "ceph",
        "glusterfs",
        "lustre",
        "fuse.sshfs",
        "afs",
        "fuse.glusterfs",
        "fuse.s3fs",
        "gfs2",
        "ocfs2",
        "beegfs",
    }
)
COPY_ON_WRITE = frozenset({"btrfs", "zfs", "bcachefs"})


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """Who a directory belongs to, and which store its records are meant for."""

    version: int = 1
    journal_id: str
    server: str
    process_id: int
    fingerprint: str
    opened_at: str


def make_directory(root: Path, *, server: str, fingerprint: str) -> tuple[Path, Owner, Lock]:
    """Make a directory for this process, locked; it is not listed until `publish_directory`.

    Raises:
        JournalError: the root can't be made or written.
    """
    journal_id = secrets.token_hex(8)
    owner = Owner(
        journal_id=journal_id,
        server=re.sub(r"[^A-Za-z0-9._-]", "_", server)[:80] or "_",
        process_id=os.getpid(),
        fingerprint=fingerprint,
        opened_at=datetime.now(UTC).isoformat(),
    )
    path = root / f".new-{journal_id}"
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.mkdir(mode=0o700)
        path.chmod(0o700)
        lock = Lock(path / LOCK)
        if not lock.acquire():
            raise JournalError(f"the journal directory {path} is locked by another process")
        write_private(path / OWNER, msgspec.json.encode(owner))
    except OSError as error:
        raise JournalError(
            f"the journal directory {root} can't be used: {error.strerror or error}; make it "
            "writable for this user, set journal_dir to another directory, or set it to "
            '"memory" to do without'
        ) from error
    return path, owner, lock


def publish_directory(path: Path, owner: Owner, lock: Lock) -> Path:
    """Give a finished directory its listed name, atomically; the lock goes with it."""
    final = path.parent / f"{owner.server}-{owner.process_id}-{owner.journal_id}"
    if failpoint.ACTIVE:
        failpoint.failpoint("publish_directory")
    path.rename(final)
    lock.path = final / LOCK
    return final


def write_private(path: Path, data: bytes) -> None:
    """Create a file of mode 0600 and write it."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    fd = os.open(path, flags, 0o600)
    try:
        os.fchmod(fd, 0o600)
        while data:
            data = data[os.write(fd, data) :]
    finally:
        os.close(fd)


def open_if_there(path: Path) -> int | None:
    """Open a file of a journal for reading; None where there is none, or a link in its place.

    Raises:
        OSError: it is there, but can't be opened now; what it holds must not be passed over.
    """
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP):
            return None
        raise


def set_aside_directory(root: Path) -> Path:
    """Give the directory for damaged bytes, made when it is first needed.

    Raises:
        OSError: it can't be made, or somebody has put a link in its place.
    """
    path = root / SET_ASIDE
    path.mkdir(mode=0o700, exist_ok=True)
    if path.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
    return path


def read_owner(path: Path) -> Owner | None:
    """Read a directory's owner note; None when it is missing or damaged.

    Raises:
        OSError: it is there, but can't be read now.
    """
    fd = open_if_there(path / OWNER)
    if fd is None:
        return None
    try:
        return msgspec.json.decode(os.read(fd, 65_536), type=Owner)
    except msgspec.MsgspecError:
        return None
    finally:
        os.close(fd)


def list_directories(root: Path) -> list[Path]:
    """List the journal directories under a root, oldest first."""
    found = []
    try:
        with os.scandir(root) as entries:
            for entry in entries:
                if _NAME.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
                    found.append((entry.stat(follow_symlinks=False).st_ctime, Path(entry.path)))
    except FileNotFoundError:
        return []
    return [path for _, path in sorted(found)]


def sweep_unfinished(root: Path, *, older_than_s: float = 3600.0) -> None:
    """Remove directories whose making was interrupted long ago; they hold no record."""
    try:
        with os.scandir(root) as entries:
            unfinished = [
                Path(entry.path)
                for entry in entries
                if _UNFINISHED.fullmatch(entry.name)
                and entry.is_dir(follow_symlinks=False)
                and time.time() - entry.stat(follow_symlinks=False).st_mtime > older_than_s
            ]
    except OSError:
        return
    for path in unfinished:
        remove_directory(path)


def remove_directory(path: Path) -> None:
    """Remove a journal directory and the files in it; its lock file goes last.

    Raises:
        OSError: something in it can't be removed.
    """
    with os.scandir(path) as entries:
        names = [entry.name for entry in entries]
    for name in sorted(names, key=lambda name: (name == LOCK, name == OWNER)):
        os.unlink(path / name)
    os.rmdir(path)


def filesystem_of(path: Path, *, mountinfo: str | None = None) -> str:
    """Tell the type of the file system that a path lies on; "" when it isn't known."""
    if mountinfo is None:
        try:
            mountinfo = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
        except OSError:
            return ""
    there = path.absolute()
    while not there.exists() and there != there.parent:
        there = there.parent
    real = os.path.realpath(there)
    best, kind = "", ""
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        # proc(5): space, tab, line feed and backslash are octal escapes.
        point = _OCTAL.sub(lambda found: chr(int(found[1], 8)), before.split(" ")[4])
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, after.split(" ")[0]
    return kind


def check_filesystem(root: Path) -> None:
    """Refuse file systems on which a preallocated, mapped file isn't safe.

    Raises:
        JournalError: a network or copy-on-write file system.
    """
    kind = filesystem_of(root)
    if kind not in NETWORK | COPY_ON_WRITE or os.environ.get(ALLOW_ANY):
        return
    why = (
        "on a network file system locks and mapped files aren't safe"
        if kind in NETWORK
        else "on a copy-on-write file system a preallocated file can still run out of space, "
        "which kills the process"
    )
    raise JournalError(
        f"the journal directory {root} is on {kind}: {why}; set journal_dir to a directory on "
        f"ext4, XFS or tmpfs (or {ALLOW_ANY}=1 to do it all the same)"
    )


def is_private(path: Path) -> bool:
    """Tell whether only the owner may read a file or directory."""
    return not os.stat(path, follow_symlinks=False).st_mode & (stat.S_IRWXG | stat.S_IRWXO)
