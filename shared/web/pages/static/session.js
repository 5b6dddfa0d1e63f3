// Keeps who works at a page signed in. Only the service of accounts signs tokens, and any page of its gives a new cookie to
// whoever asks for it in the second half of the hour. Where its pages are on this very host and port, such a page is asked
// for while somebody works. Elsewhere the policy of pages lets no script ask for it, so a notice shows a link some minutes
// before the end; it opens another tab, so that nothing that was typed or chosen here is lost.
"use strict";

(() => {
  const HOUR = 3600;
  const SHOWN = 600;
  // A little less than a half, so that the service, which goes by its own clock, agrees that it is time.
  const ASKED = HOUR / 2 - 60;
  const notice = document.querySelector("[data-session-left]");
  if (!notice) return;
  const link = notice.querySelector("a");
  const now = () => Date.now() / 1000;
  let ends = now() + Number(notice.dataset.sessionLeft);
  let asks = false;

  const look = () => {
    const left = ends - now();
    // When it has ended, sending a form leads to the page to sign in and back.
    notice.hidden = left > SHOWN || left <= 0;
  };

  async function renew() {
    if (asks || ends - now() > ASKED || ends <= now()) return;
    asks = true;
    try {
      const answer = await fetch(link.href, { headers: { "HX-Request": "true" } });
      if (answer.ok) ends = now() + HOUR;
    } catch {
      // Without a connection the notice tells of it in time.
    }
    look();
    // One who could not be let in is not asked for with every key.
    setTimeout(() => (asks = false), 60000);
  }

  if (new URL(link.href).origin === location.origin) {
    for (const act of ["input", "pointerdown", "keydown"]) document.addEventListener(act, renew, { passive: true });
  }
  link.addEventListener("click", () => {
    ends = now() + HOUR;
    setTimeout(look);
  });
  look();
  setInterval(look, 15000);
})();
