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
import msgspec

from dashcam.errors import SettingsError
from dashcam.exchange import Identity

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


class TokenSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How tokens are verified.

    Exactly one of `secret`, `public_key` and `jwks` is given. `jwks` is the https URL or the
    path of a JSON Web Key Set (RFC 7517). The user id is the claim `user_claim`; a caller
    whose `admin_claim` is true sees everyone's records.
    """

    secret: str | None = None
    public_key: str | None = None
    jwks: str | None = None
    algorithms: tuple[str, ...] = ()
    audience: str | None = None
    issuer: str | None = None
    leeway_s: float = 10.0
    user_claim: str = "sub"
    admin_claim: str = "admin"


class TokenVerifier:
    """Verifies tokens by one set of settings.

    Raises:
        SettingsError: not exactly one kind of key is given, the key is unusable, or an
            algorithm doesn't fit it.
    """

    def __init__(self, settings: TokenSettings) -> None:
        given = [name for name in ("secret", "public_key", "jwks") if getattr(settings, name)]
        if len(given) != 1:
            raise SettingsError(
                "tokens need exactly one of secret, public_key and jwks, got "
                + (" and ".join(given) or "none")
            )
        self.settings = settings
        fitting = SHARED_SECRET_ALGORITHMS if settings.secret else PUBLIC_KEY_ALGORITHMS
        default = ("HS256",) if settings.secret else ("RS256", "ES256", "EdDSA")
        self._algorithms = tuple(settings.algorithms or default)
        for algorithm in self._algorithms:
            if algorithm not in fitting:
                raise SettingsError(
                    f"algorithm {algorithm!r} doesn't fit a {given[0]}; "
                    f"allowed are {', '.join(sorted(fitting))}"
                )
        if settings.secret and len(settings.secret.encode()) < 32:
            raise SettingsError("the token secret must have at least 32 bytes (RFC 7518, 3.2)")
        if settings.secret and settings.secret.lstrip().startswith("-----BEGIN"):
            raise SettingsError("the token secret is a PEM key; give it as public_key")
        self._key_set = KeySet(settings.jwks) if settings.jwks else None

    def needs_io(self, token: str) -> bool:
        """Tell whether verifying this token would fetch or read the key set now."""
        return self._key_set is not None and self._key_set.is_due(_key_id(token))

    def verify(self, token: str) -> Identity:
        """Verify one token (see `needs_io`: it may have to fetch the key set).

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
                audience=settings.audience,
                issuer=settings.issuer,
                leeway=settings.leeway_s,
                options={"require": ["exp"], "verify_aud": settings.audience is not None},
            )
        except jwt.ExpiredSignatureError:
            raise CredentialError("the token has expired") from None
        except jwt.PyJWTError:
            raise CredentialError("the token is not valid") from None
        user_id = claims.get(settings.user_claim)
        if not isinstance(user_id, str) or not user_id:
            raise CredentialError(f"the token has no {settings.user_claim!r}")
        return Identity(user_id=user_id, admin=claims.get(settings.admin_claim) is True)

    def _key(self, token: str) -> Any:
        settings = self.settings
        if self._key_set is not None:
            return self._key_set.key(_key_id(token))
        return settings.secret or settings.public_key


class KeySet:
    """A JSON Web Key Set from an https URL or a file, read again when it is old."""

    def __init__(self, source: str) -> None:
        if "://" in source and not source.startswith("https://"):
            raise SettingsError(f"jwks must be an https URL or a path, got {source!r}")
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
