// The script of /register and /verify-email-notice.

import {
  auth, busily, byId, drawRules, failed, isShown, loses, next, onClick, onSubmit, passwordFaults, query, show, showRecoveryKey, start, tell,
  text, withQuery,
} from "./page.js";
import { drawProviders } from "./providers.js";
import { forget, recall, remember, whenForgotten } from "./registration.js";
import { pauseResend } from "./resend.js";

const nextUrl = next && new URL(next, location.origin);
const inputs = Object.fromEntries(["email", "username", "password", "name"].map((id) => [id, byId(id)]));

// The registration that waits for its code: { id, email, next, ends }.
let begun = null;
// Only in memory, and only as long as it is needed.
let registrationToken = null;
// Whether the form asks for a username and no address.
let byUsername = false;
let drawn = null;

// The path to continue to. After a reload, only the kept registration knows it.
const target = () => begun?.next ?? next;

// The way back in the browser leads to the page before the form.
const goTo = (path) => history.replaceState(null, "", withQuery(path, { continue: target() }));

// ---- The form ----

// Draws what depends on the deployment. The form also works without it. Returns whether there is one.
async function draw() {
  const { registration = ["email"], providers } = await auth.config().catch(() => ({}));
  if (!registration.length) return false;
  byId("to-username").hidden = !registration.includes("username");
  const links = drawProviders(byId("providers"), providers, nextUrl);
  byId("others").hidden = byId("to-username").hidden && !links.length;
  drawRules(inputs.password, byId("rules"));
  inputs.email.value ||= query.get("login_hint") ?? nextUrl?.searchParams.get("login_hint") ?? "";
  return true;
}

async function showForm() {
  if (!(await (drawn ??= draw()))) return show("closed");
  show("register", byUsername ? inputs.username : inputs.email);
}

function ask(withUsername) {
  byUsername = withUsername;
  byId("by-email").hidden = byId("named").hidden = byId("to-username").hidden = byUsername;
  byId("by-username").hidden = byId("to-email").hidden = !byUsername;
  showForm();
}

onClick("to-username", () => ask(true));
onClick("to-email", () => ask(false));

// The first visible input that an error names and that has words of its own, or undefined.
const faulty = ({ errors }) => ["email", "username", "name"].filter((name) => errors.some(({ field }) => field === name))
  .map((name) => inputs[name]).find((input) => !input.closest("[hidden]"));

function refused(error) {
  const items = passwordFaults(error);
  if (items) return tell([text("weak_password")], { items, input: inputs.password });
  switch (error.code) {
    case "conflict":
      return tell([text("taken")], { input: inputs.username });
    case "forbidden":
      return show("closed");
    case "invalid_request": {
      const input = faulty(error);
      if (!input) break;
      return tell([text(`wrong_${input.id}`)], { input });
    }
  }
  failed(error);
}

onSubmit("form", (form) => {
  const { email, username, password, name } = inputs;
  const identifier = byUsername ? username : email;
  if (!identifier.value.trim()) return tell([text(byUsername ? "empty_username" : "empty_email")], { input: identifier });
  if (!password.value) return tell([text("empty_password")], { input: password });
  const request = byUsername
    ? { username: username.value.trim(), password: password.value }
    : { email: email.value.trim(), password: password.value, name: name.value.trim() || null };
  const register = async () => {
    const answer = await auth.register(request);
    if (byUsername) return succeed(answer);
    password.value = "";
    begun = { id: answer.registration_id, email: request.email, next: target() };
    remember(begun);
    goTo("/verify-email-notice");
    showNotice();
  };
  busily(form, register, refused);
});

// ---- The code ----

function showNotice() {
  byId("mailed-to").textContent = begun.email ?? "";
  byId("mailed-to-known").hidden = !begun.email;
  byId("mailed-to-unknown").hidden = Boolean(begun.email);
  byId("code").value = "";
  show("mailed", byId("code"));
  pauseResend();
  const { id } = begun;
  // The link was opened in another tab, or the registration ended there.
  whenForgotten(id, async () => {
    const user = await auth.profileGet().catch(() => null);
    if (user && user.email === (begun.email?.toLowerCase() ?? user.email) && begun.id === id && isShown("mailed")) show("elsewhere");
  });
}

// This registration cannot go on.
function end(name) {
  if (begun) forget(begun.id);
  registrationToken = null;
  loses(false);
  byId("over-title").textContent = text(`${name}_title`);
  byId("over-why").textContent = text(name);
  show("over");
}

onSubmit("with-code", (form) => {
  const input = byId("code");
  if (!input.value.trim()) return tell([text("empty_code")], { input });
  const verify = async () => {
    const answer = await auth.registerVerify({ registration_id: begun.id, code: input.value });
    if (answer.status !== "password_required") return succeed(answer);
    registrationToken = answer.registration_token;
    show("set", byId("new-password"));
    loses(true);
    drawRules(byId("new-password"), byId("new-rules"));
  };
  busily(form, verify, (error) => {
    if (error.code === "conflict") return end("conflict");
    if (error.code === "forbidden") return show("closed");
    const ofCode = error.code === "invalid_request" && error.errors.every(({ field }) => field === "code");
    if (ofCode) return tell([text("empty_code")], { input });
    if (error.code === "invalid_code") return tell([text("wrong_code")], { input });
    failed(error);
  });
});

onClick("mail-again", (button) => {
  const resend = async () => {
    byId("mailed-again").textContent = "";
    await auth.registerResend({ registration_id: begun.id });
    byId("code").value = "";
    byId("mailed-again").textContent = text("sent_again");
    byId("code").focus();
    pauseResend();
  };
  busily(button, resend, (error) => (error.code === "invalid_code" ? end("ended") : failed(error)));
});

onClick("change", () => {
  goTo("/register");
  inputs.email.value ||= begun.email ?? "";
  showForm();
});

onSubmit("complete", (form) => {
  const input = byId("new-password");
  if (!input.value) return tell([text("empty_password")], { input });
  const complete = async () => succeed(await auth.registerComplete({ registration_token: registrationToken, password: input.value }));
  busily(form, complete, (error) => {
    const items = passwordFaults(error);
    if (items) return tell([text("weak_password")], { items, input });
    if (error.code === "invalid_code") return end("spent_step");
    if (error.code === "conflict") return end("conflict");
    if (error.code === "forbidden") return show("closed");
    failed(error);
  });
});

// ---- The end ----

function succeed({ recovery_key: key, user }) {
  registrationToken = null;
  if (begun) forget(begun.id);
  for (const input of document.querySelectorAll("input")) input.value = "";
  showRecoveryKey(key, user.email ?? user.username);
  show("success");
}

// No entry stays in the history, so that the way back does not lead to a step that is over.
function leave() {
  loses(false);
  location.replace(target() ?? "/account");
}

onClick("go-on", leave);
onClick("leave", leave);

for (const link of document.querySelectorAll("[data-log-in], [data-register]")) {
  link.href = withQuery(link.dataset.logIn === undefined ? "/register" : "/login", { continue: next });
}

start(() => {
  if (location.pathname === "/register") return showForm();
  begun = recall();
  return begun ? showNotice() : end("over");
});
