// One page, four screens: empty, working, failed, result.

import { clock, element, find } from "./format.js";
import { ResultView } from "./result.js";
import { ask, follow, Refusal, upload } from "./server.js";

const SCREENS = ["empty", "working", "failed", "result"];
const STEPS = { upload: "Upload", draw: "Draw", wait: "Wait", analyse: "Analyse" };
const NEXT = {
  0: "Look at the terminal in which it was started, then try again.",
  413: "",
  422: "Take a file that a player opens and that has what the network needs; an .mp4 is the safest.",
};

let about, view, controller, current;

listen();
const ready = setUp();

// At once, since whoever drops a file on a page that does not listen yet leaves the page.
function listen() {
  find("file").addEventListener("change", (event) => take(event.target.files));
  find("cancel").addEventListener("click", cancel);
  find("again").addEventListener("click", reset);
  find("failed-back").addEventListener("click", reset);
  catchDrops();
}

async function setUp() {
  try {
    about = await ask("/api/about");
    view = new ResultView(about);
    introduce();
    addEventListener("hashchange", resume);
    if (location.hash) resume();
    else show("empty");
  } catch (error) {
    about = undefined;
    fail("", "This page could not be set up", error, () => location.reload());
  }
}

function introduce() {
  const { limits, is_local: isLocal } = about;
  find("notice").hidden = false;
  find("notice").classList.toggle("plain", !about.is_shipped);
  find("notice-title").textContent = about.headline;
  find("notice-text").textContent = about.notice;
  find("facts").replaceChildren(...about.facts.flatMap(([label, value]) => [element("dt", {}, label), element("dd", {}, value)]));
  find("rules").textContent = `Any video that FFmpeg reads, up to ${limits.upload_mb} MB and ${limits.minutes} minutes. ` +
    (isLocal ? "It stays on this computer." : `It goes to ${location.hostname} and is deleted there when the demo ends.`);
  find("privacy").textContent = isLocal ? "Nothing leaves this computer." : "Nothing is sent anywhere but to the server of this page.";
  find("examples").replaceChildren(...about.examples.map(card));
}

function card({ key, title, emotions }) {
  const button = element("button", { type: "button" },
    element("img", { src: `/api/examples/${key}/poster.jpg`, alt: "", loading: "lazy" }),
    element("span", {}, title), element("span", {}, emotions.join(", then ")));
  button.addEventListener("click", () => run(`${title}.mp4`, "draw", () => ask(`/api/examples/${key}`, "POST")));
  return element("li", {}, button);
}

// --- Taking files in --------------------------------------------------------------------------
async function take(files) {
  if (!files.length) return;
  const file = files[0];
  find("file").value = "";
  await ready;
  if (!about) return;
  const megabytes = file.size / 1e6;
  if (megabytes > about.limits.upload_mb) {
    const message = `It has ${megabytes.toFixed(0)} MB; at most ${about.limits.upload_mb} MB are taken. ` +
      "Cut or compress it, or start the demo with --max-upload-mb.";
    fail(file.name, "This file is too large", new Refusal(message, 413));
    return;
  }
  run(file.name, "upload", (signal) => upload(file, {
    signal,
    onProgress: (sent, all) => {
      const isSent = sent >= all;
      wait("upload", isSent ? "Opening it …" : `${(sent / 1e6).toFixed(0)} of ${(all / 1e6).toFixed(0)} MB sent`, isSent ? null : sent / all);
    },
  }));
}

function catchDrops() {
  let depth = 0;
  const over = (change) => document.body.classList.toggle("over", (depth = Math.max(0, depth + change)) > 0);
  addEventListener("dragenter", (event) => { event.preventDefault(); over(1); });
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("dragleave", () => over(-1));
  addEventListener("drop", (event) => {
    event.preventDefault();
    over(-depth);
    if (!find("working").hidden) return;
    take(event.dataTransfer.files);
  });
}

// --- From a file to its result -----------------------------------------------------------------
async function run(name, first, begin) {
  controller?.abort();
  const { signal } = (controller = new AbortController());
  find("working-name").textContent = name;
  show("working");
  plan(first);
  wait(first, first === "upload" ? "Sending …" : "Starting …", null);
  try {
    const analysis = await begin(signal);
    if (signal.aborted) return forget(analysis.id);
    current = analysis.id;
    history.pushState(null, "", `#${analysis.id}`);
    await finish(analysis, signal);
  } catch (error) {
    if (!signal.aborted) fail(name, headline(error), error, () => run(name, first, begin));
  }
}

