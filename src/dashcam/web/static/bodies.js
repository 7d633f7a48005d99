// A body by its type: JSON tree, form, parts, events, image, text, bytes. All of it text nodes.

import { el, visible } from "./dom.js";
import { bytes, duration } from "./format.js";

const FIRST_CHARACTERS = 60_000;
const MOST_CHILDREN = 200;

export function bodyView(row, side) {
  const display = row.display?.[`${side}_body`];
  const size = row[`${side}_body_bytes`];
  if (!display) {
    return el("p", { class: "note" }, size ? `Not kept (${bytes(size)} on the wire): ${whyNot(row, side)}.` : "There is none.");
  }
  const type = display.content_type.split(";")[0].trim().toLowerCase();
  const box = el("div");
  const notes = [`${type || "no content type"}, ${bytes(size ?? 0)} on the wire`];
  if (display.truncated) notes.push("there is more than is shown");
  box.append(el("p", { class: "note" }, notes.join("; ")));
  if (display.text === null) {
    if (/^image\/(png|jpeg|gif|webp|avif|bmp)$/.test(type)) {
      box.append(el("img", { src: `data:${type};base64,${display.base64}`, alt: `the ${side}'s image`, class: "image" }));
    } else box.append(hex(display.base64));
    return box;
  }
  const text = display.text;
  if (type === "text/event-stream") box.append(eventsView(text, row));
  else if (type === "application/x-www-form-urlencoded") box.append(pairs([...new URLSearchParams(text)]));
  else if (type.startsWith("multipart/")) box.append(partsView(text, display.content_type));
  else if (/json/.test(type)) box.append(jsonView(text));
  else if (type === "image/svg+xml") {
    box.append(el("img", { src: `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`, alt: `the ${side}'s image` }), textView(text));
  } else box.append(textView(text));
  return box;
}

function whyNot(row, side) {
  if (row.redacted.includes(`${side}_body:*`)) return "it couldn't be read as what its content type says, and might hold secrets";
  const type = (row[`${side}_headers`].find(([name]) => name.toLowerCase() === "content-type")?.[1] ?? "").split(";")[0];
  return `${type || "a body without a content type"} may not be listed in body_content_types, or max_body_bytes is 0`;
}

export function textView(text, kind = "") {
  const pre = el("pre", { class: `body ${kind}`, tabindex: 0 });
  let shown = 0;
  const more = el("button", {}, "Show more");
  const box = el("div", {}, pre, more);
  const grow = () => {
    pre.append(visible(text.slice(shown, shown + FIRST_CHARACTERS)));
    shown += FIRST_CHARACTERS;
    more.hidden = shown >= text.length;
    more.textContent = `Show more (${bytes(Math.max(0, text.length - shown))} are left)`;
  };
  more.addEventListener("click", grow);
  grow();
  return box;
}

export function pairs(entries, differs = new Set()) {
  return el("table", { class: "pairs" }, el("tbody", {}, entries.map(([name, value]) =>
    el("tr", { class: differs.has(name) ? "differs" : null }, el("th", { scope: "row" }, name), el("td", {}, value ?? "")))));
}

export function jsonView(text) {
  const lines = text.trim().split("\n");
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    try {
      value = lines.map((line) => JSON.parse(line)); // NDJSON
    } catch {
      return textView(text);
    }
  }
  return jsonTree(value);
}

export function jsonTree(value) {
  const tree = el("div", { class: "tree", tabindex: 0, role: "group", "aria-label": "JSON" });
  const root = el("ul");
  tree.append(root);
  const nodes = new Map();
  root.append(node("", value, "$", nodes, 2));
  const count = el("span", { class: "note", role: "status" });
  const find = el("input", { type: "search", placeholder: "Find in this JSON", "aria-label": "Find in this JSON" });
  find.addEventListener("input", () => search(value, find.value, nodes, tree, count));
  const open = el("button", { onclick: () => foldAll(nodes, true) }, "Unfold");
  const close = el("button", { onclick: () => foldAll(nodes, false) }, "Fold");
  return el("div", {}, el("div", { class: "findbar" }, find, count, open, close), tree);
}

