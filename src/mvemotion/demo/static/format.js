// Numbers in words, and elements without HTML text: names from outside never become markup.

export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds + 1e-6));
  const parts = [Math.floor(whole / 60) % 60, whole % 60];
  const hours = Math.floor(whole / 3600);
  const [minutes, rest] = hours ? parts.map(pad) : [String(parts[0]), pad(parts[1])];
  return (hours ? `${hours}:` : "") + `${minutes}:${rest}`;
}

export function percent(share) {
  return share === null || Number.isNaN(share) ? "–" : `${Math.round(100 * share)} %`;
}

export function points(share) {
  const value = Math.round(100 * share);
  return `${value > 0 ? "+" : value < 0 ? "−" : ""}${Math.abs(value)} points`;
}

export function element(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function shape(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

export function find(id) {
  return document.getElementById(id);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "style") Object.assign(node.style, value);
    else if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

function pad(number) {
  return String(number).padStart(2, "0");
}
