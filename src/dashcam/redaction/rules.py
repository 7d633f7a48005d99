"""Which names are secret: the words that the matcher of names looks for.

Data only; `names.py` has the matcher. `docs/reference/redaction.md` is generated from these.
Words are separated by a blank here; in a name they may be joined in any way (`apiKey`, `api-key`,
`API_KEY`, `apikey`), and the last one may be in the plural.
"""

ANYWHERE: tuple[str, ...] = (
    "password", "passwd", "passwort", "passphrase", "passcode", "passkey", "contrasena",
    "mot de passe", "kennwort", "pwd", "secret", "credential", "private key", "card number",
    "credit card", "social security", "security code", "account number", "iban number",
    "mnemonic", "session id", "sessid", "senha", "wachtwoord", "пароль", "密码", "パスワード",
    "maiden name", "security answer",
)  # fmt: skip
"""Secret wherever they stand in a name, also inside a word; numbers go as well."""

NUMBERS: tuple[str, ...] = (
    "pin", "pin code", "otp", "otp code", "totp", "totp code", "mfa code", "one time code",
    "one time password", "verification code", "auth code", "access code", "login code",
    "sms code", "device code", "user code", "backup code", "recovery code", "reset code", "cvv",
    "cvc", "cvn", "card cvc", "ssn", "iban", "cc number", "ccnum", "card num", "routing number",
    "bank account", "aadhaar", "passport", "passport number", "national id", "tax id",
    "date of birth", "birth date", "dob", "pw", "pass code", "driver license", "driving license",
    "nhs number", "vat id", "sort code", "magic code", "activation code", "confirm code",
    "fa code", "mdp",
)  # fmt: skip
"""Secret as words of a name; numbers go as well."""

TEXTS: tuple[str, ...] = (
    "token", "id token hint", "jwt", "bearer", "authorization", "basic auth", "cookie", "csrf",
    "xsrf", "cred", "api key", "access key", "secret key", "encryption key", "signing key",
    "ssh key", "account key", "shared key", "master key", "auth key", "session key",
    "service key", "certificate key", "license key", "subscription key", "function key",
    "key material", "session id", "session token", "sid", "sig", "salt", "hmac", "pem",
    "seed phrase", "recovery phrase", "connection string", "conn str", "database url", "db url",
    "redis url", "mongo url", "mongodb uri", "broker url", "dsn", "webhook url", "sas url",
    "magic link", "reset url", "reset link", "saml response", "saml request", "code verifier",
    "client assertion", "assertion", "sas token", "psk", "recovery key", "unlock key",
    "client key", "fcm key", "auth header", "authentication", "amz signature", "goog signature",
    "pwhash",
)  # fmt: skip
"""Secret as words of a name; numbers and booleans under them stay."""

LAST: tuple[str, ...] = ("pass", "auth", "apikey", "skoid")
"""Secret as the last word of a name."""

OPAQUE: tuple[str, ...] = (
    "key", "keys", "hash", "nonce", "session", "code", "signature", "pan", "ticket",
)  # fmt: skip
"""As a whole name, secret only where the value looks like a credential: ten or more letters and
digits in one piece that are neither a UUID nor a hexadecimal digest."""

QUERY: tuple[str, ...] = (
    "key", "code", "state", "sig", "signature", "auth", "sid", "sas", "ticket", "hmac", "nonce",
    "session", "hash", "pan",
)  # fmt: skip
"""Whole names that are secret in queries, forms and URLs besides."""

QUERY_LAST: tuple[str, ...] = ("signature", "auth", "credential")
"""Last words that are secret in queries, forms and URLs besides."""

HEADER_WORDS: tuple[str, ...] = (
    "token", "secret", "key", "apikey", "session", "signature", "credential", "jwt", "assertion",
    "cookie", "cookie2", "password", "passwd", "pass", "pin", "otp", "csrf", "csrftoken", "xsrf",
    "dpop", "hmac", "bearer", "sessionid", "passphrase", "pwd", "cert",
)  # fmt: skip
"""A header with one of these words in its name is left out; so is one with a word that begins
with `auth`."""

