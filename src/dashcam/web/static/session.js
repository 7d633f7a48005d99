// What belongs together: the requests of one trace, or of one user around a record, on one axis.

import * as api from "./api.js";
import { el } from "./dom.js";
import { clock, dateTime, duration, number, statusClass } from "./format.js";

const REACH_S = [1800, 300, 60, 10]; // around the record; less where a user asks much
const PAUSE_MS = 10 * 60_000; // so long a silence ends a session
const MOST = 200;

export const hasSession = (row) => Boolean(row.trace_id || row.user_id);

export function sessionView(row, { onOpen, onFilter }) {
  const box = el("div", { class: "session" });
  const kinds = [["trace", row.trace_id], ["user", row.user_id]].filter(([, value]) => value);
  const choices = el("div", { class: "actions", role: "group", "aria-label": "What belongs together" });
  const body = el("div", { "aria-live": "polite" });
  box.append(choices, body);
  const choose = async (kind, value) => {
    for (const button of choices.children) button.setAttribute("aria-pressed", String(button.dataset.kind === kind));
    body.replaceChildren(el("p", { class: "note" }, "Looking…"));
    try {
      const { rows, cut } = await together(row, kind, value);
      body.replaceChildren(...drawn(rows, row, onOpen), ...(cut ? [el("p", { class: "note" }, `There are more than these ${MOST}.`)] : []),
        el("p", {}, el("button", { onclick: () => onFilter(`${kind}:${quote(value)}`) }, "Show all in the table")));
      body.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
    } catch (error) {
      body.replaceChildren(el("p", { class: "problem", role: "alert" }, error.message));
    }
  };
  for (const [kind, value] of kinds) {
    choices.append(el("button", { "data-kind": kind, "aria-pressed": "false", onclick: () => choose(kind, value) }, kind === "trace" ? "Same trace" : "Same user, this session"));
  }
  choose(...kinds[0]);
  return box;
}

async function together(row, kind, value) {
  const question = { filter: `${kind}:${quote(value)}`, limit: MOST };
  if (kind === "trace") {
    const page = await api.history(question);
    return { rows: page.items.reverse(), cut: Boolean(page.next_cursor) };
  }
  const began = Date.parse(row.request_timestamp);
  for (const reach of REACH_S) {
    const page = await api.history({ ...question, from: new Date(began - reach * 1000).toISOString(), to: new Date(began + reach * 1000).toISOString() });
    if (page.next_cursor && reach !== REACH_S.at(-1)) continue;
    return { rows: sessionOf(page.items.reverse(), row.id), cut: Boolean(page.next_cursor) };
  }
  return { rows: [row], cut: false };
}

// The stretch without a long pause that holds the record; rows are oldest first.
export function sessionOf(rows, id) {
  let session = [];
  let last = -Infinity;
  for (const row of rows) {
    const at = Date.parse(row.request_timestamp);
    if (at - last > PAUSE_MS) {
      if (session.some((each) => each.id === id)) return session;
      session = [];
    }
    session.push(row);
    last = Math.max(last, at + (row.duration_ms ?? 0));
  }
  return session;
}

function drawn(rows, current, onOpen) {
  if (!rows.length) return [el("p", { class: "note" }, "Nothing else belongs to this record.")];
  const starts = rows.map((row) => Date.parse(row.request_timestamp));
  const begin = Math.min(...starts);
  const whole = Math.max(1, ...rows.map((row, at) => starts[at] + (row.duration_ms ?? 0) - begin));
  const sum = (name) => rows.reduce((total, row) => total + (row[name] ?? 0), 0);
  const errors = rows.filter((row) => row.outcome === "failed" || row.status_code >= 500).length;
  const facts = [`${number(rows.length)} ${rows.length === 1 ? "request" : "requests"} over ${duration(whole)}`, errors ? `${errors} failed` : null,
    sum("input_tokens") || sum("output_tokens") ? `${number(sum("input_tokens"))} tokens in, ${number(sum("output_tokens"))} out` : null];
  return [
    el("p", { class: "note" }, `${facts.filter(Boolean).join(" · ")}, from ${dateTime(rows[0].request_timestamp)}`),
    el("ol", { class: "together" }, rows.map((row, at) => {
      const bar = el("i");
      bar.style.left = `${((starts[at] - begin) / whole) * 100}%`;
      bar.style.width = `${Math.max(0.5, ((row.duration_ms ?? 0) / whole) * 100)}%`;
      return el("li", {}, el("button", { "aria-current": row.id === current.id ? "true" : null, title: `+${duration(starts[at] - begin)}, took ${duration(row.duration_ms)}`, onclick: () => onOpen(row.id) },
        el("span", { class: "when" }, clock(row.request_timestamp)), el("span", { class: `code ${statusClass(row)}` }, row.status_code ?? "–"),
        el("span", { class: "what" }, `${row.method ?? ""} ${row.target ?? ""}`), el("span", { class: "axis", "aria-hidden": "true" }, bar)));
    })),
  ];
}

const quote = (value) => (/[\s"]/.test(value) ? `"${value.replaceAll('"', '\\"')}"` : value);
