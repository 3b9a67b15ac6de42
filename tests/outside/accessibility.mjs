// Checks every state of accessibility_states.mjs: axe-core and HTML_CodeSniffer (WCAG 2.2 AA), the Nu HTML checker, no scrolling sideways at
// 320 pixels, and a visible focus. Keeps screenshots at phone and desktop width, light and dark. Ends with status 1 if there are findings.
//
// With LOCALE it checks something else: that the pages are right in the pseudo-locale of debug builds (accessibility_pseudo.mjs).
//
// SITES: a JSON object from the name of a deployment to its URL. CHROMIUM: the browser. SCREENSHOTS: a folder. ONLY: a part of the names of
// states, for work on one page. AREA: the member of STATES. Java is needed for the Nu HTML checker.

import { execFile } from "node:child_process";
import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { checkPseudo } from "./accessibility_pseudo.mjs";
import { STATES, Site } from "./accessibility_states.mjs";

const { AREA, CHROMIUM, SCREENSHOTS, LOCALE, ONLY = "" } = process.env;
const SITES = JSON.parse(process.env.SITES);

const require = createRequire(import.meta.url);
const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const HTMLCS = readFileSync(require.resolve("html_codesniffer/build/HTMLCS.js"), "utf8");

const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const PHONE = { width: 360, height: 740 };
const DESKTOP = { width: 1280, height: 900 };
const NARROW = { width: 320, height: 640 };

async function axe(page, scheme) {
  await page.evaluate(AXE);
  const violations = await page.evaluate(async (runOnly) => (await globalThis.axe.run(document, { runOnly })).violations, RULES);
  return violations.flatMap(({ id, help, nodes }) => nodes.map(({ target }) => `axe, ${scheme}: ${id} (${help}): ${target}`));
}

async function codeSniffer(page) {
  await page.evaluate(HTMLCS);
  return page.evaluate(() => {
    // What the tool cannot know: the value is newer than its list, texts that nobody sees need no contrast, languages have no groups, and a
    // modal dialog is fixed and scrolls in itself.
    const isWrong = ({ code, element }) =>
      (/\.H98$/.test(code) && /(^| )(one-time-code|webauthn)$/.test(element.getAttribute("autocomplete"))) ||
      (/\.G18\.Abs$/.test(code) && element.closest(".unseen")) ||
      (/\.H85\.2$/.test(code) && element.id === "language") ||
      (/\.1_4_10\./.test(code) && element.matches("dialog:modal"));
    return new Promise((done) => {
      globalThis.HTMLCS.process("WCAG2AA", document, () => {
        // Errors and warnings. The notices are questions to a person.
        const found = globalThis.HTMLCS.getMessages().filter((message) => message.type < 3 && !isWrong(message));
        done(found.map(({ code, msg, element }) => `HTML_CodeSniffer: ${code}: ${msg}: ${element.outerHTML?.slice(0, 160)}`));
      });
    });
  });
}

// What has the focus must show it: by an outline, as the headings that get it do not react to keys.
const focus = (page) => page.evaluate(() => {
  const found = [];
  const before = document.activeElement;
  for (const element of document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")) {
    if (!element.checkVisibility() || element.tabIndex < 0 || element.closest("[inert]")) continue;
    element.focus({ focusVisible: true });
    // Behind a modal dialog, nothing gets the focus.
    if (document.activeElement !== element) continue;
    const { outlineStyle, outlineWidth } = getComputedStyle(element);
    if (outlineStyle === "none" || parseFloat(outlineWidth) < 2) found.push(`no visible focus: ${element.outerHTML.slice(0, 160)}`);
  }
  before?.focus();
  return found;
});

const tooWide = (page) => page.evaluate(() => document.documentElement.scrollWidth > innerWidth);

async function check(page, name) {
  const found = [];
  for (const scheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
    for (const [device, size] of Object.entries({ phone: PHONE, desktop: DESKTOP })) {
      await page.setViewportSize(size);
      await page.screenshot({ path: join(SCREENSHOTS, `${name}-${device}-${scheme}.png`), fullPage: true });
    }
    // Each scheme has its own colours. The rules depend on the width hardly at all, and a check takes long.
    if (scheme === "light") await page.setViewportSize(PHONE);
    found.push(...(await axe(page, scheme)));
  }
  await page.emulateMedia({ colorScheme: "light", forcedColors: "active" });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}-desktop-forced-colours.png`), fullPage: true });
  await page.emulateMedia({ forcedColors: null });
  await page.setViewportSize(NARROW);
  if (await tooWide(page)) found.push("scrolls sideways at 320 pixels");
  found.push(...(await focus(page)), ...(await codeSniffer(page)));
  return found;
}

// The Nu HTML checker reads files: what each state's document has become.
async function validate(folder) {
  const jar = require.resolve("vnu-jar/build/dist/vnu.jar");
  const run = (done) => execFile("java", ["-jar", jar, "--format", "json", "--exit-zero-always", folder], { maxBuffer: 1 << 26 }, done);
  const output = await new Promise((done, fail) => run((error, _, stderr) => (error ? fail(error) : done(stderr))));
  // A page has a heading of its own for each state, of which one is visible.
  const messages = JSON.parse(output).messages.filter(({ message }) => !message.startsWith("Consider using the “h1” element"));
  return messages.map(({ url, type, message, extract }) => `${url.split("/").at(-1)}: Nu HTML checker: ${type}: ${message}: ${extract}`);
}

const sites = Object.fromEntries(Object.entries(SITES).map(([name, url]) => [name, new Site(url)]));
const folder = mkdtempSync(join(tmpdir(), "latchkey-pages-"));
mkdirSync(SCREENSHOTS, { recursive: true });
const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox", "--disable-gpu"] });
const found = [];
let count = 0;
for (const { name, site = "default", script = true, pseudo = true, steps } of STATES[AREA]) {
  if (!name.includes(ONLY) || (LOCALE && !pseudo)) continue;
  count++;
  const extraHTTPHeaders = LOCALE && { "accept-language": LOCALE };
  const context = await browser.newContext({ viewport: DESKTOP, javaScriptEnabled: script, extraHTTPHeaders });
  const page = await context.newPage();
  const complain = (words) => found.push(`${name}: ${words}`);
  page.on("pageerror", (error) => complain(`a script failed: ${error}`));
  page.on("console", (message) => {
    // Answers with an error status are parts of states.
    if (message.type() === "error" && !/^Failed to load resource/.test(message.text())) complain(`the console says: ${message.text()}`);
  });
  page.setDefaultTimeout(20000);
  try {
    await steps(page, sites[site]);
    if (LOCALE) {
      (await checkPseudo(page, name, { sizes: { narrow: NARROW, phone: PHONE, desktop: DESKTOP }, screenshots: SCREENSHOTS })).forEach(complain);
      continue;
    }
    // The Nu HTML checker sees what a browser would. Without scripts, only the server's text is there.
    writeFileSync(join(folder, `${name}.html`), await page.content());
    if (script) (await check(page, name)).forEach(complain);
  } catch (error) {
    complain(`the state was not reached: ${error.message}`);
  } finally {
    await context.close();
  }
}
await browser.close();
try {
  if (!LOCALE) found.push(...(await validate(folder)));
} finally {
  rmSync(folder, { recursive: true });
}
console.log([...found, `${count} states, ${found.length} findings`].join("\n"));
process.exit(found.length || !count ? 1 : 0);
