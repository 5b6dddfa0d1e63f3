// Draws a text as a QR code, as a picture in the page that is sharp at any size and on paper.
import { encode } from "./uqr/index.mjs";

const SVG = "http://www.w3.org/2000/svg";
// The light margin that readers need.
const MARGIN = 4;

function drawCode(text, label) {
  const { data, size } = encode(text, { ecc: "L", border: MARGIN });
  const picture = document.createElementNS(SVG, "svg");
  picture.setAttribute("viewBox", `0 0 ${size} ${size}`);
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", label);
  picture.setAttribute("shape-rendering", "crispEdges");
  const path = picture.appendChild(document.createElementNS(SVG, "path"));
  const dark = data.flatMap((row, y) => row.map((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : "")));
  path.setAttribute("d", dark.join(""));
  return picture;
}

export { drawCode };
