// The pages in their states, for accessibility.mjs. Each state has a name, the steps of its reader that lead there, and the name of a
// deployment where it is not the default one. A state without scripts has `script: false`.

import { createHmac } from "node:crypto";

const PASSWORD = "Tall-7-green-harbour";
const OTHER_PASSWORD = "Wide-8-amber-lantern";

// A deployment, as its readers' apps and mailboxes see it.
export class Site {
  #count = 0;

  constructor(url) {
    this.url = url;
  }

  // An address that nobody has used.
  address() {
    return `reader${++this.#count}@example.org`;
  }

  async request(method, path, body, headers = {}) {
    const init = { method, headers: { "content-type": "application/json", ...headers }, body: body && JSON.stringify(body) };
    const response = await fetch(this.url + path, init);
    const text = await response.text();
    const answer = text ? JSON.parse(text) : {};
    if (!response.ok) throw new Error(`${path} answers ${response.status} ${text}`);
    return answer;
  }

  post(path, body, headers) {
    return this.request("POST", path, body, headers);
  }

  // The newest mail to an address, with its code and its link. Of a kind, where others may come between.
  async mail(to, kind = null) {
    for (let n = 0; n < 100; n++) {
      const { messages } = await this.request("GET", `/_local/mail.json?to=${encodeURIComponent(to)}`);
      const mail = messages.find((message) => !kind || message.kind === kind);
      if (mail) return mail;
      await new Promise((done) => setTimeout(done, 100));
    }
    throw new Error(`no mail to ${to}`);
  }

  // Somebody with an account. `bearer` are the headers of their session.
  async person() {
    const email = this.address();
    const { registration_id } = await this.post("/v1/register", { email, password: PASSWORD });
    const { code } = await this.mail(email);
    const { access_token } = await this.post("/v1/register/verify", { registration_id, code });
    return { email, bearer: { authorization: `Bearer ${access_token}` } };
  }

  async fault(rule) {
    await this.post("/_local/faults", { service: "dynamodb", kind: "error", ...rule });
  }

  async repair() {
    await this.request("DELETE", "/_local/faults");
  }
}

// ---- What readers do ----

// Waits until the page shows a section.
async function shows(page, id) {
  await page.waitForFunction((id) => document.querySelector("main > section:not([hidden])")?.id === id, id);
}

// Opens a path or a link, and waits for a section.
async function open(page, site, path, section) {
  await page.goto(path.startsWith("/") ? site.url + path : path);
  await shows(page, section);
}

// Fills in inputs, and presses a button.
async function press(page, values, button) {
  for (const [id, value] of Object.entries(values)) await page.fill(`#${id}`, value);
  await page.click(button);
}

// Presses a button, and waits for a section or, without one, for a problem.
async function send(page, values, button, section = null) {
  await press(page, values, button);
  if (section) return shows(page, section);
  await page.waitForFunction(() => document.getElementById("problem").textContent && !document.querySelector("[aria-disabled]"));
}

const wrong = (code) => (code === "000000" ? "000001" : "000000");

// The form to register with an address, filled in.
async function registers(page, site, section = null, values = {}) {
  const email = site.address();
  await open(page, site, "/register?continue=/account/profile", "register");
  await send(page, { email, password: PASSWORD, ...values }, "#form [type=submit]", section);
  return email;
}

// A widget in a frame, with the API of Turnstile.
const TURNSTILE = `turnstile = { remove() {}, render(box, { theme, size }) {
  const frame = document.createElement("iframe");
  frame.src = "https://challenges.cloudflare.com/frame?" + theme;
  frame.title = "Widget";
  frame.width = size === "compact" ? 150 : 300;
  frame.height = size === "compact" ? 140 : 65;
  box.append(frame);
} };
onCaptchaScript();`;

// The form to register with an address, up to the check by a captcha's provider.
async function isChecked(page, site, blocks = false) {
  await page.route("https://challenges.cloudflare.com/**", (route) => {
    if (blocks) return route.abort();
    const { pathname, search } = new URL(route.request().url());
    if (pathname.endsWith("/api.js")) return route.fulfill({ contentType: "text/javascript", body: TURNSTILE });
    const colours = search === "?dark" ? "background: #222; color: #fff" : "background: #fafafa; color: #222";
    const body = `<!DOCTYPE html><html lang="en"><title>Widget</title><body style="margin: 0; ${colours}"><main><h1>Widget</h1></main>`;
    return route.fulfill({ contentType: "text/html", body });
  });
  await registers(page, site, "captcha");
  await page.waitForSelector(blocks ? "#captcha-problem.problem" : "#captcha-widget iframe");
}

