// One record: overview, timing, request, response, error; and two of them side by side.

import { byId, copyText, el } from "./dom.js";
import { bodyView, jsonTree, pairs, textView } from "./bodies.js";
import { asCurl, asHar, asHttpx } from "./copies.js";
import { hasSession, sessionView } from "./session.js";
import { bytes, dateTime, duration, statusClass } from "./format.js";

const TABS = ["Overview", "Request", "Response", "Timing", "Session", "Error"];
let tab = "Overview";

export function showRecord(row, { onClose, onFilter, onMark, onOpen }) {
  const box = byId("detail");
  box.className = "detail";
  const isThere = { Error: row.error_type || row.error_message, Session: hasSession(row) };
  const present = TABS.filter((name) => !(name in isThere) || isThere[name]);
  if (!present.includes(tab)) tab = "Overview";
  const body = el("div", { id: "tab-body", role: "tabpanel", "aria-labelledby": `tab-${tab}`, tabindex: 0 });
  const tabs = el("div", { class: "tabs", role: "tablist", "aria-label": "Parts of the record" }, present.map((name) =>
    el("button", { id: `tab-${name}`, role: "tab", "aria-controls": "tab-body", "aria-selected": String(name === tab), tabindex: name === tab ? 0 : -1, onclick: () => choose(name) }, name)));
  tabs.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.stopPropagation();
    const next = present[(present.indexOf(tab) + step + present.length) % present.length];
    choose(next);
    byId(`tab-${next}`).focus();
  });
  function choose(name) {
    tab = name;
    for (const each of present) {
      byId(`tab-${each}`).setAttribute("aria-selected", String(each === name));
      byId(`tab-${each}`).tabIndex = each === name ? 0 : -1;
    }
    body.setAttribute("aria-labelledby", `tab-${name}`);
    body.replaceChildren(...[parts[name](row, { onFilter, onOpen })].flat());
  }
  const actions = el("div", { class: "actions" },
    el("button", { id: "copy-curl", onclick: () => copyText(asCurl(row), "curl command") }, "Copy as curl"),
    el("button", { onclick: () => copyText(asHttpx(row), "Python code") }, "Copy as Python"),
    el("button", { onclick: () => copyText(asHar(row), "HAR") }, "Copy as HAR"),
    el("button", { onclick: () => copyText(row.id, "Id") }, "Copy id"),
    el("button", { onclick: () => onMark(row.id) }, "Compare"),
    el("button", { id: "close-detail", onclick: onClose, "aria-label": "Close the record" }, "Close"));
  box.replaceChildren(
    el("header", {}, el("h2", {}, el("span", { class: statusClass(row) }, `${row.status_code ?? "–"} `), `${row.method ?? ""} ${row.path ?? ""}`), actions, tabs),
    body);
  choose(tab);
  box.hidden = false;
  box.parentElement.classList.add("open");
  box.scrollTop = 0;
}

