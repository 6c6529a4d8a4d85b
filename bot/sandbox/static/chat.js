// One phone: the chat of one player with the bot.

import { get, post } from "./api.js";
import { avatar, element, icon } from "./dom.js";
import { askToPay, invoiceCard, invoiceSlug, payLabel, serviceLine, showReceipt, showStars, stars } from "./payments.js";
import { isFewEmoji, richText } from "./text.js";

const KEPT = 200;
const BOT = { id: 1, first_name: "Quiz Arena", username: "quizarena_bot" };
const WAITS_FOR_MS = 60_000;
const TYPING_FOR_MS = 5_000;
const ACTIONS = { typing: "typing", upload_photo: "sending a photo", upload_document: "sending a file" };
const NEAR_BOTTOM_PX = 90;
const EFFECT_FOR_MS = 2_000;
const EFFECTS = {
  "5104841245755180586": "🔥", "5107584321108051014": "👍", "5104858069142078462": "👎",
  "5159385139981059251": "❤️", "5046509860389126442": "🎉", "5046589136895476101": "💩",
};
// Who types on is not asked about each letter.
const INLINE_AFTER_MS = 300;

export class Phone {
  // `host` offers editPlayer(player), openLink(player, parameter), close(player) and canClose().
  constructor(player, host) {
    this.host = host;
    this.rows = new Map();
    this.messages = new Map();
    this.undelivered = new Set();
    this.waiting = new Map();
    // Paid cards and their charges; checkouts that somebody waits for or that ended early.
    this.receipts = new Map();
    this.checkouts = new Map();
    this.commands = [];
    this.missed = 0;
    // Events that come before the snapshot wait for it.
    this.held = [];
    this.build();
    this.setPlayer(player);
  }

