// Elements without markup: text from people and bots never becomes HTML.

const SVG = "http://www.w3.org/2000/svg";

export function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") node.className = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export function icon(name, line = true) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("aria-hidden", "true");
  if (line) svg.setAttribute("class", "line");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", "#" + name);
  svg.append(use);
  return svg;
}

export function avatar(player) {
  const initials = [player.first_name, player.last_name]
    .map((name) => [...(name ?? "")][0] ?? "").join("").toUpperCase();
  return element("span", { class: "avatar", "data-color": player.id % 7, "aria-hidden": "true" }, initials);
}
