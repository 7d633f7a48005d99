// The corner: how the recording is, in a word; opened, in numbers.

import * as api from "./api.js";
import { byId, el } from "./dom.js";
import { duration, number } from "./format.js";

const MANY_WAITING = 5000;

// Decide what is said: the words, how bad it is, and the numbers behind it.
export function condition(now) {
  const words = [];
  let kind = "";
  if (now.pending > 0) words.push(`${number(now.pending)} waiting${now.oldest_pending_age_s > 2 ? ` for ${duration(now.oldest_pending_age_s * 1000)}` : ""}`);
  if (now.dropped > 0) words.push(`${number(now.dropped)} dropped`);
  if (now.failed > 0) words.push(`${number(now.failed)} refused by the store`);
  if (now.pending > MANY_WAITING || now.dropped > 0 || now.failed > 0) kind = "warn";
  if (["blocked", "retrying"].includes(now.writer_state)) {
    kind = "bad";
    words.push(now.last_error ?? "the store doesn't take records");
  }
  const facts = [
    ["backlog", number(now.pending)], ["oldest waits for", now.pending ? duration(now.oldest_pending_age_s * 1000) : "–"], ["dropped", number(now.dropped)],
    ["refused by the store", number(now.failed)], ["writer", ["off", "stopped"].includes(now.writer_state) ? "in another process" : now.writer_state], ["last error", now.last_error ?? "none"],
  ];
  return { words: words.join(" · ") || "all stored", kind: kind || "fine", facts };
}

export async function showHealth() {
  const box = byId("health");
  const say = (words, kind, facts) => {
    box.className = `health ${kind}`;
    box.textContent = words;
    box.title = words;
    byId("health-facts").replaceChildren(...facts.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, String(value ?? ""))]));
  };
  try {
    const now = condition(await api.status());
    say(now.words, now.kind, now.facts);
  } catch (error) {
    say(error.status === 401 ? "" : "the server does not answer", "bad", []);
  }
}
