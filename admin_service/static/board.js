// What the pages of polling stations and tally sheets do besides showing themselves. Everything can be done without it.
"use strict";

document.documentElement.classList.add("scripted");

// Refusals are pages, too, and are shown where their answer would be; a lost session leads on by itself.
document.addEventListener("htmx:beforeSwap", (event) => {
  const status = event.detail.xhr.status;
  if (status >= 400 && status < 500 && status !== 401) event.detail.shouldSwap = true;
});

// The board looks anew by itself, as long as it is seen and nobody is in the middle of ticking or choosing.
const isBusy = () =>
  document.hidden ||
  document.querySelector("tbody input:checked") !== null ||
  (document.activeElement instanceof HTMLSelectElement && document.activeElement.closest("#filter") !== null) ||
  String(window.getSelection()) !== "";

function startRefreshing() {
  const box = document.querySelector("[data-refresh]");
  const refresher = document.querySelector("#refresher");
  if (!box || !refresher) return;
  window.setInterval(() => {
    if (box.checked && !isBusy()) refresher.dispatchEvent(new CustomEvent("urna:refresh"));
  }, 1000 * Number(box.dataset.refresh));
}

document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-tick-all]")) return;
  for (const box of event.target.closest("table").querySelectorAll("tbody input[type=checkbox]")) {
    box.checked = event.target.checked;
  }
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-fullscreen]")) document.documentElement.requestFullscreen();
});

// What was asked for appears below, so the keyboard and the screen reader go there.
document.addEventListener("htmx:afterSettle", (event) => {
  const place = event.target.matches("[data-come-here]") ? event.target : event.target.querySelector("[data-come-here]");
  if (place) place.focus();
});

startRefreshing();
