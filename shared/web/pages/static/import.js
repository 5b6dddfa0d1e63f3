// What the import of a file does besides showing itself. Everything can be done without it.
"use strict";

document.documentElement.classList.add("scripted");

// Refusals are pages, too, and are shown where their answer would be; a lost session leads on by itself.
document.addEventListener("htmx:beforeSwap", (event) => {
  const status = event.detail.xhr.status;
  if (status >= 400 && status < 500 && status !== 401) event.detail.shouldSwap = true;
});

// What was asked for appears below, so the keyboard and the screen reader go there.
document.addEventListener("htmx:afterSettle", (event) => {
  const place = event.target.matches("[data-come-here]") ? event.target : event.target.querySelector("[data-come-here]");
  if (place) place.focus();
});
