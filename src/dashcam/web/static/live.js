// The live tail: new rows as they are stored. A page that nobody sees holds no connection: a
// browser has six to one address over HTTP/1.1, and open tabs would use them all up.

import * as api from "./api.js";

const AGAIN_MS = 3000;
const HIDDEN_MS = 2000;

export class Live {
  // onOpen: the tail has begun, and gives whatever is stored from now on.
  constructor({ onOpen, onRow }) {
    this.onOpen = onOpen;
    this.onRow = onRow;
    this.question = null;
    this.source = null;
    this.timer = 0;
    document.addEventListener("visibilitychange", () => this.seen());
    addEventListener("pagehide", () => this.pauseConnection());
    addEventListener("pageshow", (event) => event.persisted && this.connect());
  }

  follow(question) {
    this.question = question;
    this.connect();
  }

  stop() {
    this.question = null;
    this.pauseConnection();
  }

  seen() {
    clearTimeout(this.hiding);
    if (document.hidden) this.hiding = setTimeout(() => this.pauseConnection(), HIDDEN_MS);
    else if (!this.source) this.connect();
  }

  pauseConnection() {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }

  connect() {
    this.pauseConnection();
    if (!this.question || document.hidden) return;
    const source = (this.source = api.follow(this.question));
    source.addEventListener("open", () => this.source === source && this.onOpen());
    source.addEventListener("record", (event) => this.source === source && this.onRow(JSON.parse(event.data)));
    source.addEventListener("error", () => {
      // A browser tries again by itself, but not after an answer that is an error.
      if (this.source === source && source.readyState === EventSource.CLOSED) this.timer = setTimeout(() => this.connect(), AGAIN_MS);
    });
  }
}
