// The HTTP API, relative to wherever the page is mounted.

const base = new URL("api/", document.baseURI);

export class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(new URL(path, base), { credentials: "same-origin", ...options });
  } catch {
    throw new Refused(0, "the server does not answer");
  }
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  let detail = answer.statusText;
  try {
    detail = (await answer.json()).detail ?? detail;
  } catch { /* not a problem document */ }
  throw new Refused(answer.status, detail);
}

function parameters({ filter, from, to, ...more }) {
  const query = new URLSearchParams();
  if (filter) query.set("filter", filter);
  if (from) query.set("from", from);
  if (to) query.set("to", to);
  for (const [name, value] of Object.entries(more)) if (value) query.set(name, value);
  return query;
}

export const history = (question, signal) => ask(`history?${parameters(question)}`, { signal });
export const record = (id) => ask(`history/${encodeURIComponent(id)}`);
export const stats = (question) => ask(`stats?${parameters(question)}`);
export const timeline = (question, signal) => ask(`timeline?${parameters(question)}`, { signal });
export const status = () => ask("status");
export const session = () => ask("session");
export const logOut = () => ask("session", { method: "DELETE" });
export const logIn = (credential) =>
  ask("session", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ credential }),
  });

export const follow = (question) => new EventSource(new URL(`history/stream?${parameters(question)}`, base));
