// The page of voters: sign in, get a ballot signed, sign out, choose, cast, keep the receipt. Nothing here joins the
// voter to the ballot afterwards: tokens are never kept, the choice is never kept, and casting says no name.
import { addressOf, isProven, readKey, receiptOf } from "./ballot-proof.js";
import { allKept, forget, isCast, isSigned, keep, keepReceipt, kept, read, saveAsFile } from "./ballot-keeping.js";
import { makeBallot, unblind } from "./ballot-making.js";
import { Lost, Refused, Services } from "./ballot-services.js";
import { drawCode } from "./ballot-code.js";
import { answers, byId, showOnly, title, warn, words } from "./voting-words.js";

const place = byId("voting");
const services = new Services(place.dataset);
// What is open: the election's paper, its key, the ballot, the choice, and the way to let other tabs have it.
let open = null;
// Which election is to be opened after signing in, and what "Try again" does.
let wanted = 0;
let again = null;

// As the pages of the suite write moments.
const day = new Intl.DateTimeFormat(place.dataset.locale, { dateStyle: "medium", timeZone: "UTC" });
const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "short", timeZone: "UTC" });
const moment = (text) => `${day.format(new Date(text))}, ${clock.format(new Date(text))} UTC`;
const hours = (start, end) => words("hours", { start: moment(start), end: moment(end) });

function tell(text = "") {
  byId("told").textContent = text;
  byId("told").hidden = !text;
}

// Says why something is not done. What a service says in words that no catalogue has is in English.
function refuse(text, { language, repeat } = {}) {
  const shown = byId("refused");
  const told = shown.querySelector("[data-text]");
  tell();
  told.textContent = text;
  told.lang = language ?? "";
  if (!language) told.removeAttribute("lang");
  again = repeat ?? null;
  shown.querySelector("button").hidden = !repeat;
  shown.hidden = false;
  shown.focus();
}

const refuseInTheirWords = (detail, given) =>
  answers[detail] ? refuse(answers[detail], given) : refuse(detail, { ...given, language: "en" });

function clear() {
  byId("refused").hidden = true;
  tell();
}

// Does one thing at a time, so that who clicks twice does it once, and says what went wrong.
let underWay = null;
function act(doing, lostWord, busyWord) {
  underWay ??= perform(doing, lostWord, busyWord).finally(() => (underWay = null));
  return underWay;
}

async function perform(doing, lostWord = "lost", busyWord = "working") {
  clear();
  place.setAttribute("aria-busy", "true");
  tell(words(busyWord));
  try {
    await doing();
    if (byId("told").textContent === words(busyWord)) tell();
  } catch (error) {
    if (error instanceof Lost) refuse(words(lostWord), { repeat: () => act(doing, lostWord, busyWord) });
    else if (error instanceof Refused) refuseInTheirWords(error.message);
    else if (error.name === "QuotaExceededError" || error.name === "SecurityError") refuse(words("keeps_nothing"));
    else refuse(words("unexpected", { reason: error.message }));
  } finally {
    place.removeAttribute("aria-busy");
  }
}

// --- The start: ballots of this browser, and signing in.

async function start() {
  await open?.release();
  open = null;
  showOnly("start");
  await showKept();
}

async function showKept() {
  const found = allKept();
  byId("kept").hidden = !found.length;
  byId("kept-list").replaceChildren(...found.map((ballot) => keptRow(ballot, words("election", { number: ballot.election }))));
  for (const [row, ballot] of found.entries()) {
    // The title is nobody's secret, and the number says enough without it.
    services.ballotPaper(ballot.election).then(
      (paper) => byId("kept-list").children[row]?.replaceWith(keptRow(ballot, paper.title)),
      () => {},
    );
  }
}

function keptRow(ballot, name) {
  const word = isCast(ballot) ? "cast" : isSigned(ballot) ? "waits" : "made";
  return row(name, null, words(word), isCast(ballot) ? "good" : "warning", () => act(() => openElection(ballot.election)));
}

