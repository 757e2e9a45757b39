// One question's answer: what is on the page, what custody has on disk, and what is between the two.

import { csrf } from "./state.js";

const IDLE_MS = 800; // A text is sent this long after the last key ...
const LONGEST_MS = 4000; // ... and at the latest this long after the first that is not sent yet.
const RETRY_MS = 1000;
const FATAL = new Set(["bad_answer", "unknown_question", "old_answer"]);

export const WORDS = {
  none: "",
  saving: "Saving…",
  saved: "Saved",
  waiting: "Not saved yet – keep going, we keep trying",
};

class NotANumber extends Error {}

const NUMBER = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i;

const READ = {
  single: (place) => place.querySelector("input:checked")?.value ?? null,
  several: (place) => {
    const ids = [...place.querySelectorAll("input:checked")].map((box) => box.value);
    return ids.length ? ids : null;
  },
  number: (place) => {
    const text = place.querySelector("input").value.replace(/\s/g, "");
    if (!text) return null;
    if (!NUMBER.test(text) || Math.abs(Number(text)) >= 1e300) throw new NotANumber();
    return Number(text);
  },
  text: (place) => {
    const text = place.querySelector("textarea").value;
    return text.trim() ? text : null;
  },
};

function write(place, kind, value) {
  if (kind === "number") place.querySelector("input").value = value ?? "";
  else if (kind === "text") place.querySelector("textarea").value = value ?? "";
  else for (const box of place.querySelectorAll("input")) box.checked = [value].flat().includes(box.value);
}

export class Answer {
  // `held` is what is not saved yet: {value, revision, sent}. It is kept in the tab's storage too, so that a reload
  // loses nothing; a revision that may have reached custody is never used for another value.
  constructor(place, session, onChange) {
    this.place = place;
    this.id = place.dataset.question;
    this.kind = place.dataset.kind;
    this.revision = Number(place.dataset.revision);
    this.key = `answer ${session} ${this.id}`;
    this.onChange = onChange;
    this.held = null;
    this.sending = false;
    this.timer = 0;
    this.status = "none";
    this.restore();
    place.addEventListener("input", () => this.changed(this.kind === "text" || this.kind === "number" ? IDLE_MS : 0));
    place.addEventListener("focusout", () => this.flush());
    place.querySelector(".clear")?.addEventListener("click", () => this.clear());
  }

  restore() {
    this.value = READ[this.kind](this.place);
    const held = JSON.parse(sessionStorage.getItem(this.key) ?? "null");
    if (held && held.revision > this.revision) {
      this.held = held;
      write(this.place, this.kind, held.value);
      this.tell("waiting");
      this.send();
    } else {
      sessionStorage.removeItem(this.key);
      this.tell(this.revision ? "saved" : "none");
    }
  }

  get isSaved() {
    return !this.held && this.status !== "refused";
  }

  get isAnswered() {
    return this.value !== null;
  }

  clear() {
    write(this.place, this.kind, null);
    this.changed(0);
  }

  changed(idle_ms) {
    let value;
    try {
      value = READ[this.kind](this.place);
    } catch {
      this.letGo();
      this.tell("refused", "Not saved: write a number with digits and a point, for instance 12 or 3.5.");
      return;
    }
    this.hold(value);
    this.tell("saving");
    this.due(idle_ms);
  }

  hold(value) {
    const now = performance.now();
    const revision = !this.held || this.held.sent ? this.last() + 1 : this.held.revision;
    this.held = { value, revision, sent: false };
    this.since ??= now;
    this.keep();
  }

  last() {
    return this.held ? this.held.revision : this.revision;
  }

  keep() {
    sessionStorage.setItem(this.key, JSON.stringify(this.held));
  }

  letGo() {
    // A revision that was sent stays used up, whatever became of it.
    if (this.held?.sent) this.revision = Math.max(this.revision, this.held.revision);
    this.held = null;
    clearTimeout(this.timer);
    sessionStorage.removeItem(this.key);
  }

  due(idle_ms) {
    clearTimeout(this.timer);
    const latest_ms = Math.max(0, this.since + LONGEST_MS - performance.now());
    this.timer = setTimeout(() => this.send(), Math.min(idle_ms, latest_ms));
  }

  flush() {
    if (this.held && !this.sending) this.send();
  }

  async send() {
    clearTimeout(this.timer);
    if (!this.held || this.sending) return;
    this.sending = true;
    const sent = this.held;
    sent.sent = true;
    this.since = undefined;
    this.keep();
    const outcome = await post(this.id, sent);
    this.sending = false;
    this.settle(sent, outcome);
  }

  settle(sent, outcome) {
    const replaced = this.held !== sent;
    if (outcome.saved) {
      this.revision = Math.max(this.revision, sent.revision);
      this.value = sent.value;
    }
    if (replaced) {
      if (this.held) this.due(0);
      this.onChange(this);
    } else if (outcome.saved) {
      this.letGo();
      this.tell("saved");
    } else if (FATAL.has(outcome.code)) {
      this.letGo();
      this.tell("refused", `Not saved: ${outcome.reason}`);
    } else {
      this.tell("waiting");
      this.timer = setTimeout(() => this.send(), RETRY_MS);
    }
  }

  leaving() {
    // The page goes away: one last try that outlives it. What does not get through is still in the tab's storage.
    if (!this.held) return;
    this.held.sent = true;
    this.keep();
    post(this.id, this.held, true);
  }

  tell(status, text = WORDS[status]) {
    this.status = status;
    this.place.dataset.status = status;
    const line = this.place.querySelector(".saved");
    if (line.textContent !== text) line.textContent = text;
    this.place.querySelector('input[type="text"]')?.toggleAttribute("aria-invalid", status === "refused");
    this.onChange(this);
  }
}

async function post(question, held, keepalive = false) {
  try {
    const reply = await fetch("/answers", {
      method: "POST",
      keepalive,
      headers: { "Content-Type": "application/json", "X-CSRFToken": csrf() },
      body: JSON.stringify({ question, value: held.value, revision: held.revision }),
      signal: keepalive ? undefined : AbortSignal.timeout(8000),
    });
    return await reply.json();
  } catch {
    return { code: "away" };
  }
}
