// The pages in their states, for accessibility.mjs. Each state has a name, the steps of its reader that lead there, and the name of a
// deployment where it is not the default one. A state without scripts has `script: false`.

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

  // Registers an address without a browser. Returns the answer, which has the id.
  async begin(body) {
    return this.post("/v1/register", body);
  }

  // Somebody with an account. `bearer` are the headers of their session.
  async person() {
    const email = this.address();
    const { registration_id } = await this.begin({ email, password: PASSWORD });
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

// Fills in inputs, presses a button, and waits for a section or, without one, for a problem.
async function send(page, values, button, section = null) {
  for (const [id, value] of Object.entries(values)) await page.fill(`#${id}`, value);
  await page.click(button);
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

// The page of the link after a registration.
async function opensLink(page, site, body = {}) {
  const email = site.address();
  await site.begin({ email, ...body });
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

// The form to log in, up to its answer.
async function logsIn(page, site, path, identifier, password, section = null) {
  await open(page, site, path, "login");
  await page.fill("#identifier", identifier);
  await page.click("#go");
  await page.waitForSelector("#identified", { state: "visible" });
  await send(page, { password }, "#go", section);
}

// ---- The states ----

const registration = [
  { name: "register", steps: (page, site) => open(page, site, "/register", "register") },
  { name: "register-without-scripts", script: false, steps: (page, site) => page.goto(`${site.url}/register`) },
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
    for (let n = 0; n < 3; n++) await site.begin({ email: site.address() });
    await registers(page, site);
  } },
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
    const { registration_id: id } = await site.begin({ email });
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

const login = [
  { name: "login", steps: (page, site) => open(page, site, "/login", "login") },
  { name: "login-without-scripts", script: false, steps: (page, site) => page.goto(`${site.url}/login`) },
  { name: "login-empty", steps: async (page, site) => {
    await open(page, site, "/login", "login");
    await send(page, {}, "#go");
  } },
  { name: "login-wrong-password", steps: async (page, site) => logsIn(page, site, "/login", site.address(), OTHER_PASSWORD) },
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
    await logsIn(page, site, "/login", email, PASSWORD, "second");
  } },
  { name: "login-already", steps: async (page, site) => {
    const { email } = await site.person();
    await logsIn(page, site, "/login?continue=/v1/health", email, PASSWORD).catch(() => {});
    await page.waitForURL("**/v1/health");
    await open(page, site, "/login", "logged-in");
  } },
  { name: "login-step-up", steps: async (page, site) => {
    const { email } = await site.person();
    await logsIn(page, site, "/login?continue=/v1/health", email, PASSWORD).catch(() => {});
    await page.waitForURL("**/v1/health");
    await open(page, site, "/login?step_up=1&continue=/v1/health", "step-up");
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
  { name: "login-email-unusable", steps: (page, site) => open(page, site, "/login/email", "unusable") },
  { name: "unknown-page", steps: (page, site) => page.goto(`${site.url}/account/nothing`) },
];

export const STATES = { registration, recovery, login };