// An entry of a list of elections; with something to do, a button that does it.
function row(name, about, state, kind, doing) {
  const item = document.createElement("li");
  item.className = "row election";
  const text = item.appendChild(document.createElement("div"));
  text.appendChild(document.createElement("strong")).textContent = name;
  const line = text.appendChild(document.createElement("p"));
  line.className = "soft";
  line.append(about ? `${about} ` : "");
  const badge = line.appendChild(document.createElement("span"));
  // A sentence is longer than a badge.
  badge.className = /\.$/.test(state) ? "" : `badge ${kind}`;
  badge.textContent = state;
  if (!doing) return item;
  const button = item.appendChild(document.createElement("button"));
  Object.assign(button, { type: "button", className: "button", textContent: words("open", { title: name }) });
  button.addEventListener("click", doing);
  return item;
}

async function signIn(form) {
  const { login, password, code } = form.elements;
  const isSecondStep = services.challenge !== null && code.value.trim() !== "";
  let missing = null;
  try {
    if (isSecondStep) await services.sendCode(code.value.trim());
    else missing = await services.logIn(login.value.trim(), password.value);
  } catch (error) {
    if (!(error instanceof Refused) || error.status !== 401) throw error;
    if (isSecondStep) code.value = "";
    refuse(words(isSecondStep ? "wrong_code" : "wrong_password"));
    return;
  }
  byId("second-step").hidden = missing !== "code";
  if (missing) {
    refuse(words(missing === "code" ? "code_wanted" : "set_up_wanted"));
    if (missing === "code") code.focus();
    return;
  }
  form.reset();
  await showElections();
  const number = wanted;
  wanted = 0;
  if (number) await openElection(number);
}

async function showElections() {
  let found;
  try {
    found = await services.ownElections();
  } catch (error) {
    if (error instanceof Refused && error.status === 403) {
      await services.logOut();
      return refuse(words("no_voter"));
    }
    if (error instanceof Refused && error.status === 401) return askToSignIn("session_over");
    throw error;
  }
  byId("own-list").replaceChildren(...found.map(ownRow));
  byId("own-none").hidden = found.length > 0;
  showOnly("elections");
}

function ownRow(one) {
  const now = Date.now();
  const mine = kept(one.election_id);
  let [state, kind] = [words("may"), "good"];
  if (mine) [state, kind] = [words(isCast(mine) ? "cast" : isSigned(mine) ? "waits" : "made"), isCast(mine) ? "good" : "warning"];
  else if (!one.may_vote) [state, kind] = [words(one.reason), ""];
  else if (!one.fingerprint) [state, kind] = [words("no_key"), ""];
  else if (one.signed) [state, kind] = [words("signed"), "warning"];
  else if (now < Date.parse(one.opens_at)) [state, kind] = [words("coming"), ""];
  // Whether it is open the station says, whose clock is right.
  const doing = mine || (one.may_vote && one.fingerprint) ? () => act(() => openElection(one.election_id, one.signed)) : null;
  return row(one.title, hours(one.opens_at, one.closes_at), state, kind, doing);
}

function askToSignIn(word) {
  wanted = open?.paper.id ?? wanted;
  open?.release();
  open = null;
  showOnly("start");
  refuse(words(word));
}

// --- One election.

// One tab of this browser has an election at a time: two would make two ballots, of which one is never signed.
function holdAlone(election) {
  return new Promise((answer, fail) => {
    const hold = (lock) => {
      if (!lock) return answer(null);
      return new Promise((end) => {
        answer(() => {
          end();
          return held;
        });
      });
    };
    const held = navigator.locks.request(`urna:ballot:${election}`, { ifAvailable: true }, hold);
    held.catch(fail);
  });
}

async function openElection(election, wasSigned = false) {
  await open?.release();
  open = null;
  const release = await holdAlone(election);
  if (!release) return refuse(words("another_tab"), { repeat: () => act(() => openElection(election, wasSigned)) });
  try {
    await showElection(election, wasSigned, release);
  } finally {
    if (open?.release !== release) release();
  }
}

