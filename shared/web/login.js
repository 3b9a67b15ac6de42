// The script of /login and /login/mfa.

// The texts of this part, in one place for translations. The other texts are in login.html.
const TEXT = {
  emptyIdentifier: "Enter your e\u2011mail address or your username.",
  emptyPassword: "Enter your password.",
  noAddress: "Enter your e\u2011mail address. We send you an e\u2011mail to log in with.",
  wrongCredentials: "The name or the password is not right.",
  wrongProof: "The password is not right.",
  emptyCode: "Enter the six digits from the e\u2011mail.",
  wrongCode: "This code is not right, or it has expired. Use the newest e\u2011mail.",
  emptyFactor: "Enter a code.",
  wrongFactor: "This code is not right, or the time is over. Enter the current code, or start again.",
  emptyTotp: "Enter the six digits that the app shows.",
  wrongTotp: "The code is not right. Enter the one that the app shows now.",
  notOpened: "This browser is not logged in yet. Open the link of the e\u2011mail in this browser first.",
  banned: "This account is blocked.",
  noAccounts: "New accounts cannot be created here at the moment.",
  locked: (wait) => `There were too many wrong attempts. Try again ${wait}.`,
  captcha: "Checking that you are not a program. This can take a few seconds.",
  captchaFailed: "The check that you are not a program failed. Try again.",
  captchaUnknown: "This login needs a check that this page cannot show. Log in with a passkey, or in the app.",
  ended: "Your session has ended. Log in again.",
  noPasskey: "No passkey was used.",
  unknownPasskey: "This passkey does not belong to an account here. Remove it from your device, and log in another way.",
  wrongPasskey: "This passkey cannot be used here. Log in another way.",
  noSuchPasskey: "This login has no passkey. Enter a code.",
  confirm: "Confirm",
  mailCode: "Send me a code by e\u2011mail",
  provider: (name) => `Continue with ${name}`,
  show: "Show", showLabel: "Show the password", hide: "Hide", hideLabel: "Hide the password",
  // What a provider's answer led to. Other values get the last sentence.
  errors: {
    access_denied: "You did not allow the login there, or you stopped it. You can try again or log in another way.",
    invalid_request: "The link to log in was not right. Try again.",
    invalid_state: "That login was started in another browser or too long ago. Try again.",
    invalid_response: "The answer of the other site could not be checked. Try again, or log in another way.",
    provider_unavailable: "The other site does not answer at the moment. Try again later, or log in another way.",
    link_required: "That account is not linked to an account here yet. Log in by e\u2011mail or with your password first. Then you can link it.",
    sign_up_closed: "New accounts cannot be created here at the moment.",
    account_banned: "This account is blocked.",
    identity_in_use: "That account is already linked to another account here.",
    already_linked: "Your account here is already linked to another account of that site.",
  },
  otherError: "The login did not work. Try again, or log in another way.",
};
// Numbers that are hashed at once. The page can react to its reader in between.
const CHUNK = 2000;
// In milliseconds. Shorter waits show nothing, so that nothing flickers.
const PAUSE = 400;

const query = new URLSearchParams(location.search);
const ofMfa = location.pathname === "/login/mfa";
// Whether the browser says that it has a session. The refresh token's cookie shows whether that is true.
const marked = document.documentElement.dataset.session === "true";
const session = () => ({ transport: "cookie", remember_me: byId("remember").checked });

// Only in memory, and only as long as they are needed. In the second step after a provider, a cookie proves the first.
let mfaToken = null;
let methods = [];
let loginId = null;
let proofId = null;
let mfaEnabled = false;
let autofill = null;
let drawn = null;

