// Why a window was answered as it was: what each modality did, and where it looked.

import { clock, element, find, percent, points } from "./format.js";
import { ask, follow } from "./server.js";

export class Why {
  constructor(emotions) {
    this.emotions = emotions;
    this.choice = find("why-emotion");
    this.choice.replaceChildren(...emotions.map(({ name }) => element("option", { value: name }, name)));
    this.choice.addEventListener("change", () => this.ask(this.window, this.choice.value));
  }

  close(base) {
    this.base = base;
    this.controller?.abort();
    find("why").hidden = true;
  }

  async ask(window, emotion = window.likeliest) {
    this.controller?.abort();
    const { signal } = (this.controller = new AbortController());
    this.window = window;
    this.choice.value = emotion;
    const isTop = emotion === window.likeliest;
    find("why").hidden = false;
    find("why-title").textContent = `Why ${emotion}${isTop ? "" : `, rather than ${window.likeliest}`}, ${clock(window.start)} to ${clock(window.end)}`;
    find("why-found").replaceChildren();
    find("why-found").setAttribute("aria-busy", "true");
    find("why-status").textContent = "Looking into the network …";
    if (isTop) find("why").focus({ preventScroll: true });
    find("why").scrollIntoView({ block: "nearest", behavior: calm() ? "auto" : "smooth" });
    const path = `${this.base}/windows/${window.index}/why`;
    const query = `?emotion=${encodeURIComponent(emotion)}`;
    try {
      await ask(path + query, "POST");
      const state = await follow(path + query, { signal, onState: (state) => this.wait(state) });
      if (state.state === "done") this.show(state.result, `${path}/`, query);
      else find("why-status").textContent = `No explanation: ${state.error || state.state}`;
    } catch (error) {
      if (!signal.aborted) find("why-status").textContent = `No explanation: ${error.message}`;
    } finally {
      if (!signal.aborted) find("why-found").removeAttribute("aria-busy");
    }
  }

  wait({ state, ahead }) {
    if (state === "queued") find("why-status").textContent = `Waiting: ${ahead} before you …`;
    if (state === "working") find("why-status").textContent = "Looking into the network …";
  }

  show(result, path, query) {
    find("why-status").textContent =
      `${result.emotion} has ${percent(result.probability)} here (softmax). Each bar: how many points of that this ` +
      "modality gave, that is, are lost when the network gets an average clip's instead; to the left: it spoke against it.";
    const colour = this.emotions.find(({ name }) => name === result.emotion).colour;
    const parts = Object.entries(result.attribution).map(([name, share]) => part(name, share, colour));
    const figures = result.pictures.map((one) => picture(one, `${path}${one.modality}.png${query}`));
    find("why-found").replaceChildren(
      element("ul", { class: "parts", "aria-label": "What each modality did" }, ...parts),
      element("div", { class: "evidence" }, ...figures),
    );
  }
}

function part(name, share, colour) {
  const width = `${Math.min(Math.abs(share), 1) * 50}%`;
  const fill = element("span", { class: "fill", style: { width, background: colour, [share < 0 ? "right" : "left"]: "50%" } });
  const track = element("span", { class: "track", "aria-hidden": "true" }, fill, element("span", { class: "zero" }));
  return element("li", { title: share < 0 ? "spoke against it" : "spoke for it" },
    element("span", {}, name), track, element("span", { class: "value" }, points(share)));
}

function picture({ modality, description, effect }, source) {
  return element("figure", {}, element("img", { src: source, alt: description }),
    element("figcaption", {}, element("strong", {}, modality), ` ${effect}`));
}

function calm() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
