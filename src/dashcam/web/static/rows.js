// The rows of a question, page after page; only the pages near what is looked at are kept.
// A page that was left far behind keeps its cursor, and is asked for again when it is needed.

export const PAGE = 150; // asked for first; what arrives late leaves room up to MOST
const MOST = 200;
const KEPT_AROUND = 8; // pages before and behind the ones in sight

export class Rows {
  // ask({ limit, cursor }) gives a page; onChange(added, index) says that rows came in before index.
  constructor(ask, onChange, onProblem) {
    this.ask = ask;
    this.onChange = onChange;
    this.onProblem = onProblem;
    this.pages = [];
    this.known = new Map();
    this.cursor = null;
    this.total = 0;
    this.loadingMore = false;
  }

  // Begin with a first page, which is kept for as long as the question stands.
  begin({ items, next_cursor: cursor }) {
    this.pages = [{ cursor: null, rows: items, count: items.length, end: positionOf(items.at(-1)), loading: false }];
    this.known = new Map(items.map((row) => [row.id, row]));
    this.cursor = cursor;
    this.total = items.length;
  }

  // The page that holds an index, and where it begins.
  find(index) {
    let begin = 0;
    for (const page of this.pages) {
      if (index < begin + page.count) return { page, begin };
      begin += page.count;
    }
    return null;
  }

  // The rows [first, last); null where they aren't in memory (they are on their way then).
  slice(first, last) {
    const out = [];
    let begin = 0;
    for (const [number, page] of this.pages.entries()) {
      const end = begin + page.count;
      if (end > first && begin < last) {
        if (!page.rows) this.fetch(page, number);
        for (let at = Math.max(first, begin); at < Math.min(last, end); at += 1) out.push(page.rows?.[at - begin] ?? null);
      }
      begin = end;
      if (begin >= last) break;
    }
    this.forget(first, last);
    return out;
  }

  at(index) {
    const found = this.find(index);
    return found?.page.rows?.[index - found.begin] ?? null;
  }

  indexOf(id) {
    const row = this.known.get(id);
    let begin = 0;
    if (row) for (const page of this.pages) {
      const at = page.rows ? page.rows.indexOf(row) : -1;
      if (at >= 0) return begin + at;
      begin += page.count;
    }
    return -1;
  }

  newest() {
    return this.pages[0]?.rows?.[0] ?? null;
  }

  // Whether a row lies behind everything that was loaded.
  isBehind(row) {
    const end = this.pages.at(-1)?.end;
    return Boolean(this.cursor && end && after(end, row));
  }

  // Put a live row at its place; give its index, or -1 when its page isn't in memory.
  insert(row) {
    let begin = 0;
    for (const [number, page] of this.pages.entries()) {
      const isLast = number === this.pages.length - 1;
      if (isLast || !page.end || after(row, page.end)) {
        if (!page.rows) return -1; // it comes with its page
        let at = 0; // rows arrive in the order of storing: the place is near the top
        while (at < page.rows.length && after(page.rows[at], row)) at += 1;
        page.rows.splice(at, 0, row);
        page.count += 1;
        if (isLast) page.end = positionOf(page.rows.at(-1));
        this.total += 1;
        this.known.set(row.id, row);
        return begin + at;
      }
      begin += page.count;
    }
    return -1;
  }

  async more() {
    if (!this.cursor || this.loadingMore) return;
    this.loadingMore = true;
    try {
      const answer = await this.ask({ limit: PAGE, cursor: this.cursor });
      const items = answer.items.filter((row) => !this.known.has(row.id));
      for (const row of items) this.known.set(row.id, row);
      this.pages.push({ cursor: this.cursor, rows: items, count: items.length, end: positionOf(items.at(-1) ?? answer.items.at(-1)), loading: false });
      this.cursor = answer.next_cursor;
      this.total += items.length;
      this.loadingMore = false;
      this.onChange(0, 0);
    } catch (error) {
      this.loadingMore = false;
      if (error.name !== "AbortError") this.onProblem(error);
    }
  }

  async fetch(page, number) {
    if (page.loading || !page.cursor) return;
    page.loading = true;
    try {
      const { items } = await this.ask({ limit: MOST, cursor: page.cursor });
      // What begins behind the page's end is the next page's.
      page.rows = items.filter((row) => !page.end || !after(page.end, row));
      for (const row of page.rows) this.known.set(row.id, row);
      const added = page.rows.length - page.count;
      page.count = page.rows.length;
      this.total += added;
      const begin = this.pages.slice(0, number).reduce((sum, each) => sum + each.count, 0);
      this.onChange(added, begin + page.count);
    } catch (error) {
      if (error.name !== "AbortError") this.onProblem(error);
    } finally {
      page.loading = false;
    }
  }

  forget(first, last) {
    const reach = KEPT_AROUND * PAGE;
    let begin = 0;
    for (const page of this.pages) {
      const end = begin + page.count;
      if (page.rows && page.cursor && (end < first - reach || begin > last + reach)) {
        for (const row of page.rows) this.known.delete(row.id);
        page.rows = null;
      }
      begin = end;
    }
  }
}

const positionOf = (row) => (row ? { request_timestamp: row.request_timestamp, id: row.id } : null);

// Whether one is newer than other, as the list is sorted.
export function after(one, other) {
  return one.request_timestamp > other.request_timestamp
    || (one.request_timestamp === other.request_timestamp && one.id > other.id);
}
