// A finished analysis: the video, what is felt now, the curves, and why.

import { Chart, closest } from "./chart.js";
import { clock, element, find, percent, shape } from "./format.js";
import { ask } from "./server.js";
import { Why } from "./why.js";

const READINGS = {
  softmax: "Softmax: shares of one whole; the six add up to 100 %. What the network was trained for.",
  sigmoid: "Sigmoid: each emotion by itself, from 0 to 100 %, as in the paper's Figure 7.",
};

export class ResultView {
  constructor(about) {
    this.about = about;
    this.video = find("video");
    this.chart = new Chart(find("chart"), find("film"), about.emotions, { onSeek: (time) => this.seek(time) });
    this.why = new Why(about.emotions);
    this.reading = "softmax";
    find("bars").replaceChildren(...about.emotions.map((emotion) => this.bar(emotion)));
    for (const radio of document.querySelectorAll("input[name=reading]")) {
      radio.addEventListener("change", () => this.read(radio.value));
    }
    find("why-button").addEventListener("click", () => this.why.ask(this.result.at(this.time)));
    this.listen();
  }

  async show(analysis) {
    const base = `/api/analyses/${analysis.id}`;
    this.result = understand(await ask(`${base}/timeline.json`), analysis, base);
    this.time = 0;
    this.now = null;
    find("result-name").textContent = analysis.name;
    find("window-length").textContent = `${this.result.windowLength} s`;
    for (const form of ["json", "csv", "srt"]) find(`get-${form}`).href = `${base}/timeline.${form}`;
    this.play(`${base}/recording`);
    this.why.close(base);
    this.read(this.reading);
  }

  hide() {
    this.video.removeAttribute("src");
    this.video.load();
    this.why.close("");
  }

  play(address) {
    const hasPictures = this.result.windows.some((window) => window.hasPicture);
    find("stage").classList.toggle("sound", !hasPictures);
    this.video.hidden = false;
    find("still").hidden = find("unplayable").hidden = true;
    this.video.src = address;
  }

  listen() {
    const { video } = this;
    for (const event of ["timeupdate", "seeked", "seeking"]) {
      video.addEventListener(event, () => this.move(video.currentTime));
    }
    video.addEventListener("play", () => requestAnimationFrame(() => this.follow()));
    video.addEventListener("error", () => video.getAttribute("src") && this.stand());
    video.addEventListener("loadedmetadata", () => {
      const hasPictures = this.result?.windows.some((window) => window.hasPicture);
      if (hasPictures && !video.videoWidth) this.stand();
    });
  }

  // The browser cannot play it: still pictures take the video's place.
  stand() {
    this.video.hidden = true;
    find("still").hidden = !this.result.windows.some((window) => window.hasPicture);
    find("unplayable").hidden = false;
    find("unplayable").textContent = "This browser cannot play this kind of file. " +
      "Curves and pictures are complete: move through them with the curve below.";
    this.move(this.time);
  }

  follow() {
    if (this.video.paused || this.video.ended) return;
    this.move(this.video.currentTime);
    requestAnimationFrame(() => this.follow());
  }

  seek(time) {
    if (!this.video.hidden && this.video.readyState > 0) this.video.currentTime = time;
    this.move(time);
  }

  read(reading) {
    this.reading = reading;
    find("reading-text").textContent = READINGS[reading];
    this.now = null;
    this.chart.show(this.result, reading);
    this.move(this.time);
  }

  move(time) {
    if (!this.result) return;
    this.time = time;
    this.chart.move(time);
    const window = this.result.at(time);
    if (window === this.now) return;
    this.now = window;
    this.name(window);
    if (!find("still").hidden) this.still(window);
  }

