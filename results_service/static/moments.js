// Lets the moments of an election be gone through with a slider. Without JavaScript a list of them does the same.
"use strict";

const form = document.getElementById("moments");
const choices = form.querySelector("select");
// The first choice is now, and the last one on the slider.
const moments = [...choices.options].slice(1).filter((one) => !Number.isNaN(Date.parse(one.value)));
let asked = 0;

const slider = document.createElement("input");
slider.type = "range";
slider.className = "slider";
slider.min = 0;
slider.max = moments.length;
slider.setAttribute("aria-label", form.querySelector("label").textContent);

const isNow = () => Number(slider.value) >= moments.length;
const option = () => (isNow() ? choices.options[0] : moments[slider.value]);
const describe = () => slider.setAttribute("aria-valuetext", option().textContent.trim());

async function show() {
  const own = ++asked;
  const address = new URL(location.href);
  if (option().value) address.searchParams.set("as_of", option().value);
  else address.searchParams.delete("as_of");
  const answer = await fetch(address).catch(() => null);
  if (!answer?.ok || own !== asked) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of ["#moment", ".curve"]) {
    document.querySelector(part).replaceWith(document.adoptNode(page.querySelector(part)));
  }
  history.replaceState(null, "", address);
}

let waiting = 0;
slider.addEventListener("input", () => {
  choices.value = option().value;
  describe();
  clearTimeout(waiting);
  waiting = setTimeout(show, 120);
});
choices.addEventListener("change", () => {
  const place = moments.indexOf(choices.selectedOptions[0]);
  slider.value = place < 0 ? moments.length : place;
  describe();
  show();
});

slider.value = choices.selectedIndex > 0 ? moments.indexOf(choices.selectedOptions[0]) : moments.length;
describe();
form.before(slider);
