// What the server is asked; every refusal comes back as a Refusal with its own words.

export class Refusal extends Error {
  constructor(message, status = 0) {
    super(message);
    this.status = status;
  }
}

const GONE = "The server does not answer. Is mvemotion demo still running?";

export async function ask(path, method = "GET") {
  let response;
  try {
    response = await fetch(path, { method, cache: "no-store" });
  } catch {
    throw new Refusal(GONE);
  }
  if (response.status === 204) return null;
  const answer = await response.json().catch(() => ({ error: GONE }));
  if (!response.ok) throw new Refusal(answer.error ?? GONE, response.status);
  return answer;
}

// XMLHttpRequest, since fetch does not say how much has been sent.
export function upload(file, { onProgress, signal }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/api/analyses?name=${encodeURIComponent(file.name.slice(-300))}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.responseType = "json";
    request.upload.onprogress = (event) => onProgress(event.loaded, event.total);
    request.onload = () => {
      if (request.status === 201) resolve(request.response);
      else reject(new Refusal(request.response?.error ?? GONE, request.status));
    };
    request.onerror = () => reject(new Refusal(GONE));
    request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
    signal.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}

export async function pause(milliseconds, signal) {
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  signal?.throwIfAborted();
}

// Ask again and again until a job has ended; a server that is silent for a moment is forgiven.
export async function follow(path, { signal, onState }) {
  for (let failures = 0; ; ) {
    try {
      const state = await ask(path);
      signal.throwIfAborted();
      failures = 0;
      onState(state);
      if (!["queued", "working"].includes(state.state)) return state;
    } catch (error) {
      if (signal.aborted || error.status || ++failures > 6) throw error;
    }
    await pause(failures ? 1000 : 400, signal);
  }
}