  build() {
    this.status = element("span", { class: "status", "data-testid": "chat-status" }, "bot");
    this.owner = element("button", { class: "owner", title: "Edit this player", "data-testid": "edit-player",
      onclick: () => this.host.editPlayer(this.player) });
    this.balance = element("button", { class: "balance-chip", title: "Stars", "data-testid": "stars",
      onclick: () => showStars(this) });
    this.menuButton = element("button", { class: "icon", "aria-label": "Chat menu", "aria-haspopup": "menu",
      "aria-expanded": "false", "data-testid": "chat-menu", onclick: () => this.toggleMenu() }, icon("dots", false));
    this.menu = element("div", { class: "menu", role: "menu", hidden: true });
    this.list = element("ol", { class: "messages" });
    this.log = element("div", { class: "log", role: "log", "aria-live": "polite", tabindex: 0,
      "aria-label": "Messages", "data-testid": "messages", onscroll: () => this.onScroll() }, this.list);
    this.bottom = element("button", { class: "to-bottom", hidden: true, "aria-label": "To the newest message",
      onclick: () => this.toBottom(true) }, icon("down"), element("span", { class: "badge", hidden: true }));
    this.notices = element("div", { class: "notices", role: "status", "aria-live": "assertive" });
    this.stage = element("div", { class: "stage" }, this.log, this.bottom, this.notices);
    this.suggestions = element("div", { class: "suggestions", role: "listbox", hidden: true,
      "aria-label": "Commands", "data-testid": "commands" });
    this.suggestions.id = "commands-" + Math.random().toString(36).slice(2);
    this.input = element("textarea", { rows: 1, placeholder: "Message", "aria-label": "Message",
      maxlength: 4096, "data-testid": "composer", "aria-controls": this.suggestions.id, enterkeyhint: "send",
      oninput: () => this.onInput(), onkeydown: (event) => this.onKey(event) });
    this.menuPill = element("button", { type: "button", class: "commands-pill", hidden: true, "aria-expanded": "false",
      "data-testid": "commands-button", onclick: () => this.toggleCommands() }, icon("menu"), "Menu");
    this.sendButton = element("button", { class: "send", "aria-label": "Send", "data-testid": "send", disabled: true },
      icon("plane", false));
    this.composer = element("form", { class: "composer", onsubmit: (event) => {
      event.preventDefault();
      this.sendInput();
    } }, this.menuPill, this.input, this.sendButton);
    this.bigButton = element("button", { class: "big", hidden: true });
    this.keyboard = element("div", { class: "reply-keyboard", hidden: true, "data-testid": "reply-keyboard" });
    this.root = element("section", { class: "phone", "data-testid": "chat" },
      element("header", { class: "head" },
        element("span", { class: "avatar bot", "aria-hidden": "true" }, icon("arena")),
        element("div", { class: "title" }, element("strong", {}, BOT.first_name), this.status),
        this.balance, this.owner, this.menuButton, this.menu),
      this.stage,
      element("footer", {}, this.suggestions, this.composer, this.bigButton, this.keyboard));
    this.root.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.closeLists();
    });
    this.root.addEventListener("click", (event) => {
      if (!this.menu.hidden && !this.menu.contains(event.target) && !this.menuButton.contains(event.target)) {
        this.toggleMenu(false);
      }
    });
    this.sticks = true;
    const observer = new ResizeObserver(() => { if (this.sticks) this.toBottom(); });
    observer.observe(this.stage);
    observer.observe(this.list);
  }

  // What the phone shows -----------------------------------------------------------------

  setPlayer(player) {
    this.player = player;
    this.root.dataset.playerId = player.id;
    this.root.setAttribute("aria-label", `${player.first_name}'s phone`);
    this.owner.replaceChildren(avatar(player), element("span", { class: "owner-name" }, player.first_name),
      element("span", { class: "language" }, player.language_code || "–"));
    this.owner.setAttribute("aria-label", `Edit ${player.first_name}`);
    this.balance.replaceChildren(stars(player.stars));
    this.balance.setAttribute("aria-label", `${player.stars} Stars`);
    this.showBottom();
  }

  load(snapshot) {
    this.messages = new Map(snapshot.messages.map((message) => [message.message_id, message]));
    this.undelivered = new Set(snapshot.undelivered);
    this.receipts = new Map(Object.entries(snapshot.receipts).map(([id, charge]) => [Number(id), charge]));
    this.commands = snapshot.commands;
    this.waiting.clear();
    for (const query of snapshot.waiting) this.wait(query);
    this.rows.clear();
    this.list.replaceChildren();
    for (const message of this.messages.values()) this.place(message);
    this.regroup();
    this.setPlayer(snapshot.player);
    this.setKeyboard(snapshot.reply_keyboard);
    this.setCommands(snapshot.commands);
    this.toBottom();
    const events = this.held ?? [];
    this.held = null;
    for (const event of events) this.receive(event);
  }

  setCommands(commands) {
    this.commands = commands;
    this.menuPill.hidden = commands.length === 0;
  }

  receive(event) {
    if (this.held) return void this.held.push(event);
    switch (event.type) {
      case "message": return this.add(event.message);
      case "edit": return this.change(event.message);
      case "delete": return this.remove(event.message_id);
      case "delivered": return this.setDelivered(event.message_id);
      case "tapped": return this.startWaiting(event.query);
      case "answered": return this.answer(event.toast);
      case "inline": return this.showResults(event.query);
      case "action": return this.showAction(event.action);
      case "receipt": return this.setReceipt(event);
      case "checkout": return this.setCheckout(event.checkout);
      case "keyboard": return this.setKeyboard(event.reply_keyboard);
    }
  }

  add(message) {
    if (this.messages.has(message.message_id)) return this.change(message);
    const mine = isMine(message, this.player);
    if (mine) this.undelivered.add(message.message_id);
    else this.showAction(null);
    this.messages.set(message.message_id, message);
    this.place(message, true);
    if (this.messages.size > KEPT) this.remove(this.messages.keys().next().value);
    this.regroup();
    this.showBottom();
    if (mine || this.sticks) this.toBottom();
    else {
      this.missed++;
      this.onScroll();
    }
  }

  change(message) {
    if (!this.rows.has(message.message_id)) return;
    this.messages.set(message.message_id, message);
    const fresh = this.row(message);
    this.rows.get(message.message_id).replaceWith(fresh);
    this.rows.set(message.message_id, fresh);
    this.regroup();
    if (this.sticks) this.toBottom();
  }

  remove(messageId) {
    this.rows.get(messageId)?.remove();
    this.rows.delete(messageId);
    this.messages.delete(messageId);
    this.regroup();
    this.showBottom();
  }

  setReceipt({ message_id: messageId, charge_id: charge }) {
    this.receipts.set(messageId, charge);
    const message = this.messages.get(messageId);
    if (message) this.change(message);
  }

  setCheckout(checkout) {
    if (checkout.state === "waiting") return;
    const tell = this.checkouts.get(checkout.id);
    this.checkouts.delete(checkout.id);
    tell?.(checkout);
  }

  // Resolves when a checkout has ended. It may have done so before its answer was here.
  async checkoutEnd({ id }) {
    const ended = new Promise((resolve) => this.checkouts.set(id, resolve));
    get(`/checkouts/${id}`).then((checkout) => this.setCheckout(checkout), () => {});
    return ended;
  }

  setDelivered(messageId) {
    this.undelivered.delete(messageId);
    const tick = this.rows.get(messageId)?.querySelector(".ticks");
    if (tick) setTick(tick, true);
  }

  place(message, fresh = false) {
    const row = this.row(message);
    if (fresh) row.classList.add("fresh");
    if (fresh && EFFECTS[message.effect_id]) this.showEffect(EFFECTS[message.effect_id]);
    this.rows.set(message.message_id, row);
    this.list.append(row);
  }

  showEffect(emoji) {
    const node = element("div", { class: "effect", "aria-hidden": "true", "data-testid": "effect" }, emoji);
    this.stage.append(node);
    setTimeout(() => node.remove(), EFFECT_FOR_MS);
  }

  row(message) {
    const service = serviceLine(message, this);
    if (service) return element("li", { class: "service-row" }, service);
    const mine = isMine(message, this.player);
    const bubble = element("div", { class: "bubble", "data-testid": "bubble", "data-message-id": message.message_id });
    bubble.append(element("span", { class: "unseen" }, `${message.from.first_name}: `));
    if (message.via_bot) {
      bubble.append(element("span", { class: "via", "data-testid": "via" },
        `${message.from.first_name} via @${message.via_bot.username}`));
    }
    if (message.photo) bubble.append(picture(message.photo.at(-1), message.caption));
    if (message.document) bubble.append(attachment(message.document));
    if (message.invoice) bubble.append(invoiceCard(message.invoice));
    const text = message.text ?? message.caption ?? "";
    const big = Boolean(message.text) && !message.reply_markup && isFewEmoji(message.text);
    const follow = (kind, target) => this.follow(kind, target);
    bubble.append(element("div", { class: "text", dir: "auto", "data-testid": "text" },
      richText(text, message.entities ?? message.caption_entities, follow), this.meta(message, mine)));
    bubble.classList.toggle("jumbo", big);
    bubble.classList.toggle("bare", Boolean(message.photo) && !text);
    const stack = element("div", { class: "stack" }, bubble);
    const rows = message.reply_markup?.inline_keyboard;
    if (rows) stack.append(this.inlineKeyboard(message, rows));
    return element("li", { class: mine ? "out" : "in" }, stack);
  }

  meta(message, mine) {
    const meta = element("span", { class: "meta" });
    const effect = EFFECTS[message.effect_id];
    if (effect) meta.append(element("span", { role: "img", "aria-label": "Message effect", "data-testid": "effect-mark" }, effect));
    if (message.edit_date) meta.append(element("span", { class: "edited", "data-testid": "edited" }, "edited "));
    const time = element("time", { datetime: new Date(message.date * 1000).toISOString() }, clock(message.date));
    meta.append(time);
    if (mine) {
      const tick = element("span", { class: "ticks", "data-testid": "ticks" });
      setTick(tick, !this.undelivered.has(message.message_id));
      meta.append(tick);
    }
    return meta;
  }

  inlineKeyboard(message, rows) {
    return element("div", { class: "keyboard", role: "group", "aria-label": "Buttons" }, ...rows.map((row) =>
      element("div", { class: "keyboard-row" }, ...row.map((button) => this.inlineButton(message, button)))));
  }

  inlineButton(message, button) {
    const receipt = button.pay && this.receipts.get(message.message_id);
    const label = receipt ? element("span", {}, "Receipt") : button.pay ? payLabel(button.text)
      : element("span", { dir: "auto" }, button.text);
    const node = element("button", { class: "inline", type: "button", "data-testid": "inline-button",
      "data-style": button.style, onclick: () => this.press(message, button) },
    label);
    if (button.pay) node.dataset.pay = receipt ? "receipt" : "pay";
    if (button.url || button.switch_inline_query !== undefined) node.append(icon("link"));
    if (button.copy_text) node.append(icon("copy"));
    if (button.callback_data !== undefined) {
      node.dataset.callback = button.callback_data;
      if (this.isWaiting(message.message_id, button.callback_data)) markWaiting(node, true);
    }
    return node;
  }

  // Bubbles of one sender stand together, only the last one has a tail; days are marked.
  regroup() {
    for (const mark of this.list.querySelectorAll(".day")) mark.remove();
    let before = null;
    for (const message of this.messages.values()) {
      const row = this.rows.get(message.message_id);
      const newDay = !before || day(before.date) !== day(message.date);
      const sameSender = !newDay && side(before) === side(message);
      row.classList.toggle("joined", sameSender);
      row.classList.add("last");
      if (before && sameSender) this.rows.get(before.message_id).classList.remove("last");
      if (newDay) row.before(element("li", { class: "day" }, element("span", {}, dayName(message.date))));
      before = message;
    }
  }

  showBottom() {
    const { blocked, started, first_name: name } = this.player;
    const asksStart = !started && !blocked && this.messages.size === 0;
    this.composer.hidden = blocked || asksStart;
    this.keyboard.classList.toggle("out-of-reach", this.composer.hidden);
    this.bigButton.hidden = !this.composer.hidden;
    if (!this.bigButton.hidden) {
      this.bigButton.dataset.testid = blocked ? "unblock" : "start";
      this.bigButton.textContent = blocked ? "Unblock bot" : "Start";
      this.bigButton.onclick = () => this.do(blocked ? "unblock" : "start");
    }
    let welcome = this.stage.querySelector(".welcome");
    if (asksStart && !welcome) {
      welcome = element("div", { class: "welcome" }, element("span", { class: "avatar bot" }, icon("arena")),
        element("strong", {}, BOT.first_name), element("span", {}, "@" + BOT.username),
        element("p", {}, `${name} has not written to this bot yet. Until then it cannot write either.`));
      this.stage.append(welcome);
    } else if (!asksStart) welcome?.remove();
    this.list.classList.toggle("blocked", blocked);
  }

  setKeyboard(markup) {
    this.keyboard.hidden = !markup;
    this.keyboard.replaceChildren(...(markup?.keyboard ?? []).map((row) => element("div", { class: "keyboard-row" },
      ...row.map((button) => {
        const text = typeof button === "string" ? button : button.text;
        return element("button", { type: "button", "data-testid": "reply-button", onclick: () => {
          if (markup.one_time_keyboard) this.keyboard.hidden = true;
          this.say(text);
        } }, text);
      }))));
  }

  setConnected(isConnected) {
    this.isConnected = isConnected;
    this.showAction(null);
  }

  showAction(action) {
    clearTimeout(this.actionTimer);
    this.status.replaceChildren();
    this.status.classList.toggle("busy", Boolean(action) || this.isConnected === false);
    if (this.isConnected === false) this.status.append("connecting", dots());
    else if (action) {
      this.status.append(ACTIONS[action] ?? "busy", dots());
      this.actionTimer = setTimeout(() => this.showAction(null), TYPING_FOR_MS);
    } else this.status.append("bot");
  }

  // Taps and their answers ---------------------------------------------------------------

  async press(message, button) {
    if (button.callback_data !== undefined) {
      if (this.isWaiting(message.message_id, button.callback_data)) return;
      // Waiting from the first moment on; the stream only confirms it.
      this.wait({ message_id: message.message_id, data: button.callback_data, id: null });
      this.markButtons(message.message_id, button.callback_data, true);
      // Forced: a phone may show a keyboard that was replaced a moment ago.
      const done = await this.do("tap", { message_id: message.message_id, data: button.callback_data, force: true });
      if (!done) this.stopWaiting(message.message_id, button.callback_data);
    } else if (button.pay) {
      const charge = this.receipts.get(message.message_id);
      if (charge) showReceipt(this, charge);
      else askToPay(this, { message_id: message.message_id });
    } else if (button.url) {
      if (!this.follow("link", button.url)) window.open(button.url, "_blank", "noopener");
    } else if (button.switch_inline_query !== undefined) {
      this.input.value = `@${BOT.username} ${button.switch_inline_query}`;
      this.input.focus();
      this.onInput();
    } else if (button.copy_text) {
      const copied = await navigator.clipboard?.writeText(button.copy_text.text).then(() => true, () => false);
      this.toast(copied ? `Copied: ${button.copy_text.text}` : button.copy_text.text);
    } else this.toast("The sandbox does not have what this button opens.");
  }

  wait(query) {
    const key = `${query.message_id} ${query.data}`;
    clearTimeout(this.waiting.get(key)?.timer);
    const timer = setTimeout(() => this.stopWaiting(query.message_id, query.data), WAITS_FOR_MS);
    this.waiting.set(key, { id: query.id, timer });
  }

  startWaiting(query) {
    this.wait(query);
    this.markButtons(query.message_id, query.data, true);
  }

  stopWaiting(messageId, data) {
    clearTimeout(this.waiting.get(`${messageId} ${data}`)?.timer);
    this.waiting.delete(`${messageId} ${data}`);
    this.markButtons(messageId, data, false);
  }

  isWaiting(messageId, data) {
    return this.waiting.has(`${messageId} ${data}`);
  }

  markButtons(messageId, data, isWaiting) {
    for (const node of this.rows.get(messageId)?.querySelectorAll(".inline") ?? []) {
      if (node.dataset.callback === data) markWaiting(node, isWaiting);
    }
  }

  answer(toast) {
    for (const [key, { id }] of this.waiting) {
      if (id !== toast.callback_query_id) continue;
      const gap = key.indexOf(" ");
      this.stopWaiting(Number(key.slice(0, gap)), key.slice(gap + 1));
    }
    if (toast.url) this.follow("link", toast.url);
    if (!toast.text) return;
    if (toast.show_alert) this.alert(toast.text);
    else this.toast(toast.text);
  }

  toast(text) {
    this.notices.querySelector(".toast")?.remove();
    const node = element("div", { class: "toast", "data-testid": "toast", dir: "auto" }, text);
    this.notices.append(node);
    setTimeout(() => node.remove(), Math.min(8000, 2500 + text.length * 45));
  }

  alert(text) {
    const back = document.activeElement;
    const ok = element("button", { class: "main", "data-testid": "alert-ok", onclick: () => {
      veil.remove();
      back?.focus();
    } }, "OK");
    const veil = element("div", { class: "veil" }, element("div", { class: "alert", role: "alertdialog",
      "aria-label": BOT.first_name, "data-testid": "alert" }, element("strong", {}, BOT.first_name),
    element("p", { dir: "auto" }, text), ok));
    veil.addEventListener("keydown", (event) => { if (event.key === "Escape") ok.click(); });
    this.root.append(veil);
    ok.focus();
  }

  // What the player does -----------------------------------------------------------------

  async do(deed, details = {}) {
    try {
      await post(`/players/${this.player.id}/${deed}`, details);
      return true;
    } catch (error) {
      this.toast(error.message);
      return false;
    }
  }

  say(text) {
    return this.do("message", { text });
  }

  async sendInput() {
    const text = this.input.value.trim();
    if (!text || inlineQuery(this.input.value) !== null) return;
    this.input.value = "";
    this.onInput();
    if (!await this.say(text)) {
      this.input.value = text;
      this.onInput();
    }
  }

  // Returns whether the target was a thing of this chat.
  follow(kind, target) {
    if (kind === "command") {
      this.say(target);
      return true;
    }
    const slug = invoiceSlug(target);
    if (slug !== null) {
      askToPay(this, { slug });
      return true;
    }
    // Sharing a link of the bot is to let somebody else open it: the dialog asks who.
    const parameter = startParameter(sharedLink(target) ?? target);
    if (parameter === null) return false;
    this.host.openLink(this.player, parameter);
    return true;
  }

  toggleMenu(open = this.menu.hidden) {
    this.menu.hidden = !open;
    this.menuButton.setAttribute("aria-expanded", String(open));
    if (!open) return;
    const item = (text, testid, action) => element("button", { role: "menuitem", "data-testid": testid, onclick: () => {
      this.toggleMenu(false);
      action();
    } }, text);
    const { blocked } = this.player;
    this.menu.replaceChildren(
      item("Stars…", "menu-stars", () => showStars(this)),
      item("Open a link…", "open-link", () => this.host.openLink(this.player)),
      item("Edit player…", "edit", () => this.host.editPlayer(this.player)),
      blocked ? item("Unblock bot", "menu-unblock", () => this.do("unblock"))
        : item("Block bot", "block", () => this.do("block")),
      ...(this.host.canClose() ? [item("Hide this phone", "hide", () => this.host.close(this.player))] : []));
    this.menu.firstElementChild.focus();
  }

  onInput() {
    this.input.style.height = "auto";
    this.input.style.height = Math.min(this.input.scrollHeight, 140) + "px";
    this.sendButton.disabled = !this.input.value.trim();
    const typed = this.input.value;
    this.suggest(/^\/\w*$/.test(typed) ? this.commands.filter((it) => it.command.startsWith(typed.slice(1))) : []);
    clearTimeout(this.inlineTimer);
    const words = inlineQuery(typed);
    this.inlineId = null;
    if (words !== null) this.inlineTimer = setTimeout(() => this.askInline(words), INLINE_AFTER_MS);
  }

  // Inline mode: the bot offers results for what stands behind its name ---------------------

  async askInline(words) {
    try {
      const query = await post(`/players/${this.player.id}/inline`, { query: words });
      this.inlineId = query.id;
      // The answer may have been faster than this one.
      this.showResults(await get(`/inline/${query.id}`));
    } catch (error) {
      this.toast(error.message);
    }
  }

  showResults(query) {
    if (query.id !== this.inlineId || !query.is_answered) return;
    const { button, results } = query;
    this.listOptions(button ? [option(button.text, "", () => this.host.openLink(this.player, button.start_parameter))] : [],
      results.map((result) => option(result.title || "Photo", result.description,
        () => this.chooseReceiver(query.id, result.id), result.content.photo?.at(-1))));
  }

  // In Telegram the chat is the receiver; here somebody else's phone is.
  async chooseReceiver(queryId, resultId) {
    const players = await get("/players");
    this.listOptions([], players.filter((it) => it.id !== this.player.id).map((it) =>
      option(`Send to ${it.first_name}`, "", () => this.share(queryId, resultId, it.id))));
  }

  async share(queryId, resultId, receiver) {
    if (!await this.do("share", { query_id: queryId, result_id: resultId, to: receiver })) return;
    this.input.value = "";
    this.onInput();
    this.toast("Sent.");
  }

  listOptions(above, options) {
    const nodes = [...above, ...options];
    this.suggestions.hidden = nodes.length === 0;
    this.suggestions.replaceChildren(...nodes);
  }

  toggleCommands() {
    const opens = this.suggestions.hidden;
    this.suggest(opens ? this.commands : []);
    if (opens) this.suggestions.querySelector("button")?.focus();
  }

  suggest(commands) {
    this.suggestions.hidden = commands.length === 0;
    this.menuPill.setAttribute("aria-expanded", String(!this.suggestions.hidden));
    this.menuPill.replaceChildren(icon(this.suggestions.hidden ? "menu" : "close"), "Menu");
    this.suggestions.replaceChildren(...commands.map((it) => element("button", { type: "button", role: "option",
      "aria-selected": "false", "data-testid": "command", onclick: () => this.choose(it.command),
      onkeydown: (event) => this.onListKey(event) },
    element("b", {}, "/" + it.command), element("span", { dir: "auto" }, it.description))));
  }

  choose(command) {
    this.input.value = "";
    this.onInput();
    this.input.focus();
    this.say("/" + command);
  }

  onListKey(event) {
    const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
    if (!step) return;
    event.preventDefault();
    (event.currentTarget[step] ?? this.input).focus();
  }

  onKey(event) {
    if (event.isComposing) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      const only = this.suggestions.children.length === 1 ? this.suggestions.firstElementChild : null;
      if (only) only.click();
      else this.sendInput();
    } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && !this.suggestions.hidden) {
      event.preventDefault();
      const { firstElementChild: first, lastElementChild: last } = this.suggestions;
      (event.key === "ArrowDown" ? first : last).focus();
    } else if (event.key === "Tab" && !event.shiftKey && this.suggestions.querySelector("[data-testid=command]")) {
      event.preventDefault();
      this.input.value = this.suggestions.querySelector("b").textContent + " ";
      this.onInput();
    }
  }

  closeLists() {
    if (!this.menu.hidden) {
      this.toggleMenu(false);
      this.menuButton.focus();
    }
    if (!this.suggestions.hidden) {
      this.suggest([]);
      this.input.focus();
    }
  }

  onScroll() {
    const { scrollHeight, scrollTop, clientHeight } = this.log;
    this.sticks = scrollHeight - scrollTop - clientHeight < NEAR_BOTTOM_PX;
    if (this.sticks) this.missed = 0;
    this.bottom.hidden = this.sticks;
    const badge = this.bottom.querySelector(".badge");
    badge.hidden = this.missed === 0;
    badge.textContent = this.missed;
  }

  toBottom(smooth = false) {
    this.sticks = true;
    this.log.scrollTo({ top: this.log.scrollHeight, behavior: smooth ? "smooth" : "instant" });
  }
}

