"""XML and HTML: a real walk over their tokens, with one edit for each thing that must go.

What is secret is the content of elements and the values of attributes with secret names, and the
value of a pair (`<name>password</name><value>…</value>`, `<input name="password" value="…">`).
The tokens are those of XML 1.0 and, for void and raw elements, of the HTML standard.
"""

import re
from html import escape, unescape
from typing import TYPE_CHECKING

from dashcam.redaction.decoding import Unreadable
from dashcam.redaction.names import ALL, OPAQUE, PAIR_NAMES, REDACTED, SAFE, TEXT, VALUE_NAMES
from dashcam.redaction.places import Within
from dashcam.redaction.prose import is_prose, looks_secret
from dashcam.redaction.scrub import Edit, apply
from dashcam.redaction.work import may_go_on

if TYPE_CHECKING:
    from dashcam.redaction.reader import Reader

_XML_NAME = r"[A-Za-z_:\u0080-\U0010ffff][\w:.\u0080-\U0010ffff-]{0,200}"
_XML_TOKEN = re.compile(
    r"<!--(?:.*?)(?:-->|\Z)"
    r"|<!\[CDATA\[(?P<cdata>.*?)(?:\]\]>|\Z)"
    r"|<\?(?P<pi>.*?)(?:\?>|\Z)"
    r"|<!(?P<doctype>[A-Za-z][^\[>]{0,2000}(?P<subset>\[.*?(?:\]\s*>|\Z))?)>?"
    rf"|</(?P<end>{_XML_NAME})\s*+>?"
    rf"|<(?![A-Za-z][A-Za-z0-9+.-]{{0,20}}:/)(?P<start>{_XML_NAME})(?P<attributes>(?:[^<>\"']++|\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z))*+)(?P<closing>>|\Z|(?=[<\"']))",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(
    rf"(?P<name>{_XML_NAME})(?:(?P<sign>\s*+=\s*+)(?P<value>\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z)|[^\s\"'=<>`]++))?"
)
_CONTENT_OF_NAMED = frozenset((
    "property", "param", "parameter", "entry", "setting", "item", "field", "variable", "env",
    "secret", "attribute", "member", "value", "header", "arg", "add", "data", "cookie", "pair",
    "option", "config", "textarea",
))  # fmt: skip
"""Elements whose content belongs to the name that their attribute says."""
_VOID = frozenset((
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
    "track", "wbr", "add",
))  # fmt: skip
_RAW = frozenset(("script", "style"))
_XML_NAMED = frozenset((
    "name", "key", "id", "field", "property", "header", "http-equiv", "param", "itemprop", "for",
))  # fmt: skip
_XML_VALUED = frozenset(["value", "content", "data", "val", "text", "connectionstring", "default"])
MOST_OPEN = 512


def redact_xml(text: str, reader: "Reader", *, cut: bool, strict: bool) -> str:
    """XML and HTML: elements and attributes with secret names, pairs of names and values.

    Args:
        text: the text.
        reader: whose names count.
        cut: whether the end is missing.
        strict: whether it claims to be XML; then what is no markup raises `Unreadable`.
    """
    if not text.lstrip("\ufeff \t\r\n").startswith("<"):
        raise Unreadable("not XML")
    return _Xml(text, reader, cut=cut, strict=strict).run()


class _Xml:
    """One walk over one text of markup."""

    def __init__(self, text: str, reader: "Reader", *, cut: bool, strict: bool) -> None:
        self.text = text
        self.reader = reader
        self.cut = cut
        self.strict = strict
        self.edits: list[Edit] = []
        self.within = Within(reader.places(text))
        self.closed = {name.lower() for name in _END_TAG.findall(text)}
        """Names of elements that are closed somewhere: those are not void, whatever HTML says."""

    def run(self) -> str:
        if not self.within.positions and not self.cut and "<!" not in self.text:
            return self.text
        end = self._walk()
        return apply(self.text[:end], [edit for edit in self.edits if edit[0] < end])

    def _walk(self) -> int:
        """Find what must go; give where the text that is kept ends."""
        text, reader = self.text, self.reader
        size = len(text)
        open_: list[str] = []
        secret = 0  # how many elements are open inside the secret one, itself included
        secret_name = ""
        secret_at = 0
        pairs: list[str] = []  # the name that <name>…</name> has said, a level each
        kept = 0
        raw_until = ""
        for count, match in enumerate(_XML_TOKEN.finditer(text)):
            if raw_until:
                if (match["end"] or "").lower() != raw_until:
                    continue
                raw_until = ""
            if count % 4 == 3 and not may_go_on(reader, 8):
                if secret:
                    self._hide(secret_at, kept, secret_name)
                return kept
            begin, end = match.span()
            if not secret and begin > kept and self._concerns(kept, begin, open_, pairs):
                self._content(
                    kept, begin, open_, pairs, raw=bool(open_) and open_[-1].lower() in _RAW
                )
            kept = end
            name = match["start"]
            if name is not None:
                bare = _local(name)
                closed = match["attributes"].endswith("/") or (
                    bare.lower() in _VOID
                    and name.lower() not in self.closed
                    and not (self.cut and text.find(">", end) < 0)
                )
                if secret:
                    secret += not closed
                    continue
                named = ""
                if "=" in match["attributes"] and self.within.has_any(begin, end):
                    named = self._attributes(
                        name, match, ends=match["closing"] == "" and end == size
                    )
                elif self.within.has_any(begin, end):
                    self._free(begin, end)
                if closed:
                    continue
                if len(open_) < MOST_OPEN:
                    open_.append(name)
                lower = bare.lower()
                verdict = reader.fields.verdict(bare)
                if not (self.strict or self.cut or name.lower() in self.closed):
                    continue  # free text in angle brackets, such as `<token>`
                if verdict >= TEXT or (named and lower in _CONTENT_OF_NAMED):
                    secret, secret_at = 1, end
                    secret_name = bare if verdict >= TEXT else named
                elif pairs and pairs[-1] and lower in VALUE_NAMES:
                    secret, secret_at, secret_name = 1, end, pairs[-1]
                elif lower in _PAIRS:
                    pairs.append("")
                elif lower in _RAW:
                    raw_until = lower
            elif match["end"] is not None:
                if secret:
                    secret -= 1
                    if secret == 0:
                        self._hide(secret_at, begin, secret_name)
                        if open_:
                            open_.pop()
                    continue
                if pairs and _local(match["end"]).lower() in _PAIRS:
                    pairs.pop()
                if match["end"] in open_[-8:]:
                    while open_ and open_.pop() != match["end"]:
                        pass
            elif secret:
                continue
            elif match["cdata"] is not None:
                if self._concerns(begin, end, open_, pairs):
                    self._content(*match.span("cdata"), open_, pairs, raw=True)
            elif match["subset"] is not None:
                reader.found.add("doctype")
                last = ">" if match["subset"].endswith(">") else ""
                self.edits.append((*match.span("subset"), f"[{REDACTED}]{last}"))
            elif self.within.has_any(begin, end):
                if text.startswith("<!--", begin):
                    self._content(begin + 4, end, [], [], raw=True, cut=self.cut and end == size)
                else:
                    self._free(begin, end)
        if secret:
            if self.cut:
                self._note(text[secret_at:], secret_name)
                return secret_at
            self._hide(secret_at, size, secret_name)
        elif size > kept and (self.cut or self._concerns(kept, size, open_, pairs)):
            self._content(kept, size, open_, pairs, cut=self.cut)
        return size

    def _concerns(self, begin: int, end: int, open_: list[str], pairs: list[str]) -> bool:
        """Tell whether text between tags has to be looked at."""
        if self.within.has_any(begin, end) or self.text.find("&", begin, end) >= 0:
            return True
        if not open_:
            return False
        name = _local(open_[-1])
        return (bool(pairs) and name.lower() in PAIR_NAMES) or self.reader.fields.verdict(
            name
        ) == OPAQUE

    def _free(self, begin: int, end: int) -> None:
        text = self.text[begin:end]
        redacted = self.reader.free(text)
        if redacted != text:
            self.edits.append((begin, end, redacted))

    def _note(self, hidden: str, name: str) -> bool:
        """Remember the content of a secret element; False where there is none."""
        value = unescape(_TAG.sub("", _CDATA.sub(r"\1", hidden))).strip()
        if not value or value.lower() in ("true", "false", "yes", "no", "null", "none"):
            return False
        self.reader.removed(name, value, certain=self.reader.fields.verdict(name) == ALL)
        return True

    def _hide(self, begin: int, end: int, name: str) -> None:
        if self._note(self.text[begin:end], name):
            self.edits.append((begin, end, REDACTED))

    def _content(
        self,
        begin: int,
        end: int,
        open_: list[str],
        pairs: list[str],
        *,
        raw: bool = False,
        cut: bool = False,
    ) -> None:
        """Redact text between tags."""
        text = self.text[begin:end]
        if open_ and text.strip():
            bare = _local(open_[-1])
            if pairs and bare.lower() in PAIR_NAMES:
                name = unescape(text).strip()
                if self.reader.fields.verdict(name) >= TEXT:
                    pairs[-1] = name
            if _is_opaque_name(self.reader, bare) and looks_secret(unescape(text)):
                self.reader.removed(bare, text.strip(), certain=False)
                self.edits.append((begin, end, REDACTED))
                return
        self.reader.work.spend(2 + 3 * text.count("&"))
        decoded = text if raw else unescape(text)
        redacted = self.reader.value(decoded, cut=cut)
        if redacted != decoded:
            self.edits.append(
                (begin, end, redacted if raw or decoded == text else escape(redacted, quote=False))
            )

    def _attributes(self, tag: str, token: re.Match[str], *, ends: bool) -> str:
        """Redact the attributes of a tag; give the secret name that one of them says."""
        reader = self.reader
        text = token["attributes"]
        named = ""
        matches = [match for match in _ATTRIBUTE.finditer(text) if match["value"] is not None]
        reader.work.spend(8 + 5 * len(matches))
        for match in matches:
            if _local(match["name"]).lower() in _XML_NAMED or (
                match["name"].lower() == "type" and tag.lower() == "input"
            ):
                said = unescape(match["value"].strip("\"'"))
                if reader.fields.verdict(said) >= TEXT:
                    named = said
                    break
        edits: list[Edit] = []
        for match in matches:
            value = match["value"]
            mark = value[0] if value[0] in "\"'" else ""
            whole = not mark or (len(value) > 1 and value[-1] == mark)
            cut = ends and not whole and match.end() == len(text)
            bare = _local(match["name"])
            inner = unescape(value[1:-1] if mark and whole else value[1:] if mark else value)
            verdict = reader.fields.verdict(bare)
            if not inner.strip() or inner == REDACTED:
                continue
            if verdict == SAFE and bare.lower() in _HARMLESS_ATTRIBUTES:
                continue
            secret = (verdict >= TEXT and not (verdict == TEXT and inner.isdigit())) or (
                named and bare.lower() in _XML_VALUED
            )
            if (secret and (cut or not is_prose(inner))) or (
                verdict == OPAQUE and (cut or looks_secret(inner))
            ):
                reader.removed(named or bare, inner, certain=False)
                instead = REDACTED
                if cut:
                    edits.append((match.start(), len(text), ""))
                    break
            else:
                instead = reader.value(inner, cut=cut)
                if instead == inner:
                    continue
                instead = escape(instead)
            mark = mark or '"'
            edits.append((*match.span("value"), f"{mark}{instead}{mark}"))
        attributes = apply(text, edits)
        written = f"<{tag}{attributes}{token['closing']}"
        free = reader.free(written)  # what is no attribute
        if edits or free != written:
            self.edits.append((*token.span(), free))
        return named


_END_TAG = re.compile(rf"</({_XML_NAME})")
_TAG = re.compile(r"<[^<>]{0,4096}>")
_CDATA = re.compile(r"<!\[CDATA\[(.*?)(?:\]\]>|\Z)", re.DOTALL)
_HARMLESS_ATTRIBUTES = frozenset(("autocomplete", "type", "for", "id", "name", "class"))
_PAIRS = frozenset((
    "member", "entry", "property", "parameter", "param", "item", "pair", "header", "setting",
    "add",
))  # fmt: skip


def _is_opaque_name(reader: "Reader", name: str) -> bool:
    """Tell whether an element's value decides; HTML's `code` and S3's `Key` hold no secret."""
    return name.lower() not in ("code", "key") and reader.fields.verdict(name) == OPAQUE


def _local(name: str) -> str:
    return name.rpartition(":")[2]
