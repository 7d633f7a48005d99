"""`AccessMiddleware`: lets in who shows a credential that holds and has quota left.

Pure ASGI, inside `DashcamMiddleware`: what it refuses is recorded too, as a small record
without bodies and headers. It puts `user_id` and `api_key_id` on `scope["state"]`.
"""

from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

import anyio.to_thread

from dashcam.access.authenticator import Authenticator, Principal, credential_of
from dashcam.access.problem import problem_messages
from dashcam.access.quota import Account, CostOf, Quotas, Refusal, Window, account, parse_quota
from dashcam.access.statistics import AccessStatistics, register
from dashcam.access.tokens import CredentialError
from dashcam.capture.annotation import annotate
from dashcam.capture.protocol import ASGIApp, Receive, Scope, Send
from dashcam.capture.refusal import is_made_while_serving, refuse_to_start
from dashcam.errors import DashcamError, QueryError, SettingsError, StoreError
from dashcam.globs import any_glob
from dashcam.settings import Settings
from dashcam.store import open_store

if TYPE_CHECKING:
    from dashcam.recorder import Recorder


class AccessMiddleware:
    """Authenticate requests and hold them to quotas.

    A missing or bad credential is answered with 401, a used-up quota with 429 (both RFC 9457
    problem JSON); the app never sees such a request. Websockets are authenticated too.

    Args:
        app: the ASGI app.
        recorder: whose settings and store are used; without one, settings by keyword.
        cost: from an ASGI scope to what the request costs of a quota, at least 0; default 1.
        settings: settings by keyword (see `Settings`): `store`, `jwt_…`, `quota…`,
            `public_paths`.

    Raises:
        SettingsError: a setting is wrong. When a framework makes it while a server waits already,
            the server is told not to start, and no request is let in.
    """

    def __init__(
        self,
        app: ASGIApp,
        recorder: "Recorder | None" = None,
        *,
        cost: CostOf | None = None,
        **settings: Any,
    ) -> None:
        self.app = app
        try:
            self._make_ready(recorder, cost, settings)
        except SettingsError as error:
            if not is_made_while_serving():
                raise
            self.__class__ = _Unusable
            self._error = error

    def _make_ready(
        self, recorder: "Recorder | None", cost: CostOf | None, settings: dict[str, Any]
    ) -> None:
        if recorder is not None and settings:
            names = ", ".join(settings)
            raise SettingsError(f"give a recorder or settings, not both; got {names} as well")
        self.settings = Settings(**settings) if recorder is None else recorder.settings
        self.authenticator = Authenticator(self.settings, open_store(self.settings.store))
        self._cost = cost
        self._quotas = Quotas(self.settings.quota_storage, on_error=self.settings.quota_on_error)
        try:
            self._default = parse_quota(self.settings.quota) if self.settings.quota else ()
        except QueryError as error:
            raise SettingsError(f"quota: {error}") from None
        self._is_public = any_glob(self.settings.public_paths)
        self._authenticated = self._unauthenticated = 0
        register(self)

    def statistics(self) -> AccessStatistics:
        """Take a snapshot of what was let in and refused."""
        return AccessStatistics(
            authenticated=self._authenticated,
            unauthenticated=self._unauthenticated,
            quota_exceeded=self._quotas.refused,
            quota_errors=self._quotas.errors,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        kind = scope["type"]
        if kind not in ("http", "websocket") or self._is_public(scope["path"]):
            await self.app(scope, receive, send)
            return
        try:
            credential = credential_of(scope["headers"])
            if credential is None:
                raise CredentialError("a credential is needed: Authorization: Bearer, or X-Api-Key")
            principal = await self.authenticator.authenticate(credential)
        except CredentialError as error:
            self._unauthenticated += 1
            await _refuse_credential(scope, send, str(error))
            return
        except StoreError:
            await _refuse(scope, send, 503, "API keys can't be looked up now", {"retry-after": "5"})
            return
        self._authenticated += 1
        identity = principal.identity
        state = scope.setdefault("state", {})
        state["user_id"] = identity.user_id
        state["api_key_id"] = identity.api_key_id
        state["dashcam_identity"] = identity
        windows = parse_quota(principal.quota) if principal.quota else self._default
        if not windows:
            await self.app(scope, receive, send)
            return
        await self._within_quota(scope, receive, send, principal, windows)

    async def _within_quota(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        principal: Principal,
        windows: tuple[Window, ...],
    ) -> None:
        identity = principal.identity
        who = f"key:{identity.api_key_id}" if identity.api_key_id else f"user:{identity.user_id}"
        cost = 1 if self._cost is None else _checked_cost(self._cost(scope))
        if self._quotas.does_io:
            refusal = await anyio.to_thread.run_sync(self._quotas.take, who, windows, cost)
        else:
            refusal = self._quotas.take(who, windows, cost)
        if refusal is not None:
            await _refuse_quota(scope, send, refusal)
            return
        open_account = Account()

        async def settle() -> None:
            charges, open_account.charges = open_account.charges, []
            for amount, unit in charges:
                if self._quotas.does_io:
                    await anyio.to_thread.run_sync(self._quotas.charge, who, windows, amount, unit)
                else:
                    self._quotas.charge(who, windows, amount, unit)

        async def settle_and_send(message: MutableMapping[str, Any]) -> None:
            if open_account.charges:
                await settle()
            await send(message)

        token = account.set(open_account)
        try:
            await self.app(scope, receive, settle_and_send)
        finally:
            try:
                account.reset(token)
            except ValueError:  # the coroutine is being closed from another context
                pass
            if open_account.charges:
                await settle()


class _Unusable(AccessMiddleware):
    """One whose settings are wrong: the server doesn't start; without a lifespan nobody gets in."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await refuse_to_start(self._error, receive, send)
        raise self._error


def _checked_cost(cost: object) -> int:
    if isinstance(cost, bool) or not isinstance(cost, int) or cost < 0:
        raise DashcamError(f"cost must return a whole number of at least 0, got {cost!r}")
    return cost


async def _refuse_credential(scope: Scope, send: Send, detail: str) -> None:
    annotate(outcome="unauthenticated")
    # The scheme's own parameters would need quoting; the detail is in the body.
    await _refuse(scope, send, 401, detail, {"www-authenticate": 'Bearer realm="api"'})


async def _refuse_quota(scope: Scope, send: Send, refusal: Refusal) -> None:
    window = refusal.window
    annotate(
        outcome="quota_exceeded",
        user_id=scope["state"]["user_id"],
        api_key_id=scope["state"]["api_key_id"],
        tags={"quota": window.name},
    )
    policy = ", ".join(
        f'"{each.name}";q={each.limit};w={each.period_s}' for each in refusal.windows
    )
    await _refuse(
        scope,
        send,
        429,
        f"the quota of {window.name} is used up; come back in {refusal.retry_after_s} s",
        {
            "retry-after": str(refusal.retry_after_s),
            # https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
            "ratelimit-policy": policy,
            "ratelimit": f'"{window.name}";r=0;t={refusal.retry_after_s}',
        },
        quota=window.name,
        retry_after_s=refusal.retry_after_s,
    )


async def _refuse(
    scope: Scope, send: Send, status: int, detail: str, headers: dict[str, str], **more: Any
) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": detail[:100]})
        return
    for message in problem_messages(status, detail, headers=headers, **more):
        await send(message)
