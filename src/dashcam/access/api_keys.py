"""API keys: made, recognised, found, revoked. The key itself is shown once and never kept.

A key is `dc_`, 36 random characters and a checksum of 6, so that a typo or somebody else's
key is refused without a question to the database (as GitHub's tokens do). What is stored is
its SHA-256: with 214 random bits in a key there is nothing that a slow hash would add.
"""

import hashlib
import hmac
import re
import secrets
import threading
import time
from collections.abc import Callable
from zlib import crc32

import msgspec
from uuid_utils import uuid7

from dashcam.access.quota import parse_quota
from dashcam.errors import QueryError, StoreSetupError, StoreUnavailableError
from dashcam.exchange import timestamp
from dashcam.store import prepare_embedded
from dashcam.store.base import ApiKey, Store

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
RANDOM_CHARACTERS = 36
CHECKSUM_CHARACTERS = 6
PREFIX_CHARACTERS = 11
LIFETIME_S = 5.0
"""How long a key is believed without asking again: a revoked one works no longer than this."""
STALE_S = 60.0
"""How long the last answer counts while the store can't give a new one."""
MOST_CACHED = 10_000

_FORM = re.compile(rf"dc_[0-9A-Za-z]{{{RANDOM_CHARACTERS + CHECKSUM_CHARACTERS}}}")


class NewKey(msgspec.Struct, frozen=True):
    """A key that was just made: the only time that `key` is shown."""

    key: str
    row: ApiKey

    def __repr__(self) -> str:
        return f"NewKey({self.row.prefix}…, {self.row.id})"


def make_key() -> str:
    """Make a key from the system's randomness."""
    random = "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_CHARACTERS))
    return f"dc_{random}{checksum(random)}"


def checksum(random: str) -> str:
    """Give the CRC-32 of a key's random part in base 62, six digits."""
    number = crc32(random.encode())
    digits = ""
    for _ in range(CHECKSUM_CHARACTERS):
        number, digit = divmod(number, 62)
        digits = ALPHABET[digit] + digits
    return digits


def is_well_formed(key: str) -> bool:
    """Tell whether a text can be one of our keys: its form, and that its checksum fits."""
    if not _FORM.fullmatch(key):
        return False
    return hmac.compare_digest(
        checksum(key[3:-CHECKSUM_CHARACTERS]).encode(), key[-CHECKSUM_CHARACTERS:].encode()
    )


def hash_of(key: str) -> str:
    """Give what is stored of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


class ApiKeys:
    """The keys of one store, with a small cache in front of it.

    Args:
        store: where the rows are.
        clock: seconds that never go back.
    """

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._cache: dict[str, tuple[float, ApiKey | None]] = {}
        self._lock = threading.Lock()

    def create(
        self, user_id: str, *, name: str = "", quota: str | None = None, admin: bool = False
    ) -> NewKey:
        """Make a key for a user.

        Args:
            user_id: whose it is; their records carry it.
            name: what it is for.
            quota: such as `100/minute;10000/day`; without one the default quota applies.
            admin: whether its holder sees everyone's records.

        Raises:
            QueryError: the user id is empty, or the quota can't be read.
        """
        if not user_id.strip() or "\x00" in user_id + name:
            raise QueryError(f"a key needs a user id that isn't empty, got {user_id!r}")
        if quota is not None:
            parse_quota(quota)
        key = make_key()
        row = ApiKey(
            id=f"k_{uuid7().hex}",
            user_id=user_id,
            name=name,
            prefix=key[:PREFIX_CHARACTERS],
            key_hash=hash_of(key),
            quota=quota,
            admin=admin,
            created_at=timestamp(time.time_ns()),
        )
        prepare_embedded(self._store)
        self._store.add_key(row)
        return NewKey(key, row)

    def all(self, *, user_id: str | None = None) -> list[ApiKey]:
        """Give all keys, or those of one user, oldest first; revoked ones too."""
        prepare_embedded(self._store)
        return self._store.keys(user_id=user_id)

    def revoke(self, key_id: str) -> bool:
        """Revoke a key; False when there is none, or it was revoked before.

        Here it is refused at once, in other processes after `LIFETIME_S`.
        """
        done = self._store.revoke_key(key_id, revoked_at=timestamp(time.time_ns()))
        with self._lock:
            self._cache.clear()
        return done

    def cached(self, key_hash: str) -> tuple[bool, ApiKey | None]:
        """Tell whether the cache knows, and what it says (None: no such key, or revoked)."""
        entry = self._cache.get(key_hash)
        if entry is None or self._clock() - entry[0] > LIFETIME_S:
            return False, None
        return True, entry[1]

    def find(self, key_hash: str) -> ApiKey | None:
        """Give the key with this hash unless it is revoked; may ask the database.

        Raises:
            StoreError: it can't be asked, and there is no recent answer.
        """
        known, key = self.cached(key_hash)
        return key if known else self._look(key_hash, {"key_hash": key_hash})

    def find_id(self, key_id: str) -> ApiKey | None:
        """Give the key with this id unless it is revoked; as `find`."""
        known, key = self.cached(key_id)
        return key if known else self._look(key_id, {"key_id": key_id})

    def _look(self, cache_key: str, wanted: dict[str, str]) -> ApiKey | None:
        try:
            key = self._store.find_key(**wanted)
        except StoreSetupError:
            prepare_embedded(
                self._store
            )  # nothing was stored yet, or the table is of an older version
            key = self._store.find_key(**wanted)
        except StoreUnavailableError:
            entry = self._cache.get(cache_key)
            if entry is not None and self._clock() - entry[0] < STALE_S:
                return entry[1]
            raise
        if key is not None and (
            key.revoked_at is not None
            or not hmac.compare_digest(
                (key.key_hash if "key_hash" in wanted else key.id).encode(), cache_key.encode()
            )
        ):
            key = None
        with self._lock:
            if len(self._cache) >= MOST_CACHED:
                self._cache.pop(next(iter(self._cache)))
            self._cache[cache_key] = (self._clock(), key)
        return key