// The page of the link after a registration.
async function opensLink(page, site, body = {}) {
  const email = site.address();
  await site.post("/v1/register", { email, ...body });
  const { link } = await site.mail(email);
  await open(page, site, link, "choose");
  return link;
}

// The page of the link after a forgotten password.
async function resets(page, site) {
  const { email } = await site.person();
  await site.post("/v1/password/forgot", { email });
  const { link } = await site.mail(email, "password_forgot");
  await open(page, site, link, "set");
  return link;
}

// The link in the alert about a login.
async function alerted(site) {
  const { email } = await site.person();
  await site.post("/v1/login", { identifier: email, password: PASSWORD });
  return { email, link: (await site.mail(email, "new_login")).link };
}

// The link that undoes the change of an address.
async function changed(site) {
  const { email, bearer } = await site.person();
  const new_email = site.address();
  const { challenge_id } = await site.post("/v1/email/change", { new_email }, bearer);
  const { code } = await site.mail(new_email);
  await site.post("/v1/email/change/verify", { challenge_id, code }, bearer);
  return (await site.mail(email, "email_changed")).link;
}

// Asks for a login mail in this browser, on the page to log in.
async function asksForLoginMail(page, site, email) {
  await open(page, site, "/login", "login");
  await send(page, { identifier: email }, "#by-mail", "mailed");
  return site.mail(email, "login_mail");
}

// The form to log in, up to its second step.
async function identifies(page, site, path, identifier) {
  await open(page, site, path, "login");
  await press(page, { identifier }, "#go");
  await page.waitForSelector("#identified", { state: "visible" });
}

// Somebody logs in here, and goes on to a path that is no page.
async function loggedIn(page, site) {
  const { email } = await site.person();
  await identifies(page, site, "/login?continue=/v1/health", email);
  await press(page, { password: PASSWORD }, "#go");
  await page.waitForURL(({ pathname }) => pathname === "/v1/health");
}

// The code that an authenticator app shows now (RFC 6238).
async function codeOfApp(site, secret) {
  const { now } = await site.request("GET", "/_local/clock");
  const bits = [...secret].map((letter) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0")).join("");
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.parse(now) / 30000)));
  const mac = createHmac("sha1", Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)))).update(counter).digest();
  return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1000000).padStart(6, "0");
}

// Sends a request of a script on the page, with the browser's cookies.
const asPage = (page, path, body) => page.evaluate(async ([path, body]) => {
  const { csrf_token } = await (await fetch("/v1/csrf")).json();
  const headers = { "content-type": "application/json", "x-csrf-token": csrf_token };
  return (await fetch(path, { method: "POST", headers, body: JSON.stringify(body) })).json();
}, [path, body]);

const session = { transport: "cookie" };

// A page of an account, with a session in this browser.
async function enters(page, site, path) {
  const person = await site.person();
  await page.goto(`${site.url}/reset-password`);
  await asPage(page, "/v1/login", { identifier: person.email, password: PASSWORD, session });
  await open(page, site, path, "view");
  return person;
}

// A page of an account without a password.
async function entersByMail(page, site, path) {
  const email = site.address();
  await page.goto(`${site.url}/reset-password`);
  const { challenge_id } = await asPage(page, "/v1/login/email", { email, session });
  await asPage(page, "/v1/login/email/verify", { challenge_id, code: (await site.mail(email)).code, session });
  await open(page, site, path, "view");
  return email;
}

// Lets the proof of the session become too old for sensitive steps.
const ages = (site) => site.post("/_local/clock", { advance: 700 });

// Presses a button that opens a dialog.
async function asks(page, button) {
  await page.click(button);
  await page.waitForSelector("dialog[open]");
}

// Agrees in a dialog.
async function agrees(page, button) {
  await asks(page, button);
  await page.click("dialog[open] button:not(.quiet)");
}

const said = (page) => page.waitForFunction(() => document.getElementById("said").textContent);