  name(window) {
    const { emotion, likeliest } = window;
    const isUnsure = emotion === "uncertain";
    const colour = this.about.emotions.find(({ name }) => name === emotion)?.colour;
    find("now-span").textContent = `From ${clock(window.start)} to ${clock(window.end)}`;
    find("now-emotion").textContent = isUnsure ? "Uncertain" : emotion || "No answer";
    find("now-swatch").style.background = colour ?? "var(--line)";
    const value = percent(window[this.reading][likeliest]);
    find("now-value").textContent = likeliest ? (isUnsure ? `${likeliest} ${value}` : value) : "";
    find("now-note").textContent = window.note && `Note: ${window.note}`;
    find("why-button").disabled = !likeliest;
    find("why-button").textContent = likeliest ? `Why ${likeliest}?` : "Why?";
    for (const row of find("bars").children) {
      const share = window[this.reading][row.dataset.name];
      row.classList.toggle("likeliest", row.dataset.name === likeliest);
      row.querySelector(".fill").style.width = `${100 * (share ?? 0)}%`;
      row.querySelector(".value").textContent = percent(share);
    }
  }

  still(window) {
    const pictured = this.result.windows.filter((one) => one.hasPicture);
    find("still").src = this.result.picture(closest(pictured, window.middle).index);
    find("still").alt = `The video at ${clock(window.middle)}`;
  }

  bar({ name, colour, dash }) {
    const line = shape("svg", { width: 30, height: 10, "aria-hidden": "true" },
      shape("line", { x1: 1, x2: 29, y1: 5, y2: 5, stroke: colour, "stroke-width": 3, "stroke-dasharray": dash || null }));
    const button = element("button", { type: "button", "aria-pressed": "false" }, line,
      element("span", {}, name),
      element("span", { class: "track", "aria-hidden": "true" }, element("span", { class: "fill", style: { background: colour } })),
      element("span", { class: "value" }));
    button.addEventListener("click", () => {
      const isPressed = button.getAttribute("aria-pressed") === "true";
      for (const other of find("bars").querySelectorAll("button")) other.setAttribute("aria-pressed", "false");
      button.setAttribute("aria-pressed", String(!isPressed));
      this.chart.stress(isPressed ? null : name);
    });
    return element("li", { "data-name": name }, button);
  }
}

// The timeline's JSON, as the page uses it.
function understand(timeline, analysis, base) {
  const pictures = new Set(analysis.pictures);
  const read = (row, letter) => Object.fromEntries(timeline.emotions.map((name) => [name, row[`${letter}_${name}`]]));
  const windows = timeline.windows.map((row, index) => ({
    index,
    start: row.start_s,
    end: row.end_s,
    middle: Math.min((row.start_s + row.end_s) / 2, timeline.duration_s),
    emotion: row.emotion,
    likeliest: likeliest(timeline.emotions, row),
    note: row.note,
    hasPicture: pictures.has(index),
    softmax: read(row, "p"),
    sigmoid: read(row, "s"),
  }));
  const at = (time) => closest(windows, time);
  const scene = timeline.duration_s / Math.max(analysis.scenes.length, 1);
  return {
    windows,
    at,
    duration: timeline.duration_s,
    windowLength: timeline.window_s,
    threshold: timeline.abstain_below,
    segments: segments(windows, timeline.duration_s),
    scenes: analysis.scenes.map((emotion, index) => ({ emotion, start: index * scene, stop: (index + 1) * scene })),
    picture: (index) => `${base}/pictures/${index}.jpg`,
  };
}

// The most probable emotion of a window, even if too unsure to be its answer; empty without one.
function likeliest(emotions, row) {
  const top = emotions.reduce((best, name) => row[`p_${name}`] > row[`p_${best}`] ? name : best);
  return row.emotion && top;
}

// Neighbouring windows of one emotion are one segment; borders lie halfway between answers.
function segments(windows, duration) {
  const found = [];
  windows.forEach((window, index) => {
    const start = index ? (windows[index - 1].middle + window.middle) / 2 : 0;
    const stop = index < windows.length - 1 ? (window.middle + windows[index + 1].middle) / 2 : duration;
    const last = found.at(-1);
    if (last && last.emotion === window.emotion) last.stop = stop;
    else found.push({ start, stop, emotion: window.emotion });
  });
  return found;
}
