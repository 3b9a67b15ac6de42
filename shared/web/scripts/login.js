// The script of /login and /login/mfa.

import { Latchkey } from "../client/latchkey.js";
import { factorMethod, isStopped } from "./factor.js";
import { auth, busily, byId, element, failed, isSending, isShown, keep, kept, loses, next, onClick, onSubmit, query, show, showRecoveryKey, start, stuck, tell, tellToWait, text, withQuery } from "./page.js";
import { offerPasskey } from "./passkey_offer.js";
import { drawProviders } from "./providers.js";
import { pauseResend } from "./resend.js";

const ofMfa = location.pathname === "/login/mfa";
// Whether the browser says that it has a session. The refresh token's cookie shows whether that is true.
const marked = document.documentElement.dataset.session === "true";
// Read when it is sent, because the list of passkeys is there before its reader ticks the box.
const session = () => ({ transport: "cookie", get remember_me() { return byId("remember").checked; } });
const nextUrl = next && new URL(next, location.origin);
const silently = query.get("prompt") === "none";
const stepsUp = query.get("step_up") === "1";

// Only in memory, and only as long as they are needed. In the second step after a provider, a cookie proves the first.
let mfaToken = null;
let methods = [];
let loginId = null;
// Who was logged in here when the login mail was sent.
let before = null;
let autofill = null;
let drawn = null;
// How the reader logs in: password, email, passkey, or a provider's id.
let way = null;

// ---- The end ----

// Forgets the steps of a login.
function forget() {
  mfaToken = loginId = null;
  keep("sessionStorage", "latchkey.login", null);
}

// Leaves the page. It leaves no entry in the history, so that the way back does not lead to a form that was used.
const leave = () => {
  loses(false);
  location.replace(next ?? "/account");
};

// The login is complete.
async function finish({ recovery_key: key, user } = {}) {
  forget();
  for (const input of document.querySelectorAll("input:not([type=checkbox])")) input.value = "";
  if (way) keep("localStorage", "latchkey.way", way);
  if (key) {
    showRecoveryKey(key);
    return show("success");
  }
  if (way === "password" && user?.passkeys === 0 && (await offerPasskey())) return show("upgrade", byId("add-passkey"));
  leave();
}

function back() {
  forget();
  if (ofMfa) return location.assign(withQuery("/login", { continue: next }));
  return showLogin();
}

// ---- The form, identifier first ----

// The first step asks for the identifier, the second one for its password.
function ask(forPassword) {
  const [identifier, password] = [byId("identifier"), byId("password")];
  byId("identify").hidden = forPassword;
  byId("identified").hidden = byId("forgotten").hidden = !forPassword;
  byId("chosen").textContent = identifier.value.trim();
  const box = byId("own-secret");
  box.className = forPassword ? "" : "unseen";
  box.ariaHidden = forPassword ? null : "true";
  for (const part of box.querySelectorAll("input, button")) part.tabIndex = forPassword ? 0 : -1;
  byId("go").textContent = text(forPassword ? "log_in" : "continue");
  byId("no-account").classList.toggle("gone", forPassword);
  tell();
  (forPassword ? password : identifier).focus();
}

async function showLogin() {
  await (drawn ??= draw());
  byId("password").value = "";
  show("login");
  ask(false);
}

// Draws what depends on the deployment. The form also works without it.
async function draw() {
  const config = await auth.config().catch(() => ({}));
  byId("by-mail").hidden = config.login_mail === "off";
  byId("with-code").hidden = config.login_mail === "link";
  byId("opened").hidden = config.login_mail === "code";
  byId("mailed-link").hidden = config.login_mail !== "link";
  byId("by-passkey").hidden = !(await Latchkey.passkeys.available);
  byId("no-account").hidden = config.registration?.length === 0;
  byId("register").href = withQuery("/register", { continue: next });
  byId("forgot").href = withQuery("/forgot-password", { continue: next });
  const links = drawProviders(byId("providers"), config.providers, nextUrl, byId("remember"), (id) => keep("localStorage", "latchkey.way", id));
  byId("others").hidden = [...byId("others").children].every((other) => other.hidden || !(other.matches("button") || links.length));
  const last = kept("localStorage", "latchkey.way");
  const used = [...document.querySelectorAll("[data-way]")].find(({ dataset }) => dataset.way === last);
  used?.append(" ", element("span.hint", text("last_used")));
}

// A sentence above the form. Empty removes it.
function notice(words) {
  byId("notice").textContent = words;
  byId("notice").hidden = !words;
}

// ---- Refusals ----

const refused = ({ input = null, wrong = null } = {}) => (error) => {
  switch (error.code) {
    case "invalid_credentials":
      return tell([text("wrong_credentials")], { input });
    case "invalid_code":
      return tell([text(wrong ?? "wrong_code")], { input });
    case "forbidden":
      return tell([text("no_accounts")]);
    case "locked_out":
      return tellToWait("locked", error.retryAfter);
    case "invalid_request":
      // The server's words about the one input that the reader filled in.
      if (input && wrong) return tell([text(wrong)], { input });
  }
  failed(error);
};

