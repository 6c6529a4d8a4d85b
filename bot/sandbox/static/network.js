// The network panel: settings go out when they are changed, counters come in every second.

import { get, post } from "./api.js";

const CALM = { duplicate: 0, reorder: 0, drop: 0, delay_ms: [0, 0],
  too_many: { count: 0 }, fail: { count: 0 }, lose_answer: { count: 0 }, payment_faults: {} };
const PRESETS = {
  calm: CALM,
  train: { ...CALM, duplicate: 0.2, reorder: 0.2, drop: 0.15, delay_ms: [100, 1500] },
  storm: { ...CALM, duplicate: 0.6, reorder: 0.5, drop: 0.4, delay_ms: [0, 1000],
    too_many: { count: 15, retry_after: 1 }, fail: { count: 3 }, lose_answer: { count: 3 } },
};

const SECONDS = ["payment_delay_s", "pre_checkout_timeout_s"];

const panel = document.getElementById("network");
const toggle = document.getElementById("network-toggle");
const badge = document.getElementById("network-badge");
const webhook = document.getElementById("webhook");
const field = (name) => panel.querySelector(`[name="${name}"]`);

export function startNetworkPanel(onError) {
  const change = (settings) => post("/network", settings).then(showNetwork, onError);
  toggle.addEventListener("click", () => show(panel.hidden));
  document.getElementById("network-close").addEventListener("click", () => show(false));
  panel.addEventListener("keydown", (event) => { if (event.key === "Escape") show(false); });
  for (const name of ["duplicate", "reorder", "drop"]) {
    field(name).addEventListener("input", () => showPercent(field(name)));
    field(name).addEventListener("change", () => change({ [name]: field(name).value / 100 }));
  }
  for (const name of ["delay_low", "delay_high"]) {
    field(name).addEventListener("change", () => {
      // The bound that was touched last pushes the other one along.
      const low = Number(field("delay_low").value), high = Number(field("delay_high").value);
      change({ delay_ms: name === "delay_low" ? [low, Math.max(low, high)] : [Math.min(low, high), high] });
    });
  }
  for (const name of SECONDS) field(name).addEventListener("change", () => change({ [name]: Number(field(name).value) }));
  for (const form of panel.querySelectorAll("[data-order]")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const { fault, ...numbers } = Object.fromEntries(new FormData(form));
      const order = Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, Number(value)]));
      if (fault === "refund_answer_lost") change({ lose_answer: { ...order, methods: ["refundStarPayment"] } });
      else change({ [form.dataset.order]: fault ? { [fault]: order } : order });
    });
  }
  for (const button of panel.querySelectorAll("[data-preset]")) {
    button.addEventListener("click", () => change(PRESETS[button.dataset.preset]));
  }
}

export async function loadNetwork() {
  showNetwork(await get("/network"));
}

export function showNetwork({ settings, counters, webhook: hook, calls_per_second: rate }) {
  for (const name of ["duplicate", "reorder", "drop"]) {
    if (document.activeElement !== field(name)) field(name).value = Math.round(settings[name] * 100);
    showPercent(field(name));
  }
  ["delay_low", "delay_high"].forEach((name, index) => {
    if (document.activeElement !== field(name)) field(name).value = settings.delay_ms[index];
  });
  for (const form of panel.querySelectorAll("[data-order]")) {
    const left = form.dataset.order === "payment_faults" ? faultsLeft(settings) : settings[form.dataset.order].count;
    form.querySelector("output").textContent = left ? `${left} to go` : "";
  }
  for (const name of SECONDS) if (document.activeElement !== field(name)) field(name).value = settings[name];
  for (const cell of panel.querySelectorAll("[data-counter]")) {
    const value = cell.dataset.counter === "calls_per_second" ? rate : counters[cell.dataset.counter];
    if (value !== undefined) cell.textContent = value.toLocaleString("en", { maximumFractionDigits: value < 10 ? 1 : 0 });
  }
  showBadge(settings, counters);
  webhook.textContent = !hook.url ? "No webhook is set: updates wait for long polling."
    : hook.last_error_message ? `Updates go to ${hook.url}. Last trouble, ${clock(hook.last_error_date)}: ${hook.last_error_message}.`
      : `Updates go to ${hook.url}.`;
}

function showBadge(settings, counters) {
  const isRough = settings.duplicate || settings.reorder || settings.drop || settings.delay_ms[1]
    || settings.too_many.count || settings.fail.count || settings.lose_answer.count || faultsLeft(settings);
  toggle.classList.toggle("rough", Boolean(isRough));
  badge.hidden = counters.pending === 0;
  badge.textContent = counters.pending > 999 ? "999+" : counters.pending;
  badge.title = `${counters.pending} updates on their way`;
}

function faultsLeft(settings) {
  return Object.values(settings.payment_faults).reduce((sum, fault) => sum + fault.count, 0);
}

function show(opens) {
  panel.hidden = !opens;
  toggle.setAttribute("aria-expanded", String(opens));
  if (opens) document.getElementById("network-close").focus({ preventScroll: true });
  else toggle.focus();
}

function showPercent(slider) {
  slider.parentElement.querySelector("output").textContent = `${slider.value} %`;
  slider.style.setProperty("--value", `${slider.value}%`);
}

function clock(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString("en-GB");
}