// What stands behind the bot's name, or null for anything else.
function inlineQuery(typed) {
  const begin = `@${BOT.username} `;
  return typed.toLowerCase().startsWith(begin) ? typed.slice(begin.length) : null;
}

function option(title, description, choose, photo) {
  return element("button", { type: "button", role: "option", "aria-selected": "false", "data-testid": "inline-result",
    onclick: choose },
  photo ? element("img", { src: "/sandbox/files/" + photo.file_id, alt: "", height: 40 }) : null,
  element("b", { dir: "auto" }, title), element("span", { dir: "auto" }, description));
}

// What somebody else has shared here is of a person, too.
function isMine(message, player) {
  return message.from.id === player.id;
}

// What a t.me/share link passes on, or null for any other link.
function sharedLink(link) {
  const match = link.match(/^(?:https?:\/\/)?t\.me\/share\/url\?(.*)$/i);
  return match && new URLSearchParams(match[1]).get("url");
}

// The start parameter of a t.me link to the bot, or null for any other link.
export function startParameter(link) {
  const match = link.match(/^(?:(?:https?:\/\/)?(?:t|telegram)\.me\/|tg:\/\/resolve\?domain=)(\w+)(?:[?&]start=([\w-]*))?$/i);
  return match && match[1].toLowerCase() === BOT.username ? match[2] ?? "" : null;
}

