// Keeps the ballots of this browser, so that a page that is closed or a lost connection loses none; in the form of the
// files of `urna vote`, which can go on with one. The choice is never kept.
import { isBallot, isBytes, isReceipt, receiptOf } from "./ballot-proof.js";

const PREFIX = "urna:ballot:";
const HEX = /^[0-9a-f]+$/;
const MOST_LETTERS = 1 << 16;

const isCast = (ballot) => !("inverse" in ballot);
const isSigned = (ballot) => "signature" in ballot;

// Whether this is a ballot in one of its three states: made, signed or cast.
function isWhole(found) {
  if (!isBallot(found) || !isBytes(found.ballot_key)) return false;
  if (isCast(found)) return isReceipt(found);
  return HEX.test(found.inverse) && isBytes(found.blinded) && (!isSigned(found) || isReceipt(found));
}

// What a text says of a ballot; null when it is none.
function read(text) {
  try {
    const found = text && text.length < MOST_LETTERS ? JSON.parse(text) : null;
    return isWhole(found) ? found : null;
  } catch {
    return null;
  }
}

const kept = (election) => read(localStorage.getItem(PREFIX + election));
const keep = (ballot) => localStorage.setItem(PREFIX + ballot.election, JSON.stringify(ballot));
const forget = (election) => localStorage.removeItem(PREFIX + election);

// All that this browser has, by the numbers of their elections.
function allKept() {
  const names = Object.keys(localStorage).filter((name) => name.startsWith(PREFIX));
  return names
    .map((name) => read(localStorage.getItem(name)))
    .filter(Boolean)
    .sort((one, other) => one.election - other.election);
}

// Takes what was asked of the signer away, which with the signer's records could say whose ballot it is.
function keepReceipt(ballot) {
  const receipt = receiptOf(ballot);
  keep(receipt);
  return receipt;
}

// Gives a ballot to its voter as a file, which `urna vote` and `urna verify` read, too.
function saveAsFile(ballot) {
  const address = URL.createObjectURL(new Blob([`${JSON.stringify(ballot, null, 1)}\n`], { type: "application/json" }));
  const link = document.createElement("a");
  Object.assign(link, { href: address, download: `urna-ballot-${ballot.election}.json` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
}

export { allKept, forget, isCast, isSigned, keep, keepReceipt, kept, read, saveAsFile };
