// What a screen reader should hear: each sentence once, politely.
const log = document.getElementById("said");
const KEPT = 20;

export function say(sentence) {
  const line = document.createElement("p");
  line.textContent = sentence;
  log.append(line);
  while (log.childElementCount > KEPT) log.firstElementChild.remove();
}

export const timeOf = (utcMs) => new Date(utcMs).toLocaleTimeString("en-GB");