async function showElection(election, wasSigned, release) {
  const ballot = kept(election);
  const paper = await services.ballotPaper(election);
  if (!paper.ballot_key) return refuse(words("no_key"));
  if (ballot && ballot.ballot_key !== paper.ballot_key) return refuse(words("other_key"));
  // A receipt says nothing that a key could mark, so it is shown also while a service is away.
  let publishes = paper.choices_public;
  if (!ballot || !isCast(ballot)) {
    const shown = await services.shown(election, paper, ballot && isSigned(ballot));
    if (new Set(shown.keys).size > 1) return refuse(words("keys_differ"));
    ({ publishes } = shown);
  }
  const key = await readKey(paper.ballot_key).catch(() => null);
  if (!key) return refuse(words("bad_key"));
  if (ballot && isSigned(ballot) && !(await isProven(key, ballot))) return refuse(words("changed"));
  if (!ballot && wasSigned) return refuse(words("elsewhere"));
  if (!paper.open && !(ballot && isSigned(ballot))) return refuseHours(paper);
  open = { paper, key, ballot, choice: null, release };
  title(paper.title, hours(paper.start, paper.end), key.fingerprint, moment(paper.end));
  warn(publishes);
  if (!ballot || !isSigned(ballot)) return showSigning();
  if (isCast(ballot)) return showReceipt();
  // By this browser, whose answer was lost, or by whoever else has the ballot.
  if ((await services.receipt(ballot)).counted) return finish(true);
  return showChoice(ballot.sent);
}

function showSigning() {
  byId("made").hidden = !open.ballot;
  showOnly("signing");
}

// That it is not open the station says; whether that is before or after, a clock need not be right to the hour to know.
function refuseHours({ start, end }) {
  const isBefore = Date.now() < (Date.parse(start) + Date.parse(end)) / 2;
  return refuse(isBefore ? words("not_yet", { start: moment(start) }) : words("ended"));
}

async function sign() {
  if (!services.tokens) return askToSignIn("sign_in_first");
  const { paper, key } = open;
  // Before anybody is asked: whoever loses it afterwards has lost the vote.
  if (!open.ballot) {
    // The page shows first that it is at work, which takes a second on a slow machine.
    await new Promise((shown) => setTimeout(shown, 50));
    open.ballot = await makeBallot(paper.id, key);
    keep(open.ballot);
    byId("made").hidden = false;
  }
  let answered;
  try {
    answered = await services.sign(open.ballot);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.status === 401) return askToSignIn("session_over");
    return refuseToSign(error);
  }
  let signature;
  try {
    signature = await unblind(key, open.ballot, answered);
  } catch {
    return refuse(words("bad_signature"), { repeat: () => act(sign, "lost_signing", "signing") });
  }
  open.ballot = { ...open.ballot, signature };
  keep(open.ballot);
  await services.logOut();
  return showChoice();
}

async function refuseToSign(error) {
  const own = (await services.ownElections()).find((one) => one.election_id === open.paper.id);
  if (error.status === 409 && own?.signed) {
    // The one signature is another ballot's, so this one is good for nothing.
    forget(open.paper.id);
    open.ballot = null;
    return refuse(words("elsewhere"));
  }
  return error.status === 403 && own?.reason ? refuse(words(own.reason)) : refuseInTheirWords(error.message);
}

// --- The choice.

function showChoice(wasSent = false) {
  const lists = open.paper.entries.map(({ poll_number: number, name }) => {
    const label = document.createElement("label");
    label.className = "list";
    const input = label.appendChild(document.createElement("input"));
    Object.assign(input, { type: "radio", name: "list", value: number, required: true });
    for (const [kind, text] of [["list-number", number], ["list-name", name || words("list", { number })]]) {
      Object.assign(label.appendChild(document.createElement("span")), { className: kind, textContent: text });
    }
    return label;
  });
  byId("lists").replaceChildren(...lists);
  showOnly("choice");
  if (wasSent) tell(words("perhaps"));
  if (!open.paper.open) refuseHours(open.paper);
}

function choose(form) {
  const number = Number(new FormData(form).get("list"));
  open.choice = open.paper.entries.find((one) => one.poll_number === number);
  byId("chosen-number").textContent = number;
  byId("chosen-name").textContent = open.choice?.name ?? "";
  showOnly("confirm");
}

