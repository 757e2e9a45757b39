// The candidate's own picture, a few times a second.

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

refresh();