HEADERS: tuple[str, ...] = (
    "authorization", "proxy-authorization", "cookie", "cookie2", "set-cookie", "set-cookie2",
    "authentication-info", "proxy-authentication-info", "x-amzn-oidc-*", "x-goog-iam-*",
    "x-ms-token-*", "x-ms-client-principal*", "x-secret*", "dpop", "x-hub-signature*",
)  # fmt: skip
"""Headers that are left out by name, besides those with a secret word; globs."""

HARMLESS_HEADERS: tuple[str, ...] = (
    "idempotency-key", "x-idempotency-key", "sec-websocket-key", "sec-websocket-accept",
    "www-authenticate", "proxy-authenticate", "surrogate-key", "x-surrogate-key", "cache-key",
    "x-cache-key", "public-key-pins", "public-key-pins-report-only", "author", "authority",
    ":authority", "x-author", "*ratelimit*", "*rate-limit*", "*-tokens-remaining",
    "*-tokens-limit", "*-tokens-used", "*-token-count", "x-auth-required", "x-key-name",
    "expect-ct", "key-id", "x-key-id", "accept-signature", "x-token-type", "access-control-*",
    "*partition-key", "*sort-key", "sec-websocket-*",
)  # fmt: skip
"""Headers with such a word that hold no secret; globs."""

ABOUT: tuple[str, ...] = (
    "type", "types", "count", "counts", "limit", "limits", "length", "len", "size", "sizes",
    "usage", "used", "endpoint", "endpoints", "name", "names", "expires", "expiry", "expiration",
    "expired", "expire", "at", "in", "on", "ttl", "age", "policy", "policies", "strength",
    "required", "enabled", "disabled", "changed", "valid", "invalid", "verified", "exists",
    "status", "format", "algorithm", "algorithms", "alg", "budget", "price", "cost", "costs",
    "rate", "details", "detail", "ratio", "window", "index", "position", "logprob", "logprobs",
    "label", "placeholder", "title", "message", "error", "errors", "help", "description", "field",
    "uri", "url", "provider", "method", "methods", "mode", "schema", "scheme", "schemes", "class",
    "icon", "supported", "requirements", "rules", "consent", "banner", "notice", "preferences",
    "remaining", "total", "min", "max", "per", "ref", "refs", "version", "less", "vault",
    "manager", "rotation", "reader", "lifetime", "seconds", "millis", "ms", "domain", "path",
    "samesite", "brand", "bin", "last4", "location", "locations", "lifespan", "timeout", "days",
    "hours", "minutes", "validity", "decoder", "encoder", "servers", "server", "color", "colour",
    "check", "checks", "symbol", "decimal", "decimals", "icons", "reset", "meter", "time",
    "response", "result", "page", "screen", "button", "service", "str", "strs", "strings",
    "hints", "failed", "attempts", "failures", "ok", "modified", "updated", "created", "issued",
    "reuse", "prevention", "history", "header", "headers", "hashers", "hasher", "prefix",
    "suffix", "regex", "param", "params", "second", "address", "addresses", "host", "hosts",
    "file", "files",
)  # fmt: skip
"""Last words that say something about a secret, and aren't one: `token_type`, `password_policy`."""

ABOUT_FIRST: tuple[str, ...] = (
    "max", "min", "num", "n", "has", "is", "needs", "requires", "require", "allow", "allows",
    "enable", "show", "hide", "use", "supports", "should", "can", "must", "forgot",
)  # fmt: skip
"""First words that ask or count: `max_tokens`, `has_password`."""

PIECES_FIRST: tuple[str, ...] = (
    "eos", "bos", "pad", "unk", "sep", "cls", "mask", "stop", "next", "page", "continuation",
    "per", "special", "cost", "progress", "image", "video", "sync", "resume", "fim",
)  # fmt: skip
"""Before `token` as the last word: a piece of text, a position in a list, a number."""

COUNTED_FIRST: tuple[str, ...] = (
    "total", "prompt", "completion", "input", "output", "cached", "cache", "reasoning",
    "remaining", "used", "generated", "audio", "text", "image", "thinking", "context", "top",
    "avg", "average", "accepted", "rejected", "prediction", "billed", "candidates", "thoughts",
    "added", "additional", "tool", "estimated", "usage",
)  # fmt: skip
"""Before `tokens` as the last word: a count."""
