"""How long one hostile body holds the event loop in redaction: the worst of many, by format."""

import gzip
import json
import time

from dashcam import Settings
from dashcam.exchange import Exchange
from dashcam.native import native
from dashcam.redaction import Redactor
from dashcam.redaction.shapes import SHAPES

SIZE = 256 << 10
ROUNDS = 2

PIECES = [
    "[", "{", '{"a":', '"\\n",', '"a":1,', '{"pin":1},', '{"token":"a1"},', '"{\\"ssn\\":\\"b\\"}",', "\\u0022:",
    '\\" ', "\\", "a=1&", "pin=1&", "a%5b=1&", "%22", "%253D", ";a=", '{"pin":1}\n', "1\n", "\n", "data: [\n",
    'data: {"pin":1}\n\n', "data: \n", "<a ", "<pin>1</pin>", "<pin></pinx>", "<a b='", "<!--", "<![CDATA[", " a =",
    '--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n', 'name="', "password=", "password ", "token=", ":",
    "=", "a:b=", "'a':", '"password": {', "password=(", "://a:", "://" + "a" * 250 + ":", "@", "-----BEGIN A PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "Bearer a ", "é", "ſecret=", "\ufeff", "\x00", "a,b\n",
    "password,b\n", "input_value=", "[parameters: ", "x\n  [input_value=1]\n", "&quot;", "pin&quot;:&quot;",
]  # fmt: skip
"""What redaction has to look at most closely; each shape's prefix comes besides."""

TYPES = {
    "JSON": "application/json",
    "lines of JSON": "application/x-ndjson",
    "events": "text/event-stream",
    "form": "application/x-www-form-urlencoded",
    "multipart": "multipart/form-data; boundary=B",
    "XML": "application/xml",
    "CSV": "text/csv",
    "text": "text/plain",
    "no type": "",
}


def wrapped(kind: str, text: str) -> str:
    """Make a body of a format out of a text, so that the format's own reader meets it."""
    if kind == "JSON":
        return (
            json.dumps({"a": text})[: SIZE - 2] + '"}'
            if not text.startswith(("[", "{", '"'))
            else text
        )
    if kind == "events" and not text.startswith("data"):
        return f"data: {text}"
    if kind == "multipart" and not text.startswith("--B"):
        return f'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n{text}\r\n--B--\r\n'
    if kind == "XML" and not text.startswith("<"):
        return f"<a>{text}"
    return text


def held(body: bytes, content_type: str, *, cut: bool, encoding: str = "") -> float:
    """Give milliseconds of CPU that redacting one exchange takes: the least of some rounds."""
    best = 9e9
    for _ in range(ROUNDS):
        redactor = Redactor(Settings(environ={}))
        headers = [(b"content-type", content_type.encode())]
        if encoding:
            headers.append((b"content-encoding", encoding.encode()))
        exchange = Exchange(request_headers=headers, request_body=body, request_body_truncated=cut)
        began = time.thread_time()
        redactor.redact(exchange)
        best = min(best, (time.thread_time() - began) * 1e3)
        if best < 5:
            break
    return best


def run() -> dict[str, tuple[float, str]]:
    """Give by format the worst time in milliseconds, and the piece that it took."""
    pieces = dict.fromkeys([*PIECES, *(shape.prefixes[0] for shape in SHAPES)])
    worst: dict[str, tuple[float, str]] = {}
    for kind, content_type in TYPES.items():
        for piece in pieces:
            text = (piece * (SIZE // len(piece) + 1))[:SIZE]
            for cut in (False, True):
                for body in dict.fromkeys((text, wrapped(kind, text))):
                    data = body.encode("utf-8", "surrogatepass")[:SIZE]
                    took = held(data, content_type, cut=cut)
                    if took > worst.get(kind, (0.0, ""))[0]:
                        worst[kind] = (took, piece[:40] + (" (cut)" if cut else ""))
    bomb = gzip.compress(b"password=a " * (20 << 20 >> 3))
    worst["gzip bomb"] = (
        held(bomb, "text/plain", cut=False, encoding="gzip"),
        f"{len(bomb)} bytes",
    )
    return worst


def main() -> None:
    """Print the worst time of each format."""
    print(
        f"one hostile body of {SIZE >> 10} KB in redaction, {'compiled' if native else 'pure Python'}"
    )
    for kind, (took, piece) in run().items():
        print(f"  {kind:14} {took:6.1f} ms  {piece!r}")


if __name__ == "__main__":
    main()