function node(key, value, path, nodes, depth) {
  const item = el("li");
  const label = key === "" ? [] : [el("span", { class: "key" }, key), ": "];
  if (value === null || typeof value !== "object") {
    const kind = typeof value === "string" ? "string" : typeof value === "number" ? "number" : "literal";
    const shown = typeof value === "string" ? JSON.stringify(value.length > 20_000 ? `${value.slice(0, 20_000)}…` : value) : String(value);
    item.append(...label.map(asNode), el("span", { class: kind }, shown));
    nodes.set(path, { item });
    return item;
  }
  const entries = Array.isArray(value) ? value.map((each, at) => [String(at), each]) : Object.entries(value);
  const brackets = Array.isArray(value) ? "[]" : "{}";
  const summary = el("span", { class: "dim" }, ` ${brackets[0]}${entries.length}${brackets[1]}`);
  const fold = el("button", { class: "fold", "aria-expanded": "false", "aria-label": `Unfold ${key || "all"}` }, "▸");
  const list = el("ul", { hidden: true });
  let shown = 0;
  const fill = (until) => {
    for (; shown < Math.min(until, entries.length); shown += 1) {
      const [name, each] = entries[shown];
      list.insertBefore(node(name, each, `${path}.${name}`, nodes, depth - 1), more);
    }
    more.hidden = shown >= entries.length;
  };
  const more = el("li", {}, el("button", { onclick: () => fill(shown + MOST_CHILDREN) }, "more…"));
  list.append(more);
  const open = (yes) => {
    if (yes) fill(Math.max(shown, MOST_CHILDREN));
    list.hidden = !yes;
    fold.textContent = yes ? "▾" : "▸";
    fold.setAttribute("aria-expanded", yes);
  };
  fold.addEventListener("click", () => open(list.hidden));
  item.append(fold, ...label.map(asNode), summary, list);
  nodes.set(path, { item, open, fill, entries });
  if (depth > 0 && entries.length <= 100) open(true);
  return item;
}

const asNode = (part) => (part instanceof Node ? part : document.createTextNode(part));

function foldAll(nodes, yes) {
  let budget = 3000;
  for (const [path, each] of nodes) {
    if (!each.open || (!yes && path === "$")) continue;
    if ((budget -= 1) < 0) return;
    each.open(yes);
  }
}

function search(value, wanted, nodes, tree, count) {
  for (const found of tree.querySelectorAll(".found")) found.classList.remove("found");
  count.textContent = "";
  if (!wanted) return;
  const needle = wanted.toLowerCase();
  const paths = [];
  const walk = (each, path, key) => {
    if (paths.length >= 200) return;
    const isLeaf = each === null || typeof each !== "object";
    if (key.toLowerCase().includes(needle) || (isLeaf && String(each).toLowerCase().includes(needle))) paths.push(path);
    if (!isLeaf) for (const [name, child] of Object.entries(each)) walk(child, `${path}.${name}`, name);
  };
  walk(value, "$", "");
  for (const path of paths) {
    let at = "";
    for (const part of path.split(".")) {
      at = at ? `${at}.${part}` : part;
      nodes.get(at)?.open?.(true);
    }
    nodes.get(path)?.item.classList.add("found");
  }
  nodes.get(paths[0])?.item.scrollIntoView({ block: "nearest" });
  count.textContent = paths.length >= 200 ? "200 and more" : String(paths.length);
}

function hex(base64) {
  const raw = atob(base64);
  const lines = [];
  for (let at = 0; at < Math.min(raw.length, 65536); at += 16) {
    const part = raw.slice(at, at + 16);
    const codes = [...part].map((c) => c.charCodeAt(0).toString(16).padStart(2, "0")).join(" ");
    const text = part.replace(/[^\x20-\x7e]/g, "·");
    lines.push(`${at.toString(16).padStart(6, "0")}  ${codes.padEnd(47)}  ${text}`);
  }
  return textView(lines.join("\n"), "hex");
}

