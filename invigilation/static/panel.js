// The orders to one desk, in a dialog, and what became of those that were given.
import { post } from "./ask.js";
import { say, timeOf } from "./say.js";
import { deskAt } from "./wall.js";

const GIVEN_SHOWN = 4;
const panel = document.getElementById("panel");
const given = document.getElementById("given");
const orders = new Map();
let name = null;
let session = null;

const text = (id, words) => (document.getElementById(id).textContent = words);

function showGiven() {
  const mine = [...orders.values()].filter((order) => order.desk === name && order.session === session);
  document.getElementById("none-given").hidden = mine.length > 0;
  const newest = mine.sort((a, b) => b.issued_utc_ms - a.issued_utc_ms).slice(0, GIVEN_SHOWN);
  given.replaceChildren(...newest.map(line));
}

function line(order) {
  const item = document.createElement("li");
  const result = document.createElement("span");
  item.dataset.result = order.result;
  item.textContent = `${timeOf(order.issued_utc_ms)} ${order.what} (${order.by}). `;
  result.className = "result";
  result.textContent = order.reason ? `${order.words} ${order.reason}` : order.words;
  item.append(result);
  return item;
}

function showPhoto(address, candidate) {
  const image = document.getElementById("panel-photo");
  document.getElementById("panel-check-in").hidden = !address;
  if (!address || image.getAttribute("src") === address) return;
  image.src = address;
  image.alt = `Check-in photo of ${candidate ?? "the candidate"}`;
}

function refresh() {
  const desk = deskAt(name);
  if (!desk) return;
  const same = desk.session !== null && desk.session === session;
  text("panel-title", `${name}${desk.candidate ? `: ${desk.candidate}` : ""}`);
  text("panel-state", desk.state_words);
  showPhoto(same && desk.photo, desk.candidate);
  document.getElementById("panel-away").hidden = desk.online;
  document.getElementById("panel-none").hidden = same;
  for (const form of panel.querySelectorAll("form.order")) {
    form.hidden = !same || !desk.orders.includes(form.dataset.command);
  }
  showGiven();
}

export function openPanel(desk) {
  name = desk;
  session = deskAt(desk).session;
  for (const form of panel.querySelectorAll("form.order")) {
    form.reset();
    form.querySelector(".problem").textContent = "";
  }
  refresh();
  panel.showModal();
}

export const refreshPanel = () => panel.open && refresh();

export function takeOrder(order) {
  orders.set(order.id, order);
  if (order.result !== "waiting") say(`${order.desk}: ${order.what}. ${order.words} ${order.reason}`);
  refreshPanel();
}

export function showOrders(all) {
  orders.clear();
  for (const order of all) orders.set(order.id, order);
  refreshPanel();
}

function contents(form) {
  const fields = new FormData(form);
  const body = { command: form.dataset.command, session };
  for (const field of ["reason", "text"]) if (fields.has(field)) body[field] = fields.get(field);
  if (fields.has("minutes")) body.minutes = Number(fields.get("minutes"));
  if (fields.has("confirmed")) body.confirmed = true;
  return body;
}

async function give(event) {
  event.preventDefault();
  const form = event.currentTarget;
  const problem = form.querySelector(".problem");
  const button = form.querySelector("button");
  problem.textContent = "";
  button.disabled = true;
  try {
    const order = await post(`/desks/${encodeURIComponent(name)}/orders`, contents(form));
    if (!orders.has(order.id)) takeOrder(order);
    form.reset();
  } catch (error) {
    problem.textContent = error.message;
  }
  button.disabled = false;
}

for (const form of panel.querySelectorAll("form.order")) {
  form.noValidate = true;
  form.addEventListener("submit", give);
}
document.getElementById("panel-close").addEventListener("click", () => panel.close());
