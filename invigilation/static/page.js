// The page's life: load everything, then follow the events; when that fails, say so and start again.
import { get } from "./ask.js";
import { endAlert, seeAlert, showAlerts, takeAlert } from "./feed.js";
import { openPanel, refreshPanel, showOrders, takeOrder } from "./panel.js";
import { onOrders, showDesks, takeCall, takeDesk } from "./wall.js";

const RETRY_MS = 2000;
const SILENCE_MS = 16_000; // the console says something every 5 s

let source = null;
let heardAt = performance.now();
let starting = false;

function showLink(id, words, trouble) {
  const element = document.getElementById(id);
  element.classList.toggle("trouble", trouble);
  const strong = element.querySelector("strong");
  if (strong.textContent !== words) strong.textContent = words;
}

const showPage = (words) => showLink("page-link", words, words !== "Live");
const showBroker = ({ connected }) => showLink("desk-link", connected ? "Connected" : "No connection to the desks", !connected);

const handlers = {
  alert: takeAlert,
  alert_ended: endAlert,
  alert_seen: seeAlert,
  call: takeCall,
  order: takeOrder,
  broker: showBroker,
  desk: (desk) => {
    takeDesk(desk);
    refreshPanel();
  },
  beat: () => {},
  reload: () => startAgain(0),
};

function follow(lastEvent) {
  source = new EventSource(`/events?after=${encodeURIComponent(lastEvent)}`);
  for (const [name, handle] of Object.entries(handlers)) {
    source.addEventListener(name, (event) => {
      heardAt = performance.now();
      showPage("Live");
      handle(JSON.parse(event.data));
    });
  }
  source.onerror = () => {
    showPage("Reconnecting…");
    if (source.readyState === EventSource.CLOSED) startAgain(RETRY_MS);
  };
}

async function start() {
  try {
    const wall = await get("/desks.json");
    const feed = await get("/alerts.json");
    showAlerts(feed.alerts);
    showDesks(wall.desks);
    showOrders(wall.orders);
    showBroker(wall);
    heardAt = performance.now();
    starting = false;
    follow(wall.last_event);
  } catch (error) {
    starting = false;
    showPage(error.message.includes("signed out") ? error.message : "Reconnecting…");
    startAgain(RETRY_MS);
  }
}

function startAgain(afterMs) {
  if (starting) return;
  starting = true;
  source?.close();
  setTimeout(start, afterMs);
}

setInterval(() => {
  if (source && performance.now() - heardAt > SILENCE_MS) {
    showPage("Reconnecting…");
    startAgain(0);
  }
}, 1000);

onOrders(openPanel);
startAgain(0);
