// The player's company: buttons and keys that go to a moment, what is flagged there, the timeline's places, and what
// could not be shown.
"use strict";

const video = document.getElementById("recording");
const timeline = document.getElementById("timeline");

function asTime(ms) {
  const seconds = Math.floor(ms / 1000);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const [hours, minutes, rest] = parts;
  const tail = String(rest).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}

function playFrom(ms) {
  const end = Number.isFinite(video.duration) ? video.duration : ms / 1000;
  video.currentTime = Math.min(ms / 1000, end);
  document.getElementById("playing").textContent = `Playing from ${asTime(ms)}`;
  video.scrollIntoView({ block: "nearest" });
  return video.play();
}

function place(length) {
  const share = (ms) => `${(100 * Math.min(ms, length)) / length}%`;
  for (const span of timeline.querySelectorAll(".span")) {
    const { from, to } = span.dataset;
    span.style.width = share(to - from);
    // A short span is drawn wider than it lasted; it must not leave the track.
    span.style.left = `min(${share(from)}, 100% - ${span.tagName === "BUTTON" ? "1.5rem" : "3px"})`;
  }
  timeline.classList.add("drawn");
}

function drawAxis(length) {
  const steps = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600].map((s) => s * 1000);
  const axis = document.getElementById("axis");
  const most = Math.max(2, Math.floor(axis.clientWidth / 64));
  const step = steps.find((s) => length / s < most) ?? 7200000;
  for (let ms = 0; ms <= length; ms += step) {
    const tick = document.createElement("span");
    tick.className = ms > length * 0.97 ? "tick last" : "tick";
    tick.style.left = `${(100 * ms) / length}%`;
    tick.textContent = asTime(ms);
    axis.append(tick);
  }
}

function followPlayer(length) {
  const heads = [...timeline.querySelectorAll(".lane:not(.axis) .track")].map((track) => {
    const head = document.createElement("span");
    head.className = "head";
    track.append(head);
    return head;
  });
  const move = () => {
    const left = `${Math.min(100, (100000 * video.currentTime) / length)}%`;
    for (const head of heads) head.style.left = left;
  };
  video.addEventListener("timeupdate", move);
  video.addEventListener("seeking", move);
  move();
}

async function sayWhatIsLeftOut() {
  const response = await fetch(video.dataset.about);
  const note = document.getElementById("left-out");
  if (!response.ok) {
    note.textContent = "This recording cannot be played. The pieces are stored as they came.";
    return;
  }
  const { left_out: leftOut } = await response.json();
  note.textContent = leftOut.length
    ? `${leftOut.length} piece(s) cannot be shown in this recording; they are stored as they came.`
    : "";
}

let tries = 0;

// A piece that turns out to be spoilt breaks the film off; the server then makes it anew, without that piece.
async function tryAgain() {
  await sayWhatIsLeftOut();
  if (tries++ > 2) return;
  const { currentTime, playbackRate } = video;
  const address = new URL(video.src);
  address.searchParams.set("again", tries);
  show(address, currentTime, playbackRate, true);
}

function show(address, seconds, rate, goOn) {
  video.addEventListener("loadedmetadata", () => {
    video.currentTime = seconds;
    video.playbackRate = rate;
    if (goOn && seconds > 0) video.play();
  }, { once: true });
  video.src = address;
}

function step(seconds) {
  const end = Number.isFinite(video.duration) ? video.duration : 0;
  video.currentTime = Math.max(0, Math.min(end, video.currentTime + seconds));
}

// Where each flag begins to be played, in the order of their times.
function moments() {
  const found = [...document.querySelectorAll(".incident [data-seek]")].map((button) => Number(button.dataset.seek));
  return found.sort((a, b) => a - b);
}

function goToFlag(direction) {
  const at = video.currentTime * 1000;
  const ahead = moments().filter((ms) => (direction > 0 ? ms > at + 100 : ms < at - 1500));
  const to = direction > 0 ? ahead[0] : ahead.at(-1);
  if (to === undefined) {
    document.getElementById("playing").textContent = direction > 0 ? "No flag after this." : "No flag before this.";
  } else {
    playFrom(to);
  }
}