const refusedPasskey = (error) => {
  if (isStopped(error)) return tell([text("no_passkey")]);
  if (error.code === "unknown_credential") return tell([text("unknown_passkey")]);
  if (error.code === "conflict") return tell([text("no_such_passkey")]);
  refused({ wrong: "wrong_passkey" })(error);
};

// The answer that ends a step: the login is complete, or a second factor is due.
async function step(answer) {
  if (answer.status !== "mfa_required") return finish(answer);
  mfaToken = answer.mfa_token;
  methods = answer.methods ?? [];
  await showSecond();
}

// ---- The first factor ----

onSubmit("by-password", (form) => {
  const [identifier, password] = [byId("identifier"), byId("password")];
  notice("");
  if (!identifier.value.trim()) {
    if (byId("identify").hidden) ask(false);
    return tell([text("empty_identifier")], { input: identifier });
  }
  // A password manager may have filled in both.
  if (!password.value) return byId("identify").hidden ? tell([text("empty_password")], { input: password }) : ask(true);
  autofill?.abort();
  way = "password";
  const login = async () => step(await auth.login({ identifier: identifier.value, password: password.value, session: session() }));
  const explain = refused({ input: password, wrong: "wrong_credentials" });
  busily(form, login, (error) => {
    if (!byId("identify").hidden) ask(true);
    explain(error);
  });
});

onClick("change", () => {
  byId("password").value = "";
  ask(false);
});

async function mail() {
  const email = byId("identifier").value.trim();
  const user = marked ? await auth.profileGet().catch(() => null) : null;
  before = mark(user);
  const answer = await auth.loginEmail({ email, session: session() });
  loginId = answer.challenge_id;
  // The page of the mail's link need not warn of a login that stays the same.
  if (user?.email === email.toLowerCase()) keep("localStorage", "latchkey.login-of", `${loginId} ${user.id}`);
  // For a reload: phones drop a page while its reader looks at the mail. The code is the secret, not the challenge's id.
  const sent = Date.now();
  const ends = sent + answer.expires_in * 1000;
  keep("sessionStorage", "latchkey.login", JSON.stringify({ id: loginId, email, next, before, sent, ends }));
}

// A user's last login. Null without a user.
const mark = (user) => user && `${user.id} ${user.last_login_at}`;

function showMailed(email, since) {
  byId("mailed-to").textContent = email;
  byId("code").value = "";
  show("mailed", byId("with-code").hidden ? null : byId("code"));
  pauseResend({ since });
}

// The login mail that this tab asked for. Null for anything else.
function asked() {
  try {
    const login = JSON.parse(kept("sessionStorage", "latchkey.login"));
    return login?.ends > Date.now() && login.next === next ? login : null;
  } catch {
    return null;
  }
}

// Goes on with a login mail that was asked for before a reload. Returns whether there is one.
async function resume() {
  const kept = asked();
  if (!kept) return false;
  await (drawn ??= draw());
  ({ id: loginId, before } = kept);
  byId("identifier").value = kept.email;
  way = "email";
  return showMailed(kept.email, kept.sent), true;
}

onClick("by-mail", (button) => {
  const input = byId("identifier");
  notice("");
  if (!input.value.includes("@")) {
    if (byId("identify").hidden) ask(false);
    return tell([text("no_address")], { input });
  }
  autofill?.abort();
  way = "email";
  const send = async () => {
    await mail();
    byId("mailed-again").textContent = "";
    showMailed(input.value.trim());
  };
  busily(button, send, (error) => {
    if (error.code === "invalid_request" && byId("identify").hidden) ask(false);
    refused({ input, wrong: "no_address" })(error);
  });
});

onClick("mail-again", (button) => {
  byId("mailed-again").textContent = "";
  const send = async () => {
    await mail();
    byId("mailed-again").textContent = text("sent_again");
    showMailed(byId("identifier").value.trim());
  };
  busily(button, send, refused());
});

onSubmit("with-code", (form) => {
  const input = byId("code");
  if (!input.value.trim()) return tell([text("empty_code")], { input });
  const verify = async () => step(await auth.loginEmailVerify({ challenge_id: loginId, code: input.value, session: session() }));
  busily(form, verify, refused({ input, wrong: "wrong_code" }));
});

// The link opened another page of this browser, which logged in.
onSubmit("opened", (form) => {
  const goOn = async () => {
    const user = await auth.profileGet();
    // Somebody who was logged in before may be another user than the one who asked for the mail.
    if (before === mark(user)) return tell([text("not_opened")]);
    await finish({ user });
  };
  busily(form, goOn, (error) => {
    if (error.status === 401) return tell([text("not_opened")]);
    failed(error);
  });
});

// Asks for a passkey on behalf of a button. `prove` gets what authenticators need.
function withPasskey(button, prove) {
  notice("");
  autofill?.abort();
  way = "passkey";
  busily(button, prove, refusedPasskey);
}

onClick("by-passkey", (button) => withPasskey(button, async () => step(await auth.passkeyLogin({ session: session() }))));

