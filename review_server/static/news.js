// Says when a page's JSON twin has changed; the reader decides when to load it, so nothing moves under their hands.
"use strict";

const LOOK_EVERY_MS = 5000;

async function read(address) {
  const response = await fetch(address);
  return response.ok ? response.text() : null;
}

async function watch(box) {
  let first = null;
  const notice = box.querySelector("p");
  const look = async () => {
    const now = await read(box.dataset.twin).catch(() => null);
    first ??= now;
    if (now !== null && now !== first) notice.hidden = false;
    else setTimeout(look, LOOK_EVERY_MS);
  };
  await look();
}

document.querySelectorAll(".news").forEach(watch);
