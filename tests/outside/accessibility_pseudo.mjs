// The pseudo-locale, for accessibility.mjs: every text is from the catalogue, and none is cut off although all are longer.

import { join } from "node:path";

// What pages show that is no text of theirs: names, addresses, keys, moments.
const DATA = [
  /[\w.+-]+@example\.org/, /\bLatchkey\b/, /Tulip & Co/, /Cloudflare Turnstile/, /^Widget$/, /localhost(:\d+)?/, /\b(GITHUB|GITLAB|GOOGLE|MICROSOFT|APPLE|IDP|ROTATING)\b/,
  /\b[A-Z][a-z]{2} \d{1,2}, \d{4}, \d{1,2}:\d{2}\s[AP]M\b/, /\bin \d+ (second|minute|hour)s?\b/,
  // Devices and their programs, the name of a passkey, keys, codes.
  /\b(Chrome|Firefox) on \w+\b/, /Mozilla\/5\.0 .*/, /\bnode\b/, /\bPasskey\b/, /\bAda\b/, /\b[0-9A-Z]{4}([- ][0-9A-Z]{4})*\b/,
  // What the server says about a field. It is in English in every language, and each catalogue introduces it as such.
  /\b(must|is) [^\]]+/,
].map(({ source }) => source);

// Runs in the page. Texts without accents, and texts that are cut off.
function look(data) {
  const found = new Set();
  const known = new RegExp(data.join("|"), "g");
  const judge = (words, where) => {
    if (/[A-Za-z]{2}/.test(words.replace(known, ""))) found.add(`not from the catalogue: ${words.trim()} (${where})`);
  };
  const nameOf = (element) => element.tagName.toLowerCase() + (element.id && `#${element.id}`);
  const isVisible = (element) => element.checkVisibility({ visibilityProperty: true });

  judge(document.title, "title");
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const parent = texts.currentNode.parentElement;
    // Languages have their own names. The other elements hold what readers and servers have chosen.
    if (parent.closest("script, style, option[lang], bdi, code")) continue;
    if (isVisible(parent.closest("select") ?? parent)) judge(texts.currentNode.data, nameOf(parent));
  }
  for (const element of document.body.querySelectorAll("*")) {
    if (!isVisible(element)) continue;
    for (const attribute of ["aria-label", "aria-description", "title", "placeholder", "alt"]) {
      judge(element.getAttribute(attribute) ?? "", `${attribute} of ${nameOf(element)}`);
    }
    // What a reader or a server has chosen may be too long for any place, and is shortened.
    if (element.closest(".unseen, bdi") || element.matches("input, textarea, select")) continue;
    const { overflowX } = getComputedStyle(element);
    if (overflowX !== "visible" && element.scrollWidth > element.clientWidth) found.add(`cut off: ${nameOf(element)}`);
    const own = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    const { left, right } = element.getBoundingClientRect();
    if (own && (left < 0 || right > innerWidth)) found.add(`outside of the window: ${nameOf(element)}`);
  }
  if (document.documentElement.scrollWidth > innerWidth) found.add("scrolls sideways");
  return [...found];
}

// Checks a state at several widths, and keeps screenshots of it.
export async function checkPseudo(page, name, { sizes, screenshots }) {
  const found = new Set();
  for (const [device, size] of Object.entries(sizes)) {
    await page.setViewportSize(size);
    for (const what of await page.evaluate(look, DATA)) found.add(`${what}, ${device}`);
    await page.screenshot({ path: join(screenshots, `${name}-${device}-pseudo.png`), fullPage: true });
  }
  return [...found];
}