async function cast() {
  // It may have been cast elsewhere, or by the request whose answer was lost; then no other choice counts.
  if ((await services.receipt(open.ballot)).counted) return finish(true);
  // Whether it was sent is kept, and never what: after a lost answer the page says that it may have arrived.
  open.ballot = { ...open.ballot, sent: true };
  keep(open.ballot);
  try {
    await services.cast(open.ballot, open.choice.poll_number);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.status === 409 && error.field === "guid") return finish(true);
    if (error.field === "poll_number") {
      showChoice();
      return refuse(words("no_list"));
    }
    if (error.field === "signature") return refuse(words("wrong_ballot"));
    if (error.status === 409) {
      open.paper = await services.ballotPaper(open.paper.id);
      if (!open.paper.open) return refuseHours(open.paper);
    }
    return refuseInTheirWords(error.message);
  }
  finish((await services.receipt(open.ballot)).repeated);
}

// --- The receipt.

// With `isBefore` the ballot was cast before this choice, by whomever, or may have been.
function finish(isBefore = false) {
  open.choice = null;
  byId("chosen-name").textContent = "";
  byId("chosen-number").textContent = "";
  byId("lists").replaceChildren();
  open.ballot = keepReceipt(open.ballot);
  showReceipt(isBefore);
}

function showReceipt(isBefore = false) {
  byId("receipt-title").textContent = words(isBefore ? "cast_before" : "is_cast");
  const page = new URL(`${place.dataset.results}receipts`, location.href).href;
  const address = addressOf(page, open.ballot);
  byId("receipt-election").textContent = open.ballot.election;
  byId("receipt-guid").textContent = open.ballot.guid;
  byId("check").href = address;
  byId("code").replaceChildren(drawCode(address, words("code")));
  showOnly("receipt");
}

function forgetThis() {
  if (!confirm(words(isCast(open.ballot) ? "forget_receipt" : "forget_ballot"))) return;
  forget(open.ballot.election);
  act(async () => {
    await start();
    tell(words("forgotten"));
  });
}

async function takeFile(file) {
  const found = file ? read(await file.text()) : null;
  if (!found) return refuse(words("no_ballot_file"));
  const here = kept(found.election);
  // One that was never signed gives way to one that was.
  if (here && here.guid !== found.guid && isSigned(here)) return refuse(words("has_other"));
  if (!here || here.guid !== found.guid || !isCast(here)) keep(found);
  await openElection(found.election);
}

const acts = {
  start: () => act(start),
  sign: () => act(sign, "lost_signing", "signing"),
  change: () => { clear(); showOnly("choice"); },
  cast: () => act(cast, "lost_cast", "casting"),
  save: () => saveAsFile(isCast(open.ballot) ? receiptOf(open.ballot) : open.ballot),
  print: () => print(),
  forget: forgetThis,
  again: () => again?.(),
  "sign-out": () => act(async () => { await services.logOut(); await start(); }),
};

function begin() {
  // Where one of these is missing, the words about what this page needs stay.
  if (!globalThis.isSecureContext || !crypto.subtle || !navigator.locks || !crypto.randomUUID) return;
  byId("needs").hidden = true;
  place.hidden = false;
  place.addEventListener("click", (event) => acts[event.target.closest("[data-act]")?.dataset.act]?.());
  byId("sign-in").addEventListener("submit", (event) => {
    event.preventDefault();
    act(() => signIn(event.target));
  });
  byId("choose").addEventListener("submit", (event) => {
    event.preventDefault();
    clear();
    choose(event.target);
  });
  byId("file").addEventListener("change", (event) => {
    const [file] = event.target.files;
    event.target.value = "";
    // Nobody chooses a file twice by mistake, so it waits for what is under way.
    Promise.resolve(underWay).then(() => act(() => takeFile(file)));
  });
  showOnly("start", { focuses: false });
  try {
    localStorage.setItem("urna:trial", "1");
    localStorage.removeItem("urna:trial");
    showKept();
  } catch {
    refuse(words("keeps_nothing"));
  }
}

begin();
