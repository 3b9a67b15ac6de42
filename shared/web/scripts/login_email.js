// The script of /login/email.

import { auth, busily, byId, failed, isLosing, isSending, keep, kept, onClick, onSubmit, show, showRecoveryKey, startLink, takeToken, tell, text, unusable } from "./page.js";
import { Latchkey } from "../client/latchkey.js";
import { factorMethod, isStopped } from "./factor.js";
import { sayWhoIsHere } from "./session_note.js";

// Only in memory, and only as long as they are needed.
let token = null;
let mfaToken = null;
// The id of the login. The link's token begins with it.
let id = null;

// The login of an account by its link, which the login page or an earlier use of the link knows.
const OWN = "latchkey.login-of";
const isOwn = (user) => kept("localStorage", OWN) === `${id} ${user.id}`;

const session = { transport: "cookie" };

function broken(why, then) {
  token = mfaToken = null;
  unusable(why, then);
}

async function read() {
  const given = takeToken();
  // Another link must not replace a recovery key on the screen or an unfinished step.
  if (isLosing() || isSending() || mfaToken) return;
  token = given;
  if (!token) return broken(text("no_token"), text("no_token_next"));
  [id] = token.split(".");
  await sayWhoIsHere(isOwn);
  // Another link may have come meanwhile.
  if (token === given) showWithNote("ask");
}

function showWithNote(view, focused = null) {
  byId(view).querySelector("h1").after(byId("note"));
  show(view, focused);
}

const refused = (input) => (error) => {
  switch (error.code) {
    case "invalid_code":
      if (mfaToken) return tell([text("wrong_factor")], { input });
      return input ? tell([text("wrong_code")], { input }) : broken(text("spent"), text("spent_next"));
    case "invalid_request":
      // Another browser asked for the mail.
      if (!input) return showWithNote("elsewhere", byId("code"));
      if (mfaToken) return tell([text("wrong_factor")], { input });
      return error.errors.every(({ field }) => field === "code") ? tell([text("empty_code")], { input }) : failed(error);
    case "forbidden":
      return tell([text("no_accounts")]);
  }
  failed(error);
};

async function step(answer) {
  if (answer.status === "mfa_required") {
    token = null;
    mfaToken = answer.mfa_token;
    const canUse = answer.methods.includes("passkey") && (await Latchkey.passkeys.available);
    byId("factor-passkey").parentElement.hidden = byId("factor-passkey").hidden = !canUse;
    return show("second", byId("factor"));
  }
  token = mfaToken = null;
  keep("localStorage", OWN, `${id} ${answer.user.id}`);
  for (const field of document.querySelectorAll("input")) field.value = "";
  // The reader may have had another account here.
  byId("who").textContent = answer.user.email;
  showRecoveryKey(answer.recovery_key, answer.user.email);
  show("success");
}

onSubmit("here", (form) => busily(form, async () => step(await auth.loginEmailVerify({ token, session })), refused(null)));

onSubmit("with-code", (form) => {
  const input = byId("code");
  if (!input.value.trim()) return tell([text("empty_code")], { input });
  busily(form, async () => step(await auth.loginEmailVerify({ token, code: input.value, session })), refused(input));
});

onSubmit("with-factor", (form) => {
  const input = byId("factor");
  const code = input.value.trim();
  if (!code) return tell([text("empty_factor")], { input });
  busily(form, async () => step(await auth.loginMfa({ mfa_token: mfaToken, method: factorMethod(code), code })), refused(input));
});

onClick("factor-passkey", (button) => {
  busily(button, async () => step(await auth.passkeyLogin({ mfa_token: mfaToken, session })), (error) => {
    if (isStopped(error)) return tell([text("no_passkey")]);
    if (error.code === "invalid_code") return tell([text("wrong_passkey")]);
    failed(error);
  });
});

startLink(read);