// The setup of an authenticator app, up to its code.
async function setsUp(page, site, goes = enters) {
  await goes(page, site, "/account/mfa", "view");
  await send(page, {}, "#set-up", "setup");
  return page.innerText("#secret");
}

// The backup codes of an authenticator app.
async function turnsOn(page, site, goes = enters) {
  const code = await codeOfApp(site, await setsUp(page, site, goes));
  await send(page, { code }, "#enable [type=submit]", "backup");
}

// A passkey of an authenticator that agrees at once.
async function addsPasskey(page, site) {
  await enters(page, site, "/account/passkeys");
  const tools = await page.context().newCDPSession(page);
  await tools.send("WebAuthn.enable");
  const options = { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true };
  await tools.send("WebAuthn.addVirtualAuthenticator", {
    options: { ...options, isUserVerified: true, automaticPresenceSimulation: true },
  });
  await page.click("#add");
  await said(page);
}

// ---- The states ----

const registration = [
  { name: "register", steps: (page, site) => open(page, site, "/register", "register") },
  { name: "register-branded", site: "branded", steps: (page, site) => open(page, site, "/register", "register") },
  { name: "register-without-scripts", script: false, steps: (page, site) => page.goto(`${site.url}/register`) },
  { name: "register-without-cookies", steps: async (page, site) => {
    await page.addInitScript(() => Object.defineProperty(Navigator.prototype, "cookieEnabled", { get: () => false }));
    await open(page, site, "/register", "without-cookies");
  } },
  { name: "register-with-username", site: "usernames", steps: async (page, site) => {
    await open(page, site, "/register", "register");
    await page.click("#to-username");
  } },
  { name: "register-taken-username", site: "usernames", steps: async (page, site) => {
    await open(page, site, "/register", "register");
    await page.click("#to-username");
    await send(page, { username: "admin", password: PASSWORD }, "#form [type=submit]");
  } },
  { name: "register-closed", site: "closed", steps: (page, site) => open(page, site, "/register", "closed") },
  { name: "register-wrong-address", steps: (page, site) => registers(page, site, null, { email: "nobody" }) },
  { name: "register-wrong-name", steps: (page, site) => registers(page, site, null, { name: "A".repeat(101) }) },
  { name: "register-weak-password", steps: (page, site) => registers(page, site, null, { password: "password" }) },
  { name: "register-unavailable", steps: async (page, site) => {
    await site.fault({ function: "register" });
    await registers(page, site).finally(() => site.repair());
  } },
  { name: "register-offline", steps: async (page, site) => {
    await open(page, site, "/register", "register");
    await page.context().setOffline(true);
    await send(page, { email: site.address(), password: PASSWORD }, "#form [type=submit]");
  } },
  { name: "register-too-often", site: "strict", steps: async (page, site) => {
    // In the network of other readers.
    const network = { "x-local-source-ip": "203.0.113.9" };
    for (let n = 0; n < 3; n++) await site.post("/v1/register", { email: site.address() }, network);
    await page.setExtraHTTPHeaders(network);
    await registers(page, site);
  } },
  { name: "register-captcha", site: "captcha", steps: (page, site) => isChecked(page, site) },
  { name: "register-captcha-blocked", site: "captcha", steps: (page, site) => isChecked(page, site, true) },
  { name: "verify-email-notice", steps: (page, site) => registers(page, site, "mailed") },
  { name: "verify-email-notice-wrong-code", steps: async (page, site) => {
    const email = await registers(page, site, "mailed");
    await send(page, { code: wrong((await site.mail(email)).code) }, "#with-code [type=submit]");
  } },
  { name: "verify-email-notice-sent-again", steps: async (page, site) => {
    await registers(page, site, "mailed");
    // Without the pause before it.
    await page.evaluate(() => { document.getElementById("mail-again").hidden = false; });
    await page.click("#mail-again");
    await page.waitForFunction(() => document.getElementById("mailed-again").textContent);
  } },
  { name: "verify-email-notice-over", steps: (page, site) => open(page, site, "/verify-email-notice", "over") },
  { name: "verify-email-notice-password", steps: async (page, site) => {
    const email = site.address();
    const { registration_id: id } = await site.post("/v1/register", { email });
    await open(page, site, "/register", "register");
    const kept = JSON.stringify({ id, next: null, ends: Date.now() + 3600000 });
    await page.evaluate((kept) => localStorage.setItem("latchkey.registration", kept), kept);
    await open(page, site, "/verify-email-notice", "mailed");
    await send(page, { code: (await site.mail(email)).code }, "#with-code [type=submit]", "set");
  } },
  { name: "verify-email-notice-success", steps: async (page, site) => {
    const email = await registers(page, site, "mailed");
    await send(page, { code: (await site.mail(email)).code }, "#with-code [type=submit]", "success");
  } },
  { name: "verify-email-notice-elsewhere", steps: async (page, site) => {
    const email = await registers(page, site, "mailed");
    const other = await page.context().newPage();
    await open(other, site, (await site.mail(email)).link, "choose");
    await send(other, { "known-password": PASSWORD }, "#known [type=submit]", "success");
    await shows(page, "elsewhere");
  } },
  { name: "verify-email", steps: (page, site) => opensLink(page, site, { password: PASSWORD }) },
  { name: "verify-email-replaces", steps: async (page, site) => {
    await loggedIn(page, site);
    await opensLink(page, site, { password: PASSWORD });
    await page.waitForSelector("#note", { state: "visible" });
  } },
  { name: "verify-email-wrong-password", steps: async (page, site) => {
    await opensLink(page, site, { password: PASSWORD });
    await send(page, { "known-password": OTHER_PASSWORD }, "#known [type=submit]");
  } },
  { name: "verify-email-success", steps: async (page, site) => {
    await opensLink(page, site, { password: PASSWORD });
    await send(page, { "known-password": PASSWORD }, "#known [type=submit]", "success");
  } },
  { name: "verify-email-set", steps: async (page, site) => {
    await opensLink(page, site);
    await send(page, {}, "#unknown [type=submit]", "set");
  } },
  { name: "verify-email-weak", steps: async (page, site) => {
    await opensLink(page, site);
    await send(page, {}, "#unknown [type=submit]", "set");
    await send(page, { "new-password": "short" }, "#complete [type=submit]");
  } },
  { name: "verify-email-unusable", steps: (page, site) => open(page, site, "/verify-email", "unusable") },
];

