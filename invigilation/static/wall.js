// The desks: one card each, at a fixed place, as seats are in a room.
import { post } from "./ask.js";
import { alertAt, picture } from "./feed.js";
import { say, timeOf } from "./say.js";

const LAMPS = {
  call: "Candidate calls",
  look: "Alert to look at",
  away: "No connection",
  technical: "Technical trouble",
  calm: "All quiet",
  free: "Free",
};
const STATE_ICONS = {
  checking_in: "waiting",
  awaiting_admission: "waiting",
  ready: "waiting",
  running: "running",
  paused: "paused",
  interrupted: "broken",
  submitted: "done",
  sealed: "done",
  terminated: "ended",
};
const LEDGER = { verified: "Record verified", joined_later: "Joined later", broken: "Does not verify" };

const list = document.getElementById("desks");
const calls = document.getElementById("calls");
const template = document.getElementById("desk-card");
const desks = new Map();
let openOrders = () => {};

export const onOrders = (open) => (openOrders = open);
export const deskAt = (name) => desks.get(name)?.desk;

const inOrder = (a, b) => a.localeCompare(b, "en", { numeric: true });

function build(name) {
  const card = template.content.firstElementChild.cloneNode(true);
  card.dataset.desk = name;
  card.querySelector(".desk-name").textContent = name;
  const button = card.querySelector(".open-orders");
  button.setAttribute("aria-label", `Orders for ${name}`);
  button.addEventListener("click", () => openOrders(name));
  const after = [...list.children].find((other) => inOrder(other.dataset.desk, name) > 0);
  list.insertBefore(card, after ?? null);
  return card;
}

const setIcon = (element, name) => element.querySelector("use").setAttribute("href", `#icon-${name}`);

function showState(card, desk) {
  const state = card.querySelector(".state");
  setIcon(state, STATE_ICONS[desk.state] ?? "free");
  state.querySelector(".state-words").textContent = desk.state_words;
  card.querySelector(".since").textContent = desk.since_utc_ms ? `since ${timeOf(desk.since_utc_ms).slice(0, 5)}` : "";
}

function showLamp(card, desk) {
  card.dataset.lamp = desk.lamp;
  setIcon(card.querySelector(".lamp"), desk.lamp === "calm" ? "done" : desk.lamp);
  card.querySelector(".lamp-words").textContent = LAMPS[desk.lamp];
}

function showLast(card, desk) {
  const box = card.querySelector(".last");
  const alert = desk.last_alert && alertAt(desk.desk, desk.session ?? "", desk.last_alert);
  const words = document.createElement("span");
  words.textContent = alert ? alert.words : desk.session ? "No alerts." : "";
  words.className = alert ? "" : "quiet";
  box.replaceChildren(...(alert?.thumbnail ? [picture(alert)] : []), words);
}

function showLedger(card, desk) {
  const element = card.querySelector(".ledger");
  element.textContent = LEDGER[desk.ledger] ?? "";
  element.classList.toggle("bad", desk.ledger === "broken");
}

function leftNow({ desk, since }) {
  const passed = desk.counting ? performance.now() - since : 0;
  return Math.max(0, desk.left_ms - passed);
}

function showLeft(entry) {
  const element = entry.card.querySelector(".left");
  const known = entry.desk.session && entry.desk.left_ms !== null;
  if (!known) {
    element.textContent = entry.desk.session ? "Time left unknown" : "";
    return;
  }
  const seconds = Math.ceil(leftNow(entry) / 1000);
  const clock = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  element.textContent = `${clock.map((part, place) => (place ? String(part).padStart(2, "0") : part)).join(":")} left`;
}

function showCall(desk) {
  const item = [...calls.children].find((call) => call.dataset.desk === desk.desk);
  if (desk.called_utc_ms === null) item?.remove();
  else if (!item) calls.append(callItem(desk));
}

function callItem(desk) {
  const item = document.createElement("li");
  const words = document.createElement("span");
  const button = document.createElement("button");
  item.dataset.desk = desk.desk;
  words.textContent = `${desk.candidate ?? "The candidate"} at ${desk.desk} calls, since ${timeOf(desk.called_utc_ms)}`;
  button.type = "button";
  button.textContent = "I am going";
  button.setAttribute("aria-label", `I am going to ${desk.desk}`);
  button.addEventListener("click", () => answerCall(desk.desk, button));
  item.append(words, button);
  return item;
}

async function answerCall(name, button) {
  button.disabled = true;
  try {
    await post(`/desks/${encodeURIComponent(name)}/call/seen`, {});
    document.getElementById("wall").focus();
  } catch (error) {
    say(error.message);
    button.disabled = false;
  }
}

function count() {
  const all = [...desks.values()].map(({ desk }) => desk);
  const online = all.filter((desk) => desk.online).length;
  document.getElementById("no-desks").hidden = all.length > 0;
  document.getElementById("desk-count").textContent = all.length ? `${online} of ${all.length} connected` : "";
}

export function takeDesk(desk) {
  const entry = desks.get(desk.desk) ?? { card: build(desk.desk) };
  desks.set(desk.desk, entry);
  entry.desk = desk;
  entry.since = performance.now();
  entry.card.querySelector(".candidate").textContent = desk.candidate ?? "";
  entry.card.dataset.online = desk.online;
  for (const show of [showState, showLamp, showLast, showLedger]) show(entry.card, desk);
  showLeft(entry);
  showCall(desk);
  count();
}

export function showDesks(all) {
  desks.clear();
  list.replaceChildren();
  calls.replaceChildren();
  all.forEach(takeDesk);
  count();
}

export function takeCall(call) {
  if (!call.earlier) say(`${call.candidate ?? "The candidate"} at ${call.desk} calls an invigilator.`);
}

setInterval(() => desks.forEach(showLeft), 1000);
