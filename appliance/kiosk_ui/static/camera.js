// The candidate's own picture, a few times a second; and the photo, which is taken without leaving the page.

import { ask, onState, say } from "./state.js";

const EVERY_MS = 150;
const picture = document.getElementById("picture");
const none = document.getElementById("no-picture");
const news = document.getElementById("picture-news");

function show(seen) {
  const text = seen ? "Your picture is shown." : "There is no picture.";
  if (news.textContent !== text) news.textContent = text;
  picture.hidden = !seen;
  none.hidden = seen;
  if (!seen) none.textContent = "There is no picture yet. If this stays so, press “I need help”.";
}

async function refresh() {
  try {
    const reply = await fetch("/camera.jpg", { cache: "no-store" });
    if (reply.status === 404) {
      // The check is over: the picture is shown in it alone.
      await ask();
      return void setTimeout(refresh, EVERY_MS);
    }
    if (!reply.ok) throw new Error(reply.status);
    const old = picture.src;
    picture.src = URL.createObjectURL(await reply.blob());
    await picture.decode();
    URL.revokeObjectURL(old);
    show(true);
  } catch {
    show(false);
  }
  setTimeout(refresh, EVERY_MS);
}

// --- the photo ---

const TAKING = "Taking your photo. Look at the screen and keep still.";
const without = document.getElementById("without");
const take = document.getElementById("take");
const compares = take.querySelector("button").textContent.includes("photo");

onState((state) => {
  if (state.away || !state.photo || !compares) return;
  say("photo-news", state.photo.words, state.photo.fault ? "warn" : "");
  without.hidden = !state.photo.without;
  const button = take.querySelector("button");
  button.classList.toggle("plain", state.photo.without);
  if (state.photo.fault) button.textContent = "Take the photo again";
});

async function press(event) {
  event.preventDefault();
  const form = event.target;
  if (compares && form === take) say("photo-news", TAKING);
  try {
    const reply = await fetch(form.action, { method: "POST", body: new FormData(form), redirect: "manual" });
    if (reply.status >= 400) throw new Error(reply.status);
    say("away", "");
  } catch {
    say("photo-news", "");
    say("away", "The recorder of this desk does not answer at the moment. Press again shortly.", "warn");
  }
}

for (const form of [without, take]) form.addEventListener("submit", press);
refresh();
