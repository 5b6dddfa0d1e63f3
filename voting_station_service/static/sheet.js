// The sheet by the keyboard alone: Enter goes to the next number, and what the parts come to stands beside them.
"use strict";

(() => {
  const { Sending, newKey, say, show } = urnaSending;
  const locale = document.documentElement.lang;
  const format = (value) => new Intl.NumberFormat(locale).format(value);

  const form = document.querySelector("#sheet");
  if (form) {
    const counts = [...form.querySelectorAll("[data-count]")];
    const button = form.querySelector("button");

    // Numbers in digits; null while there is none.
    const valueOf = (name) => {
      const text = form.elements[name].value.replace(/\s/g, "");
      return /^[0-9]{1,7}$/.test(text) ? Number(text) : null;
    };
    const sum = (values) => (values.some((value) => value === null) ? null : values.reduce((one, other) => one + other, 0));
    const write = (name, value) => {
      form.querySelector(`[data-total="${name}"]`).textContent = value === null ? "–" : format(value);
    };
    const judge = (name, parts, whole) => {
      const place = form.querySelector(`[data-verdict="${name}"]`);
      const known = parts !== null && whole !== null;
      const told = !known ? "" : parts === whole ? place.dataset.good : place.dataset.bad.replace("{difference}", format(Math.abs(parts - whole)));
      if (place.textContent !== told) place.textContent = told;
      place.className = `verdict ${!known ? "" : parts === whole ? "good" : "bad"}`;
    };

    const total = () => {
      const votes = counts.map((field) => field.name).filter((name) => name.startsWith("votes."));
      const received = valueOf("received");
      const unused = valueOf("unused");
      const handedOut = received === null || unused === null ? null : received - unused;
      const valid = sum(votes.map(valueOf));
      const parts = sum([valid, valueOf("invalid"), valueOf("blank")]);
      write("handed-out", handedOut);
      write("valid", valid);
      write("parts", parts);
      judge("voted", handedOut, valueOf("voted"));
      judge("parts", parts, valueOf("in_box"));
    };

    for (const field of counts) {
      field.addEventListener("input", total);
      field.addEventListener("focus", () => field.select());
      field.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" || event.isComposing) return;
        event.preventDefault();
        const place = counts.indexOf(field);
        // What is asked beside a number comes before the next one.
        const asked = field.closest(".count").querySelector("textarea");
        (asked || counts[place + 1] || form.querySelector("textarea:placeholder-shown") || button).focus();
      });
    }
    total();
    // The page that refuses begins with what is to be done.
    const first = document.querySelector("[data-first]");
    if (first) (form.querySelector("[aria-invalid=true]") || first).focus();
    else if (matchMedia("(pointer: fine)").matches && !location.hash) counts[0].focus({ preventScroll: true });
  }

  const sending = document.querySelector("#send-photograph");
  if (!sending) return;
  const input = sending.querySelector("input[type=file]");
  const state = sending.querySelector(".file-state");
  const bar = sending.querySelector("progress");
  const answer = sending.querySelector(".file-answer");
  const button = sending.querySelector("button");
  const percent = (share) => new Intl.NumberFormat(locale, { style: "percent" }).format(share);
  // One for each photograph that is chosen, so that what is sent again after a failure is stored once.
  let key = newKey();
  input.addEventListener("change", () => (key = newKey()));
  sending.addEventListener("submit", (event) => {
    const [file] = input.files;
    if (!file) return;
    event.preventDefault();
    button.disabled = true;
    bar.hidden = false;
    answer.replaceChildren();
    const on = {
      progress(share) {
        bar.value = share * 100;
        state.textContent = share < 1 ? say("sending", { percent: percent(share) }) : say("arrived");
      },
      broke: (why, values) => (state.textContent = say(why, values)),
      end(how, request) {
        if (how === "left") return;
        button.disabled = false;
        bar.hidden = true;
        state.textContent = say(how === "gone" ? "changed" : how);
        if (how === "accepted") {
          const place = document.querySelector("#sheet-state");
          const fresh = new DOMParser().parseFromString(request.responseText, "text/html").querySelector("#sheet-state");
          place.replaceWith(document.importNode(fresh, true));
          htmx.process(document.querySelector("#sheet-state"));
          input.value = "";
        } else if (how === "refused") show(answer, request);
      },
    };
    new Sending(sending, sending.getAttribute("action"), file, key, on).start();
  });
})();
