// The table of records: virtual rows, pages fetched as they come near, live rows on top.

import { el, byId } from "./dom.js";
import * as api from "./api.js";
import { bytes, clock, dateTime, duration, number, statusClass } from "./format.js";

const ROW = 26;
const HEAD = 24;
const FIRST = 45;
const PAGE = 200;
const OVERSCAN = 8;
const MOST_HEIGHT = 30_000_000; // what browsers can lay out

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
  client: { title: "Client", off: true },
};

export class List {
  constructor({ onOpen, onProblem, onMark }) {
    this.rows = [];
    this.known = new Map();
    this.cursor = null;
    this.loading = null;
    this.activeId = null;
    this.marks = [];
    this.paused = false;
    this.waiting = [];
    this.question = {};
    this.slowest = 1;
    this.onOpen = onOpen;
    this.onProblem = onProblem;
    this.onMark = onMark;
    this.columns = new Set(this.savedColumns());
    this.scroller = byId("grid");
    this.body = byId("rows");
    this.pool = new Map();
    this.scroller.addEventListener("scroll", () => this.schedule());
    new ResizeObserver(() => this.schedule()).observe(this.scroller);
    byId("newer").addEventListener("click", () => this.showNewer());
    this.body.addEventListener("click", (event) => {
      const row = event.target.closest(".row");
      if (!row) return;
      if (event.shiftKey) this.mark(row.dataset.id);
      else this.open(row.dataset.id);
    });
    this.header();
  }

  savedColumns() {
    const saved = JSON.parse(localStorage.getItem("dashcam.columns") ?? "null");
    return saved ?? Object.keys(COLUMNS).filter((name) => !COLUMNS[name].off);
  }

  choose(name, shown) {
    if (shown) this.columns.add(name);
    else this.columns.delete(name);
    localStorage.setItem("dashcam.columns", JSON.stringify([...this.columns]));
    this.header();
    for (const [, element] of this.pool) element.remove();
    this.pool.clear();
    this.schedule();
  }

  shownColumns() {
    return Object.keys(COLUMNS).filter((name) => COLUMNS[name].always || this.columns.has(name));
  }

  header() {
    byId("head").replaceChildren(
      ...this.shownColumns().map((name) => el("div", { role: "columnheader", class: `c-${name}` }, COLUMNS[name].title)),
    );
  }

  async load(question) {
    this.loading?.abort();
    const loading = (this.loading = new AbortController());
    this.question = question;
    this.source?.close();
    this.waiting = [];
    byId("newer").hidden = true;
    try {
      const page = await api.history({ ...question, limit: FIRST }, loading.signal);
      if (loading.signal.aborted) return;
      this.rows = page.items;
      this.known = new Map(page.items.map((row) => [row.id, row]));
      this.cursor = page.next_cursor;
      this.loading = null;
      this.scroller.scrollTop = 0;
      this.slowest = Math.max(1, ...page.items.map((row) => row.duration_ms ?? 0));
      for (const [, element] of this.pool) element.remove();
      this.pool.clear();
      this.onProblem(null);
      this.draw();
      this.tellEmpty();
      if (!question.to) this.follow();
    } catch (error) {
      if (error.name !== "AbortError") this.onProblem(error);
    }
  }

  follow() {
    this.source?.close();
    this.source = api.follow(this.question, (row) => this.arrived(row));
  }

  stop() {
    this.source?.close();
  }

  arrived(row) {
    const known = this.known.get(row.id);
    if (known) {
      if (row.revision > known.revision) Object.assign(known, row);
      this.redraw(row.id);
      return;
    }
    if (this.waiting.some((each) => each.id === row.id)) return;
    const oldest = this.rows.at(-1);
    if (this.cursor && oldest && row.request_timestamp < oldest.request_timestamp) return; // a later page
    this.waiting.push(row);
    if (!this.paused && this.scroller.scrollTop < ROW) this.scheduleNewer();
    else this.offerNewer();
  }

  scheduleNewer() {
    if (this.newerTimer) return;
    this.newerTimer = setTimeout(() => {
      this.newerTimer = 0;
      if (this.paused || this.scroller.scrollTop >= ROW) this.offerNewer();
      else this.showNewer({ keepPlace: true });
    }, 200);
  }

  offerNewer() {
    const button = byId("newer");
    button.hidden = this.waiting.length === 0;
    button.textContent = `${number(this.waiting.length)} new`;
  }

  showNewer({ keepPlace = false } = {}) {
    const fresh = this.waiting;
    this.waiting = [];
    for (const row of fresh) {
      this.known.set(row.id, row);
      row.fresh = true;
      let at = 0; // rows arrive in the order of storing: the place is near the top
      while (at < this.rows.length && after(this.rows[at], row)) at += 1;
      this.rows.splice(at, 0, row);
      this.slowest = Math.max(this.slowest, row.duration_ms ?? 0);
    }
    byId("newer").hidden = true;
    if (!keepPlace) this.scroller.scrollTop = 0;
    for (const [, element] of this.pool) element.remove();
    this.pool.clear();
    this.draw();
    this.tellEmpty();
  }

  pause(paused) {
    this.paused = paused;
    if (!paused && this.waiting.length) this.showNewer({ keepPlace: this.scroller.scrollTop < ROW });
  }

  async more() {
    if (!this.cursor || this.loading) return;
    const loading = (this.loading = new AbortController());
    try {
      const page = await api.history({ ...this.question, limit: PAGE, cursor: this.cursor }, loading.signal);
      if (loading.signal.aborted) return;
      for (const row of page.items) {
        if (this.known.has(row.id)) continue;
        this.known.set(row.id, row);
        this.rows.push(row);
      }
      this.cursor = page.next_cursor;
      this.loading = null;
      this.schedule();
    } catch (error) {
      this.loading = null;
      if (error.name !== "AbortError") this.onProblem(error);
    }
  }

