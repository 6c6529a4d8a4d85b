// What moves on a campaign's page: reservations that run out, and what the kill switch has left to do.
"use strict";

const LOOK_AGAIN_MS = 5000;

function countDown() {
  for (const time of document.querySelectorAll("time[data-countdown]")) {
    const left = Math.round((Date.parse(time.dataset.countdown) - Date.now()) / 1000);
    const minutes = Math.floor(left / 60);
    const seconds = String(left % 60).padStart(2, "0");
    time.textContent = left > 0 ? `in ${minutes}:${seconds}` : "now";
  }
}

document.addEventListener("DOMContentLoaded", () => {
  if (document.querySelector("time[data-countdown]")) {
    countDown();
    setInterval(countDown, 1000);
  }
  if (document.querySelector("[data-moving]")) {
    setTimeout(() => location.reload(), LOOK_AGAIN_MS);
  }
});
