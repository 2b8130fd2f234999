// The curves: one per emotion, a cursor, a ribbon of the likeliest emotions, in one SVG.

import { clock, element, percent, shape } from "./format.js";

const LEFT = 38, RIGHT = 12, TOP = 10, RIBBON = 20, RIBBON_GAP = 6;

export class Chart {
  constructor(box, film, emotions, { onSeek }) {
    this.box = box;
    this.film = film;
    this.emotions = emotions;
    this.onSeek = onSeek;
    this.time = 0;
    this.stressed = null;
    new ResizeObserver(() => this.draw()).observe(box);
    box.addEventListener("pointerdown", (event) => this.drag(event));
    box.addEventListener("pointermove", (event) => event.buttons && this.drag(event));
    box.addEventListener("keydown", (event) => this.press(event));
  }

  show(result, reading) {
    this.result = result;
    this.reading = reading;
    this.box.setAttribute("aria-valuemax", result.duration.toFixed(1));
    this.draw();
  }

  stress(emotion) {
    this.stressed = emotion;
    for (const node of this.box.querySelectorAll("[data-emotion]")) {
      node.classList.toggle("weak", emotion !== null && node.dataset.emotion !== emotion);
    }
  }

  x(time) {
    return LEFT + (time / this.result.duration) * (this.width - LEFT - RIGHT);
  }

  y(share) {
    return TOP + (1 - share) * (this.height - TOP);
  }

  draw() {
    if (!this.result || !this.box.clientWidth) return; // hidden: drawn as soon as it is shown
    this.width = this.box.clientWidth;
    this.height = this.width < 560 ? 190 : 250;
    const ribbons = this.result.scenes.length ? 2 : 1;
    const total = this.height + 24 + ribbons * (RIBBON + RIBBON_GAP);
    this.cursor = shape("line", { class: "cursor", y1: 0, y2: total });
    this.head = shape("circle", { class: "cursor-head", r: 5, cy: 5 });
    this.window = shape("rect", { class: "window", y: TOP, height: this.height - TOP });
    const svg = shape("svg", { viewBox: `0 0 ${this.width} ${total}`, height: total, "aria-hidden": "true" });
    svg.append(...this.axes(), ...this.threshold(), this.window, ...this.emotions.map((emotion) => this.curve(emotion)));
    svg.append(this.ribbon(this.result.segments, this.height + 24, "likeliest"));
    if (ribbons === 2) {
      svg.append(this.ribbon(this.result.scenes, this.height + 24 + RIBBON + RIBBON_GAP, "drawn as"));
    }
    svg.append(this.cursor, this.head);
    this.box.replaceChildren(svg);
    this.stress(this.stressed);
    this.drawFilm();
    this.move(this.time);
  }

  axes() {
    const nodes = [];
    for (const share of [0, 0.25, 0.5, 0.75, 1]) {
      const y = this.y(share);
      nodes.push(shape("line", { class: "grid", x1: LEFT, x2: this.width - RIGHT, y1: y, y2: y }));
      const label = share ? `${100 * share}` : "0 %";
      nodes.push(shape("text", { x: LEFT - 6, y: y + 4, "text-anchor": "end" }, label));
    }
    const step = tick(this.result.duration, (this.width - LEFT - RIGHT) / 80);
    for (let time = 0; time <= this.result.duration; time += step) {
      nodes.push(shape("text", { x: this.x(time), y: this.height + 16, "text-anchor": "middle" }, clock(time)));
    }
    return nodes;
  }

  // Below it an answer is uncertain; it is a share, and says nothing of sigmoid curves.
  threshold() {
    const { threshold } = this.result;
    if (!threshold || this.reading !== "softmax") return [];
    const y = this.y(threshold), right = this.width - RIGHT;
    return [
      shape("line", { class: "threshold", x1: LEFT, x2: right, y1: y, y2: y }),
      shape("text", { x: right, y: y - 4, "text-anchor": "end" }, "uncertain below"),
    ];
  }

