"""Sessions of the page: a signed cookie that names its holder, and can be ended.

The cookie is a JSON Web Token signed with the installation's own secret; a new one is made at
each log-in, so that one planted before is worth nothing.
"""

import os
import secrets
import threading
import time
from pathlib import Path

import jwt
import msgspec

from dashcam.access.tokens import CredentialError
from dashcam.errors import SettingsError
from dashcam.exchange import Identity
from dashcam.settings import Settings

COOKIE = "dashcam_session"
LIFETIME_S = 12 * 3600
AUDIENCE = "dashcam-session"
SECRET_FILE = "secret"
MOST_ENDED = 10_000


def secret_key(settings: Settings) -> bytes:
    """Give the secret of this installation; made once, in a file that only its owner can read.

    Raises:
        SettingsError: the file can't be made or read.
    """
    if settings.secret_key is not None:
        if len(settings.secret_key) < 32:
            raise SettingsError("secret_key must have at least 32 characters")
        return settings.secret_key.encode()
    if settings.in_memory:
        return secrets.token_bytes(32)
    path = settings.journal_path().parent / SECRET_FILE
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _read_or_make(path)
    except OSError as error:
        raise SettingsError(
            f"the file {path} can't be used ({error.strerror or error}); set secret_key instead"
        ) from error


def _read_or_make(path: Path) -> bytes:
    if not path.exists():
        fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, secrets.token_hex(32).encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        try:
            os.link(fresh, path)  # the first one wins, whole
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as file:
        secret = file.read(4096)
    if len(secret) < 32:
        raise OSError(0, "it holds less than 32 bytes; delete it to have a new one made")
    return secret


class Session(msgspec.Struct, frozen=True):
    """Who a cookie names; `api_key_id` where a key was used to log in."""

    identity: Identity
    session_id: str


class Sessions:
    """Makes and reads the cookies of one installation.

    Args:
        secret: at least 32 bytes.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._ended: dict[str, float] = {}
        self._lock = threading.Lock()

    def make(self, identity: Identity, *, until: float | None = None) -> tuple[str, int]:
        """Make a cookie's value, and give its lifetime in seconds.

        Args:
            identity: of the holder.
            until: when the credential that was shown expires (seconds since 1970).
        """
        now = time.time()
        expires = int(min(now + LIFETIME_S, until or now + LIFETIME_S))
        claims = {
            "sub": identity.user_id or "",
            "key": identity.api_key_id,
            "admin": identity.admin,
            "aud": AUDIENCE,
            "jti": secrets.token_urlsafe(16),
            "exp": expires,
        }
        return jwt.encode(claims, self._secret, algorithm="HS256"), max(0, expires - int(now))

    def read(self, value: str) -> Session:
        """Give whom a cookie names.

        Raises:
            CredentialError: it is not ours, has expired, or was ended.
        """
        try:
            claims = jwt.decode(
                value,
                self._secret,
                algorithms=["HS256"],
                audience=AUDIENCE,
                options={"require": ["exp", "jti", "sub"]},
            )
        except (jwt.PyJWTError, ValueError, TypeError):
            raise CredentialError("the session is not valid; log in again") from None
        if claims["jti"] in self._ended:
            raise CredentialError("the session was ended; log in again")
        identity = Identity(
            user_id=claims["sub"] or None,
            api_key_id=claims.get("key"),
            admin=claims.get("admin") is True,
        )
        return Session(identity, claims["jti"])

    def end(self, session_id: str) -> None:
        """Let a session count no more (in this process; elsewhere until its cookie is gone)."""
        now = time.time()
        with self._lock:
            self._ended[session_id] = now
            for old in [each for each, at in self._ended.items() if now - at > LIFETIME_S]:
                del self._ended[old]
            while len(self._ended) > MOST_ENDED:
                del self._ended[next(iter(self._ended))]
