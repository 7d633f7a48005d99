"""The table of shapes: what a secret looks like wherever it stands, whatever its name is.

It is the only one. The search for places (compiled or not), the patterns, the documentation and
the tests are made from it: a row that is added here works everywhere, and one that is deleted
is missing everywhere.

Two rules keep the work linear. A pattern begins with one of its row's prefixes and repeats only
possessively or within a bound; and it matches everything that it has examined, so that no text is
examined twice: what it takes for the secret is the group `secret`, which may be absent.
"""

import re
from collections.abc import Callable
from typing import NamedTuple


class Shape(NamedTuple):
    """One row of the table.

    Attributes:
        kind: what `redacted` calls it.
        prefixes: literal beginnings, in lower case; one of them stands where the shape begins.
        pattern: is matched where a prefix was found. Its group `secret` is what is removed.
        doc: one sentence for the documentation.
        example: a text that holds one; all of the group `secret` must go.
        innocent: a text that looks similar and must stay.
        check: asked of the group `secret`, unless the text ends (is cut) right behind it.
    """

    kind: str
    prefixes: tuple[str, ...]
    pattern: re.Pattern[str]
    doc: str
    example: str
    innocent: str
    check: Callable[[str], bool] | None = None


_DIGIT = re.compile(r"[0-9]").search
_LETTER = re.compile(r"[A-Za-z]").search


def has_digit(text: str) -> bool:
    """Tell whether there is a digit in it, as in nearly every random token, and in few words."""
    return _DIGIT(text) is not None


def is_mixed(text: str) -> bool:
    """Tell whether it is neither a word nor a number: digits among letters, or many capitals."""
    if _DIGIT(text) is not None:
        return _LETTER(text) is not None or len(text) >= 16
    capitals = sum(map(str.isupper, text))
    if text.replace("_", "").isupper():
        return False  # `YOUR_KEY`
    if text.endswith("="):
        return not text.rstrip("=").replace("_", "").islower()  # `realm=`
    return len(text) >= 8 and 3 <= capitals < len(text)


def is_opaque(text: str) -> bool:
    """Tell whether a word has letters and digits in one piece, as no word of a language has."""
    return _DIGIT(text) is not None and _LETTER(text) is not None


def is_no_placeholder(text: str) -> bool:
    """Tell whether it isn't a variable or a mask: `${PASSWORD}`, `<password>`, `***`."""
    return _PLACEHOLDER.fullmatch(text) is None


_PLACEHOLDER = re.compile(
    r"\$\{?\w+\}?|\$\(\w+\)|\{\{?[^{}]*\}?\}|<[^<>]*>?|\*+|%\(?\w*\)?s|\[redacted\]?|x{3,}|\.{3}|…"
)


def has_random_piece(text: str) -> bool:
    """Tell whether a piece between separators looks random: `sk-container-id-1` has none."""
    return any(len(piece) >= 6 and is_opaque(piece) for piece in _PIECE_ENDS.split(text))


def is_word_or_mixed(text: str) -> bool:
    """Tell whether a piece looks random, or the prefix is followed by one run of ten letters."""
    return has_random_piece(text) or _LONG_WORD.fullmatch(text) is not None


_PIECE_ENDS = re.compile(r"[-_.]")
_LONG_WORD = re.compile(r"[a-z]{2}[-_][A-Za-z]{10,}")


def _shape(
    kind: str,
    prefixes: str,
    pattern: str,
    doc: str,
    example: str,
    innocent: str,
    check: Callable[[str], bool] | None = None,
) -> Shape:
    return Shape(
        kind, tuple(prefixes.split()), re.compile(pattern, re.DOTALL), doc, example, innocent, check
    )


def _token(
    kind: str,
    prefixes: str,
    run: str,
    doc: str,
    example: str,
    innocent: str,
    *,
    least: int = 8,
    check: Callable[[str], bool] | None = has_random_piece,
) -> Shape:
    """Make the row of a token: a prefix, and then a run of characters."""
    words = sorted(prefixes.split(), key=len, reverse=True)
    start = "|".join(re.escape(word) for word in words)
    return _shape(
        kind,
        prefixes.lower(),
        rf"(?<![A-Za-z0-9])(?P<secret>(?:{start}){run}{{{least},}}+)",
        doc,
        example,
        innocent,
        check,
    )


_WORD = r"[A-Za-z0-9_-]"

