// The page: what is shown follows from the URL, and the URL from what is shown.

import { byId, copyText, el, toast } from "./dom.js";
import * as api from "./api.js";
import { asCurl } from "./copies.js";
import { showComparison, showRecord } from "./detail.js";
import { FilterBox } from "./filterbox.js";
import { COLUMNS } from "./cells.js";
import { showHealth } from "./health.js";
import { List } from "./list.js";
import { showStats } from "./statspage.js";
import { Timeline } from "./timeline.js";

const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const state = { view: "records", filter: "", from: "", to: "", id: "", compare: "" };
let record = null;
let who = null;

function readUrl() {
  const query = new URLSearchParams(location.search);
  for (const name of Object.keys(state)) state[name] = query.get(name) ?? (name === "view" ? "records" : "");
}

function writeUrl({ push = false } = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(state)) if (value && !(name === "view" && value === "records")) query.set(name, value);
  const url = `${location.pathname}${query.size ? `?${query}` : ""}`;
  if (url === `${location.pathname}${location.search}`) return;
  if (push) history.pushState(null, "", url);
  else history.replaceState(null, "", url);
}

const question = () => ({ filter: state.filter, from: state.from, to: state.to });

function problem(error) {
  if (error?.status === 401) {
    showLogin();
    return;
  }
  const box = byId("problem");
  box.hidden = !error;
  box.textContent = error ? sentence(error) : "";
}

function sentence(error) {
  if (error.status === 503) return `${error.message}. The records wait in the journal; try again in a moment.`;
  if (error.status === 0) return "The server does not answer. Is it still running?";
  return error.message;
}

const list = new List({ onOpen: (id) => open(id), onProblem: problem, onMark: marked, onMove: moved });
const timeline = new Timeline((from, to) => {
  state.from = from;
  state.to = to;
  writeUrl({ push: true });
  refresh();
});
const filterBox = new FilterBox({ onChange: filterChanged, valuesOf: (column) => list.values(column) });

function filterChanged(text) {
  if (ID.test(text)) {
    filterBox.set(state.filter);
    open(text.toLowerCase());
    return;
  }
  if (text === state.filter) return;
  state.filter = text;
  writeUrl({ push: true });
  refresh();
}

// An open record follows the walk through the list.
let movedTo = 0;
function moved(id) {
  clearTimeout(movedTo);
  if (state.id) movedTo = setTimeout(() => open(id), 120);
}

// The rows come first: a timeline counts everything, and isn't asked for while filters change.
const TIMELINE_AFTER_MS = 250;
let timelineLoading = null;
let timelineDue = 0;
async function loadTimeline() {
  timelineLoading?.abort();
  timelineLoading = new AbortController();
  try {
    timeline.show(await api.timeline(question(), timelineLoading.signal));
  } catch (error) {
    if (error.name !== "AbortError" && error.status === 401) problem(error);
  }
}

async function refresh() {
  byId("clear-range").hidden = !state.from && !state.to;
  if (!state.from && !state.to) byId("range").value = "";
  else if (state.to || !byId("range").value) byId("range").value = "?";
  const records = state.view === "records";
  byId("records-view").hidden = !records;
  byId("stats-view").hidden = records;
  byId("login-view").hidden = true;
  byId("view-records").setAttribute("aria-pressed", String(records));
  byId("view-stats").setAttribute("aria-pressed", String(!records));
  if (records) {
    clearTimeout(timelineDue);
    timelineLoading?.abort();
    await list.load(question());
    clearTimeout(timelineDue);
    timelineDue = setTimeout(loadTimeline, timeline.last ? TIMELINE_AFTER_MS : 0);
    return;
  }
  list.stop();
  byId("stats-view").replaceChildren(el("p", { class: "note" }, "Counting…"));
  try {
    showStats(await api.stats(question()), state.filter, narrow);
  } catch (error) {
    if (error.status === 401) problem(error);
    else byId("stats-view").replaceChildren(el("p", { class: "problem", role: "alert" }, sentence(error)));
  }
}

function narrow(filter) {
  state.filter = filter;
  state.view = "records";
  state.from = "";
  state.to = "";
  filterBox.set(filter);
  writeUrl({ push: true });
  refresh();
}

async function open(id) {
  if (!id) return;
  try {
    record = await api.record(id);
    state.id = record.id;
    state.compare = "";
    writeUrl();
    showRecord(record, { onClose: close, onFilter: narrow, onMark: (each) => list.mark(each), onOpen: open });
    list.activate(record.id);
  } catch (error) {
    if (error.status === 404) toast("There is no such record, or it isn't yours");
    else problem(error);
  }
}

function hideDetail() {
  byId("detail").hidden = true;
  byId("detail").parentElement.classList.remove("open");
}

