// The filter box: completion of keys and values, saved filters.

import { byId, el } from "./dom.js";

const KEYS = {
  "status:": "404, 4xx, 400-499", "method:": "GET, POST, …", "path:": "how the path begins", "user:": "user id", "key:": "API key id",
  "outcome:": "failed, disconnected, …", "duration:": ">500ms, <2s, 100ms-1s", "from:": "15m, 2h, or a time", "to:": "a time",
  "trace:": "trace id", "request:": "request id", "is:error": "5xx and failed", "body:": "text in bodies",
};
const VALUES = {
  "status:": ["2xx", "3xx", "4xx", "5xx", "404", "429", "500"],
  "method:": ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"],
  "outcome:": ["completed", "failed", "disconnected", "interrupted", "quota_exceeded", "unauthenticated", "dropped"],
  "duration:": [">100ms", ">500ms", ">1s", ">5s"],
  "from:": ["15m", "1h", "6h", "1d", "7d"],
};

const SEEN = { "path:": "path", "user:": "user_id", "key:": "api_key_id", "trace:": "trace_id", "request:": "request_id" };

export class FilterBox {
  // valuesOf(column) gives what the rows in sight hold, for completion.
  constructor({ onChange, valuesOf }) {
    this.valuesOf = valuesOf;
    this.input = byId("filter");
    this.list = byId("suggestions");
    this.saved = byId("saved-filters");
    this.chosen = -1;
    this.onChange = onChange;
    this.timer = 0;
    this.input.addEventListener("input", () => {
      this.suggest();
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.onChange(this.value), 250);
    });
    this.input.addEventListener("focus", () => this.suggest());
    this.input.addEventListener("blur", () => setTimeout(() => this.hide(), 150));
    this.input.addEventListener("keydown", (event) => this.key(event));
    byId("save-filter").addEventListener("click", () => this.save());
    this.saved.addEventListener("change", () => this.pick());
    this.fillSaved();
  }

  get value() {
    return this.input.value.trim();
  }

  set(text) {
    this.input.value = text;
    this.hide();
  }

  token() {
    const until = this.input.value.slice(0, this.input.selectionStart ?? this.input.value.length);
    return until.split(/\s+/).at(-1);
  }

  suggest() {
    const token = this.token();
    const colon = token.indexOf(":");
    let options = [];
    if (colon >= 0) {
      const key = token.slice(0, colon + 1);
      const begun = token.slice(colon + 1);
      const values = VALUES[key] ?? (SEEN[key] ? this.valuesOf(SEEN[key]) : []);
      options = values.filter((value) => value.startsWith(begun) && value !== begun && !/["\s]/.test(value)).map((value) => [key + value, ""]);
    } else if (colon < 0) options = Object.entries(KEYS).filter(([key]) => key.startsWith(token.toLowerCase()));
    this.chosen = -1;
    this.list.replaceChildren(...options.slice(0, 13).map(([text, hint], at) =>
      el("li", { role: "option", id: `suggestion-${at}`, "aria-selected": "false", "data-text": text, onmousedown: (event) => { event.preventDefault(); this.take(text); } }, el("b", {}, text), el("span", {}, hint))));
    this.list.hidden = options.length === 0;
    this.input.setAttribute("aria-expanded", String(!this.list.hidden));
    this.input.removeAttribute("aria-activedescendant");
  }

  hide() {
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
  }

  key(event) {
    const items = [...this.list.children];
    if (!this.list.hidden && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      this.chosen = (this.chosen + (event.key === "ArrowDown" ? 1 : this.chosen < 0 ? 0 : items.length - 1)) % items.length;
      if (this.chosen < 0) this.chosen += items.length;
      items.forEach((item, at) => item.setAttribute("aria-selected", String(at === this.chosen)));
      this.input.setAttribute("aria-activedescendant", `suggestion-${this.chosen}`);
    } else if (event.key === "Tab" && !this.list.hidden && this.chosen >= 0) {
      event.preventDefault();
      this.take(items[this.chosen].dataset.text);
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (!this.list.hidden && this.chosen >= 0) this.take(items[this.chosen].dataset.text);
      else {
        clearTimeout(this.timer);
        this.hide();
        this.onChange(this.value);
      }
    } else if (event.key === "Escape") {
      if (!this.list.hidden) this.hide();
      else byId("grid").focus();
      event.stopPropagation();
    }
  }

  take(text) {
    const at = this.input.selectionStart ?? this.input.value.length;
    const token = this.token();
    const before = this.input.value.slice(0, at - token.length);
    this.input.value = `${before}${text}${text.endsWith(":") ? "" : " "}${this.input.value.slice(at)}`;
    const end = before.length + text.length + (text.endsWith(":") ? 0 : 1);
    this.input.setSelectionRange(end, end);
    this.suggest();
    clearTimeout(this.timer);
    if (!text.endsWith(":")) this.onChange(this.value);
  }

  all() {
    return JSON.parse(localStorage.getItem("dashcam.filters") ?? "[]");
  }

  save() {
    if (!this.value) return;
    const rest = this.all().filter((each) => each !== this.value);
    localStorage.setItem("dashcam.filters", JSON.stringify([this.value, ...rest].slice(0, 30)));
    this.fillSaved();
  }

  fillSaved() {
    this.saved.replaceChildren(el("option", { value: "" }, "Saved…"), ...this.all().map((text) => el("option", { value: text }, text)),
      ...(this.all().length ? [el("option", { value: "\u0000forget" }, "Forget all")] : []));
  }

  pick() {
    const text = this.saved.value;
    if (text === "\u0000forget") {
      localStorage.removeItem("dashcam.filters");
      this.fillSaved();
    } else if (text) {
      this.set(text);
      this.onChange(text);
    }
    this.saved.value = "";
  }
}
