// A record as something to run or to open elsewhere: curl, Python (httpx), HAR.

const SKIPPED = new Set(["host", "content-length", "connection", "accept-encoding", "transfer-encoding", "content-encoding"]);

const url = (row) => `${["http", "https"].includes(row.scheme) ? row.scheme : "http"}://${row.host ?? "localhost"}${encodePath(row.path ?? "/")}${row.query ? `?${row.query}` : ""}`;

function encodePath(path) {
  return path.split("/").map((part) => encodeURIComponent(part).replace(/%(2B|40|3A|24|2C|3D|26|21|2A|27|28|29|3B)/g, (code) => decodeURIComponent(code))).join("/");
}

const headersOf = (row) => row.request_headers.filter(([name]) => !SKIPPED.has(name.toLowerCase()));

// What acts on a terminal or hides text, also when it is pasted (ESC ends a bracketed paste).
const ACTS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/;
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

// POSIX shells take everything between single quotes as it is, and numbers in $'…' (POSIX 2024, 2.2.4).
export function quoted(text) {
  if (!ACTS.test(text)) return `'${text.replaceAll("'", `'\\''`)}'`;
  const octal = (c) => [...new TextEncoder().encode(c)].map((byte) => `\\${byte.toString(8).padStart(3, "0")}`).join("");
  const escaped = text.replaceAll("\\", "\\\\").replaceAll("'", "\\'").replaceAll("\n", "\\n").replaceAll("\t", "\\t");
  return `$'${escaped.replace(new RegExp(ACTS, "g"), octal)}'`;
}

export function asCurl(row) {
  // Not globbed: [redacted] would be a range. Sent raw: a body with @ in front would be a file.
  const parts = [`curl --globoff ${quoted(url(row))}`];
  if (row.method === "HEAD") parts.push("--head");
  else if (row.method !== "GET" || row.request_body) parts.push(`-X ${quoted(row.method ?? "GET")}`);
  for (const [name, value] of headersOf(row)) if (TOKEN.test(name)) parts.push(`-H ${quoted(value.trim() ? `${name}: ${value}` : `${name};`)}`);
  if (!row.request_body) return parts.join(" \\\n  ");
  if (row.request_body_encoding === "base64") return `echo ${quoted(row.request_body)} | base64 -d | ${parts.join(" \\\n  ")} \\\n  --data-binary @-`;
  parts.push(`--data-raw ${quoted(row.request_body)}`);
  return parts.join(" \\\n  ");
}

const python = (text) => JSON.stringify(text).replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);

export function asHttpx(row) {
  const lines = ["import httpx", "", "response = httpx.request(", `    ${python(row.method ?? "GET")},`, `    ${python(url(row))},`];
  const headers = headersOf(row);
  if (headers.length) {
    lines.push("    headers=[");
    for (const [name, value] of headers) lines.push(`        (${python(name)}, ${python(value)}),`);
    lines.push("    ],");
  }
  if (row.request_body) {
    if (row.request_body_encoding === "base64") {
      lines.unshift("import base64");
      lines.push(`    content=base64.b64decode(${python(row.request_body)}),`);
    } else lines.push(`    content=${python(row.request_body)}.encode("utf-16", "surrogatepass").decode("utf-16").encode(),`);
  }
  lines.push(")", "print(response.status_code, response.text)");
  return lines.join("\n");
}

export function asHar(row) {
  const list = (headers) => headers.map(([name, value]) => ({ name, value }));
  const typeOf = (headers) => headers.find(([name]) => name.toLowerCase() === "content-type")?.[1] ?? "";
  const wait = row.ttfb_ms ?? row.duration_ms ?? 0;
  const total = Math.max(row.duration_ms ?? 0, wait);
  const content = { size: row.response_body_bytes ?? 0, mimeType: typeOf(row.response_headers) || "x-unknown" };
  if (row.response_body !== null) content.text = row.response_body;
  if (row.response_body_encoding === "base64") content.encoding = "base64";
  const request = {
    method: row.method, url: url(row), httpVersion: `HTTP/${row.http_version ?? "1.1"}`, cookies: [],
    headers: list(row.request_headers), queryString: [...new URLSearchParams(row.query ?? "")].map(([name, value]) => ({ name, value })),
    headersSize: -1, bodySize: row.request_body_bytes ?? -1,
  };
  if (row.request_body !== null) request.postData = { mimeType: typeOf(row.request_headers), params: [], text: row.request_body };
  const entry = {
    startedDateTime: row.request_timestamp, time: total, request,
    response: {
      status: row.status_code ?? 0, statusText: "", httpVersion: request.httpVersion, cookies: [], headers: list(row.response_headers),
      content, redirectURL: "", headersSize: -1, bodySize: row.response_body_bytes ?? -1,
    },
    cache: {}, timings: { send: 0, wait, receive: total - wait }, comment: `dashcam ${row.id} ${row.outcome}`,
  };
  return JSON.stringify({ log: { version: "1.2", creator: { name: "dashcam", version: "1" }, entries: [entry] } }, null, 1);
}
