// The table of records: virtual rows, pages fetched as they come near, live rows on top.

import { el, byId } from "./dom.js";
import * as api from "./api.js";
import { COLUMNS, rowElement, waitingElement } from "./cells.js";
import { number } from "./format.js";
import { Live } from "./live.js";
import { after, Rows } from "./rows.js";

const ROW = 26;
const HEAD = 24;
const OVERSCAN = 8;
const MOST_HEIGHT = 30_000_000; // what browsers can lay out
const MOST_LIVE = 2000; // rows that came in live, before the list begins anew
const MOST_WAITING = 500;

export class List {
  constructor({ onOpen, onProblem, onMark, onMove }) {
    this.begin();
    this.loading = null;
    this.activeId = null;
    this.marks = [];
    this.paused = false;
    this.question = {};
    this.onOpen = onOpen;
    this.onProblem = onProblem;
    this.onMark = onMark;
    this.onMove = onMove;
    this.live = new Live({ onOpen: () => this.catchUp(), onRow: (row) => this.arrived(row) });
    this.columns = new Set(this.savedColumns());
    this.scroller = byId("grid");
    this.body = byId("rows");
    this.pool = new Map();
    this.scroller.addEventListener("scroll", () => this.schedule());
    new ResizeObserver(() => this.schedule()).observe(this.scroller);
    byId("newer").addEventListener("click", () => this.showNewer());
    this.body.addEventListener("click", (event) => {
      const row = event.target.closest(".row[data-id]");
      if (!row) return;
      if (event.shiftKey) this.mark(row.dataset.id);
      else this.open(row.dataset.id);
    });
    this.header();
  }

