// Keeps a page of results up to date: the stream says that the result has changed, and what the page shows is fetched
// anew. What is on the page stays where it is and keeps the focus; only what differs is changed. Without JavaScript the
// page is the same and stands still.
"use strict";

let wanted = "";
let busy = false;
let stream = null;
let toldAt = 0;

const shown = () => document.querySelector("main");
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const NUMBERS = "td.number, dd, .figure, b";
// A screen reader would be talking all night if it were told of every change.
const QUIET_MILLISECONDS = 20000;

function say(state) {
  const place = document.getElementById("live");
  // On the page of a settled result it is no longer ours.
  if (!place?.hasAttribute("data-own") || place.dataset.state === state) return;
  const isFirst = !place.dataset.state;
  place.dataset.state = state;
  place.textContent = place.getAttribute(`data-when-${state}`);
  if (!isFirst) tell(place.textContent);
}

function tell(text) {
  const news = document.getElementById("news");
  if (news) news.textContent = text;
}

function mark(node) {
  const place = node.parentElement?.closest(NUMBERS);
  if (!place) return;
  place.classList.remove("changed");
  requestAnimationFrame(() => place.classList.add("changed"));
  setTimeout(() => place.classList.remove("changed"), 3000);
}

// Make one node say what another one says, and touch nothing that is as it should be.
function match(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName || old.id !== fresh.id) {
    old.replaceWith(document.adoptNode(fresh));
    return;
  }
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue === fresh.nodeValue) return;
    old.nodeValue = fresh.nodeValue;
    mark(old);
    return;
  }
  if (old.hasAttribute("data-own") && fresh.hasAttribute("data-own")) return;
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !(name === "class" && old.classList.contains("changed"))) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  const there = [...old.childNodes];
  const wished = [...fresh.childNodes];
  wished.forEach((one, place) => (there[place] ? match(there[place], one) : old.append(document.adoptNode(one))));
  there.slice(wished.length).forEach((one) => one.remove());
}

async function fetchShown() {
  const answer = await fetch(location.href, { cache: "no-cache" });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  match(shown(), page.querySelector("main"));
}

async function show(tag) {
  wanted = tag;
  if (busy) return;
  busy = true;
  const before = shown().dataset.tag;
  // A proxy may give the page of a second ago, or none while the service is restarted; the stream tells nothing twice.
  // Whoever has seen a change together does not ask together.
  for (let attempt = 0; shown().dataset.tag !== wanted; attempt++) {
    await pause(Math.min(1000 * attempt, 30000) + Math.random() * 500);
    await fetchShown().catch(() => {});
  }
  busy = false;
  if (before !== wanted && Date.now() > toldAt + QUIET_MILLISECONDS) {
    toldAt = Date.now();
    const news = document.getElementById("news");
    tell([news?.dataset.text, document.querySelector(".headline")?.textContent.trim()].filter(Boolean).join(" "));
  }
}

function watch() {
  if (!shown().dataset.live) return;
  stream?.close();
  const own = (stream = new EventSource(shown().dataset.live));
  own.onopen = () => say("live");
  own.onmessage = async (event) => {
    say("live");
    await show(event.lastEventId);
    // The page of a settled result names no stream, and says itself whether it is final or the election was cancelled.
    if (shown().dataset.live) return;
    own.close();
    tell(document.getElementById("live")?.textContent.trim());
  };
  own.onerror = () => {
    if (own !== stream) return;
    say("away");
    // The browser comes back by itself to a stream that has broken off, but not to a service that has refused.
    if (own.readyState === EventSource.CLOSED) setTimeout(watch, 3000 + Math.random() * 7000);
  };
}

// Without a network a stream may stay silent for long before the browser notices.
addEventListener("offline", () => shown().dataset.live && say("away"));
addEventListener("online", watch);
watch();
