// One row of the table, cell by cell: what is recorded is only ever text.

import { el } from "./dom.js";
import { bytes, clock, dateTime, duration, number, statusClass } from "./format.js";

const BAR = 110;

export const COLUMNS = {
  time: { title: "Time", always: true },
  method: { title: "Method" },
  path: { title: "Path", always: true },
  status: { title: "Status" },
  duration: { title: "Duration" },
  waterfall: { title: "Waterfall" },
  size: { title: "Size" },
  user: { title: "User" },
  outcome: { title: "Outcome" },
  model: { title: "Model", off: true },
  tokens: { title: "Tokens", off: true },
  key: { title: "API key", off: true },
  trace: { title: "Trace", off: true },
  client: { title: "Client", off: true },
};

// The element of a row; `slowest` is the duration (ms) that fills a waterfall bar.
export function rowElement(row, columns, slowest) {
  const attributes = { role: "row", class: `row${row.fresh ? " fresh" : ""}`, id: `r-${row.id}`, "data-id": row.id };
  row.fresh = false;
  if (row.outcome === "dropped") {
    attributes.class += " gap";
    const span = row.dropped_first && row.dropped_last ? `, ${clock(row.dropped_first)} to ${clock(row.dropped_last)}` : "";
    const text = `${number(row.dropped_count)} records are missing here: there was no room in the journal${span}`;
    return el("div", attributes, cell("time", row), el("div", { role: "gridcell", class: "c-path", title: text }, text));
  }
  return el("div", attributes, columns.map((name) => (name === "waterfall" ? waterfall(row, slowest) : cell(name, row))));
}

export function waitingElement() {
  return el("div", { role: "row", class: "row" }, el("div", { role: "gridcell", class: "c-time" }, "…"), el("div", { role: "gridcell", class: "c-path" }));
}

function cell(name, row) {
  const made = (content, title, extra = "") => el("div", { role: "gridcell", class: `c-${name}${extra}`, title }, content);
  switch (name) {
    case "time": {
      const [time, ms] = clock(row.request_timestamp).split(".");
      return made([time, el("span", { class: "ms" }, `.${ms}`)], dateTime(row.request_timestamp));
    }
    case "method": return made(row.method);
    case "path": return made([el("span", {}, row.path ?? ""), row.query ? el("span", { class: "query" }, `?${row.query.slice(0, 300)}`) : null], row.target);
    case "status": return made(row.status_code ?? "–", row.outcome, ` ${statusClass(row)}`);
    case "duration": return made(duration(row.duration_ms));
    case "size": return made(bytes(row.response_body_bytes));
    case "user": return made(row.user_id ?? "", row.user_id);
    case "outcome": return made(row.outcome === "completed" ? "" : row.outcome, row.error_message ?? row.outcome, row.outcome === "failed" || row.outcome === "interrupted" ? " failed" : "");
    case "model": return made(row.model ?? "", row.model);
    case "tokens": return made(row.input_tokens === null && row.output_tokens === null ? "" : `${row.input_tokens ?? "?"} → ${row.output_tokens ?? "?"}`, "tokens in → out");
    case "key": return made(row.api_key_id ?? "", row.api_key_id);
    case "trace": return made(row.trace_id ?? "", row.trace_id);
    default: return made(row.client_ip ?? "");
  }
}

function waterfall(row, slowest) {
  const total = row.duration_ms ?? 0;
  const wait = Math.min(row.ttfb_ms ?? total, total);
  const text = `${duration(wait)} to the first byte, ${duration(total - wait)} body`;
  const made = el("div", { role: "gridcell", class: "c-waterfall", title: text, "aria-label": text });
  for (const [kind, ms] of [["wait", wait], ["rest", total - wait]]) {
    const part = el("i", { class: kind });
    part.style.width = `${Math.max(ms > 0 ? 1 : 0, Math.min(1, ms / slowest) * BAR)}px`;
    made.append(part);
  }
  return made;
}