// Offers passkeys in the list that opens below the identifier, while the form is there.
async function offerInField() {
  if (autofill || !(await Latchkey.passkeys.conditionalGet)) return;
  autofill = new AbortController();
  const { signal } = autofill;
  const request = auth.passkeyLogin({ conditional: true, signal, session: session() });
  request.then((answer) => {
    way = "passkey";
    return step(answer);
  }).catch((error) => {
    autofill = null;
    if (signal.aborted || isStopped(error) || !error.code || !isShown("login") || isSending()) return;
    busily(byId("by-passkey"), () => Promise.reject(error), refusedPasskey);
  });
}

// ---- The second factor ----

async function showSecond() {
  const byCode = methods.some((method) => method !== "passkey");
  const mailed = methods.includes("email_code");
  byId("with-factor").hidden = !byCode;
  byId("factor-of-app").hidden = byId("trusting").hidden = mailed;
  byId("factor-of-mail").hidden = !mailed;
  byId("factor").inputMode = mailed ? "numeric" : "text";
  byId("factor-passkey").hidden = !(methods.includes("passkey") && (await Latchkey.passkeys.available));
  byId("factor").value = "";
  show("second", byCode ? byId("factor") : null);
}

onSubmit("with-factor", (form) => {
  const input = byId("factor");
  const code = input.value.trim();
  const ofMail = methods.includes("email_code");
  if (!code) return tell([text(ofMail ? "empty_code" : "empty_factor")], { input });
  const body = { method: ofMail ? "email_code" : factorMethod(code), code, trust_device: byId("trust").checked && !ofMail };
  if (mfaToken) body.mfa_token = mfaToken;
  busily(form, async () => step(await auth.loginMfa(body)), refused({ input, wrong: ofMail ? "wrong_code" : "wrong_factor" }));
});

onClick("factor-passkey", (button) => {
  const login = { discoverable: false, session: session() };
  if (mfaToken) login.mfa_token = mfaToken;
  busily(button, async () => step(await auth.passkeyLogin(login)), refusedPasskey);
});

// ---- A new proof in a session ----

async function showStepUp(user) {
  const { drawProof, onProof } = await import("./proof.js");
  onProof(leave, (source, work, refusal) => busily(source, work, (error) => {
    if (!/^(invalid_token|session_revoked)$/.test(error.code)) return refusal(error);
    notice(text("ended"));
    return showLogin();
  }));
  byId("who").textContent = user.email ?? user.username ?? "";
  const asked = (nextUrl?.searchParams.get("acr_values") ?? "").split(" ");
  show("step-up", await drawProof(user, asked.includes("aal2")));
}

// ---- The start ----

// Goes on without a form where this browser has a session. Returns whether the page is done.
async function goOn() {
  // The page that began to link an account of another site explains why that failed.
  if (query.get("error") && marked && nextUrl?.pathname === "/account/identities" && nextUrl.searchParams.has("linked")) {
    nextUrl.searchParams.set("error", query.get("error"));
    return location.replace(nextUrl.pathname + nextUrl.search), true;
  }
  // Any other value asks for a form: login, select_account.
  if (!silently && (query.get("prompt") || query.get("error"))) return false;
  if (!marked && !stepsUp) {
    if (silently && next) leave();
    return silently && Boolean(next);
  }
  let user = null;
  try {
    // Where an app asked, its authorization request needs a new access token.
    if (nextUrl?.pathname === "/oauth2/authorize" && !stepsUp) await auth.refresh();
    user = await auth.profileGet();
  } catch (error) {
    // Not known: going on would lead back here at once.
    if (error.status !== 401 && error.status !== 400) return stuck(error), true;
    if (!silently || !next) return false;
  }
  if (stepsUp && !silently) return showStepUp(user), true;
  if (next) return leave(), true;
  byId("already").textContent = user.email ?? user.username ?? "";
  return show("logged-in", byId("stay")), true;
}

start(async () => {
  if (next === undefined) return show("unusable");
  if (ofMfa) {
    const known = ["totp", "backup_code", "passkey", "email_code"];
    const given = (query.get("methods") ?? "").split(",").filter((method) => known.includes(method));
    methods = given.length ? given : known.slice(0, 3);
    return showSecond();
  }
  if (await goOn()) return;
  if (await resume()) return;
  byId("identifier").value = query.get("login_hint") ?? nextUrl?.searchParams.get("login_hint") ?? "";
  const error = query.get("error");
  if (error) notice(text(`errors.${error}`, {}, "other_error"));
  await showLogin();
  offerInField();
});

for (const button of document.querySelectorAll("[data-back]")) {
  button.addEventListener("click", () => {
    if (!isSending()) back();
  });
}
for (const id of ["go-on", "stay", "without-passkey"]) onClick(id, leave);
onClick("add-passkey", (button) => {
  const add = async () => {
    await auth.passkeyAdd();
    leave();
  };
  busily(button, add, (error) => (isStopped(error) ? tell([text("no_passkey")]) : failed(error)));
});