// Who speaks: the bot, the player, or Telegram itself.
function side(message) {
  return message.successful_payment || message.refunded_payment ? "service" : message.from.id;
}

function markWaiting(node, isWaiting) {
  node.classList.toggle("waiting", isWaiting);
  node.setAttribute("aria-busy", String(isWaiting));
}

function setTick(node, isDelivered) {
  node.replaceChildren(icon(isDelivered ? "ticks" : "tick"));
  node.dataset.delivered = isDelivered;
  node.setAttribute("aria-label", isDelivered ? "delivered" : "sent");
  node.setAttribute("role", "img");
}

function picture(photo, caption) {
  const src = "/sandbox/files/" + photo.file_id;
  const image = element("img", { src, alt: caption ?? "Photo", "data-testid": "photo" });
  // Its place is known before it has loaded, so that nothing jumps.
  image.style.width = `${photo.width}px`;
  image.style.aspectRatio = `${photo.width} / ${photo.height}`;
  return element("a", { class: "picture", href: src, target: "_blank", rel: "noopener" }, image);
}

function attachment(file) {
  const size = file.file_size < 1024 ? `${file.file_size} B` : file.file_size < 1048576
    ? `${(file.file_size / 1024).toFixed(1)} KB` : `${(file.file_size / 1048576).toFixed(1)} MB`;
  return element("a", { class: "document", href: "/sandbox/files/" + file.file_id, download: file.file_name,
    "data-testid": "document" },
  element("span", { class: "disc" }, icon("file")),
  element("span", {}, element("b", {}, file.file_name), element("small", {}, size)));
}

function dots() {
  return element("span", { class: "dots", "aria-hidden": "true" }, element("i"), element("i"), element("i"));
}

function clock(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
}

function day(seconds) {
  return new Date(seconds * 1000).toDateString();
}

function dayName(seconds) {
  const date = new Date(seconds * 1000);
  if (date.toDateString() === new Date().toDateString()) return "Today";
  return date.toLocaleDateString("en-GB", { day: "numeric", month: "long" });
}