function partsView(text, contentType) {
  const boundary = /boundary="?([^";]+)"?/i.exec(contentType)?.[1];
  if (!boundary) return textView(text);
  const box = el("div");
  for (const part of text.split(`--${boundary}`).slice(1)) {
    if (part.startsWith("--")) break;
    const [head, ...rest] = part.replace(/^\r?\n/, "").split(/\r?\n\r?\n/);
    const headers = head.split(/\r?\n/).filter(Boolean).map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]);
    box.append(el("h3", {}, /name="([^"]*)"/.exec(head)?.[1] ?? "part"), pairs(headers), textView(rest.join("\n\n").replace(/\r?\n$/, "")));
  }
  return box;
}

export function parseEvents(text) {
  const events = [];
  let at = 0;
  for (const block of text.split(/\r?\n\r?\n/)) {
    at += new TextEncoder().encode(block).length + 2;
    const event = { event: "message", data: [], ends: at };
    for (const line of block.split(/\r?\n/)) {
      const colon = line.indexOf(":");
      const name = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (name === "data") event.data.push(value);
      else if (name === "event") event.event = value;
    }
    if (event.data.length) events.push({ ...event, data: event.data.join("\n") });
  }
  return events;
}

export function assemble(events) {
  let text = "";
  let usage = null;
  let model = null;
  let pieces = 0;
  for (const { data } of events) {
    let value;
    try {
      value = JSON.parse(data);
    } catch {
      continue;
    }
    if (!value || typeof value !== "object") continue;
    model ??= value.model ?? value.message?.model ?? value.response?.model ?? null;
    const found = value.usage ?? value.message?.usage ?? value.response?.usage;
    if (found) usage = { ...usage, ...found };
    const piece = value.choices?.[0]?.delta?.content ?? value.choices?.[0]?.text
      ?? (value.type === "content_block_delta" ? value.delta?.text : null)
      ?? (value.type === "response.output_text.delta" ? value.delta : null);
    if (typeof piece === "string") {
      text += piece;
      pieces += 1;
    }
  }
  return { text, usage, model, pieces };
}

function eventsView(text, row) {
  const events = parseEvents(text);
  const box = el("div");
  const { text: answer, usage, model, pieces } = assemble(events);
  if (pieces) {
    const output = row.output_tokens ?? usage?.completion_tokens ?? usage?.output_tokens;
    const input = row.input_tokens ?? usage?.prompt_tokens ?? usage?.input_tokens;
    const streaming = (row.duration_ms ?? 0) - (row.ttfb_ms ?? 0);
    const facts = [model, input !== undefined && input !== null ? `${input} tokens in` : null, output ? `${output} tokens out` : null,
      output && streaming > 0 ? `${duration(streaming / output)} a token` : null];
    box.append(el("h3", {}, "The answer as its reader saw it"), el("div", { class: "assembled" }, answer),
      el("p", { class: "note" }, facts.filter(Boolean).join(" · ")));
  }
  const arrivals = arrivalTimes(row);
  const list = el("tbody");
  let shown = 0;
  const more = el("button", {}, "Show more events");
  const grow = () => {
    for (const event of events.slice(shown, shown + 300)) {
      list.append(el("tr", {}, el("td", {}, arrivals(event.ends)), el("td", {}, event.event === "message" ? "" : event.event), el("td", {}, event.data.slice(0, 4000))));
    }
    shown += 300;
    more.hidden = shown >= events.length;
  };
  more.addEventListener("click", grow);
  grow();
  box.append(el("h3", {}, `${events.length} events`), el("table", { class: "events" }, list), more);
  return box;
}

function arrivalTimes(row) {
  const ends = [];
  let total = 0;
  for (const [at, size] of row.response_timeline ?? []) {
    total += size;
    ends.push([total, at]);
  }
  return (offset) => {
    const chunk = ends.find(([end]) => end >= offset - 2);
    return chunk ? `+${duration(chunk[1])}` : "";
  };
}
