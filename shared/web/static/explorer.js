"use strict";
// The page's policy allows no script in the page itself, so the start is a file of its own.
window.addEventListener("DOMContentLoaded", () => {
  window.SwaggerUIBundle({ url: "openapi.json", dom_id: "#explorer", deepLinking: true });
});