function close() {
  hideDetail();
  record = null;
  state.id = "";
  state.compare = "";
  writeUrl();
  byId("grid").focus();
}

async function marked(marks) {
  if (marks.length < 2) {
    if (marks.length) toast("Marked; mark another one to compare");
    return;
  }
  await compare(marks);
  list.marks = [];
  list.draw();
}

async function compare([one, other]) {
  try {
    const [left, right] = await Promise.all([api.record(one), api.record(other)]);
    state.id = "";
    state.compare = `${one},${other}`;
    writeUrl();
    showComparison(left, right, close);
  } catch (error) {
    problem(error);
  }
}

function showLogin() {
  list.stop();
  for (const id of ["records-view", "stats-view"]) byId(id).hidden = true;
  byId("login-view").hidden = false;
  byId("leave").hidden = true;
  byId("credential").focus();
}

byId("login-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const box = byId("login-problem");
  box.hidden = true;
  try {
    await api.logIn(byId("credential").value.trim());
    byId("credential").value = "";
    await enter();
  } catch (error) {
    box.textContent = error.message;
    box.hidden = false;
  }
});

byId("leave").addEventListener("click", async () => {
  await api.logOut().catch(() => null);
  showLogin();
});

async function enter() {
  try {
    who = await api.session();
  } catch (error) {
    problem(error);
    return;
  }
  byId("leave").hidden = false;
  byId("leave").title = who.user_id ?? "admin";
  byId("health-menu").hidden = !who.admin;
  byId("who").textContent = who.admin ? "" : who.user_id ?? "";
  filterBox.set(state.filter);
  if (who.admin) showHealth();
  await refresh();
  if (state.id) await open(state.id);
  else if (state.compare.includes(",")) await compare(state.compare.split(","));
}

byId("columns").replaceChildren(...Object.entries(COLUMNS).filter(([, column]) => !column.always).map(([name, column]) => {
  const box = el("input", { type: "checkbox" });
  box.checked = list.columns.has(name);
  box.addEventListener("change", () => list.choose(name, box.checked));
  return el("label", {}, box, ` ${column.title}`);
}));

function setView(view) {
  state.view = view;
  writeUrl({ push: true });
  refresh();
}
byId("view-records").addEventListener("click", () => setView("records"));
byId("view-stats").addEventListener("click", () => setView("stats"));
byId("clear-range").addEventListener("click", () => {
  state.from = "";
  state.to = "";
  writeUrl({ push: true });
  refresh();
});

function pause() {
  const button = byId("pause");
  const paused = button.getAttribute("aria-pressed") !== "true";
  button.setAttribute("aria-pressed", String(paused));
  button.textContent = paused ? "Go on" : "Pause";
  list.pause(paused);
}
byId("pause").addEventListener("click", pause);
byId("help-button").addEventListener("click", () => byId("help").showModal());

function askForId() {
  byId("wanted-id").value = "";
  byId("opening").returnValue = "";
  byId("opening").showModal();
}
byId("open-by-id").addEventListener("click", askForId);
byId("opening").addEventListener("close", () => byId("opening").returnValue === "open" && open(byId("wanted-id").value.trim().toLowerCase()));

byId("range").addEventListener("change", () => {
  const minutes = Number(byId("range").value);
  state.from = minutes ? new Date(Date.now() - minutes * 60_000).toISOString() : "";
  state.to = "";
  writeUrl({ push: true });
  refresh();
});

const KEYS = {
  j: () => list.move(1), ArrowDown: () => list.move(1), k: () => list.move(-1), ArrowUp: () => list.move(-1),
  PageDown: () => list.move(20), PageUp: () => list.move(-20),
  Enter: () => list.activeId && open(list.activeId),
  Escape: () => close(), "/": () => byId("filter").focus(), "?": () => byId("help").showModal(), p: pause,
  s: () => setView(state.view === "stats" ? "records" : "stats"),
  c: () => record && copyText(asCurl(record), "curl command"),
  x: () => list.activeId && list.mark(list.activeId),
  o: askForId,
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const target = event.target;
  const typing = target.matches("input, textarea, select") && target.type !== "checkbox";
  if (typing || (event.key === "Enter" && target.matches("button, summary, a"))) return;
  if (event.key.startsWith("Arrow") && target.closest("#detail")) return;
  const act = KEYS[event.key];
  if (!act || !byId("login-view").hidden) return;
  event.preventDefault();
  act();
});

addEventListener("popstate", () => {
  readUrl();
  filterBox.set(state.filter);
  if (!state.id && !state.compare) hideDetail();
  refresh();
  if (state.id) open(state.id);
});

readUrl();
setInterval(() => who?.admin && !document.hidden && showHealth(), 5000);
setInterval(() => !document.hidden && state.view === "records" && !list.paused && byId("login-view").hidden && who && !state.to && loadTimeline(), 15000);
enter();