const link = (text, onFilter, filter) => el("button", { class: "quiet mono", title: "Show all of these", onclick: () => onFilter(filter) }, text);
const quote = (value) => (/[\s"]/.test(value) ? `"${value.replaceAll('"', '\\"')}"` : value);

const parts = {
  Overview(row, { onFilter }) {
    const rows = [
      ["began", dateTime(row.request_timestamp)], ["outcome", row.outcome],
      ["duration", `${duration(row.duration_ms)}${row.ttfb_ms !== null ? `, first byte after ${duration(row.ttfb_ms)}` : ""}`],
      ["route", row.route], ["query", row.query], ["host", row.host],
      ["http version", row.http_version], ["client", row.client_ip], ["user agent", row.user_agent],
      ["request size", bytes(row.request_body_bytes)], ["response size", `${bytes(row.response_body_bytes)}${row.response_chunks > 1 ? ` in ${row.response_chunks} chunks` : ""}`],
      ["model", row.model], ["tokens", row.input_tokens !== null || row.output_tokens !== null ? `${row.input_tokens ?? "?"} in, ${row.output_tokens ?? "?"} out` : null],
      ["cost", row.cost], ["id", row.id], ["request id", row.request_id], ["span id", row.span_id],
      ["server", row.server && `${row.server}, process ${row.process_id}`], ["stored", row.stored_at && dateTime(row.stored_at)],
    ].filter(([, value]) => value !== null && value !== undefined && value !== "");
    const table = pairs(rows.map(([name, value]) => [name, String(value)]));
    const links = el("div", { class: "actions" });
    if (row.user_id) links.append(link(`user ${row.user_id}`, onFilter, `user:${quote(row.user_id)}`));
    if (row.api_key_id) links.append(link(`key ${row.api_key_id}`, onFilter, `key:${quote(row.api_key_id)}`));
    if (row.trace_id) links.append(link(`trace ${row.trace_id}`, onFilter, `trace:${quote(row.trace_id)}`));
    const out = [links, table];
    if (Object.keys(row.tags).length) out.push(el("h3", {}, "Tags"), jsonTree(row.tags));
    if (row.redacted.length) out.push(el("h3", {}, "What was removed"), el("p", {}, row.redacted.join(", ")));
    return out;
  },
  Request: (row) => side(row, "request"),
  Response: (row) => side(row, "response"),
  Timing(row) {
    const total = row.duration_ms ?? 0;
    const wait = Math.min(row.ttfb_ms ?? total, total);
    const bar = el("div", { class: "timing", role: "img", "aria-label": `${duration(wait)} to the first byte, then ${duration(total - wait)}` });
    for (const [kind, ms] of [["wait", wait], ["rest", total - wait]]) {
      const part = el("div", { class: kind });
      part.style.width = `${total ? (ms / total) * 100 : 0}%`;
      bar.append(part);
    }
    const out = [bar, pairs([["to the first byte", duration(wait)], ["body", duration(total - wait)], ["whole", duration(total)], ["chunks", String(row.response_chunks ?? 0)]])];
    if (row.response_timeline?.length) {
      out.push(el("h3", {}, "Chunks as they were sent"), el("table", { class: "events" }, el("tbody", {}, row.response_timeline.map(([at, size]) =>
        el("tr", {}, el("td", {}, `+${duration(at)}`), el("td", {}, bytes(size)))))));
    }
    return out;
  },
  Session: (row, on) => sessionView(row, on),
  Error: (row) => [el("h3", {}, row.error_type ?? "error"), textView(row.error_message ?? ""), row.error_traceback ? textView(row.error_traceback) : ""].filter(Boolean),
};

function side(row, name) {
  return [el("h3", {}, "Body"), bodyView(row, name), el("h3", {}, `Headers (${row[`${name}_headers`].length})`), pairs(row[`${name}_headers`])];
}

export function showComparison(left, right, onClose) {
  const box = byId("detail");
  box.className = "detail compare";
  const names = ["method", "path", "query", "status_code", "outcome", "duration_ms", "ttfb_ms", "user_id", "api_key_id", "model", "input_tokens", "output_tokens", "response_body_bytes", "error_message"];
  const differs = new Set(names.filter((name) => left[name] !== right[name]));
  const told = names.filter((name) => left[name] !== null || right[name] !== null);
  const columns = [left, right].map((row) => el("div", {}, el("h2", {}, `${row.method} ${row.path}`), pairs(told.map((name) => [name, row[name] === null ? "" : String(row[name])]), differs)));
  const out = [el("header", {}, el("div", { class: "actions" }, el("button", { id: "close-detail", onclick: onClose }, "Close"))), el("div", { class: "sides" }, columns)];
  for (const [title, text] of [
    ["Request headers", (row) => lines(row.request_headers)], ["Request body", (row) => pretty(row.display?.request_body?.text ?? "")],
    ["Response headers", (row) => lines(row.response_headers)], ["Response body", (row) => pretty(row.display?.response_body?.text ?? "")],
  ]) {
    const [one, other] = difference(text(left).split("\n"), text(right).split("\n"));
    out.push(el("h3", {}, title), el("div", { class: "sides" }, one, other));
  }
  box.replaceChildren(...out);
  box.hidden = false;
  box.parentElement.classList.add("open");
}

const lines = (headers) => headers.map(([name, value]) => `${name}: ${value}`).join("\n");

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

// Longest common subsequence of lines; long texts are compared line by line instead.
function difference(one, other) {
  const short = one.length * other.length < 1_000_000;
  const inOne = new Set();
  const inOther = new Set();
  if (short) {
    const table = Array.from({ length: one.length + 1 }, () => new Uint32Array(other.length + 1));
    for (let a = one.length - 1; a >= 0; a -= 1)
      for (let b = other.length - 1; b >= 0; b -= 1)
        table[a][b] = one[a] === other[b] ? table[a + 1][b + 1] + 1 : Math.max(table[a + 1][b], table[a][b + 1]);
    let a = 0;
    let b = 0;
    while (a < one.length && b < other.length) {
      if (one[a] === other[b]) {
        inOne.add(a); inOther.add(b); a += 1; b += 1;
      } else if (table[a + 1][b] >= table[a][b + 1]) a += 1;
      else b += 1;
    }
  } else for (let at = 0; at < Math.min(one.length, other.length); at += 1) if (one[at] === other[at]) { inOne.add(at); inOther.add(at); }
  const column = (all, same, kind) => el("pre", { class: "body", tabindex: 0 }, all.slice(0, 5000).map((line, at) => el("div", { class: same.has(at) ? null : kind }, line || " ")));
  return [column(one, inOne, "line-del"), column(other, inOther, "line-add")];
}
