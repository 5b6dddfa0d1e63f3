// Looks a receipt up that comes behind the # of the address or as a file, and checks its signature here. Only the GUID is
// asked for, without a cookie. The form does the same for a GUID alone, without JavaScript, too.
import { isProven, isReceipt, readKey, receiptIn } from "./ballot-proof.js";

const byId = (id) => document.getElementById(id);
const words = Object.fromEntries(
  [...document.querySelectorAll("#words dt")].map((term) => [term.textContent, term.nextElementSibling.textContent]),
);
const outcome = byId("outcome");
const proof = byId("proof");
const MOST_BYTES = 1 << 16;

async function ask(path) {
  const address = new URL(`api/elections/${path}`, new URL(".", location.href));
  return fetch(address, { credentials: "omit", cache: "no-store", referrerPolicy: "no-referrer" });
}

function show(word, kind) {
  outcome.querySelectorAll(".notice:not(#proof)").forEach((one) => one.remove());
  const told = document.createElement("p");
  Object.assign(told, { className: `notice ${kind}`, textContent: words[word] });
  proof.before(told);
  outcome.hidden = false;
  byId("outcome-title").focus();
}

function showProof(word, kind) {
  Object.assign(proof, { className: `notice ${kind}`, textContent: word ? words[word] : "", hidden: !word });
}

async function lookUp(election, guid) {
  byId("shown-election").textContent = election;
  byId("shown-guid").textContent = guid;
  const answer = await ask(`${election}/receipts/${guid}`).catch(() => null);
  if (answer?.status === 404) return show("unknown", "warning");
  if (!answer?.ok) return show("away", "bad");
  const list = byId("list-link");
  Object.assign(list, { href: list.href.replace(/[0-9]+(?=\/counted-ballots)/, `${Number(election)}`), hidden: false });
  const { counted, reason, repeated } = await answer.json();
  return counted ? show(repeated ? "repeated" : "counted", "good") : show(reason, "bad");
}

async function check(receipt) {
  if (!crypto.subtle) return showProof("unchecked", "warning");
  const answer = await ask(receipt.election).catch(() => null);
  if (!answer?.ok) return showProof(null);
  const { ballot_key: text } = await answer.json();
  const key = text && (await readKey(text).catch(() => null));
  const isGood = key && (!receipt.ballot_key || receipt.ballot_key === text) && (await isProven(key, receipt));
  return isGood ? showProof("proven", "good") : showProof("unproven", "bad");
}

async function take(receipt, refusal = "no_receipt") {
  showProof(null);
  if (!receipt) {
    byId("shown-election").textContent = "";
    byId("shown-guid").textContent = "";
    return show(refusal, "bad");
  }
  await check(receipt);
  return lookUp(receipt.election, receipt.guid);
}

const takeAddress = () => location.hash.length > 1 && location.hash.includes(".") && take(receiptIn(location.hash));

async function takeFile(file) {
  let found = null;
  try {
    found = file.size < MOST_BYTES ? JSON.parse(await file.text()) : null;
  } catch {
    // It is no receipt.
  }
  if (found && "inverse" in found) return take(null, "not_cast");
  return take(isReceipt(found) ? found : null);
}

// By the form's numbers the same is asked without a cookie; what is no number the service refuses in its own words.
byId("look-up").addEventListener("submit", (event) => {
  const election = event.target.elements.election.value.trim();
  const digits = event.target.elements.guid.value.trim().toLowerCase().replaceAll("-", "");
  if (!/^[1-9][0-9]*$/.test(election) || !/^[0-9a-f]{32}$/.test(digits)) return;
  event.preventDefault();
  showProof(null);
  lookUp(election, digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-"));
});
byId("by-file").hidden = false;
byId("receipt-file").addEventListener("change", (event) => {
  const [file] = event.target.files;
  event.target.value = "";
  if (file) takeFile(file);
});
addEventListener("hashchange", takeAddress);
takeAddress();
