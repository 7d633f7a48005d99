"""Which names are secret: the default lists, and the test of a name against them.

A name matches without regard to case, `_`, `-`, `.` and spaces. The lists are documented in
`docs/reference/redaction.md`, and a test compares the two.
"""

import re
from collections.abc import Callable, Sequence
from fnmatch import translate

from dashcam.settings import Settings

HEADERS: tuple[str, ...] = (
    "authorization",
    "proxy-authorization",
    "cookie",
    "cookie2",
    "set-cookie",
    "set-cookie2",
    "authentication-info",
    "proxy-authentication-info",
    "api-key",
    "apikey",
    "x-api-key",
    "x-*-api-key",
    "*-api-token",
    "x-auth-*",
    "x-access-token",
    "x-refresh-token",
    "x-id-token",
    "x-session-*",
    "x-csrf-token",
    "x-csrftoken",
    "x-xsrf-token",
    "csrf-token",
    "x-amz-security-token",
    "x-amzn-oidc-*",
    "x-goog-api-key",
    "x-goog-iam-*",
    "x-ms-token-*",
    "x-ms-client-principal",
    "x-forwarded-access-token",
    "x-forwarded-authorization",
    "x-forwarded-client-cert",
    "x-ssl-client-cert",
    "x-original-authorization",
    "x-vault-token",
    "x-gitlab-token",
    "private-token",
    "job-token",
    "deploy-token",
    "x-github-token",
    "x-hub-signature",
    "x-hub-signature-256",
    "x-signature",
    "x-webhook-secret",
    "x-telegram-bot-api-secret-token",
    "x-secret*",
    "*-secret",
    "*-password",
    "*-access-key",
    "ocp-apim-subscription-key",
    "cf-access-client-secret",
    "cf-access-jwt-assertion",
    "x-shopify-access-token",
    "dpop",
)
FIELDS: tuple[str, ...] = (
    "*password*",
    "*passwd*",
    "*passphrase*",
    "passcode",
    "pwd",
    "pass",
    "*secret*",
    "token",
    "*_token",
    "tokens_secret",
    "jwt",
    "*_jwt",
    "*bearer*",
    "*api_key*",
    "*_apikey",
    "*access_key*",
    "*private_key*",
    "*secret_key*",
    "*encryption_key*",
    "*signing_key*",
    "authorization",
    "proxy_authorization",
    "cookie",
    "set_cookie",
    "*credential*",
    "client_assertion",
    "assertion",
    "code_verifier",
    "saml_response",
    "otp",
    "totp",
    "*one_time_code*",
    "mfa_code",
    "pin",
    "pin_code",
    "cvv",
    "cvc",
    "card_number",
    "*card_cvc*",
    "iban",
    "ssn",
    "social_security_number",
    "session_key",
    "session_id",
    "sessionid",
    "csrfmiddlewaretoken",
)
QUERY: tuple[str, ...] = (
    *FIELDS,
    "key",
    "apikey",
    "code",
    "state",
    "sig",
    "signature",
    "*_signature",
    "x_amz_credential",
    "auth",
    "*_auth",
    "sid",
    "sas",
    "ticket",
    "hmac",
    "nonce",
)

REDACTED = "[redacted]"
KNOWN_NAMES = 4096
_SEPARATORS = re.compile(r"[_\-. ]")


def squeeze(name: str) -> str:
    """Give a name as it is compared: lower case, without separators."""
    return _SEPARATORS.sub("", name).lower()


class Names:
    """A test of names against globs; names that were judged are remembered, within bounds.

    Args:
        globs: names with `*` and `?`.
    """

    def __init__(self, globs: Sequence[str]) -> None:
        self.globs = tuple(globs)
        exact = {squeeze(glob) for glob in globs if not _is_glob(glob)}
        patterns = [translate(squeeze(glob)) for glob in globs if _is_glob(glob)]
        self._exact = frozenset(exact)
        self._pattern = re.compile("|".join(patterns)).match if patterns else None
        self.safe: set[str] = set()
        """Names, as they are written, that are known not to be secret."""
        self._secret: set[str] = set()

    def is_secret(self, name: str) -> bool:
        """Tell whether a name, as it is written, is secret."""
        if name in self.safe:
            return False
        if name in self._secret:
            return True
        squeezed = squeeze(name[:200])
        secret = squeezed in self._exact or (
            self._pattern is not None and self._pattern(squeezed) is not None
        )
        known = self._secret if secret else self.safe
        if len(known) < KNOWN_NAMES and len(name) <= 200:
            known.add(name)
        return secret


def _is_glob(name: str) -> bool:
    return any(sign in name for sign in "*?[")


class Rules:
    """The rules of one recorder: the defaults with what the settings add or put in place."""

    def __init__(self, settings: Settings) -> None:
        self.headers = Names(
            _chosen(HEADERS, settings.redact_headers, settings.replace_redact_headers)
        )
        self.fields = Names(_chosen(FIELDS, settings.redact_fields, settings.replace_redact_fields))
        self.query = Names(_chosen(QUERY, settings.redact_query, settings.replace_redact_query))
        self.keeps_content_type = content_types(settings.body_content_types)


def _chosen(
    defaults: tuple[str, ...], added: tuple[str, ...], replaced: tuple[str, ...] | None
) -> tuple[str, ...]:
    return (defaults if replaced is None else replaced) + added


def content_types(globs: Sequence[str]) -> Callable[[str], bool]:
    """Make a test of a media type (without parameters, lower case) against globs."""
    pattern = re.compile("|".join(translate(glob.lower()) for glob in globs) or r"(?!)").match
    known: dict[str, bool] = {}

    def keeps(media_type: str) -> bool:
        kept = known.get(media_type)
        if kept is None:
            kept = pattern(media_type) is not None
            if len(known) < 256:
                known[media_type] = kept
        return kept

    return keeps
