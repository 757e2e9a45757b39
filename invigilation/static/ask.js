// Talks to the console. A failure is an Error whose message is for people.
const token = document.querySelector('meta[name="csrf-token"]').content;

async function answer(response) {
  if (response.status === 401) throw new Error("You are signed out. Open your staff link again.");
  const type = response.headers.get("Content-Type") ?? "";
  const body = type.includes("json") ? await response.json() : {};
  if (!response.ok) throw new Error(body.error ?? `The console answered with error ${response.status}. Try again.`);
  return body;
}

async function send(path, options) {
  let response;
  try {
    response = await fetch(path, { ...options, signal: AbortSignal.timeout(10_000) });
  } catch {
    throw new Error("The console does not answer. Nothing is known to have happened; try again.");
  }
  return answer(response);
}

export const get = (path) => send(path, { cache: "no-store" });

export const post = (path, body) =>
  send(path, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "Content-Type": "application/json", "X-CSRFToken": token },
  });