  tellEmpty() {
    const empty = byId("empty");
    empty.hidden = this.rows.length > 0;
    empty.textContent = this.question.filter || this.question.from
      ? "Nothing matches this filter. Try a shorter one, or a longer time."
      : "No records yet. As soon as your app answers a request, it appears here.";
    byId("grid").setAttribute("aria-rowcount", this.cursor ? -1 : this.rows.length);
  }

  schedule() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.draw();
    });
  }

  draw() {
    const total = this.rows.length;
    this.body.style.height = `${Math.min(total * ROW, MOST_HEIGHT)}px`;
    const top = this.scroller.scrollTop;
    const shown = Math.ceil(this.scroller.clientHeight / ROW);
    const first = Math.max(0, Math.floor(top / ROW) - OVERSCAN);
    const last = Math.min(total, first + shown + 2 * OVERSCAN);
    const wanted = new Set();
    for (let at = first; at < last; at += 1) {
      const row = this.rows[at];
      wanted.add(row.id);
      let element = this.pool.get(row.id);
      if (!element) {
        element = this.element(row);
        this.pool.set(row.id, element);
        this.body.append(element);
      }
      element.style.transform = `translateY(${at * ROW}px)`;
      element.setAttribute("aria-rowindex", at + 2);
      const active = row.id === this.activeId;
      element.classList.toggle("active", active);
      element.classList.toggle("marked", this.marks.includes(row.id));
      element.setAttribute("aria-selected", active);
    }
    for (const [id, element] of this.pool) {
      if (!wanted.has(id)) {
        element.remove();
        this.pool.delete(id);
      }
    }
    if (last > total - 3 * shown) this.more();
  }

  redraw(id) {
    this.pool.get(id)?.remove();
    this.pool.delete(id);
    this.schedule();
  }

  element(row) {
    const attributes = { role: "row", class: `row${row.fresh ? " fresh" : ""}`, id: `r-${row.id}`, "data-id": row.id };
    row.fresh = false;
    if (row.outcome === "dropped") {
      attributes.class += " gap";
      const text = `${number(row.dropped_count)} records are missing here: there was no room in the journal`;
      return el("div", attributes, this.cell("time", row), el("div", { role: "gridcell", class: "c-path" }, text));
    }
    return el("div", attributes, this.shownColumns().map((name) => this.cell(name, row)));
  }

  cell(name, row) {
    const cell = (content, title, extra = "") =>
      el("div", { role: "gridcell", class: `c-${name}${extra}`, title }, content);
    switch (name) {
      case "time": {
        const [time, ms] = clock(row.request_timestamp).split(".");
        return cell([time, el("span", { class: "ms" }, `.${ms}`)], dateTime(row.request_timestamp));
      }
      case "method": return cell(row.method);
      case "path": return cell([el("span", {}, row.path ?? ""), row.query ? el("span", { class: "query" }, `?${row.query.slice(0, 300)}`) : null], row.target);
      case "status": return cell(row.status_code ?? "–", row.outcome, ` ${statusClass(row)}`);
      case "duration": return cell(duration(row.duration_ms));
      case "waterfall": return this.waterfall(row);
      case "size": return cell(bytes(row.response_body_bytes));
      case "user": return cell(row.user_id ?? "", row.user_id);
      case "outcome": return cell(row.outcome === "completed" ? "" : row.outcome, row.error_message, row.outcome === "failed" ? " failed" : "");
      case "model": return cell(row.model ?? "");
      default: return cell(row.client_ip ?? "");
    }
  }

  waterfall(row) {
    const total = row.duration_ms ?? 0;
    const wait = Math.min(row.ttfb_ms ?? total, total);
    const text = `${duration(wait)} to the first byte, ${duration(total - wait)} body`;
    const cell = el("div", { role: "gridcell", class: "c-waterfall", title: text, "aria-label": text });
    for (const [kind, ms] of [["wait", wait], ["rest", total - wait]]) {
      const part = el("i", { class: kind });
      part.style.width = `${Math.max(ms > 0 ? 1 : 0, (ms / this.slowest) * 110)}px`;
      cell.append(part);
    }
    return cell;
  }

  indexOf(id) {
    return this.rows.findIndex((row) => row.id === id);
  }

  move(step) {
    const at = this.activeId ? this.indexOf(this.activeId) : -1;
    const next = Math.min(this.rows.length - 1, Math.max(0, at + step));
    if (next < 0 || !this.rows.length) return;
    this.activate(this.rows[next].id);
    const top = next * ROW; // below the header, which stays
    const view = this.scroller;
    const seen = view.clientHeight - HEAD;
    if (top < view.scrollTop) view.scrollTop = top;
    else if (top + ROW > view.scrollTop + seen) view.scrollTop = top + ROW - seen;
    this.draw();
  }

  activate(id) {
    this.activeId = id;
    byId("grid").setAttribute("aria-activedescendant", `r-${id}`);
    this.draw();
  }

  open(id) {
    this.activate(id);
    this.onOpen(id);
  }

  mark(id) {
    const at = this.marks.indexOf(id);
    if (at >= 0) this.marks.splice(at, 1);
    else this.marks = [...this.marks.slice(-1), id];
    this.draw();
    this.onMark(this.marks);
  }
}

function after(one, other) {
  return one.request_timestamp > other.request_timestamp
    || (one.request_timestamp === other.request_timestamp && one.id > other.id);
}