const recovery = [
  { name: "forgot-password", steps: (page, site) => open(page, site, "/forgot-password", "ask") },
  { name: "forgot-password-wrong-address", steps: async (page, site) => {
    await open(page, site, "/forgot-password", "ask");
    await send(page, { email: "nobody" }, "#form [type=submit]");
  } },
  { name: "forgot-password-sent", steps: async (page, site) => {
    await open(page, site, "/forgot-password", "ask");
    await send(page, { email: site.address() }, "#form [type=submit]", "sent");
  } },
  { name: "forgot-password-sent-again", steps: async (page, site) => {
    await open(page, site, "/forgot-password", "ask");
    await send(page, { email: site.address() }, "#form [type=submit]", "sent");
    await page.evaluate(() => { document.getElementById("mail-again").hidden = false; });
    await page.click("#mail-again");
    await page.waitForFunction(() => document.getElementById("mailed-again").textContent);
  } },
  { name: "reset-password", steps: resets },
  { name: "reset-password-weak", steps: async (page, site) => {
    await resets(page, site);
    await send(page, { "new-password": "short", "repeated-password": "short" }, "#reset [type=submit]");
  } },
  { name: "reset-password-success", steps: async (page, site) => {
    await resets(page, site);
    await send(page, { "new-password": OTHER_PASSWORD, "repeated-password": OTHER_PASSWORD }, "#reset [type=submit]", "success");
  } },
  { name: "reset-password-unusable", steps: (page, site) => open(page, site, "/reset-password#token=abc.def", "unusable") },
  { name: "reset-password-stuck", steps: async (page, site) => {
    await site.fault({ function: "password-reset-check" });
    const part = "A".repeat(43);
    await open(page, site, `/reset-password#token=${part}.${part}`, "stuck").finally(() => site.repair());
  } },
  { name: "reset-password-wait", steps: async (page, site) => {
    await page.route("**/v1/password/reset/check", () => {});
    await open(page, site, "/reset-password#token=abc.def", "wait");
  } },
  { name: "login-disown", steps: async (page, site) => open(page, site, (await alerted(site)).link, "ask") },
  { name: "login-disown-set", steps: async (page, site) => {
    await open(page, site, (await alerted(site)).link, "ask");
    await send(page, {}, "#disown [type=submit]", "set");
  } },
  { name: "login-disown-mailed", steps: async (page, site) => {
    const { email, link } = await alerted(site);
    await site.post("/v1/login/disown", { token: link.split("#token=")[1] });
    await open(page, site, (await site.mail(email, "password_reset")).link, "set");
  } },
  { name: "login-disown-unusable", steps: (page, site) => open(page, site, "/login-disown", "unusable") },
  { name: "email-change-undo", steps: async (page, site) => open(page, site, await changed(site), "ask") },
  { name: "email-change-undo-success", steps: async (page, site) => {
    await open(page, site, await changed(site), "ask");
    await send(page, {}, "#undo [type=submit]", "success");
  } },
  { name: "email-change-undo-unusable", steps: (page, site) => open(page, site, "/email-change-undo", "unusable") },
];

