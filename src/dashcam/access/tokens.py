"""JSON Web Tokens: who a bearer says to be, believed only when the signature holds.

The algorithm is never taken from the token alone: it must be in the allow-list and fit the
kind of the key, so that a public key can't be used as a shared secret. `exp` is required.
Verification is PyJWT's (RFC 7519, RFC 8725).
"""

import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jwt

from dashcam.errors import SettingsError
from dashcam.exchange import Identity
from dashcam.settings import Settings

SHARED_SECRET_ALGORITHMS = frozenset({"HS256", "HS384", "HS512"})
PUBLIC_KEY_ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
MAX_TOKEN_CHARACTERS = 8192
JWKS_LIFETIME_S = 300.0
JWKS_COOLDOWN_S = 10.0
"""An unknown `kid` makes the key set be read again, but not more often than this."""


class CredentialError(Exception):
    """A credential that isn't accepted; the message may be shown to the caller."""


KINDS = ("jwt_secret", "jwt_public_key", "jwt_jwks")


class TokenVerifier:
    """Verifies tokens by the settings `jwt_…`.

    Raises:
        SettingsError: not exactly one kind of key is given, the key is unusable, or an
            algorithm doesn't fit it.
    """

    def __init__(self, settings: Settings) -> None:
        given = [name for name in KINDS if getattr(settings, name)]
        if len(given) != 1:
            raise SettingsError(
                f"tokens need exactly one of {', '.join(KINDS)}; got " + (" and ".join(given))
            )
        self.settings = settings
        shared = settings.jwt_secret is not None
        fitting = SHARED_SECRET_ALGORITHMS if shared else PUBLIC_KEY_ALGORITHMS
        default = ("HS256",) if shared else ("RS256", "ES256", "EdDSA")
        self._algorithms = settings.jwt_algorithms or default
        for algorithm in self._algorithms:
            if algorithm not in fitting:
                raise SettingsError(
                    f"jwt_algorithms: {algorithm!r} doesn't fit {given[0]}; "
                    f"allowed are {', '.join(sorted(fitting))}"
                )
        if settings.jwt_secret is not None:
            if settings.jwt_secret.lstrip().startswith("-----BEGIN"):
                raise SettingsError("jwt_secret is a PEM key; give it as jwt_public_key")
            if len(settings.jwt_secret.encode()) < 32:
                raise SettingsError("jwt_secret must have at least 32 bytes (RFC 7518, 3.2)")
        self._public_key = _read_public_key(settings.jwt_public_key)
        self._key_set = KeySet(settings.jwt_jwks) if settings.jwt_jwks else None

    def needs_io(self, token: str) -> bool:
        """Tell whether verifying this token would fetch or read the key set now."""
        return self._key_set is not None and self._key_set.is_due(_key_id(token))

    def verify(self, token: str) -> tuple[Identity, float]:
        """Give who a token says to be, and when it expires (seconds since 1970).

        May do I/O: see `needs_io`.

        Raises:
            CredentialError: the token is malformed, expired, not yet valid, wrongly signed, or
                meant for somebody else.
        """
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise CredentialError("the token is too long")
        settings = self.settings
        try:
            claims = jwt.decode(
                token,
                self._key(token),
                algorithms=list(self._algorithms),
                audience=settings.jwt_audience,
                issuer=settings.jwt_issuer,
                leeway=settings.jwt_leeway_s,
                options={"require": ["exp"], "verify_aud": settings.jwt_audience is not None},
            )
        except jwt.ExpiredSignatureError:
            raise CredentialError("the token has expired") from None
        except jwt.PyJWTError:
            raise CredentialError("the token is not valid") from None
        except (ValueError, TypeError, RecursionError):  # what hostile headers make of a library
            raise CredentialError("the token is malformed") from None
        user_id = claims.get(settings.jwt_user_claim)
        if not isinstance(user_id, str) or not user_id:
            raise CredentialError(f"the token has no {settings.jwt_user_claim!r}")
        admin = claims.get(settings.jwt_admin_claim) is True
        return Identity(user_id=user_id, admin=admin), float(claims["exp"])

    def _key(self, token: str) -> Any:
        if self._key_set is not None:
            return self._key_set.key(_key_id(token))
        return self.settings.jwt_secret or self._public_key


def _read_public_key(given: str | None) -> str | None:
    if given is None or given.lstrip().startswith("-----BEGIN"):
        return given
    try:
        text = Path(given).read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"jwt_public_key must be a PEM key or the path of one, got {given!r} ({error})"
        ) from None
    if "PRIVATE KEY" in text or "-----BEGIN" not in text:
        raise SettingsError(f"jwt_public_key: {given!r} holds no public key in PEM")
    return text


class KeySet:
    """A JSON Web Key Set from an https URL or a file, read again when it is old."""

    def __init__(self, source: str) -> None:
        if "://" in source and not source.startswith("https://"):
            raise SettingsError(f"jwt_jwks must be an https URL or a path, got {source!r}")
        self._source = source
        self._keys: Mapping[str, Any] = {}
        self._read_at = float("-inf")

    def is_due(self, key_id: str) -> bool:
        """Tell whether the set must be read before this key can be given."""
        age_s = time.monotonic() - self._read_at
        return age_s > JWKS_LIFETIME_S or (key_id not in self._keys and age_s > JWKS_COOLDOWN_S)

    def key(self, key_id: str) -> Any:
        """Give one key by its id.

        Raises:
            CredentialError: there is no such key, or the set can't be read.
        """
        if self.is_due(key_id):
            self._read()
        try:
            return self._keys[key_id]
        except KeyError:
            raise CredentialError("the token is signed by an unknown key") from None

    def _read(self) -> None:
        self._read_at = time.monotonic()
        try:
            if self._source.startswith("https://"):
                found: Iterable[jwt.PyJWK] = jwt.PyJWKClient(
                    self._source, cache_jwk_set=False, timeout=5
                ).get_signing_keys()
            else:
                text = Path(self._source).read_text(encoding="utf-8")
                found = jwt.PyJWKSet.from_dict(json.loads(text)).keys
        except (OSError, ValueError, jwt.PyJWTError):
            if self._keys:
                return  # the old set is better than none; it is read again later
            raise CredentialError("tokens can't be verified now") from None
        # A symmetric key in a public set would let everyone sign.
        self._keys = {key.key_id or "": key for key in found if key.key_type != "oct"}


def _key_id(token: str) -> str:
    try:
        key_id = jwt.get_unverified_header(token).get("kid", "")
    except jwt.PyJWTError:
        raise CredentialError("the token is malformed") from None
    if not isinstance(key_id, str):
        raise CredentialError("the token is malformed")
    return key_id
