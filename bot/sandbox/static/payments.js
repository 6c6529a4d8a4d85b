// Paying in Stars: what a card shows, the sheet that asks, the receipt, and the player's Stars.

import { get, post } from "./api.js";
import { avatar, element, icon } from "./dom.js";

const TOP_UPS = [50, 250, 1000];
const STATES = { bot: "stopped by the bot", player: "canceled", failed: "too few Stars", "": "renews itself" };

// What names the invoice in a link to this sandbox or to Telegram, or null for any other link.
export function invoiceSlug(link) {
  const match = link.match(/^(?:tg:\/\/invoice\?slug=|(?:https?:\/\/)?([\w.-]+(?::\d+)?)\/(?:\$|invoice\/))([\w-]+)$/i);
  if (!match) return null;
  const isKnown = !match[1] || /^(?:t|telegram)\.me$/i.test(match[1]) || match[1] === location.host;
  return isKnown ? match[2] : null;
}

// The title and description of a card; the button that pays is the first below it.
export function invoiceCard(invoice) {
  return element("div", { class: "invoice", "data-testid": "invoice" },
    element("strong", { dir: "auto" }, invoice.title),
    element("p", { dir: "auto" }, invoice.description),
    element("span", { class: "price" }, stars(invoice.total_amount), " · Invoice"));
}

export function stars(count) {
  return element("span", { class: "stars" }, icon("star", false), count.toLocaleString("en"));
}

// What a button says, with Telegram's Star in the place of the emoji.
export function payLabel(text) {
  const label = element("span", { dir: "auto" });
  text.split(/⭐\uFE0F?|XTR/).forEach((part, index) => label.append(...(index ? [icon("star", false)] : []), part));
  return label;
}

// The line in the middle of the chat that says that Stars have moved, or null.
export function serviceLine(message, phone) {
  const paid = message.successful_payment, refunded = message.refunded_payment;
  if (!paid && !refunded) return null;
  const moved = paid ?? refunded;
  return element("button", { class: "service", "data-testid": paid ? "paid" : "refunded",
    title: "Show the receipt", onclick: () => showReceipt(phone, moved.telegram_payment_charge_id) },
  paid?.is_recurring ? (paid.is_first_recurring ? "You subscribed for " : "Your subscription was renewed for ")
    : paid ? "You paid " : "You got back ", stars(moved.total_amount));
}

// Sheets --------------------------------------------------------------------------------------

// A sheet lies over the whole phone. `fill` puts something into it; Escape and the veil close it.
class Sheet {
  constructor(phone, testid, label) {
    this.phone = phone;
    this.back = document.activeElement;
    this.body = element("div", { class: "sheet-body" });
    this.box = element("div", { class: "sheet", role: "dialog", "aria-modal": "true", "aria-label": label,
      "data-testid": testid, tabindex: -1 },
    element("button", { class: "icon sheet-close", "aria-label": "Close", "data-testid": "sheet-close",
      onclick: () => this.close() }, icon("close")), this.body);
    this.veil = element("div", { class: "veil sheet-veil" }, this.box);
    this.veil.addEventListener("keydown", (event) => { if (event.key === "Escape") this.close(); });
    this.veil.addEventListener("pointerdown", (event) => { if (event.target === this.veil) this.close(); });
    phone.sheet?.close();
    phone.sheet = this;
    phone.root.append(this.veil);
    this.box.focus();
  }

  fill(...children) {
    // Whoever stood on a button that goes stays in the sheet, so that Escape still closes it.
    const stays = this.box.contains(document.activeElement);
    this.body.replaceChildren(...children.filter(Boolean));
    if (stays) this.box.focus();
  }

  close() {
    this.veil.remove();
    if (this.phone.sheet === this) this.phone.sheet = null;
    if (this.back?.isConnected) this.back.focus();
  }
}

function bigStar() {
  return element("span", { class: "big-star", "aria-hidden": "true" }, icon("star", false));
}

function button(text, testid, onclick, kind = "") {
  return element("button", { class: kind, "data-testid": testid, onclick }, text);
}