// A browser with a session, at the page that asks for the logout.
async function asksToLogOut(page, site, query = "") {
  await enters(page, site, "/account");
  await page.goto(`${site.url}/oauth2/logout${query}`);
  await page.waitForSelector("form[method=post]");
}

const login = [
  // The functions of /oauth2 render these, without the pseudo-locale.
  { name: "logout", pseudo: false, steps: (page, site) => asksToLogOut(page, site) },
  { name: "logout-in-arabic", pseudo: false, steps: (page, site) => asksToLogOut(page, site, "?ui_locales=ar") },
  { name: "logout-branded", pseudo: false, site: "branded", steps: (page, site) => asksToLogOut(page, site) },
  { name: "logged-out", pseudo: false, script: false, steps: (page, site) => page.goto(`${site.url}/oauth2/logout`) },
  { name: "authorize-refused", pseudo: false, steps: (page, site) => page.goto(`${site.url}/oauth2/authorize?ui_locales=de`) },
  { name: "authorize-refused-in-arabic", pseudo: false, steps: (page, site) => page.goto(`${site.url}/oauth2/authorize?ui_locales=ar`) },
  { name: "login", steps: (page, site) => open(page, site, "/login", "login") },
  { name: "login-branded", site: "branded", steps: (page, site) => open(page, site, "/login", "login") },
  { name: "login-without-scripts", script: false, steps: (page, site) => page.goto(`${site.url}/login`) },
  { name: "login-empty", steps: async (page, site) => {
    await open(page, site, "/login", "login");
    await send(page, {}, "#go");
  } },
  { name: "login-password", steps: (page, site) => identifies(page, site, "/login", site.address()) },
  { name: "login-wrong-password", steps: async (page, site) => {
    await identifies(page, site, "/login", site.address());
    await send(page, { password: OTHER_PASSWORD }, "#go");
  } },
  { name: "login-provider-error", steps: (page, site) => open(page, site, "/login?error=access_denied", "login") },
  { name: "login-mailed", steps: async (page, site) => asksForLoginMail(page, site, site.address()) },
  { name: "login-mailed-link", site: "links", steps: async (page, site) => asksForLoginMail(page, site, site.address()) },
  { name: "login-mfa", steps: (page, site) => open(page, site, "/login/mfa", "second") },
  { name: "login-mfa-wrong-code", steps: async (page, site) => {
    await open(page, site, "/login/mfa", "second");
    await send(page, { factor: "123456" }, "#with-factor [type=submit]");
  } },
  { name: "login-unknown-device", site: "codes", steps: async (page, site) => {
    const { email } = await site.person();
    await identifies(page, site, "/login", email);
    await send(page, { password: PASSWORD }, "#go", "second");
  } },
  { name: "login-already", steps: async (page, site) => {
    await loggedIn(page, site);
    await open(page, site, "/login", "logged-in");
  } },
  { name: "login-step-up", steps: async (page, site) => {
    await loggedIn(page, site);
    await open(page, site, "/login?step_up=1&continue=/v1/health", "step-up");
  } },
  { name: "login-step-up-mailed", steps: async (page, site) => {
    await entersByMail(page, site, "/account");
    await open(page, site, "/login?step_up=1&continue=/v1/health", "step-up");
    await page.click("#proof-do");
    await page.waitForSelector("#proof-code", { state: "visible" });
  } },
  { name: "login-step-up-unverified-passkey", steps: async (page, site) => {
    await addsPasskey(page, site);
    await open(page, site, "/login?step_up=1&continue=/v1/health", "step-up");
    const problem = { code: "invalid_request", status: 400, errors: [{ field: "totp_code", message: "is required" }] };
    await page.route("**/v1/reauthenticate", (route) => route.fulfill({ status: 400, json: problem }));
    await send(page, {}, "#proof-by-passkey");
  } },
  { name: "login-wrong-continue", steps: (page, site) => page.goto(`${site.url}/login?continue=//elsewhere.example`) },
  { name: "login-email", steps: async (page, site) => open(page, site, (await asksForLoginMail(page, site, site.address())).link, "ask") },
  { name: "login-email-success", steps: async (page, site) => {
    await open(page, site, (await asksForLoginMail(page, site, site.address())).link, "ask");
    await send(page, {}, "#here [type=submit]", "success");
  } },
  { name: "login-email-elsewhere", steps: async (page, site) => {
    const email = site.address();
    await site.post("/v1/login/email", { email });
    await open(page, site, (await site.mail(email)).link, "ask");
    await send(page, {}, "#here [type=submit]", "elsewhere");
  } },
  { name: "login-email-replaces", steps: async (page, site) => {
    await loggedIn(page, site);
    const email = site.address();
    await site.post("/v1/login/email", { email });
    await open(page, site, (await site.mail(email)).link, "ask");
    await page.waitForSelector("#note", { state: "visible" });
    await send(page, {}, "#here [type=submit]", "elsewhere");
  } },
  { name: "login-email-unusable", steps: (page, site) => open(page, site, "/login/email", "unusable") },
  { name: "unknown-page", steps: (page, site) => page.goto(`${site.url}/account/nothing`) },
];

