// The desk as it stands, asked once a second. The page follows it, and takes a fresh token, so that it outlives a
// restart of the process that serves it.

const EVERY_MS = 1000;
const CALLED = "The invigilator has been called.";
const listeners = [];
const caller = document.getElementById("call");
const body = document.body;
let leaving = false;
let token = document.querySelector('meta[name="csrf-token"]').content;

export const csrf = () => token;

export function onState(listener) {
  listeners.push(listener);
}

export function say(region, text, kind = "") {
  const place = document.getElementById(region);
  if (place.textContent.trim() === text) return;
  place.replaceChildren();
  if (!text) return;
  const line = document.createElement("p");
  line.className = `notice ${kind}`.trim();
  line.textContent = text;
  place.append(line);
}

function renew(fresh) {
  if (!fresh) return;
  token = fresh;
  for (const field of document.querySelectorAll('input[name="csrf_token"]')) field.value = fresh;
}

function follow(state) {
  const elsewhere = state.page !== body.dataset.page || (state.session ?? "") !== body.dataset.session;
  // Once: a second call would abort the first, and the page would come later.
  if (elsewhere && !leaving) location.replace(state.path);
  leaving ||= elsewhere;
  return elsewhere;
}

function take(state) {
  renew(state.token);
  if (!state.away && follow(state)) return;
  const exam = body.dataset.page === "exam" ? " Keep going: your answers are kept here until they are saved." : "";
  say("away", state.away ? `The recorder of this desk does not answer at the moment.${exam}` : "", "warn");
  if (!state.away) {
    say("trouble", state.trouble, "warn");
    if (body.dataset.page !== "record") say("message", state.message && `Message from the invigilator: ${state.message}`);
    if (caller) say("called", state.called ? CALLED : "");
  }
  for (const listener of listeners) listener(state);
}

// Asks now, and not only when the second is over.
export async function ask() {
  try {
    const reply = await fetch("/state.json", { cache: "no-store", signal: AbortSignal.timeout(6000) });
    take(await reply.json());
  } catch {
    take({ away: true });
  }
}

async function look() {
  await ask();
  setTimeout(look, EVERY_MS);
}

async function call(event) {
  event.preventDefault();
  try {
    const reply = await fetch("/call", { method: "POST", headers: { "X-CSRFToken": token }, redirect: "manual" });
    if (reply.status >= 400) throw new Error(reply.status);
    say("called", CALLED);
  } catch {
    say("called", "The call did not go through. Please raise your hand.");
  }
}

// A form is sent once the desk has answered: a press while a process is started again loses nothing.
export async function send(form) {
  try {
    const reply = await fetch("/state.json", { cache: "no-store", signal: AbortSignal.timeout(6000) });
    const state = await reply.json();
    renew(state.token);
    if (state.away) throw new Error("away");
    form.submit();
  } catch {
    say("away", "The recorder of this desk does not answer at the moment. Nothing is lost: press again shortly.", "warn");
  }
}

if (["sign_in", "handed_in", "record"].includes(body.dataset.page)) {
  for (const key of Object.keys(sessionStorage)) if (key.startsWith("answer ")) sessionStorage.removeItem(key);
}
for (const form of document.querySelectorAll('form[method="post"]:not(#call, #submit, [data-stays])')) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form);
  });
}
caller?.addEventListener("submit", call);
setTimeout(look, EVERY_MS);
