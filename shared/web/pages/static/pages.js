// What every page for who is signed in does besides showing itself. Without JavaScript everything can be done, too.
"use strict";

// Keeps what was typed in a form while it is sent, and in every form of a page that a script leaves to sign in. When
// the session has ended, the page of the form comes back after signing in, with `resume=1` in its address, and the form
// is filled again. Any other page after it means that the form was answered, and what was kept is forgotten. Passwords
// and files are never kept.
const PREFIX = "urna:form:";
const NEVER = new Set(["password", "hidden", "file", "submit", "button", "image", "reset"]);

const pageOf = (form) => form.elements.page_of_form.value.split("?")[0] || location.pathname;
const keyOf = (form) => `${PREFIX}${pageOf(form)}#${form.id}`;
const fieldsOf = (form) =>
  [...form.elements].filter((field) => field.name && !field.readOnly && !NEVER.has(field.type));

function keep(form) {
  const values = fieldsOf(form).map((field) => ({
    name: field.name,
    value: field.value,
    checked: Boolean(field.checked),
  }));
  if (!values.length) return;
  try {
    sessionStorage.setItem(keyOf(form), JSON.stringify(values));
  } catch {
    // A browser that keeps nothing sends the form all the same.
  }
}

// Before a script leaves for the page to sign in, for what was typed in forms that nobody has sent yet.
function keepForms() {
  for (const form of document.querySelectorAll("form[data-keep]")) keep(form);
}

function fillAgain(form) {
  const kept = sessionStorage.getItem(keyOf(form));
  if (!kept) return false;
  const values = JSON.parse(kept);
  for (const field of fieldsOf(form)) {
    const place = values.findIndex((one) => one.name === field.name && (!isTicked(field) || one.value === field.value));
    if (place < 0) continue;
    const [found] = values.splice(place, 1);
    if (isTicked(field)) field.checked = found.checked;
    else field.value = found.value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.dispatchEvent(new Event("change", { bubbles: true }));
  }
  return true;
}

const isTicked = (field) => field.type === "checkbox" || field.type === "radio";

function forget() {
  const keys = Array.from({ length: sessionStorage.length }, (_, place) => sessionStorage.key(place));
  for (const key of keys) if (key.startsWith(PREFIX)) sessionStorage.removeItem(key);
}

function begin() {
  const address = new URL(location.href);
  const resumes = address.searchParams.get("resume") === "1";
  // The page to sign in stands between a form and its coming back.
  const waits = document.querySelector("[data-signs-in]");
  if (resumes) {
    const filled = [...document.querySelectorAll("form[data-keep]")].map(fillAgain).includes(true);
    const notice = document.querySelector(filled ? "[data-resumed]" : "[data-not-resumed]");
    if (notice) notice.hidden = false;
    address.searchParams.delete("resume");
    history.replaceState(history.state, "", address);
  }
  if (!waits) forget();
}

// Before anybody else's listener, so that a form that a script sends is kept, too.
document.addEventListener("submit", (event) => event.target.matches("form[data-keep]") && keep(event.target), true);
document.addEventListener("htmx:beforeOnLoad", (event) => event.detail.xhr.getResponseHeader("HX-Redirect") && keepForms());
// The languages' menu closes when somebody goes on.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.languages[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  const menu = document.querySelector("details.languages[open]");
  if (event.key === "Escape" && menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

try {
  begin();
} catch {
  // Where a browser gives no storage, there is nothing to fill in again.
}