  begin() {
    this.waiting = [];
    this.tooMany = false;
    this.arrivedLive = 0;
    this.slowest = 1;
    const rows = new Rows(
      (more) => api.history({ ...this.question, ...more }, this.asking?.signal),
      (added, index) => rows === this.rows && this.changed(added, index),
      (error) => rows === this.rows && this.onProblem(error),
    );
    this.rows = rows;
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
    this.empty();
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

  // Rows of a first page: what fits in sight, since a rare match may be long in finding.
  first() {
    return Math.max(20, Math.ceil(this.scroller.clientHeight / ROW) + 1);
  }

  async load(question) {
    this.loading?.abort();
    const loading = (this.loading = new AbortController());
    this.question = question;
    this.live.stop();
    byId("newer").hidden = true;
    const slow = setTimeout(() => this.tell("Loading…"), 300);
    try {
      const page = await api.history({ ...question, limit: this.first() }, loading.signal);
      if (loading.signal.aborted) return;
      this.asking?.abort();
      this.asking = new AbortController();
      this.begin();
      this.rows.begin(page);
      this.scroller.scrollTop = 0;
      this.slowest = Math.max(1, ...page.items.map((row) => row.duration_ms ?? 0));
      this.empty();
      this.onProblem(null);
      this.draw();
      this.tellEmpty();
      if (!question.to) this.live.follow(question);
    } catch (error) {
      if (error.name === "AbortError") return;
      this.tell("");
      this.onProblem(error);
    } finally {
      clearTimeout(slow);
      if (this.loading === loading) this.loading = null;
    }
  }

  stop() {
    this.loading?.abort();
    this.live.stop();
  }

  empty() {
    for (const [, element] of this.pool) element.remove();
    this.pool.clear();
  }

  // Rows that were stored while nobody followed: between a page and its tail, or while hidden.
  async catchUp() {
    const { rows, question } = this;
    try {
      const limit = this.first();
      const { items } = await api.history({ ...question, limit });
      if (rows !== this.rows) return;
      const newest = rows.newest();
      if (newest && items.length === limit && after(items.at(-1), newest)) this.overflow();
      else for (const row of items.reverse()) this.arrived(row);
    } catch (error) {
      if (error.name !== "AbortError") this.onProblem(error);
    }
  }

  arrived(row) {
    const known = this.rows.known.get(row.id);
    if (known) {
      if (row.revision > known.revision) {
        Object.assign(known, row);
        this.redraw(row.id);
      }
      return;
    }
    if (this.tooMany || this.rows.isBehind(row) || this.waiting.some((each) => each.id === row.id)) return;
    if (this.waiting.length >= MOST_WAITING) {
      this.overflow();
      return;
    }
    this.waiting.push(row);
    if (this.atTheTop()) this.scheduleNewer();
    else this.offerNewer();
  }

  atTheTop() {
    return !this.paused && this.scroller.scrollTop < ROW;
  }

  // More is new than is worth keeping: the list begins anew, at once or when it is asked to.
  overflow() {
    this.waiting = [];
    this.tooMany = true;
    if (this.atTheTop()) this.load(this.question);
    else this.offerNewer();
  }

  scheduleNewer() {
    this.newerTimer ||= setTimeout(() => {
      this.newerTimer = 0;
      if (this.atTheTop()) this.showNewer({ keepPlace: true });
      else this.offerNewer();
    }, 200);
  }

  offerNewer() {
    const button = byId("newer");
    button.hidden = this.waiting.length === 0 && !this.tooMany;
    button.textContent = this.tooMany ? "Many new" : `${number(this.waiting.length)} new`;
  }

  showNewer({ keepPlace = false } = {}) {
    const fresh = this.waiting;
    this.arrivedLive += fresh.length;
    if (this.tooMany || this.arrivedLive > MOST_LIVE) {
      this.load(this.question);
      return;
    }
    this.waiting = [];
    for (const row of fresh) {
      row.fresh = true;
      this.rows.insert(row);
      this.slowest = Math.max(this.slowest, row.duration_ms ?? 0);
    }
    byId("newer").hidden = true;
    if (!keepPlace) this.scroller.scrollTop = 0;
    this.empty();
    this.draw();
    this.tellEmpty();
  }

  pause(paused) {
    this.paused = paused;
    if (!paused && (this.waiting.length || this.tooMany)) this.showNewer({ keepPlace: this.scroller.scrollTop < ROW });
  }

  // Rows came in above or in sight; what is looked at stays where it is.
  changed(added, index) {
    if (added && index * ROW <= this.scroller.scrollTop) this.scroller.scrollTop += added * ROW;
    this.schedule();
  }

  tell(text) {
    const empty = byId("empty");
    empty.hidden = !text || this.rows.total > 0;
    empty.textContent = text;
  }

  tellEmpty() {
    const narrowed = this.question.filter || this.question.from;
    this.tell(narrowed ? "Nothing matches this filter. Try a shorter one, or a longer time." : "");
    byId("start").hidden = Boolean(narrowed) || this.rows.total > 0;
    byId("grid").setAttribute("aria-rowcount", this.rows.cursor ? -1 : this.rows.total + 1);
  }

  schedule() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.draw();
    });
  }

  draw() {
    const shown = Math.ceil(this.scroller.clientHeight / ROW);
    const first = Math.max(0, Math.floor(this.scroller.scrollTop / ROW) - OVERSCAN);
    const rows = this.rows.slice(first, Math.min(this.rows.total, first + shown + 2 * OVERSCAN));
    this.body.style.height = `${Math.min(this.rows.total * ROW, MOST_HEIGHT)}px`;
    const wanted = new Set();
    for (const [offset, row] of rows.entries()) {
      const at = first + offset;
      const key = row?.id ?? `wait-${at}`;
      wanted.add(key);
      let element = this.pool.get(key);
      if (!element) {
        element = row ? rowElement(row, this.shownColumns(), this.slowest) : waitingElement();
        this.pool.set(key, element);
        this.body.append(element);
      }
      element.style.transform = `translateY(${at * ROW}px)`;
      element.setAttribute("aria-rowindex", at + 2);
      if (!row) continue;
      const active = row.id === this.activeId;
      element.classList.toggle("active", active);
      element.classList.toggle("marked", this.marks.includes(row.id));
      element.setAttribute("aria-selected", active);
    }
    for (const [key, element] of this.pool) {
      if (!wanted.has(key)) {
        element.remove();
        this.pool.delete(key);
      }
    }
    if (first + rows.length > this.rows.total - 3 * shown) this.rows.more();
  }

  redraw(id) {
    this.pool.get(id)?.remove();
    this.pool.delete(id);
    this.schedule();
  }

  move(step) {
    const at = this.activeId ? this.rows.indexOf(this.activeId) : -1;
    // One that was left far behind: go on from what is in sight.
    const from = at < 0 && this.activeId ? Math.ceil(this.scroller.scrollTop / ROW) - step : at;
    const next = Math.min(this.rows.total - 1, Math.max(0, from + step));
    this.reveal(next);
    const row = this.rows.at(next);
    if (!row) return;
    this.activate(row.id);
    this.onMove(row.id);
  }

  reveal(index) {
    const top = index * ROW; // below the header, which stays
    const view = this.scroller;
    const seen = view.clientHeight - HEAD;
    if (top < view.scrollTop) view.scrollTop = top;
    else if (top + ROW > view.scrollTop + seen) view.scrollTop = top + ROW - seen;
  }

  // What the loaded rows have in a column, most frequent first, for completion.
  values(column) {
    const counts = new Map();
    for (const row of this.rows.known.values()) if (row[column]) counts.set(row[column], (counts.get(row[column]) ?? 0) + 1);
    return [...counts].sort((one, other) => other[1] - one[1]).map(([value]) => value);
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
