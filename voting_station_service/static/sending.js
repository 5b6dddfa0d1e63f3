// Sends one file, and says how far it is; what is sent again after a break bears the same key, so it counts once.
"use strict";

const urnaSending = (() => {
  const words = {};
  for (const term of document.querySelectorAll("#sending-words dt")) words[term.textContent] = term.nextElementSibling.textContent;
  const LONGEST_WAIT = 20;
  const MOST_ATTEMPTS_WITHOUT_ANSWER = 200;
  const BUSY = new Set([429, 502, 503, 504]);

  const say = (word, values = {}) => (words[word] || word).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");

  function newKey() {
    return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  // The answer of the station, taken out of its page if it is one.
  function answerIn(text) {
    const found = new DOMParser().parseFromString(text, "text/html").querySelector("[data-answer], [role=alert]");
    return found && document.importNode(found, true);
  }

  function show(place, request) {
    const type = request.getResponseHeader("Content-Type") || "";
    const answer = type.startsWith("text/html") ? answerIn(request.responseText) : null;
    if (answer) place.replaceChildren(answer);
    else {
      const told = document.createElement("p");
      told.className = "notice bad";
      told.setAttribute("role", "alert");
      told.textContent = say(request.status === 413 ? "large" : "failed");
      place.replaceChildren(told);
    }
    if (window.htmx) htmx.process(place);
  }

  // A sending: `on` is told of its progress, of breaks, and of its end. It can be paused, resumed and given up.
  class Sending {
    constructor(form, address, file, key, on) {
      Object.assign(this, { form, address, file, key, on, attempt: 0, timer: 0, request: null, state: "new" });
      this.whenOnline = () => this.state === "broken" && this.start();
      window.addEventListener("online", this.whenOnline);
    }

    async start() {
      clearTimeout(this.timer);
      this.state = "sending";
      // A file that was changed or taken away cannot be read any more, which a request would call a broken connection.
      try {
        await this.file.slice(0, 1).arrayBuffer();
      } catch {
        return this.end("gone");
      }
      if (this.state !== "sending") return;
      const body = new FormData();
      for (const name of ["csrf_token", "page_of_form"]) body.append(name, this.form.elements[name].value);
      body.append("key", this.key);
      body.append("file", this.file, this.file.name);
      const request = (this.request = new XMLHttpRequest());
      request.open("POST", this.address);
      request.setRequestHeader("HX-Request", "true");
      request.setRequestHeader("HX-Current-URL", location.href);
      request.upload.onprogress = (event) => event.lengthComputable && this.on.progress(event.loaded / event.total);
      request.upload.onload = () => this.on.progress(1);
      request.onload = () => this.answered(request);
      request.onerror = () => this.broke("again");
      request.ontimeout = request.onerror;
      request.send(body);
    }

    answered(request) {
      const elsewhere = request.getResponseHeader("HX-Redirect");
      if (elsewhere) {
        this.end("left");
        keepForms();
        location.href = elsewhere;
      } else if (BUSY.has(request.status)) {
        this.broke("busy", Number(request.getResponseHeader("Retry-After")) || 2);
      } else {
        // What has failed may have been stored before it did.
        this.end(request.status < 300 ? "accepted" : request.status < 500 ? "refused" : "failed");
      }
    }

    broke(why, wait = 0) {
      if (this.state !== "sending") return;
      this.state = "broken";
      this.attempt += 1;
      if (this.attempt > MOST_ATTEMPTS_WITHOUT_ANSWER) return this.end("failed");
      const seconds = Math.min(wait || 2 ** Math.min(this.attempt - 1, 5), LONGEST_WAIT);
      this.on.broke(navigator.onLine ? why : "offline", { seconds, attempt: this.attempt + 1 });
      this.timer = setTimeout(() => this.state === "broken" && this.start(), seconds * 1000);
    }

    pause() {
      this.state = "paused";
      clearTimeout(this.timer);
      this.request?.abort();
    }

    giveUp() {
      this.pause();
      window.removeEventListener("online", this.whenOnline);
    }

    end(how) {
      this.state = "ended";
      window.removeEventListener("online", this.whenOnline);
      this.on.end(how, this.request);
    }
  }

  return { Sending, newKey, say, show };
})();