// Asks whether to pay. `target` is {message_id} of a card or {slug} of a link.
export async function askToPay(phone, target) {
  let invoice = phone.messages.get(target.message_id)?.invoice;
  try {
    invoice ??= await get(`/invoices/${encodeURIComponent(target.slug)}`);
  } catch (error) {
    return void phone.toast(error.message);
  }
  const sheet = new Sheet(phone, "pay-sheet", "Confirm the payment");
  const fill = (note = null) => {
    const { stars: balance } = phone.player, isShort = balance < invoice.total_amount;
    const period = invoice.subscription_period ? " every 30 days" : "";
    sheet.fill(
      element("p", { class: "balance-line" }, "Balance ", stars(balance)),
      bigStar(),
      element("h3", {}, invoice.subscription_period ? "Subscribe" : "Confirm your purchase"),
      element("p", {}, "Do you want ", element("b", { dir: "auto" }, invoice.title), " from Quiz Arena for ",
        stars(invoice.total_amount), `${period}?`),
      note,
      isShort ? button("Top up your Stars", "pay-top-up", () => showStars(phone), "primary")
        : element("button", { class: "primary", "data-testid": "pay-confirm", onclick: confirm },
          "Pay ", stars(invoice.total_amount), period ? " / month" : ""),
      button("Cancel", "pay-cancel", () => sheet.close(), "plain"));
  };
  const refused = (reason) => fill(element("p", { class: "refused", role: "alert", dir: "auto",
    "data-testid": "pay-refused" }, reason));
  const confirm = async () => {
    sheet.fill(bigStar(), element("h3", {}, "Waiting for Quiz Arena…"),
      element("span", { class: "spinner", role: "progressbar", "aria-label": "Waiting", "data-testid": "pay-waiting" }));
    try {
      const checkout = await post(`/players/${phone.player.id}/pay`, target);
      const ended = await phone.checkoutEnd(checkout);
      if (ended.state === "paid") sheet.close();
      else refused(ended.reason);
    } catch (error) {
      refused(error.message);
    }
  };
  fill();
}

export async function showReceipt(phone, chargeId) {
  const { payments } = await get(`/players/${phone.player.id}/stars`);
  const payment = payments.find((it) => it.charge_id === chargeId);
  if (!payment) return void phone.toast("This receipt is too old to be shown.");
  new Sheet(phone, "receipt", "Receipt").fill(bigStar(), element("h3", { dir: "auto" }, payment.title),
    element("dl", { class: "facts" }, ...facts({
      To: "Quiz Arena", Amount: stars(payment.amount), Date: when(payment.paid_at),
      Refunded: payment.refunded_at ? when(payment.refunded_at) : null,
      "Transaction ID": element("code", {}, payment.charge_id),
    })));
}

function facts(known) {
  return Object.entries(known).filter(([, value]) => value !== null).map(([name, value]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, value)));
}

// The player's Stars: balance, subscriptions and payments, and what Telegram can do about them.
export async function showStars(phone) {
  const sheet = new Sheet(phone, "stars-sheet", `${phone.player.first_name}'s Stars`);
  const path = `/players/${phone.player.id}`;
  const act = async (deed, details) => {
    try {
      fill(await post(`${path}/${deed}`, details));
    } catch (error) {
      phone.toast(error.message);
    }
  };
  const fill = ({ balance, payments, subscriptions }) => sheet.fill(
    element("div", { class: "owner-line" }, avatar(phone.player), phone.player.first_name),
    element("strong", { class: "balance", "data-testid": "balance" }, stars(balance)),
    element("div", { class: "top-ups", role: "group", "aria-label": "Top up" },
      ...TOP_UPS.map((count) => button(`+${count}`, "top-up", () => act("top_up", { stars: count }))),
      button("Empty", "empty", () => act("set_stars", { stars: 0 }))),
    subscriptions.length ? element("h4", {}, "Subscriptions") : null,
    ...subscriptions.map((it) => subscriptionRow(it, act)),
    element("h4", {}, "Payments"),
    payments.length ? element("ul", { class: "payments" }, ...payments.map((it) => paymentRow(it, act)))
      : element("p", { class: "nothing" }, "No Stars were paid yet."));
  fill(await get(`${path}/stars`));
}

function subscriptionRow(subscription, act) {
  const { id, canceled_by: canceledBy, has_failed: hasFailed } = subscription;
  const deed = (name) => () => act(name, { subscription: id });
  return element("div", { class: "subscription", "data-testid": "subscription" },
    element("div", { class: "row" }, element("b", { dir: "auto" }, subscription.title), stars(subscription.amount)),
    element("small", {}, `${STATES[canceledBy || (hasFailed ? "failed" : "")]} · paid until ${date(subscription.paid_until)}`),
    element("div", { class: "deeds" }, button("Next month", "next-month", deed("next_month")),
      canceledBy ? button("Renew after all", "enable-subscription", deed("enable_subscription"))
        : button("Cancel", "cancel-subscription", deed("cancel_subscription"), "danger")));
}

function paymentRow(payment, act) {
  return element("li", { "data-testid": "payment" },
    element("span", {}, element("b", { dir: "auto" }, payment.title), element("small", {}, when(payment.paid_at))),
    stars(payment.amount),
    payment.refunded_at ? element("small", { class: "done" }, "refunded")
      : button("Refund", "refund", () => act("refund", { charge_id: payment.charge_id }), "deed"));
}

function when(seconds) {
  return new Date(seconds * 1000).toLocaleString("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
}

function date(seconds) {
  return new Date(seconds * 1000).toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" });
}
