// What the page of voters says, and which of its steps is shown.

const byId = (id) => document.getElementById(id);
const STEPS = ["start", "elections", "signing", "choice", "confirm", "receipt"];

// The terms of a list with what stands for each.
const read = (id) =>
  Object.fromEntries([...byId(id).querySelectorAll("dt")].map((term) => [term.textContent, term.nextElementSibling.textContent]));
const known = read("words");
const answers = read("answers");

const words = (word, values = {}) => known[word].replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");

// Shows one step, and leads the keyboard and screen readers to its heading.
function showOnly(step, { focuses = true } = {}) {
  for (const one of STEPS) byId(one).hidden = one !== step;
  if (focuses) byId(`${step}-title`).focus();
}

// Names the election in all steps.
function title(name, hours, fingerprint, end) {
  const texts = { title: name, hours, fingerprint, end };
  for (const [kind, text] of Object.entries(texts)) {
    for (const one of document.querySelectorAll(`#voting [data-${kind}]`)) one.textContent = text;
  }
  byId("receipt-fingerprint").textContent = fingerprint;
}

// Says in all steps of an election whether it publishes how each ballot was cast; a service of an earlier version does
// not say.
function warn(publishes) {
  const said = String(Boolean(publishes));
  for (const one of document.querySelectorAll("#voting [data-publishes]")) one.hidden = one.dataset.publishes !== said;
}

export { answers, byId, showOnly, title, warn, words };
