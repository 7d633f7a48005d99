"""From a credential to an identity: the same way for an app's requests and for the API.

What is not certain is refused: there is no identity without a credential that holds.
"""

from collections.abc import Awaitable, Iterable
from typing import TypeVar

import anyio.to_thread
import msgspec

from dashcam.access.api_keys import ApiKeys, hash_of, is_well_formed
from dashcam.access.tokens import KINDS, CredentialError, TokenVerifier
from dashcam.exchange import Identity
from dashcam.settings import Settings
from dashcam.store.base import Store

T = TypeVar("T")


class Principal(msgspec.Struct, frozen=True):
    """Who is calling, the quota of their key, and until when the credential holds."""

    identity: Identity
    quota: str | None = None
    until: float | None = None


class Authenticator:
    """Believes API keys of a store, and tokens by the settings `jwt_…` where there are any.

    Raises:
        SettingsError: a setting of tokens is wrong.
    """

    def __init__(self, settings: Settings, store: Store) -> None:
        self.api_keys = ApiKeys(store)
        has_tokens = any(getattr(settings, kind) is not None for kind in KINDS)
        self._tokens = TokenVerifier(settings) if has_tokens else None

    async def authenticate(self, credential: str) -> Principal:
        """Give who a key or token belongs to.

        Raises:
            CredentialError: it isn't accepted; the message may be shown.
            StoreError: keys can't be looked up now.
        """
        if credential.startswith("dc_"):
            return await self._by_key(credential)
        if self._tokens is None:
            raise CredentialError("the credential is no API key")
        verify = self._tokens.verify
        if self._tokens.needs_io(credential):
            identity, until = await anyio.to_thread.run_sync(verify, credential)
        else:
            identity, until = verify(credential)
        return Principal(identity, None, until)

    async def _by_key(self, credential: str) -> Principal:
        if not is_well_formed(credential):
            raise CredentialError("the API key is not valid: its checksum doesn't fit")
        digest = hash_of(credential)
        known, key = self.api_keys.cached(digest)
        if not known:
            key = await anyio.to_thread.run_sync(self.api_keys.find, digest)
        if key is None:
            raise CredentialError("the API key is unknown or was revoked")
        return Principal(Identity(key.user_id, key.id, key.admin), key.quota)

    async def still_holds(self, api_key_id: str) -> bool:
        """Tell whether a key that somebody has logged in with is still one."""
        known, key = self.api_keys.cached(api_key_id)
        if not known:
            key = await anyio.to_thread.run_sync(self.api_keys.find_id, api_key_id)
        return key is not None


def credential_of(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Give the credential of a request's headers: `Authorization: Bearer`, else `X-Api-Key`.

    Raises:
        CredentialError: the header `Authorization` is of another scheme, or is there twice.
    """
    bearers: list[bytes] = []
    keys: list[bytes] = []
    for name, value in headers:
        if len(name) in (9, 13):
            lower = name.lower()
            if lower == b"authorization":
                bearers.append(value)
            elif lower == b"x-api-key":
                keys.append(value)
    if len(bearers) > 1 or len(keys) > 1:
        raise CredentialError("there is more than one credential")
    if bearers:
        scheme, _, credential = bearers[0].decode("latin-1").partition(" ")
        if scheme.lower() != "bearer" or not credential.strip():
            raise CredentialError("the credential must be given as Authorization: Bearer")
        return credential.strip()
    return keys[0].decode("latin-1").strip() if keys else None


async def awaited(value: Awaitable[T] | T) -> T:
    """Give the value of what may be awaitable."""
    if isinstance(value, Awaitable):
        return await value
    return value