// The path to go to after the login. Null without one, undefined for one that leads anywhere else. As the server checks it: a
// second value must not slip past the first.
function continuation() {
  const given = query.getAll("continue");
  if (!given.length || given[0] === "") return null;
  const [path, ...more] = given;
  if (more.length || !/^\/(?!\/)[!-~]*$/.test(path) || /[\\#]/.test(path)) return undefined;
  const url = new URL(path, location.origin);
  return url.origin === location.origin && !url.pathname.startsWith("//") ? path : undefined;
}
const next = continuation();

// Leaves the page, or says that its reader is logged in.
function finish({ recovery_key: key } = {}) {
  mfaToken = loginId = proofId = null;
  for (const input of document.querySelectorAll("input:not([type=checkbox])")) input.value = "";
  if (next && !key) return location.assign(next);
  showRecoveryKey(key);
  byId("stay").hidden = Boolean(next);
  byId("go-on").hidden = !next;
  show("success");
}

function back() {
  mfaToken = loginId = proofId = null;
  if (ofMfa) return location.assign(`/login${next ? `?continue=${encodeURIComponent(next)}` : ""}`);
  return showLogin();
}

async function showLogin() {
  const [identifier, password] = [byId("identifier"), byId("password")];
  await (drawn ??= draw());
  password.value = "";
  show("login", identifier.value ? password : identifier);
}

function showSecond() {
  const byCode = methods.some((method) => method !== "passkey");
  const mailed = methods.includes("email_code");
  byId("with-factor").hidden = !byCode;
  byId("factor-of-app").hidden = byId("trusting").hidden = mailed;
  byId("factor-of-mail").hidden = !mailed;
  byId("factor-passkey").hidden = !(methods.includes("passkey") && canUsePasskeys());
  byId("factor").value = "";
  show("second", byCode ? byId("factor") : null);
}

// ---- Captcha ----

// The number that has the given hash: a proof of work in ALTCHA's format.
async function solve({ algorithm, challenge, salt, signature, maxnumber }) {
  const encoder = new TextEncoder();
  const wanted = Uint8Array.from(challenge.match(/../g), (pair) => parseInt(pair, 16));
  const hits = (digest) => new Uint8Array(digest).every((byte, at) => byte === wanted[at]);
  for (let first = 0; first <= maxnumber; first += CHUNK) {
    const numbers = Array.from({ length: Math.min(CHUNK, maxnumber - first + 1) }, (_, n) => first + n);
    const digests = await Promise.all(numbers.map((number) => crypto.subtle.digest("SHA-256", encoder.encode(salt + number))));
    const at = digests.findIndex(hits);
    if (at >= 0) return btoa(JSON.stringify({ algorithm, challenge, number: first + at, salt, signature }));
  }
  throw new Error("the proof of work has no answer");
}

// Posts, and gives the answer to a captcha if one is needed.
async function postSolving(path, body) {
  const result = await postWithCookies(path, body);
  if (result.answer.code !== "captcha_required") return result;
  const asked = await request("GET", "/v1/captcha");
  if (!asked.ok) return asked;
  if (asked.answer.kind !== "altcha") return result;
  byId("busy").textContent = TEXT.captcha;
  return postWithCookies(path, { ...body, captcha: await solve(asked.answer.challenge) });
}

// ---- Answers ----

function refused(result, { input = null, wrong = null } = {}) {
  const { status, retryAfter, answer } = result;
  switch (answer.code) {
    case "invalid_credentials":
      return tell([shown === "step-up" ? TEXT.wrongProof : TEXT.wrongCredentials], { input });
    case "invalid_code":
      return tell([wrong ?? TEXT.wrongCode], { input });
    case "captcha_required":
      return tell([TEXT.captchaUnknown]);
    case "captcha_failed":
      return tell([TEXT.captchaFailed]);
    case "account_banned":
      return tell([TEXT.banned]);
    case "forbidden":
      return tell([TEXT.noAccounts]);
    case "locked_out":
      return tell([TEXT.locked(wait(retryAfter))]);
    case "invalid_request":
      // The server's words about the one input that the reader filled in.
      if (input && wrong) return tell([wrong], { input });
  }
  if (status === 401 && shown === "step-up") {
    notice(TEXT.ended);
    return showLogin();
  }
  failed(result);
}

// The answer that ends a step: the login is complete, a second factor is due, or it was refused.
function step(result, how) {
  if (!result.ok) return refused(result, how);
  if (result.answer.status !== "mfa_required") return finish(result.answer);
  mfaToken = result.answer.mfa_token;
  methods = result.answer.methods ?? [];
  showSecond();
}

// A sentence above the form. Empty removes it.
function notice(text) {
  byId("notice").textContent = text;
  byId("notice").hidden = !text;
}

// ---- Passkeys ----

const canUsePasskeys = () => Boolean(globalThis.PublicKeyCredential?.parseRequestOptionsFromJSON);

// What an authenticator says to a challenge. Null if its reader stopped it.
async function assertion(body, options = {}) {
  const asked = await postWithCookies("/v1/login/passkey/options", body);
  if (!asked.ok) return { asked };
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(asked.answer.publicKey);
  try {
    const credential = await navigator.credentials.get({ publicKey, ...options });
    return { proof: { challenge_id: asked.answer.challenge_id, credential: credential.toJSON() } };
  } catch {
    return null;
  }
}

function refusedPasskey(result) {
  if (result.answer.code === "unknown_credential") return tell([TEXT.unknownPasskey]);
  if (result.answer.code === "conflict") return tell([TEXT.noSuchPasskey]);
  refused(result, { wrong: TEXT.wrongPasskey });
}

// Asks for a passkey on behalf of a button, and posts what the authenticator said.
function withPasskey(button, body, path, rest, then) {
  autofill?.abort();
  return busily(button, async () => {
    const came = await assertion(body());
    if (!came) return tell([TEXT.noPasskey]);
    if (came.asked) return refusedPasskey(came.asked);
    const result = await postWithCookies(path, { ...came.proof, ...rest() });
    if (!result.ok) return refusedPasskey(result);
    then(result);
  });
}

// Offers passkeys in the list that opens below the identifier. Asked for when its reader touches the field, because each question
// costs a request.
async function offerInField() {
  if (autofill || !canUsePasskeys() || !(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
  autofill = new AbortController();
  const came = await assertion({ discoverable: true }, { mediation: "conditional", signal: autofill.signal }).catch(() => null);
  if (!came?.proof || shown !== "login") return;
  const button = byId("by-passkey");
  busily(button, async () => {
    const result = await postWithCookies("/v1/login/passkey/verify", { ...came.proof, session: session() });
    if (!result.ok) return refusedPasskey(result);
    step(result);
  });
}

// ---- The login form ----

function onSubmit(id, work) {
  byId(id).addEventListener("submit", (event) => {
    event.preventDefault();
    if (!sending) work(event.target);
  });
}

onSubmit("by-password", (form) => {
  const [identifier, password] = [byId("identifier"), byId("password")];
  notice("");
  if (!identifier.value.trim()) return tell([TEXT.emptyIdentifier], { input: identifier });
  if (!password.value) return tell([TEXT.emptyPassword], { input: password });
  autofill?.abort();
  const body = { identifier: identifier.value, password: password.value, session: session() };
  busily(form, async () => step(await postSolving("/v1/login", body), { input: password, wrong: TEXT.wrongCredentials }));
});

byId("by-mail").addEventListener("click", ({ currentTarget: button }) => {
  if (sending) return;
  const input = byId("identifier");
  const email = input.value.trim();
  notice("");
  if (!email.includes("@")) return tell([TEXT.noAddress], { input });
  autofill?.abort();
  busily(button, async () => {
    const result = await postSolving("/v1/login/email", { email, session: session() });
    if (!result.ok) return refused(result, { input, wrong: TEXT.noAddress });
    loginId = result.answer.challenge_id;
    byId("mailed-to").textContent = email;
    byId("code").value = "";
    const byLink = byId("with-code").hidden;
    show("mailed", byLink ? null : byId("code"));
  });
});

byId("by-passkey").addEventListener("click", ({ currentTarget: button }) => {
  notice("");
  withPasskey(button, () => ({ discoverable: true }), "/v1/login/passkey/verify", () => ({ session: session() }), step);
});

onSubmit("with-code", (form) => {
  const input = byId("code");
  if (!input.value.trim()) return tell([TEXT.emptyCode], { input });
  const body = { challenge_id: loginId, code: input.value, session: session() };
  busily(form, async () => step(await postWithCookies("/v1/login/email/verify", body), { input, wrong: TEXT.wrongCode }));
});

// The link opened another page of this browser, which logged in.
onSubmit("opened", (form) => busily(form, async () => {
  const me = await request("GET", "/v1/me", null, { credentials: "same-origin" });
  if (me.ok) return finish();
  if (me.status === 401) return tell([TEXT.notOpened]);
  failed(me);
}));

// ---- The second factor ----

onSubmit("with-factor", (form) => {
  const input = byId("factor");
  const code = input.value.trim();
  if (!code) return tell([TEXT.emptyFactor], { input });
  const ofMail = methods.includes("email_code");
  // An app's code has six digits, a backup code has letters too or is longer.
  const ofApp = (code.match(/\p{Nd}/gu) ?? []).length === 6 && !/\p{L}/u.test(code);
  const method = ofMail ? "email_code" : ofApp ? "totp" : "backup_code";
  const body = { method, code, trust_device: byId("trust").checked && !ofMail };
  if (mfaToken) body.mfa_token = mfaToken;
  busily(form, async () => step(await postWithCookies("/v1/login/mfa", body), { input, wrong: TEXT.wrongFactor }));
});

byId("factor-passkey").addEventListener("click", ({ currentTarget: button }) => {
  const ofLogin = () => (mfaToken ? { mfa_token: mfaToken } : {});
  withPasskey(button, ofLogin, "/v1/login/passkey/verify", () => ({ session: session() }), step);
});

// ---- A new proof in a session ----

function showStepUp(user) {
  const passkey = user.passkeys > 0 && canUsePasskeys();
  byId("who").textContent = user.email ?? user.username ?? "";
  // Without an app, only a passkey is a second factor.
  byId("prove").hidden = passkey && !user.mfa_enabled;
  byId("own-password").hidden = !user.has_password;
  byId("own-totp").hidden = !(user.mfa_enabled && user.has_password);
  byId("prove-now").textContent = user.has_password ? TEXT.confirm : TEXT.mailCode;
  byId("prove-by-passkey").hidden = !passkey;
  show("step-up", user.has_password && !byId("prove").hidden ? byId("proof") : null);
  mfaEnabled = user.mfa_enabled;
}

onSubmit("prove", (form) => {
  const [password, code, totp] = [byId("proof"), byId("proof-code"), byId("proof-totp")];
  const isShown = (input) => !input.closest("[hidden]");
  if (isShown(password) && !password.value) return tell([TEXT.emptyPassword], { input: password });
  if (isShown(code) && !code.value.trim()) return tell([TEXT.emptyCode], { input: code });
  if (isShown(totp) && !totp.value.trim()) return tell([TEXT.emptyTotp], { input: totp });
  // Without a password, the first press mails a code.
  const body = {};
  if (isShown(password)) body.password = password.value;
  if (isShown(code)) Object.assign(body, { challenge_id: proofId, code: code.value });
  if (isShown(totp)) body.totp_code = totp.value;
  busily(form, async () => {
    const result = await postWithCookies("/v1/reauthenticate", body);
    const ofTotp = isShown(totp) && !isShown(code);
    const input = result.answer.code === "invalid_credentials" ? password : ofTotp ? totp : isShown(code) ? code : null;
    if (!result.ok) return refused(result, { input, wrong: ofTotp ? TEXT.wrongTotp : TEXT.wrongCode });
    if (result.status !== 202) return finish();
    proofId = result.answer.challenge_id;
    byId("own-password").hidden = true;
    byId("own-code").hidden = false;
    byId("own-totp").hidden = !mfaEnabled;
    byId("prove-now").textContent = TEXT.confirm;
    code.focus();
  });
});

byId("prove-by-passkey").addEventListener("click", ({ currentTarget: button }) => {
  withPasskey(button, () => ({ discoverable: true }), "/v1/reauthenticate", () => ({}), () => finish());
});

// ---- The start ----

// Exchanges the refresh token of the cookies.
const refresh = () => postWithCookies("/v1/token/refresh", {});

// Whether an answer says that this browser has no session.
const isWithout = ({ status }) => status === 401 || status === 400;

function stuck(lines) {
  show("stuck");
  pressed = byId("again");
  tell(lines);
}

// Goes on without a form where this browser has a session. Returns whether the page is done.
async function goOn() {
  const silently = query.get("prompt") === "none";
  const stepsUp = query.get("step_up") === "1";
  const authorizes = next && new URL(next, location.origin).pathname === "/oauth2/authorize";
  // Any other value asks for a form: login, select_account.
  if (!silently && (query.get("prompt") || query.get("error"))) return false;
  if (stepsUp && !silently) {
    const me = await request("GET", "/v1/me", null, { credentials: "same-origin" });
    if (me.ok) return showStepUp(me.answer), true;
    if (me.status !== 401) return stuck(explained(me)), true;
  }
  const tries = marked && (authorizes || silently || stepsUp);
  const refreshed = tries ? await refresh() : { status: 401 };
  if (refreshed.ok && stepsUp && !silently) return showStepUp(refreshed.answer.user), true;
  if (refreshed.ok || (silently && isWithout(refreshed))) {
    if (!next) return false;
    // The page leaves no entry in the history, so that the way back does not lead here.
    return location.replace(next), true;
  }
  if (isWithout(refreshed)) return false;
  // Not known: going on would lead back here at once.
  return stuck(explained(refreshed)), true;
}

// Draws what depends on the deployment. The form also works without it.
async function draw() {
  const config = await request("GET", "/v1/config").catch(() => ({ answer: {} }));
  const { login_mail: mail, providers } = config.answer;
  byId("by-mail").hidden = mail === "off";
  byId("with-code").hidden = mail === "link";
  byId("opened").hidden = byId("mailed-link").hidden = mail !== "link";
  byId("by-passkey").hidden = !canUsePasskeys();
  const links = (Array.isArray(providers) ? providers : []).map(({ id, name }) => {
    const link = document.createElement("a");
    link.className = "button quiet";
    link.textContent = TEXT.provider(name);
    return [link, `/v1/providers/${encodeURIComponent(id)}/start`];
  });
  const aim = () => {
    for (const [link, path] of links) {
      const parameters = new URLSearchParams();
      if (next) parameters.set("continue", next);
      if (byId("remember").checked) parameters.set("remember_me", "true");
      // The provider must ask again where the app wants a new login, or another account.
      const asked = next ? new URL(next, location.origin).searchParams : new URLSearchParams();
      const prompts = (asked.get("prompt") ?? "").split(" ");
      const prompt = ["login", "select_account"].find((known) => prompts.includes(known));
      if (prompt) parameters.set("prompt", prompt);
      if (asked.get("max_age")) parameters.set("max_age", asked.get("max_age"));
      link.href = String(parameters) ? `${path}?${parameters}` : path;
    }
  };
  aim();
  byId("remember").addEventListener("change", aim);
  byId("providers").append(...links.map(([link]) => link));
  byId("others").hidden = [...byId("others").children].every((way) => way.hidden || !(way.matches("button") || links.length));
}

async function start() {
  if (next === undefined) return show("unusable");
  const pause = setTimeout(() => show("wait"), PAUSE);
  try {
    if (ofMfa) {
      const known = ["totp", "backup_code", "passkey", "email_code"];
      const given = (query.get("methods") ?? "").split(",").filter((method) => known.includes(method));
      methods = given.length ? given : known.slice(0, 3);
      return showSecond();
    }
    if (await goOn()) return;
    const ofRequest = next ? new URL(next, location.origin).searchParams.get("login_hint") : null;
    byId("identifier").value = query.get("login_hint") ?? ofRequest ?? "";
    const error = query.get("error");
    if (error) notice(Object.hasOwn(TEXT.errors, error) ? TEXT.errors[error] : TEXT.otherError);
    await showLogin();
  } catch {
    stuck([COMMON.network]);
  } finally {
    clearTimeout(pause);
  }
}

revealing(byId("reveal"), [byId("password")], TEXT);
for (const button of document.querySelectorAll("[data-back]")) button.addEventListener("click", () => { if (!sending) back(); });
byId("again").addEventListener("click", () => location.reload());
byId("go-on").addEventListener("click", () => { losing = false; location.assign(next); });
for (const touch of ["pointerdown", "keydown"]) byId("identifier").addEventListener(touch, () => { offerInField(); }, { once: true });
start();
