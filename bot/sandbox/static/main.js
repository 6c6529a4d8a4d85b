// The desk: who plays, whose phones are shown, and the stream that keeps them current.

import { get, listen, post } from "./api.js";
import { Phone, startParameter } from "./chat.js";
import { avatar, element } from "./dom.js";
import { askToPay, invoiceSlug } from "./payments.js";
import { loadNetwork, showNetwork, startNetworkPanel } from "./network.js";

const PHONE_WIDTH_PX = 350;
const REMEMBERED = "shown-players";

const columns = document.getElementById("columns");
const tabs = document.getElementById("tabs");
const playerDialog = document.getElementById("player-dialog");
const linkDialog = document.getElementById("link-dialog");

const players = new Map();
const phones = new Map();
const unread = new Map();
// In the order in which they were opened; as many of them are shown as have room.
let wanted = JSON.parse(localStorage.getItem(REMEMBERED) ?? "[]");
let isConnected = true;
// Events that come while everything is being loaded wait here.
let held = null;

const host = {
  editPlayer: (player) => askPlayer(player),
  close: (player) => hide(player.id),
  canClose: () => phones.size > 1,
  openLink: (player, parameter) => askLink(player.id, parameter),
};

function capacity() {
  return Math.max(1, Math.floor((columns.clientWidth || innerWidth) / PHONE_WIDTH_PX));
}

// Everything anew: at the beginning, after a lost connection and after a reset.
async function load() {
  held = [];
  try {
    const everyone = await get("/players");
    players.clear();
    for (const player of everyone) players.set(player.id, player);
    for (const id of [...phones.keys()]) close(id);
    wanted = wanted.filter((id) => players.has(id));
    if (wanted.length === 0) wanted = everyone.slice(0, capacity()).map((player) => player.id);
    await Promise.all([arrange(), loadNetwork()]);
    openLinkOfPage();
  } catch {
    // Not reachable now; the stream says "reload" again when it is back.
  }
  const events = held;
  held = null;
  events.forEach(receive);
}

function receive(event) {
  if (held) return void held.push(event);
  switch (event.type) {
    case "reload": return void load();
    case "network": return showNetwork(event);
    case "player": return setPlayer(event.player);
    case "commands": return void reloadCommands();
  }
  const phone = phones.get(event.chat_id);
  if (phone) phone.receive(event);
  else if (event.type === "message" && event.message.from.is_bot) {
    unread.set(event.chat_id, (unread.get(event.chat_id) ?? 0) + 1);
    showTabs();
  }
}

function setPlayer(player) {
  players.set(player.id, player);
  phones.get(player.id)?.setPlayer(player);
  showTabs();
}

async function reloadCommands() {
  for (const [id, phone] of phones) phone.setCommands((await get(`/players/${id}/chat`)).commands);
}

// Phones --------------------------------------------------------------------------------------

async function open(id) {
  const phone = new Phone(players.get(id), host);
  phone.setConnected(isConnected);
  phones.set(id, phone);
  unread.delete(id);
  phone.load(await get(`/players/${id}/chat`));
}

function close(id) {
  phones.get(id)?.root.remove();
  phones.delete(id);
}

// Opens and closes phones until those are shown that are wanted and have room.
async function arrange() {
  const shown = wanted.slice(0, capacity());
  for (const id of [...phones.keys()]) if (!shown.includes(id)) close(id);
  const opening = shown.filter((id) => !phones.has(id)).map(open);
  showTabs();
  await Promise.all(opening);
}

// When there is no room the one goes that was opened longest ago.
function show(id) {
  const stay = wanted.slice(0, capacity()).filter((it) => it !== id);
  return want([...stay.slice(stay.length >= capacity() ? 1 : 0), id]);
}

function hide(id) {
  if (phones.size > 1) want(wanted.slice(0, capacity()).filter((it) => it !== id));
}

function want(ids) {
  wanted = ids;
  localStorage.setItem(REMEMBERED, JSON.stringify(wanted));
  return arrange().catch(complain);
}

function place() {
  const inOrder = [...players.keys()].filter((id) => phones.has(id)).map((id) => phones.get(id).root);
  inOrder.forEach((root, index) => {
    if (columns.children[index] !== root) columns.insertBefore(root, columns.children[index] ?? null);
  });
}

function showTabs() {
  const focused = document.activeElement?.dataset.playerId;
  tabs.replaceChildren(...[...players.values()].map((player) => {
    const isShown = phones.has(player.id);
    const count = unread.get(player.id);
    return element("button", { class: "tab", "aria-pressed": String(isShown), "data-testid": "player-tab",
      "data-player-id": player.id, title: isShown ? "Shown" : "Show this phone",
      onclick: () => (isShown ? hide(player.id) : show(player.id)) },
    avatar(player), element("span", { class: "tab-name" }, player.first_name),
    element("span", { class: "language" }, player.language_code || "–"),
    player.blocked ? element("span", { class: "blocked-mark", title: "has blocked the bot" }, "⊘") : null,
    count ? element("span", { class: "badge" }, String(count)) : null);
  }));
  if (focused) tabs.querySelector(`[data-player-id="${focused}"]`)?.focus();
  place();
}

// While everything is being loaded, that arranges the phones.
addEventListener("resize", () => { if (!held) arrange().catch(complain); });

// Dialogs -------------------------------------------------------------------------------------

function ask(dialog) {
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const form = dialog.querySelector("form");
      resolve(dialog.returnValue ? Object.fromEntries(new FormData(form)) : null);
    }, { once: true });
  });
}

async function askPlayer(player = null) {
  const form = playerDialog.querySelector("form");
  form.querySelector("h2").textContent = player ? `${player.first_name}'s account` : "New player";
  for (const name of ["first_name", "username", "language_code"]) {
    form.elements[name].value = player?.[name] ?? (name === "language_code" ? "de" : "");
  }
  const wanted = await ask(playerDialog);
  if (!wanted) return;
  try {
    const saved = await post("/players", { ...wanted, id: player?.id });
    setPlayer(saved);
    if (!phones.has(saved.id)) await show(saved.id);
  } catch (error) {
    complain(error);
  }
}

async function askLink(playerId, parameter = "") {
  const form = linkDialog.querySelector("form");
  form.elements.player.replaceChildren(...[...players.values()].map((player) =>
    element("option", { value: player.id }, player.first_name)));
  form.elements.player.value = playerId;
  form.elements.parameter.value = parameter;
  const wanted = await ask(linkDialog);
  if (!wanted) return;
  const id = Number(wanted.player);
  if (!phones.has(id)) await show(id);
  const text = wanted.parameter.trim();
  const slug = invoiceSlug(text);
  if (slug !== null) return askToPay(phones.get(id), { slug });
  await phones.get(id).do("start", { parameter: startParameter(text) ?? text });
}

// Under /t/<bot>?start=… and /$<invoice> the page is the link itself.
function openLinkOfPage() {
  const isInvoice = location.pathname.startsWith("/$");
  if (!isInvoice && !location.pathname.startsWith("/t/")) return;
  const link = isInvoice ? location.href : new URLSearchParams(location.search).get("start") ?? "";
  history.replaceState(null, "", "/");
  askLink(wanted[0], link);
}

function complain(error) {
  phones.values().next().value?.toast(error.message);
}

document.getElementById("add-player").addEventListener("click", () => askPlayer());
startNetworkPanel(complain);
listen(receive, (connected) => {
  isConnected = connected;
  document.body.classList.toggle("offline", !connected);
  for (const phone of phones.values()) phone.setConnected(connected);
});