SHAPES: tuple[Shape, ...] = (
    _shape(
        "private_key",
        "-----begin",
        r"(?P<secret>-----BEGIN (?P<label>(?=[A-Z0-9 ]{0,40}PRIVATE KEY)[A-Z0-9 ]{0,60}+)-----"
        r"(?:.{0,65536}?-----END (?P=label)-----|.*+))",
        "private keys in PEM and PGP blocks, to the line that ends them or to the end of the text",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA0Z3VS5JJ\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTAN\n-----END CERTIFICATE-----",
    ),
    _shape(
        "private_key",
        "private-lines:",
        r"(?i)private-lines: ?[0-9]{1,4}+(?P<secret>.*+)",
        "the private lines of PuTTY's key files",
        "PuTTY-User-Key-File-3: ssh-rsa\nPrivate-Lines: 1\nAAAAgQCqTz9PRn4hunter2",
        "Private lines: two of them are busy",
    ),
    _token(
        "private_key",
        "AGE-SECRET-KEY-1",
        r"[A-Za-z0-9]",
        "secret keys of age",
        "AGE-SECRET-KEY-1QQPQZRFR7ZZ2WCV2",
        "AGE-SECRET-KEY-1 is how they begin",
    ),
    _shape(
        "bearer",
        "bearer basic digest negotiate token apikey",
        r"(?i)(?<![a-z0-9/_.-])(?:bearer|basic|digest|negotiate|token|apikey)"
        r"(?:[ \t]{1,8}+|%20|\+)[\"']?(?!(?i:sha\d|md5))(?P<secret>[A-Za-z0-9+/=._~-]{4,}+)",
        "what follows the name of a scheme (Bearer, Basic, Digest, Negotiate, Token, ApiKey), "
        "unless it is a word",
        "rejected Bearer s3cr3t7abc",
        "Basic authentication is required, and the bearer of bad news is nonetheless welcome",
        is_mixed,
    ),
    _shape(
        "websocket_bearer",
        "base64url.bearer.authorization.k8s.io.",
        r"base64url\.bearer\.authorization\.k8s\.io\.(?P<secret>[A-Za-z0-9_-]{4,}+)",
        "bearer tokens in the subprotocol of a websocket, as Kubernetes takes them",
        "base64url.bearer.authorization.k8s.io.ZXlKaGJHY2lPaUpJVXpJ",
        "base64url.bearer.authorization.k8s.io.",
    ),
    _shape(
        "jwt",
        "eyj",
        r"(?<![A-Za-z0-9])(?:(?P<secret>eyJ[A-Za-z0-9_-]{4,}+\.[A-Za-z0-9_-]*+"
        r"(?:\.[A-Za-z0-9_-]*+){1,3}+|eyJ[A-Za-z0-9_-]{4,}+\.[A-Za-z0-9_-]{4,}+)|eyJ[A-Za-z0-9_-]{4,}+)",
        "JSON Web Tokens, signed or encrypted",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "eyJust",
    ),
    _token(
        "api_key",
        "sk-proj- sk-ant- sk-svcacct- sk-admin- sk-or- sk_live_ sk_test_ rk_live_ rk_test_",
        _WORD,
        "keys of OpenAI, Anthropic, OpenRouter and Stripe by their whole prefix",
        "sk-ant-api03-abcdefghijkl",
        "sk-proj",
        check=None,
    ),
    _token(
        "api_key",
        "sk- pk- rk-",
        _WORD,
        "keys that begin with `sk-` (OpenAI, Anthropic and many others), `pk-`, `rk-`",
        "sk-proj-aB3dE5fG7hJ9",
        "sk-learn and risk-adjusted",
        check=is_word_or_mixed,
    ),
    _token(
        "api_key",
        "sk_ pk_ rk_",
        _WORD,
        "keys of Stripe and others: `sk_`, `pk_`, `rk_`",
        "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
        'violates unique constraint "pk_user_accounts"',
    ),
    _token("api_key", "dc_", _WORD, "dashcam's own keys", "dc_8fj3kd93jf8s", "dc_motor_controller"),
    _token(
        "api_key",
        "whsec_ xai- pplx- gsk_ nvapi- r8_ tvly- rpa_ csk- fw_ key-",
        _WORD,
        "keys of Svix and Stripe webhooks, xAI, Perplexity, Groq, NVIDIA, Replicate, Tavily, "
        "RunPod, Cerebras, Fireworks, Mailgun",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "fw_version_string and key-value-pairs",
    ),
    _token(
        "github_token",
        "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_",
        r"[A-Za-z0-9_]",
        "tokens of GitHub",
        "ghp_0123456789abcdefghijklmnop",
        "ghp_configuration_name",
    ),
    _token(
        "gitlab_token",
        "glpat- glptt- gldt- glrt- glcbt- glsoat- glft- glagent-",
        _WORD,
        "tokens of GitLab",
        "glpat-a1B2c3D4e5F6g7H8i9J0",
        "glpat-documentation",
    ),
    _token(
        "slack_token",
        "xoxa- xoxb- xoxc- xoxd- xoxe- xoxp- xoxr- xoxs- xapp- xwfp-",
        r"[A-Za-z0-9-]",
        "tokens of Slack",
        "xoxb-123456789012-abcdefABCDEF",
        "xoxo-with-love",
        check=None,
    ),
    _token(
        "aws_access_key",
        "AKIA ASIA",
        r"[A-Za-z0-9]",
        "key ids of AWS",
        "AKIAIOSFODNN7EXAMPLE",
        "Asian languages and asiatic lilies",
        least=12,
    ),
    _token(
        "google_key",
        "AIza ya29. 1//0 GOCSPX-",
        _WORD,
        "API keys, access and refresh tokens and client secrets of Google",
        "AIzaSyD4f5G6h7J8k9L0z1X2c3V4b5N6m7Q8w9E",
        "1//0 is a comment",
        least=10,
    ),
    _token(
        "api_key",
        "hf_ npm_ pypi- dop_v1_ doo_v1_ dor_v1_ shpat_ shpss_ shpca_ shppa_ figd_ lin_api_ "
        "lin_oauth_ "
        "sntrys_ sntryu_ glsa_ glc_ nfp_ ntn_ secret_ pscale_tkn_ pscale_pw_ rubygems_ tfp_ hvs. "
        "hvb. hvr. PMAK- sq0csp- sq0atp- dapi ATATT3x ATCTT3x ccipat_ vercel_ cio_ pat_ sbp_ "
        "sb_secret_ "
        "ptk_ phx_ phc_ nrak- nrjs- LTAI akid",
        _WORD,
        "tokens of Hugging Face, npm, PyPI, DigitalOcean, Shopify, Figma, Linear, Sentry, Grafana, "
        "Netlify, Notion, PlanetScale, RubyGems, Typeform, Vault, Postman, Square, Databricks, "
        "Atlassian, CircleCI, Vercel, Supabase, PostHog, New Relic, Alibaba, Tencent",
        "hf_AbCdEfGhIjKlMnOp1234",
        "npm_config_registry and hf_hub_download",
        least=10,
    ),
    _shape(
        "sendgrid_key",
        "sg.",
        r"(?<![A-Za-z0-9])(?:(?P<secret>SG\.[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{8,}+)"
        r"|SG\.[A-Za-z0-9_-]{8,}+)",
        "keys of SendGrid",
        "SG.ngeVfQFYQlKU0ufo8x5d1A.TwL2iGABf9DHoTf9",
        "SG. is Singapore",
    ),
    _shape(
        "url_password",
        "://",
        r"://(?![^\s\"'<>:@/\\]{0,255}:[0-9]{1,5}(?:/|$|[\s\"'?#]))"
        r"(?:[^\s\"'<>@:/\\]{0,256}+:(?P<secret>[^\s\"'<>\\]{1,512})(?=@)"
        r"|(?P<user>[^\s\"'<>@:/\\]{1,256}+)(?=@)|)",
        "passwords in URLs, also with `@` or `/` in them, and a user name that is a token",
        "postgresql://app:hunter2/p@rt@db:5432/x",
        "see https://h:8080/a@b and https://ann@example.org/",
        is_no_placeholder,
    ),
    _shape(
        "webhook_url",
        "hooks.slack.com/ discord.com/api/webhooks/ discordapp.com/api/webhooks/ "
        "api.telegram.org/bot webhook.office.com/ outlook.office.com/webhook/",
        r"(?i)(?:hooks\.slack\.com/[a-z]{1,20}/|discord(?:app)?\.com/api/webhooks/"
        r"|api\.telegram\.org/bot|(?:outlook|webhook)\.office\.com/(?:webhook[a-z0-9]{0,8}/)?)"
        r"(?P<secret>[^\s\"'<>?#\\]{4,512}+)",
        "the secret part of webhook URLs of Slack, Discord, Telegram and Teams",
        "POST https://hooks.slack.com/services/T00000000/B00000000/XXhunter2XX failed",
        "see hooks.slack.com for more",
    ),
)
"""Every shape; the documentation shows them in this order."""