  curve({ name, colour, dash }) {
    const { windows, duration } = this.result;
    const group = shape("g", { class: "series", "data-emotion": name });
    const pieces = [];
    let piece = null;
    windows.forEach((window, index) => {
      const value = window[this.reading][name];
      if (value === null) {
        piece = null;
        return;
      }
      const y = this.y(value).toFixed(1);
      if (!piece) pieces.push((piece = []));
      if (index === 0) piece.push(`${this.x(0).toFixed(1)},${y}`);
      piece.push(`${this.x(window.middle).toFixed(1)},${y}`);
      if (index === windows.length - 1) piece.push(`${this.x(duration).toFixed(1)},${y}`);
      if (windows.length <= 80) {
        group.append(shape("circle", { class: "dot", cx: this.x(window.middle), cy: y, r: 3, fill: colour }));
      }
    });
    const path = pieces.map((one) => `M${one.join("L")}`).join("");
    group.prepend(shape("path", { class: "curve", d: path, stroke: colour, "stroke-dasharray": dash || null }));
    return group;
  }

  ribbon(segments, top, label) {
    const group = shape("g", { class: "ribbon" });
    for (const { start, stop, emotion } of segments) {
      const x = this.x(start), width = this.x(stop) - x;
      const colour = this.emotions.find(({ name }) => name === emotion)?.colour ?? "transparent";
      const title = shape("title", {}, `${label} ${emotion || "no answer"}, ${clock(start)} to ${clock(stop)}`);
      group.append(shape("rect", { x, y: top, width: Math.max(width - 1, 0.5), height: RIBBON, rx: 3, fill: colour }, title));
      const words = label === "drawn as" ? `drawn as ${emotion}` : emotion;
      const fitting = [words, emotion].find((text) => width > 7 * text.length + 8);
      if (fitting) group.append(shape("text", { x: x + 6, y: top + RIBBON / 2 + 4 }, fitting));
    }
    return group;
  }

  // Every cell of the film strip stands below its own stretch of time.
  drawFilm() {
    const { windows, duration, picture } = this.result;
    const pictured = windows.filter((window) => window.hasPicture);
    const count = Math.min(Math.max(Math.floor(this.box.clientWidth / 92), 3), Math.max(pictured.length, 1));
    this.film.hidden = !pictured.length;
    const cells = pictured.length ? Array.from({ length: count }, (_, cell) => {
      const middle = ((cell + 0.5) / count) * duration;
      const window = closest(pictured, middle);
      const label = `Go to ${clock(middle)}${window.emotion ? `, ${window.emotion}` : ""}`;
      const button = element("button", { type: "button", "aria-label": label, title: label },
        element("img", { src: picture(window.index), alt: "", loading: "lazy" }));
      button.addEventListener("click", () => this.onSeek(middle));
      return button;
    }) : [];
    this.film.replaceChildren(...cells);
  }

  move(time) {
    this.time = time;
    if (!this.cursor) return;
    const x = this.x(Math.min(time, this.result.duration));
    this.cursor.setAttribute("x1", x);
    this.cursor.setAttribute("x2", x);
    this.head.setAttribute("cx", x);
    const window = this.result.at(time);
    this.window.setAttribute("x", this.x(window.start));
    this.window.setAttribute("width", this.x(Math.min(window.end, this.result.duration)) - this.x(window.start));
    const share = window[this.reading][window.emotion] ?? null;
    this.box.setAttribute("aria-valuenow", time.toFixed(1));
    this.box.setAttribute("aria-valuetext", `${clock(time)}, ${window.emotion || "no answer"} ${share === null ? "" : percent(share)}`);
    const current = Math.min(Math.floor((time / this.result.duration) * this.film.children.length), this.film.children.length - 1);
    [...this.film.children].forEach((button, cell) => button.setAttribute("aria-current", cell === current));
  }

  drag(event) {
    if (!this.result) return;
    const place = event.clientX - this.box.getBoundingClientRect().left;
    const share = (place - LEFT) / (this.width - LEFT - RIGHT);
    this.onSeek(Math.min(Math.max(share, 0), 1) * this.result.duration);
  }

  press(event) {
    const { windows, duration } = this.result;
    const index = this.result.at(this.time).index;
    const to = (number) => windows[Math.min(Math.max(number, 0), windows.length - 1)].middle;
    const target = {
      ArrowLeft: to(index - 1), ArrowDown: to(index - 1), ArrowRight: to(index + 1), ArrowUp: to(index + 1),
      PageDown: to(index - 6), PageUp: to(index + 6), Home: 0, End: duration,
    }[event.key];
    if (target === undefined) return;
    event.preventDefault();
    this.onSeek(target);
  }
}

export function closest(windows, time) {
  return windows.reduce((best, one) => Math.abs(one.middle - time) < Math.abs(best.middle - time) ? one : best);
}

function tick(duration, count) {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];
  return steps.find((step) => duration / step <= count) ?? 7200;
}
