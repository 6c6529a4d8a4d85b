// Text with entities as DOM nodes. Offsets are UTF-16 code units, as in JavaScript strings.

import { element } from "./dom.js";

const SAFE = /^(https?|tg|mailto|tel):/i;
const TAGS = {
  bold: "strong", italic: "em", underline: "u", strikethrough: "s", code: "code", pre: "pre",
  blockquote: "blockquote", expandable_blockquote: "blockquote", spoiler: "span",
};
const BLOCKS = new Set(["pre", "blockquote", "expandable_blockquote"]);
const FEW_EMOJI = /^(?:\p{Emoji_Presentation}|\p{Extended_Pictographic}\uFE0F?|\u200D|\p{Emoji_Modifier}){1,6}$/u;

// `follow` is called with the kind ("command" or "link") and the target of what was clicked.
export function richText(text, entities, follow) {
  const fragment = document.createDocumentFragment();
  fill(fragment, text, entities ?? [], 0, text.length, follow);
  return fragment;
}

export function isFewEmoji(text) {
  return FEW_EMOJI.test(text);
}

function fill(parent, text, entities, from, to, follow) {
  let position = from;
  for (let index = 0; index < entities.length; index++) {
    const entity = entities[index];
    if (entity.offset < position || entity.offset >= to) continue;
    const end = Math.min(entity.offset + entity.length, to);
    const isBlock = BLOCKS.has(entity.type);
    // A block stands on lines of its own: the line breaks around it are already shown.
    const before = text.slice(position, entity.offset);
    parent.append(isBlock ? before.replace(/\n$/, "") : before);
    const node = nodeFor(entity, text.slice(entity.offset, end), follow);
    fill(node, text, entities.slice(index + 1), entity.offset, end, follow);
    parent.append(node);
    position = isBlock && text[end] === "\n" && end < to ? end + 1 : end;
  }
  parent.append(text.slice(position, to));
}

function nodeFor(entity, shown, follow) {
  switch (entity.type) {
    case "bot_command":
      return element("a", { href: "#", class: "command", onclick: (event) => {
        event.preventDefault();
        follow("command", shown);
      } });
    case "url":
    case "text_link": {
      const url = entity.url ?? shown;
      if (!SAFE.test(url)) return element("span");
      return element("a", { href: url, target: "_blank", rel: "noopener noreferrer", onclick: (event) => {
        if (follow("link", url)) event.preventDefault();
      } });
    }
    case "spoiler": {
      const reveal = (event) => { event.currentTarget.classList.add("revealed"); };
      return element("span", { class: "spoiler", role: "button", tabindex: 0, "aria-label": "Spoiler",
        onclick: reveal, onkeydown: (event) => { if (event.key === "Enter") reveal(event); } });
    }
    case "expandable_blockquote":
      return element("blockquote", { class: "expandable", tabindex: 0,
        onclick: (event) => event.currentTarget.classList.toggle("open") });
    case "pre":
      return element("pre", { "data-language": entity.language });
    default:
      return element(TAGS[entity.type] ?? "span");
  }
}