function changeSpeed(direction) {
  const speed = document.getElementById("speed");
  speed.selectedIndex = Math.max(0, Math.min(speed.length - 1, speed.selectedIndex + direction));
  video.playbackRate = Number(speed.value);
  document.getElementById("playing").textContent = `Speed ${speed.value}`;
}

const KEYS = {
  ArrowLeft: () => step(-5),
  ArrowRight: () => step(5),
  n: () => goToFlag(1),
  p: () => goToFlag(-1),
  c: () => nextCamera(),
  "<": () => changeSpeed(-1),
  ">": () => changeSpeed(1),
  " ": () => (video.paused ? video.play() : video.pause()),
};

// Only while the focus is in the player, and never in place of what a control does with the key itself.
function onKey(event) {
  const own = event.target.closest("select, input, textarea") || (event.key === " " && event.target !== video);
  const act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (own || !act || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  event.stopPropagation();
  act();
}

// Captions are read out and stand below the picture, not on it: what they would cover is evidence.
function sayWhatIsFlagged() {
  const { track } = document.getElementById("captions");
  const now = document.getElementById("now");
  track.mode = "hidden";
  track.addEventListener("cuechange", () => {
    const told = [...(track.activeCues ?? [])].map((cue) => cue.text.replaceAll("&amp;", "&"));
    now.textContent = told.length ? `Now: ${told.join("; ")}` : "Nothing is flagged at this time.";
    now.classList.toggle("flagged", told.length > 0);
  });
}

function setInAddress(link, values) {
  const address = new URL(link.href);
  for (const [name, value] of Object.entries(values)) address.searchParams.set(name, value);
  link.href = address;
}

function setAround(event) {
  const seconds = event.target.value;
  for (const link of document.querySelectorAll("[data-clip]")) setInAddress(link, { before: seconds, after: seconds });
}

// The same moment as another camera saw it; clips that are saved from now on are that camera's too.
function changeCamera() {
  const chosen = document.getElementById("camera").selectedOptions[0];
  const { src, about, captions, name } = chosen.dataset;
  const { currentTime, paused, playbackRate } = video;
  video.dataset.about = about;
  video.setAttribute("aria-label", `Recording of this session, camera ${name}`);
  document.getElementById("captions").src = captions;
  document.getElementById("playing").textContent = `Camera ${name}`;
  for (const link of document.querySelectorAll("[data-clip]")) setInAddress(link, { camera: name });
  show(src, currentTime, playbackRate, !paused);
}

function nextCamera() {
  const choice = document.getElementById("camera");
  if (!choice) return;
  choice.selectedIndex = (choice.selectedIndex + 1) % choice.length;
  changeCamera();
}

function startPlayer(length) {
  document.querySelectorAll("[data-seek]").forEach((button) => {
    button.addEventListener("click", () => playFrom(Number(button.dataset.seek)));
  });
  document.querySelectorAll("[data-step]").forEach((button) => {
    button.addEventListener("click", () => step(Number(button.dataset.step)));
  });
  document.querySelectorAll("[data-flag]").forEach((button) => {
    button.addEventListener("click", () => goToFlag(Number(button.dataset.flag)));
  });
  document.getElementById("speed").addEventListener("change", (event) => {
    video.playbackRate = Number(event.target.value);
  });
  document.getElementById("around").addEventListener("change", setAround);
  document.getElementById("camera")?.addEventListener("change", changeCamera);
  document.getElementById("player").addEventListener("keydown", onKey, { capture: true });
  video.addEventListener("loadedmetadata", sayWhatIsLeftOut);
  video.addEventListener("error", tryAgain);
  if (video.error) tryAgain();
  else if (video.readyState >= 1) sayWhatIsLeftOut();
  sayWhatIsFlagged();
  if (timeline) followPlayer(length);
}

function start() {
  const length = Number(timeline?.dataset.length ?? 1);
  if (timeline) {
    place(length);
    drawAxis(length);
  }
  if (video) startPlayer(length);
  else document.querySelectorAll("[data-seek]").forEach((button) => { button.disabled = true; });
}

start();
