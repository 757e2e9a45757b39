// Says when the review server has everything.

const EVERY_MS = 2000;
const place = document.getElementById("received");

async function look() {
  try {
    const reply = await fetch("/received.json", { cache: "no-store" });
    if ((await reply.json()).received) {
      place.dataset.received = "yes";
      place.textContent = "It has everything.";
      return;
    }
  } catch {
    // The recorder or this screen's server is being started again: asked once more below.
  }
  setTimeout(look, EVERY_MS);
}

if (place.dataset.received !== "yes") setTimeout(look, EVERY_MS);
