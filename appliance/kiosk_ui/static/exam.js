// The exam: one question at a time, the list of questions, the clock, and handing in.

import { onState, send } from "./state.js";
import { Answer } from "./answer.js";

const TICK_MS = 250;
const LAST_SAVE_MS = 2500; // Before the time is up, what is being typed is sent at once.
const HAND_IN_PATIENCE_MS = 10000;
const ANNOUNCED_MIN = [10, 5, 1];
const MINUTE_MS = 60000;

const find = (id) => document.getElementById(id);
const questions = find("questions");
const answers = [...document.querySelectorAll(".question")].map(
  (place) => new Answer(place, document.body.dataset.session, mark),
);

// --- the list and the question that is shown ---

function mark(answer) {
  const link = document.querySelector(`a[data-for="${answer.id}"]`);
  const [name, text] =
    answer.status === "refused" || answer.status === "waiting"
      ? ["unsaved", "not saved"]
      : answer.isAnswered
        ? ["answered", "answered"]
        : ["open", "no answer"];
  link.dataset.mark = name;
  link.querySelector(".mark").textContent = text;
}

function show(id, focus = true) {
  const shown = answers.find((answer) => answer.id === id) ?? answers[0];
  for (const answer of answers) {
    answer.place.hidden = answer !== shown;
    const link = document.querySelector(`a[data-for="${answer.id}"]`);
    if (answer === shown) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  history.replaceState(null, "", `#${shown.id}`);
  if (focus) shown.place.querySelector("h2").focus();
  window.scrollTo(0, 0);
}

function turn(place, by) {
  const now = answers.findIndex((answer) => answer.place === place);
  show(answers[now + by].id);
}

function clicked(event) {
  const link = event.target.closest("a[data-for]");
  const place = event.target.closest(".question");
  if (link) {
    event.preventDefault();
    find("check").close();
    show(link.dataset.for);
  } else if (event.target.matches(".next")) turn(place, 1);
  else if (event.target.matches(".back")) turn(place, -1);
}

// --- the clock ---

const clock = { left_ms: null, at: 0, runs: false };

function text(left_ms) {
  const s = Math.max(0, Math.floor(left_ms / 1000));
  const pad = (n) => String(n).padStart(2, "0");
  const [h, m] = [Math.floor(s / 3600), Math.floor(s / 60) % 60];
  return h ? `${h}:${pad(m)}:${pad(s % 60)}` : `${m}:${pad(s % 60)}`;
}

function tick() {
  if (clock.left_ms === null) return;
  const left_ms = clock.left_ms - (clock.runs ? performance.now() - clock.at : 0);
  find("timer").textContent = text(left_ms);
  find("timer").classList.toggle("short", left_ms < 5 * MINUTE_MS);
  announce(left_ms);
  if (clock.runs && left_ms < LAST_SAVE_MS) for (const answer of answers) answer.flush();
}

let before_ms = null;

function announce(left_ms) {
  const passed = ANNOUNCED_MIN.find((min) => before_ms > min * MINUTE_MS && left_ms <= min * MINUTE_MS);
  if (passed) find("announce").textContent = `${passed} ${passed === 1 ? "minute" : "minutes"} left.`;
  if (before_ms > 0 && left_ms <= 0) find("announce").textContent = "The time is up.";
  before_ms = left_ms;
}

// --- standing still ---

const TITLES = { paused: "The exam is paused", interrupted: "The exam was interrupted" };

function stand(state) {
  const stands = state.state !== "running";
  if (!questions && !stands) location.reload();
  const before = find("standing").hidden;
  find("standing").hidden = !stands;
  if (questions) questions.hidden = stands;
  find("timer-label").textContent = stands ? "Clock stands at" : "Time left";
  if (stands) {
    find("standing-title").textContent = TITLES[state.state] ?? TITLES.paused;
    find("standing-reason").textContent = state.reason;
  }
  if (stands && before) {
    find("check")?.close();
    find("standing-title").focus();
  } else if (!stands && !before) {
    find("announce").textContent = "The exam goes on.";
    show(location.hash.slice(1));
  }
}

onState((state) => {
  if (state.away) return;
  Object.assign(clock, { left_ms: state.left_ms, at: performance.now(), runs: state.state === "running" });
  stand(state);
  for (const answer of answers) if (answer.status === "waiting") answer.flush();
});

// --- handing in ---

function ask() {
  const open = answers.filter((answer) => !answer.isAnswered || !answer.isSaved);
  find("check-all").hidden = open.length > 0;
  find("check-open").hidden = open.length === 0;
  find("check-list").replaceChildren(...open.map(entry));
  find("check-news").textContent = "";
  find("check").showModal();
  find("check-title").focus();
}

function entry(answer) {
  const link = document.createElement("a");
  link.href = `#${answer.id}`;
  link.dataset.for = answer.id;
  link.textContent = answer.place.querySelector("h2").textContent;
  const item = document.createElement("li");
  item.append(link);
  return item;
}

async function handIn(event) {
  event.preventDefault();
  find("check-news").textContent = "Saving your last answers…";
  const until = performance.now() + HAND_IN_PATIENCE_MS;
  while (answers.some((answer) => answer.held) && performance.now() < until) {
    for (const answer of answers) answer.flush();
    await new Promise((done) => setTimeout(done, 100));
  }
  if (answers.some((answer) => answer.held)) {
    find("check-news").textContent =
      "Not everything is saved yet, so nothing was handed in. We keep trying: hand in again in a moment, or press “I need help”.";
  } else send(event.target);
}

if (questions) {
  questions.addEventListener("click", clicked);
  find("hand-in").addEventListener("click", ask);
  find("check-back").addEventListener("click", () => find("check").close());
  find("submit").addEventListener("submit", handIn);
  find("paper").addEventListener("submit", (event) => event.preventDefault());
  addEventListener("pagehide", () => answers.forEach((answer) => answer.leaving()));
  show(location.hash.slice(1), false);
} else find("standing-title").focus();
setInterval(tick, TICK_MS);
