// Keeps the page of an election up to date: the stream says that the result has changed, and what the page shows is
// fetched anew. Without JavaScript the page is the same and stands still.
"use strict";

let wanted = "";
let busy = false;

const shown = () => document.querySelector("main");
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function fetchShown() {
  const answer = await fetch(location.href, { cache: "no-cache" });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  shown().replaceWith(document.adoptNode(page.querySelector("main")));
}

async function show(tag) {
  wanted = tag;
  if (busy) return;
  busy = true;
  // A proxy may give the page of a second ago, or none while the service is restarted; the stream tells nothing twice.
  // Whoever has seen a change together does not ask together.
  for (let attempt = 0; shown().dataset.tag !== wanted; attempt++) {
    await pause(Math.min(1000 * attempt, 30000) + Math.random() * 500);
    await fetchShown().catch(() => {});
  }
  busy = false;
}

function watch() {
  const stream = new EventSource(shown().dataset.live);
  stream.onmessage = async (event) => {
    await show(event.lastEventId);
    // The page of a final result names no stream.
    if (!shown().dataset.live) stream.close();
  };
  stream.onerror = () => {
    // The browser comes back by itself to a stream that has broken off, but not to a service that has refused.
    if (stream.readyState === EventSource.CLOSED) setTimeout(watch, 10000 + Math.random() * 10000);
  };
}

watch();
