"""Who is looking: found from the credential alone, and never more than it says.

The order: the host's own `identify`; what AccessMiddleware (or the host's middleware) has put
on `scope["state"]`; a bearer or API key; the session cookie. Nobody is refused with 401.
"""

import secrets
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import anyio.to_thread
import jwt
import limits
import limits.storage
import limits.strategies
import msgspec
from starlette.requests import Request

from dashcam.access.authenticator import Authenticator, Principal, awaited, credential_of
from dashcam.access.sessions import COOKIE, Sessions, secret_key
from dashcam.access.tokens import CredentialError
from dashcam.errors import StoreSetupError
from dashcam.exchange import Identity
from dashcam.recorder import Recorder
from dashcam.store import open_store, prepare_embedded
from dashcam.store.base import Scope, Store

T = TypeVar("T")

FAILED_LOGINS = "10/minute"
TICKET_LIFETIME_S = 3600.0
TICKET_AUDIENCE = "dashcam-ticket"


class Problem(Exception):
    """An answer that is an error.

    Args:
        status: of HTTP.
        detail: what to tell the caller.
        headers: to send along.
    """

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers or {}


class Viewer(msgspec.Struct, frozen=True):
    """Who is looking; `session_id` where a cookie says so."""

    identity: Identity
    session_id: str | None = None

    def scope(self) -> Scope:
        """Give whose rows may be seen."""
        if self.identity.admin:
            return Scope.all()
        return Scope.of(self.identity.user_id or "")


class Desk:
    """What the endpoints of one recorder share: store, secret, sessions, tickets, failures.

    Args:
        recorder: whose records are shown.
        everyone: whether anyone who asks is an admin (for a loopback address only).

    Raises:
        SettingsError: a setting is wrong.
    """

    def __init__(self, recorder: Recorder, *, everyone: bool = False) -> None:
        self.recorder = recorder
        self.store: Store = open_store(recorder.settings.store)
        self.secret = secret_key(recorder.settings)
        self.authenticator = Authenticator(recorder.settings, self.store)
        self.sessions = Sessions(self.secret)
        self.everyone = everyone
        self._used_tickets: dict[str, float] = {}
        self._failures = limits.strategies.FixedWindowRateLimiter(limits.storage.MemoryStorage())
        self._failure_limit = limits.parse(FAILED_LOGINS)
        self._lock = threading.Lock()
        self.streams: dict[str, dict[str, tuple[int, str]]] = {}
        """What recent live tails have shown, by the key in their event ids."""

    async def ask(self, question: Callable[[Store], T]) -> T:
        """Ask the store in a thread.

        Raises:
            StoreError: it does not answer, or is not set up.
        """
        return await anyio.to_thread.run_sync(self._ask, question)

    def _ask(self, question: Callable[[Store], T]) -> T:
        try:
            return question(self.store)
        except StoreSetupError:
            if not prepare_embedded(self.store):
                raise
            return question(self.store)  # nothing had been stored yet

    async def viewer(self, request: Request) -> Viewer:
        """Find out who is looking.

        Raises:
            Problem: 401, nobody that is known.
            StoreError: keys can't be looked up now.
        """
        if self.everyone:
            return Viewer(Identity(admin=True))
        identify = self.recorder.settings.identify
        if identify is not None:
            found = await awaited(identify(request.scope))
            if isinstance(found, Identity) and (found.user_id or found.admin):
                return Viewer(found)
        state = request.scope.get("state") or {}
        known = state.get("dashcam_identity")
        if isinstance(known, Identity):
            return Viewer(known)
        if state.get("user_id"):
            return Viewer(Identity(user_id=str(state["user_id"])))
        try:
            credential = credential_of(request.scope["headers"])
            if credential is not None:
                principal = await self.authenticator.authenticate(credential)
                return Viewer(principal.identity)
            cookie = request.cookies.get(COOKIE)
            if cookie is None:
                raise CredentialError("a credential is needed: Authorization: Bearer, or a session")
            session = self.sessions.read(cookie)
            key_id = session.identity.api_key_id
            if key_id is not None and not await self.authenticator.still_holds(key_id):
                raise CredentialError("the API key of this session was revoked")
        except CredentialError as error:
            raise Problem(401, str(error), {"www-authenticate": 'Bearer realm="dashcam"'}) from None
        return Viewer(session.identity, session.session_id)

    async def log_in(self, request: Request, credential: str) -> Principal:
        """Check a credential for a session; failures of one address are limited.

        Raises:
            Problem: 401, or 429 after too many failures.
        """
        address = request.client.host if request.client else ""
        if not self._failures.test(self._failure_limit, address):
            reset_at = self._failures.get_window_stats(self._failure_limit, address).reset_time
            wait_s = max(1, int(reset_at - time.time() + 0.999))
            raise Problem(
                429,
                f"too many failed log-ins; come back in {wait_s} s",
                {"retry-after": str(wait_s)},
            )
        try:
            if self._take_ticket(credential):
                return Principal(Identity(admin=True))
            return await self.authenticator.authenticate(credential)
        except CredentialError as error:
            self._failures.hit(self._failure_limit, address)
            raise Problem(401, str(error), {"www-authenticate": 'Bearer realm="dashcam"'}) from None

    def make_ticket(self) -> str:
        """Make a token that lets one person in as admin, once, within an hour."""
        return make_ticket(self.secret)

    def _take_ticket(self, credential: str) -> bool:
        try:
            claims = jwt.decode(
                credential,
                self.secret,
                algorithms=["HS256"],
                audience=TICKET_AUDIENCE,
                options={"require": ["exp", "jti"]},
            )
        except (jwt.PyJWTError, ValueError):
            return False
        with self._lock:
            if claims["jti"] in self._used_tickets:
                return False
            self._used_tickets[claims["jti"]] = claims["exp"]
            for old in [each for each, at in self._used_tickets.items() if at < time.time()]:
                del self._used_tickets[old]
        return True


def make_ticket(secret: bytes) -> str:
    """Make a token that lets one person in as admin, once, within an hour."""
    claims = {
        "aud": TICKET_AUDIENCE,
        "jti": secrets.token_urlsafe(16),
        "exp": int(time.time() + TICKET_LIFETIME_S),
    }
    return jwt.encode(claims, secret, algorithm="HS256")


def check_origin(request: Request) -> None:
    """Refuse a change of state that another site has started.

    Raises:
        Problem: 403, the request has no Origin, or one of another site.
    """
    origin = request.headers.get("origin")
    own = f"{request.url.scheme}://{request.headers.get('host', '')}"
    if origin != own:
        raise Problem(403, "the request must come from this page's own origin")


def cookie_header(request: Request, value: str, *, lifetime_s: int) -> str:
    """Make the Set-Cookie of a session; lifetime 0 takes it away."""
    path = request.scope.get("root_path", "") or "/"
    secure = "; Secure" if request.url.scheme == "https" else ""
    return f"{COOKIE}={value}; Path={path}; Max-Age={lifetime_s}; HttpOnly; SameSite=Strict{secure}"


def session_answer(identity: Identity) -> dict[str, Any]:
    """Say who is logged in."""
    return {
        "user_id": identity.user_id,
        "api_key_id": identity.api_key_id,
        "admin": identity.admin,
    }