const account = [
  { name: "account", steps: (page, site) => enters(page, site, "/account") },
  { name: "account-without-scripts", script: false, steps: (page, site) => page.goto(`${site.url}/account`) },
  { name: "account-menu", steps: async (page, site) => {
    await enters(page, site, "/account?continue=/app");
    await page.evaluate(() => { document.querySelector("nav.narrow details").open = true; });
  } },
  { name: "account-safe", steps: async (page, site) => {
    await addsPasskey(page, site);
    await turnsOn(page, site, open);
    await send(page, {}, "#kept", "view");
    await open(page, site, "/account", "view");
  } },
  { name: "account-without-password", steps: (page, site) => entersByMail(page, site, "/account") },
  { name: "account-log-out-everywhere", steps: async (page, site) => {
    await enters(page, site, "/account/sessions");
    await asks(page, "#log-out-everywhere");
  } },
  { name: "account-over", steps: async (page, site) => {
    const { bearer } = await enters(page, site, "/account/profile");
    await site.post("/v1/logout/all", {}, bearer);
    await send(page, { name: "Ada" }, "#profile [type=submit]", "over");
  } },
  { name: "account-replaced", steps: async (page, site) => {
    await enters(page, site, "/account/profile");
    const { email } = await site.person();
    await asPage(page, "/v1/login", { identifier: email, password: PASSWORD, session });
    await page.evaluate(() => dispatchEvent(new Event("focus")));
    await shows(page, "over");
  } },
  { name: "account-stuck", steps: async (page, site) => {
    await enters(page, site, "/account/profile");
    await site.fault({ function: "mfa-status" });
    await open(page, site, "/account/mfa", "stuck").finally(() => site.repair());
  } },
  { name: "account-profile", steps: async (page, site) => {
    await enters(page, site, "/account/profile");
    await page.fill("#name", `${"A".repeat(60)} ${"ב".repeat(39)}`);
    await page.click("#profile [type=submit]");
    await said(page);
  } },
  { name: "account-profile-faults", steps: async (page, site) => {
    await enters(page, site, "/account/profile");
    await send(page, { username: "a", picture: "nothing" }, "#profile [type=submit]");
  } },
  { name: "account-password", steps: (page, site) => enters(page, site, "/account/password") },
  { name: "account-password-weak", steps: async (page, site) => {
    await enters(page, site, "/account/password");
    await send(page, { "current-password": PASSWORD, "new-password": "short" }, "#do");
  } },
  { name: "account-password-first", steps: (page, site) => entersByMail(page, site, "/account/password") },
  { name: "account-proof", steps: async (page, site) => {
    await enters(page, site, "/account/email");
    await ages(site);
    await page.fill("#email", site.address());
    await asks(page, "#change [type=submit]");
    await page.fill("#proof-password", OTHER_PASSWORD);
    await page.click("#proof-do");
    await page.waitForFunction(() => document.getElementById("problem").textContent);
  } },
  { name: "account-proof-mailed", steps: async (page, site) => {
    await entersByMail(page, site, "/account/email");
    await ages(site);
    await page.fill("#email", site.address());
    await asks(page, "#change [type=submit]");
    await page.click("#proof-do");
    await page.waitForSelector("#proof-code", { state: "visible" });
  } },
  { name: "account-proof-with-app", steps: async (page, site) => {
    await turnsOn(page, site);
    await send(page, {}, "#kept", "view");
    await ages(site);
    await open(page, site, "/account/email", "view");
    await page.fill("#email", site.address());
    await asks(page, "#change [type=submit]");
  } },
  { name: "account-email", steps: (page, site) => enters(page, site, "/account/email") },
  { name: "account-email-code", steps: async (page, site) => {
    await enters(page, site, "/account/email");
    await send(page, { email: site.address() }, "#change [type=submit]", "confirm");
    await page.click("#send-again");
    await page.waitForFunction(() => document.getElementById("sent").textContent);
  } },
  { name: "account-mfa", steps: (page, site) => enters(page, site, "/account/mfa") },
  { name: "account-mfa-setup", steps: async (page, site) => {
    await setsUp(page, site);
    await send(page, { code: "12" }, "#enable [type=submit]");
  } },
  { name: "account-mfa-codes", steps: turnsOn },
  { name: "account-mfa-on", steps: async (page, site) => {
    await turnsOn(page, site);
    await send(page, {}, "#kept", "view");
  } },
  { name: "account-mfa-off", steps: async (page, site) => {
    await turnsOn(page, site);
    await send(page, {}, "#kept", "view");
    await asks(page, "#disable");
    await send(page, { "dialog-input": "123456" }, "dialog[open] [type=submit]");
  } },
  { name: "account-passkeys", steps: (page, site) => enters(page, site, "/account/passkeys") },
  { name: "account-passkeys-added", steps: addsPasskey },
  { name: "account-passkeys-again", steps: async (page, site) => {
    await addsPasskey(page, site);
    await send(page, {}, "#add");
  } },
  { name: "account-passkeys-rename", steps: async (page, site) => {
    await addsPasskey(page, site);
    await asks(page, "#passkeys button");
  } },
  { name: "account-identities", steps: (page, site) => enters(page, site, "/account/identities") },
  { name: "account-identities-refused", steps: async (page, site) => {
    await enters(page, site, "/account/identities?error=access_denied&linked=github");
    await page.waitForFunction(() => document.getElementById("problem").textContent);
  } },
  { name: "account-sessions", steps: async (page, site) => {
    await enters(page, site, "/account/sessions");
    await page.click("#sessions summary");
  } },
  { name: "account-sessions-ended", steps: async (page, site) => {
    await enters(page, site, "/account/sessions");
    await agrees(page, "#end-others");
    await said(page);
  } },
  { name: "account-sessions-forget", steps: async (page, site) => {
    await enters(page, site, "/account/sessions");
    await asks(page, "#devices .row-buttons button:last-child");
  } },
  { name: "account-activity", steps: async (page, site) => {
    await enters(page, site, "/account/activity");
    await page.selectOption("#action", "login");
    await page.click("#filter [type=submit]");
    await said(page);
  } },
  { name: "account-data", steps: (page, site) => enters(page, site, "/account/data") },
  { name: "account-data-deactivated", steps: async (page, site) => {
    await enters(page, site, "/account/data");
    await agrees(page, "#deactivate");
    await shows(page, "deactivated");
  } },
  { name: "account-data-wrong-name", steps: async (page, site) => {
    await enters(page, site, "/account/data");
    await send(page, { typed: "somebody" }, "#delete [type=submit]");
  } },
  { name: "account-data-deleted", steps: async (page, site) => {
    const { email } = await enters(page, site, "/account/data");
    await send(page, { typed: email, password: PASSWORD }, "#delete [type=submit]", "deleted");
  } },
];

export const STATES = { registration, recovery, login, account };
