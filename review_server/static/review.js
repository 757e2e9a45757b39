// The player's company: buttons that go to a moment, the timeline's places, and what could not be joined.
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
  if (leftOut.length) {
    note.textContent = `${leftOut.length} piece(s) cannot be shown in this recording; they are stored as they came.`;
  }
}

function startPlayer(length) {
  document.querySelectorAll("[data-seek]").forEach((button) => {
    button.addEventListener("click", () => playFrom(Number(button.dataset.seek)));
  });
  document.querySelectorAll("[data-step]").forEach((button) => {
    button.addEventListener("click", () => { video.currentTime += Number(button.dataset.step); });
  });
  document.getElementById("speed").addEventListener("change", (event) => {
    video.playbackRate = Number(event.target.value);
  });
  video.addEventListener("loadedmetadata", sayWhatIsLeftOut);
  video.addEventListener("error", sayWhatIsLeftOut);
  if (video.readyState >= 1 || video.error) sayWhatIsLeftOut();
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