async function finish(analysis, signal) {
  const began = {};
  const state = await follow(`/api/analyses/${analysis.id}`, { signal, onState: (state) => tell(state, began) });
  if (state.state !== "done") throw new Refusal(state.error || "It was cancelled.", 422);
  await view.show(state);
  if (signal.aborted) return;
  document.title = `${state.name} – mvemotion`;
  show("result");
  find("main").focus({ preventScroll: true });
  view.read(view.reading); // now that there is a width to draw in
}

function tell({ state, stage, done, total, ahead }, began) {
  if (state === "queued") {
    wait("wait", ahead ? `${ahead} before you` : "You are next", null);
  } else if (stage === "drawing") {
    wait("draw", `Drawing the film: ${done} of ${total} s`, done / total);
  } else {
    began.time ??= performance.now();
    const left = done > 1 ? ((performance.now() - began.time) / 1000 / done) * (total - done) : 0;
    const rest = left > 3 ? `, about ${left < 90 ? `${Math.ceil(left / 5) * 5} s` : `${clock(left)} min`} left` : "";
    wait("analyse", total ? `${done} of ${total} windows${rest}` : "Reading the file …", total ? done / total : null);
  }
}

async function resume() {
  const id = location.hash.slice(1);
  if (id === (current ?? "")) return;
  controller?.abort();
  if (!id) return reset();
  const { signal } = (controller = new AbortController());
  try {
    const analysis = await ask(`/api/analyses/${encodeURIComponent(id)}`);
    signal.throwIfAborted();
    current = id;
    find("working-name").textContent = analysis.name;
    show("working");
    plan(analysis.scenes.length ? "draw" : "upload");
    await finish(analysis, signal);
  } catch (error) {
    if (!signal.aborted) fail("", "This result is no longer here", error);
  }
}

function cancel() {
  controller?.abort();
  forget(current);
  reset();
}

function forget(id) {
  if (id) ask(`/api/analyses/${id}`, "DELETE").catch(() => {});
}

function reset() {
  controller?.abort();
  current = undefined;
  view?.hide();
  if (location.hash) history.pushState(null, "", location.pathname);
  document.title = "mvemotion: emotion over time in a music video";
  show("empty");
  find("main").focus({ preventScroll: true });
}

// --- Screens ------------------------------------------------------------------------------------
function show(screen) {
  for (const name of SCREENS) find(name).hidden = name !== screen;
  find("again").hidden = screen !== "result";
  scrollTo(0, 0);
}

function plan(first) {
  const steps = first === "draw" ? ["wait", "draw", "analyse"] : ["upload", "wait", "analyse"];
  find("steps").replaceChildren(...steps.map((step) => element("li", { "data-step": step }, STEPS[step])));
}

function wait(step, words, share) {
  const items = [...find("steps").children];
  const position = items.findIndex((item) => item.dataset.step === step);
  items.forEach((item, index) => {
    item.classList.toggle("past", index < position);
    if (index === position) item.setAttribute("aria-current", "step");
    else item.removeAttribute("aria-current");
  });
  if (find("status").textContent !== words) find("status").textContent = words;
  if (share === null) find("progress").removeAttribute("value");
  else find("progress").value = share;
}

function headline({ status }) {
  return { 0: "The server is gone", 413: "This file is too large", 422: "This file cannot be analysed",
    503: "Too many are waiting", 507: "No room for this file" }[status] ?? "That did not work";
}

function fail(name, title, error, retry) {
  const status = error.status ?? 422;
  controller?.abort();
  current = undefined;
  if (about && location.hash) history.replaceState(null, "", location.pathname);
  find("failed-title").textContent = title;
  find("failed-name").textContent = name;
  find("failed-text").textContent = error.message;
  find("failed-next").textContent = NEXT[status] ?? "";
  find("failed-retry").hidden = !retry || [413, 422].includes(status);
  find("failed-retry").onclick = retry;
  find("failed-back").hidden = !about;
  show("failed");
}
