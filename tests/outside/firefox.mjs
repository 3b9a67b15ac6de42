// The main paths of the hosted pages in Firefox, driven by WebDriver BiDi: registering, logging in by password, by mail and with a second
// factor, a forgotten password, every page of the account. Ends with status 1 if a page does not get there, or if a script fails.
//
// SITE: the URL of the service. FIREFOX: the browser.

import assert from "node:assert/strict";
import puppeteer from "puppeteer-core";

const { SITE, FIREFOX } = process.env;
const EMAIL = "firefox@example.org";
const PASSWORD = "Gr8-tulip-Wagon";
const OTHER_PASSWORD = "New-7-orchard-Lamp";

const browser = await puppeteer.launch({ browser: "firefox", executablePath: FIREFOX, headless: true });
const complaints = [];

async function newPage() {
  const page = await browser.newPage();
  page.setDefaultTimeout(60_000);
  page.on("pageerror", (error) => complaints.push(`${page.url()}: ${error.message}`));
  return page;
}

// The newest mail of a kind, once it has come.
async function mail(kind, at = 0) {
  for (let round = 0; round < 100; round++) {
    const { messages } = await (await fetch(`${SITE}/_local/mail.json?to=${encodeURIComponent(EMAIL)}`)).json();
    const found = messages.filter((message) => message.kind === kind);
    if (found.length > at) return found[0];
    await new Promise((done) => setTimeout(done, 200));
  }
  throw new Error(`no mail ${kind}`);
}

const shown = (page, section) => page.waitForSelector(`#${section}:not([hidden])`, { visible: true });
const arrives = (page, path) => page.waitForFunction((wanted) => location.pathname === wanted, {}, path);

async function type(page, id, value) {
  await page.waitForSelector(`#${id}`, { visible: true });
  await page.$eval(`#${id}`, (input) => { input.value = ""; });
  await page.type(`#${id}`, value);
}

async function logIn(page, password) {
  await page.goto(`${SITE}/login?continue=/account`);
  await shown(page, "login");
  await type(page, "identifier", EMAIL);
  await page.click("#go");
  await type(page, "password", password);
  await page.click("#go");
}

// ---- Registering ----

let page = await newPage();
await page.goto(`${SITE}/register?continue=/account/profile`);
await shown(page, "register");
await type(page, "email", EMAIL);
await type(page, "password", PASSWORD);
await page.click("#form [type=submit]");
await shown(page, "mailed");
await type(page, "code", (await mail("verify_registration")).code);
await page.click("#with-code [type=submit]");
await shown(page, "success");
assert.ok((await page.$eval("#recovery-key", (key) => key.textContent)).length > 20);
await page.click("#go-on");
await arrives(page, "/account/profile");

// ---- Every page of the account ----

for (const path of ["", "/profile", "/password", "/email", "/mfa", "/passkeys", "/identities", "/sessions", "/activity", "/data"]) {
  await page.goto(`${SITE}/account${path}`);
  await page.waitForFunction(() => {
    const visible = [...document.querySelectorAll("main > section:not([hidden])")];
    return visible.length === 1 && !["wait", "stuck"].includes(visible[0].id);
  });
}
await page.waitForSelector("#log-out", { visible: true });
await page.click("#log-out");
await arrives(page, "/login");

// ---- Logging in ----

await logIn(page, "wrong");
await page.waitForFunction(() => document.getElementById("problem").textContent !== "");
await page.$eval("#password", (input) => { input.value = ""; });
await page.type("#password", `${PASSWORD}\n`);
await arrives(page, "/account");

const others = await browser.createBrowserContext();
page = await others.newPage();
page.on("pageerror", (error) => complaints.push(`${page.url()}: ${error.message}`));
await page.goto(`${SITE}/login?continue=/account`);
await shown(page, "login");
await type(page, "identifier", EMAIL);
await page.click("#by-mail");
await shown(page, "mailed");
await type(page, "code", (await mail("login_mail")).code);
await page.click("#with-code [type=submit]");
await arrives(page, "/account");

// ---- A forgotten password ----

await page.goto(`${SITE}/forgot-password`);
await shown(page, "ask");
await type(page, "email", EMAIL);
await page.click("#form [type=submit]");
const { link } = await mail("password_forgot");
await page.goto(link);
await shown(page, "set");
assert.ok(!page.url().includes("#"), "the token left the address");
await type(page, "new-password", OTHER_PASSWORD);
await type(page, "repeated-password", OTHER_PASSWORD);
await page.click("#reset [type=submit]");
await shown(page, "success");
await logIn(page, OTHER_PASSWORD);
await arrives(page, "/account");

assert.deepEqual(complaints, []);
await browser.close();
