// The alerts beside the wall, newest first. Each is shown once, however often it is told.
import { post } from "./ask.js";
import { say, timeOf } from "./say.js";

const KEPT = 200;
const list = document.getElementById("alerts");
const template = document.getElementById("alert-item");
const shown = new Map();

const keyOf = (alert) => JSON.stringify([alert.desk, alert.session, alert.id]);
const NOT_A_VIOLATION = "Technical, not a violation";

export const alertAt = (desk, session, id) => shown.get(keyOf({ desk, session, id }))?.alert;

export function picture(alert) {
  const image = document.createElement("img");
  image.src = alert.thumbnail;
  image.alt = `${alert.words}, at ${alert.desk}`;
  image.width = 160;
  image.height = 90;
  return image;
}

function photo(alert) {
  const image = document.createElement("img");
  image.src = alert.photo;
  image.alt = `Check-in photo at ${alert.desk}, to compare with`;
  image.className = "photo";
  image.width = image.height = 90;
  return image;
}

function tag(text, kind = "") {
  const element = document.createElement("span");
  element.className = `tag ${kind}`;
  element.textContent = text;
  return element;
}

function tagsOf(alert) {
  const tags = [alert.technical ? tag(NOT_A_VIOLATION) : tag("To look at", "bad")];
  if (alert.earlier) tags.push(tag("Earlier", "warn"));
  if (alert.seen) tags.push(tag("Seen", "good"));
  return tags;
}

function lastedOf(alert) {
  if (alert.ended_utc_ms !== null) return Math.max(0, alert.ended_utc_ms - alert.raised_utc_ms) / 1000;
  return alert.end_s === null || alert.start_s === null ? null : Math.max(0, alert.end_s - alert.start_s);
}

function timesOf(alert) {
  const lasted = lastedOf(alert);
  const span = lasted === null ? "" : ` · lasted ${lasted.toFixed(1)} s`;
  const score = alert.peak_score === null ? "" : ` · score ${alert.peak_score.toFixed(2)}`;
  return `${alert.desk} · ${timeOf(alert.raised_utc_ms)}${span}${score}`;
}

function fill({ item, alert }) {
  item.classList.toggle("technical", alert.technical);
  item.classList.toggle("seen", alert.seen);
  item.querySelector(".alert-words").textContent = alert.words;
  item.querySelector(".alert-where").textContent = timesOf(alert);
  item.querySelector(".alert-tags").replaceChildren(...tagsOf(alert));
  item.querySelector(".seen-button").hidden = alert.seen;
}

function showPictures(box, alert) {
  const pictures = [...(alert.thumbnail ? [picture(alert)] : []), ...(alert.photo ? [photo(alert)] : [])];
  box.classList.toggle("none", pictures.length === 0);
  box.replaceChildren(...(pictures.length ? pictures : ["No picture"]));
}

function build(alert) {
  const item = template.content.firstElementChild.cloneNode(true);
  const box = item.querySelector(".alert-picture");
  showPictures(box, alert);
  item.dataset.alert = alert.id;
  item.dataset.desk = alert.desk;
  item.dataset.raised = alert.raised_utc_ms;
  const button = item.querySelector(".seen-button");
  button.setAttribute("aria-label", `Mark as seen: ${alert.words}, ${alert.desk}`);
  button.addEventListener("click", () => markSeen(alert, button));
  return item;
}

async function markSeen({ desk, session, id }, button) {
  button.disabled = true;
  try {
    await post("/alerts/seen", { desk, session, id });
    list.focus();
  } catch (error) {
    say(error.message);
    button.title = error.message;
  }
  button.disabled = false;
}

function place(entry) {
  const raised = entry.alert.raised_utc_ms;
  const older = [...list.children].find((item) => Number(item.dataset.raised) <= raised);
  list.insertBefore(entry.item, older ?? null);
  while (list.childElementCount > KEPT) {
    const last = list.lastElementChild;
    for (const [key, { item }] of shown) if (item === last) shown.delete(key);
    last.remove();
  }
}

function add(alert) {
  if (shown.has(keyOf(alert))) return false;
  const entry = { alert, item: build(alert) };
  shown.set(keyOf(alert), entry);
  fill(entry);
  place(entry);
  document.getElementById("no-alerts").hidden = true;
  return true;
}

function change(told, differences) {
  const entry = shown.get(keyOf(told));
  if (!entry) return;
  entry.alert = { ...entry.alert, ...differences };
  fill(entry);
}

export function showAlerts(alerts) {
  shown.clear();
  list.replaceChildren();
  document.getElementById("no-alerts").hidden = alerts.length > 0;
  alerts.forEach(add);
}

export function takeAlert(alert) {
  if (!add(alert) || alert.earlier) return;
  say(`${alert.technical ? `${NOT_A_VIOLATION}: ` : ""}${alert.words}, at ${alert.desk}.`);
}

export function endAlert(ended) {
  const { end_s, peak_score, ended_utc_ms, thumbnail } = ended;
  change(ended, { end_s, peak_score, ended_utc_ms, ...(thumbnail ? { thumbnail } : {}) });
  const entry = shown.get(keyOf(ended));
  if (entry && thumbnail) showPictures(entry.item.querySelector(".alert-picture"), entry.alert);
}
export const seeAlert = (seen) => change(seen, { seen: true });

for (const choice of document.querySelectorAll('input[name="show"]')) {
  choice.addEventListener("change", () => (list.dataset.show = choice.value));
  if (choice.checked) list.dataset.show = choice.value;
}
