// Statistics: totals, top routes, users, keys.

import { byId, el } from "./dom.js";
import { bytes, dateTime, duration, number } from "./format.js";

export function showStats(stats, filter, onFilter) {
  const tile = (name, value) => el("div", { class: "tile" }, el("b", {}, value), el("span", {}, name));
  const tileOf = (name, count, wanted) => el("button", { class: "tile", title: "Show these", onclick: () => onFilter(wanted) }, el("b", {}, number(count)), el("span", {}, name));
  const share = stats.count ? ` (${((stats.errors / stats.count) * 100).toFixed(1)} %)` : "";
  const refused = stats.outcomes.quota_exceeded ?? 0;
  const out = [
    el("p", { class: "note" }, stats.first ? `${dateTime(stats.first)} to ${dateTime(stats.last)}${filter ? `, ${filter}` : ""}` : "No records match."),
    el("div", { class: "tiles" }, tile("records", number(stats.count)), tile("errors", number(stats.errors) + share), tile("p50", duration(stats.duration_ms_p50)),
      tile("p95", duration(stats.duration_ms_p95)), tile("p99", duration(stats.duration_ms_p99)), tile("received", bytes(stats.request_bytes)), tile("sent", bytes(stats.response_bytes)),
      tile("tokens in", number(stats.input_tokens)), tile("tokens out", number(stats.output_tokens)), tile("quota refusals", number(refused)), tile("dropped", number(stats.dropped))),
    el("h3", {}, "By status and outcome"),
    el("div", { class: "tiles" }, 
      Object.entries(stats.statuses).map(([name, count]) => tileOf(name, count, `status:${name}`)),
      Object.entries(stats.outcomes).map(([name, count]) => tileOf(name, count, `outcome:${name}`)),
      stats.dropped ? tileOf("dropped", stats.dropped, "outcome:dropped") : null),
    el("h3", {}, "Routes"),
    ranking(["route", "records", "", "errors", "p50", "p95", "bytes"], stats.paths, (row, most) => [
      link(row.route || "(none)", () => onFilter(`path:${quote(row.route.split("{")[0])}`)), number(row.count), meter(row.count / most), number(row.errors), duration(row.duration_ms_p50), duration(row.duration_ms_p95), bytes(row.bytes)]),
  ];
  for (const [title, key, rows] of [["Users", "user", stats.users], ["API keys", "key", stats.keys]]) {
    if (!rows.length) continue;
    out.push(el("h3", {}, title), ranking([title.toLowerCase().replace(/s$/, ""), "records", "", "errors", "refused", "bytes", "tokens"], rows, (row, most) => [
      link(row.name, () => onFilter(`${key}:${quote(row.name)}`)), number(row.count), meter(row.count / most), number(row.errors), number(row.refused), bytes(row.bytes), number(row.tokens)]));
  }
  byId("stats-view").replaceChildren(...out);
}

const quote = (text) => (/[\s"]/.test(text) ? `"${text.replaceAll('"', '\\"')}"` : text);
const link = (text, onclick) => el("button", { onclick }, text);

function meter(share) {
  const bar = el("span", { class: "meter" });
  bar.style.width = `${Math.max(2, share * 120)}px`;
  return bar;
}

// A column's title sorts by it, most first.
function ranking(titles, rows, cells) {
  const most = Math.max(1, ...rows.map((row) => row.count));
  const keys = { records: "count", errors: "errors", p50: "duration_ms_p50", p95: "duration_ms_p95", bytes: "bytes", refused: "refused", tokens: "tokens" };
  const body = el("tbody");
  const heads = titles.map((title) => {
    const key = keys[title];
    return el("th", { scope: "col", "aria-sort": title === "records" ? "descending" : null }, key ? el("button", { onclick: () => sortBy(title, key) }, title) : title);
  });
  function sortBy(title, key) {
    heads.forEach((head, at) => { if (titles[at] === title) head.setAttribute("aria-sort", "descending"); else head.removeAttribute("aria-sort"); });
    const sorted = [...rows].sort((one, other) => (other[key] ?? 0) - (one[key] ?? 0));
    body.replaceChildren(...sorted.map((row) => el("tr", {}, cells(row, most).map((cell) => el("td", {}, cell)))));
  }
  sortBy("records", "count");
  return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": titles[0] }, el("table", { class: "ranking" }, el("thead", {}, el("tr", {}, heads)), body));
}
