// Chosen or dropped files as a list: each is checked or sent by itself, one after the other.
"use strict";

(() => {
  const form = document.querySelector("#hand-in");
  if (!form) return;
  const { Sending, newKey, say, show } = urnaSending;
  const drop = form.querySelector("[data-drop]");
  const input = form.querySelector("#file");
  const list = document.querySelector("[data-list]");
  const rows = list.querySelector(".chosen");
  const offline = document.querySelector("[data-offline]");
  const spoken = document.querySelector("[data-said]");
  const most = Number(drop.dataset.mostBytes);
  const locale = drop.dataset.locale;
  const files = [];
  let current = null;

  const format = (value) => new Intl.NumberFormat(locale, { maximumFractionDigits: 1 }).format(value);
  const sizeOf = (bytes) =>
    bytes >= 1048576 ? `${format(bytes / 1048576)} MB` : bytes >= 1024 ? `${format(bytes / 1024)} kB` : `${format(bytes)} B`;
  const percent = (share) => new Intl.NumberFormat(locale, { style: "percent" }).format(share);

  function add(chosen) {
    for (const file of chosen) {
      const row = document.querySelector("#chosen-file").content.firstElementChild.cloneNode(true);
      const one = { file, row, key: newKey(), state: "chosen", sending: null, wants: "" };
      // The name is text, whatever it holds.
      row.querySelector(".file-name").textContent = file.name;
      row.querySelector(".file-size").textContent = sizeOf(file.size);
      for (const button of row.querySelectorAll("[data-act]")) {
        button.setAttribute("aria-label", `${button.textContent.trim()} · ${file.name}`);
        button.addEventListener("click", () => acts[button.dataset.act](one));
      }
      files.push(one);
      rows.append(row);
      if (file.size > most) become(one, "refused", "large");
      else if (!file.size) become(one, "refused", "empty");
      else become(one, "chosen");
    }
    list.hidden = !files.length;
    form.querySelector("[data-plain]").hidden = true;
  }

  // The state of a file, in a word for people and for the style.
  function become(one, state, word = state, values = {}, aloud = false) {
    one.state = state;
    one.row.className = `file ${state}`;
    const told = say(word, values);
    one.row.querySelector(".file-state").textContent = told;
    if (aloud) spoken.textContent = `${one.file.name}: ${told}`;
    const sends = ["sending", "waiting", "arrived"].includes(state);
    const is = (...names) => names.includes(state);
    const shown = {
      check: is("chosen", "checked"),
      send: is("chosen", "checked"),
      pause: sends && one.wants === "send",
      resume: is("paused"),
      // What was handed in is not taken back by leaving the list.
      remove: !sends && !is("waits", "checking", "accepted"),
    };
    for (const button of one.row.querySelectorAll("[data-act]")) button.hidden = !shown[button.dataset.act];
    one.row.querySelector("progress").hidden = !sends;
    list.querySelector("[data-act=send-all]").disabled = !files.some((other) => canSend(other));
    list.querySelector("[data-act=check-all]").disabled = !files.some((other) => canSend(other));
    offline.hidden = navigator.onLine || !files.some((other) => other.state === "waiting");
  }

  const canSend = (one) => ["chosen", "checked"].includes(one.state);

  function want(one, what) {
    if (!canSend(one) && one.state !== "paused") return;
    one.wants = what;
    one.row.querySelector(".file-answer").replaceChildren();
    become(one, "waits");
    next();
  }

  function next() {
    if (current) return;
    current = files.find((one) => one.state === "waits") || null;
    if (!current) return;
    const one = current;
    const checks = one.wants === "check";
    one.sending = new Sending(form, checks ? drop.dataset.check : form.getAttribute("action"), one.file, one.key, {
      progress(share) {
        one.row.querySelector("progress").value = share * 100;
        if (checks) become(one, "checking");
        else if (share < 1) become(one, "sending", "sending", { percent: percent(share) });
        else become(one, "arrived");
      },
      broke(why, values) {
        one.row.querySelector("progress").value = 0;
        become(one, "waiting", why, values, true);
      },
      end(how, request) {
        const answer = one.row.querySelector(".file-answer");
        if (how === "gone") become(one, "refused", "changed", {}, true);
        else if (how === "failed") become(one, "paused", "failed", {}, true);
        else if (how === "left") {
          // The session has ended, and the page is left for signing in: no other file is tried, and nobody asked whether to leave.
          for (const other of files) other.state = "left";
          return;
        } else {
          show(answer, request);
          if (checks) become(one, "checked", how === "accepted" ? "checked" : "refused", {}, true);
          else become(one, how, how, {}, true);
        }
        done();
      },
    });
    become(one, checks ? "checking" : "sending", checks ? "checking" : "sending", { percent: percent(0) });
    one.sending.start();
  }

  function done() {
    current = null;
    next();
  }

  const acts = {
    check: (one) => want(one, "check"),
    send: (one) => want(one, "send"),
    pause(one) {
      one.sending.pause();
      become(one, "paused", "paused", {}, true);
      one.row.querySelector("[data-act=resume]").focus();
      done();
    },
    // From its beginning, and with the same key: what had arrived nevertheless is not taken in twice.
    resume: (one) => want(one, one.wants),
    remove(one) {
      one.sending?.giveUp();
      files.splice(files.indexOf(one), 1);
      one.row.remove();
      list.hidden = !files.length;
      form.querySelector("[data-plain]").hidden = Boolean(files.length);
      input.focus();
    },
  };
  list.querySelector("[data-act=check-all]").addEventListener("click", () => files.filter(canSend).forEach((one) => want(one, "check")));
  list.querySelector("[data-act=send-all]").addEventListener("click", () => files.filter(canSend).forEach((one) => want(one, "send")));

  input.multiple = true;
  form.querySelector("[data-one]").hidden = true;
  form.querySelector("[data-several]").hidden = false;
  form.querySelector("[data-plain]").hidden = true;
  input.addEventListener("change", () => {
    add([...input.files]);
    input.value = "";
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  const carriesFiles = (event) => [...(event.dataTransfer?.types || [])].includes("Files");
  // A file that misses the zone would be opened in place of the page.
  for (const kind of ["dragover", "drop"]) {
    window.addEventListener(kind, (event) => carriesFiles(event) && event.preventDefault());
  }
  for (const kind of ["dragenter", "dragover"]) {
    drop.addEventListener(kind, (event) => carriesFiles(event) && drop.classList.add("over"));
  }
  for (const kind of ["dragleave", "drop"]) {
    drop.addEventListener(kind, () => drop.classList.remove("over"));
  }
  drop.addEventListener("drop", (event) => carriesFiles(event) && add([...event.dataTransfer.files]));
  for (const kind of ["online", "offline"]) {
    window.addEventListener(kind, () => (offline.hidden = navigator.onLine || !current));
  }
  window.addEventListener("beforeunload", (event) => {
    if (files.some((one) => ["sending", "waiting", "arrived", "waits"].includes(one.state) && one.wants === "send")) event.preventDefault();
  });
})();
