// The form by which a reader with a session proves again who is there, for sensitive steps: the rules of `reauthenticate`. The login page
// and the dialog of the account's pages have its elements.

import { Latchkey } from "../client/latchkey.js";
import { isStopped } from "./factor.js";
import { auth, busily, byId, element, failed, onClick, onSubmit, tell, text } from "./page.js";
import { pauseResend } from "./resend.js";

const inputs = () => ["proof-password", "proof-code", "proof-totp"].map(byId);
const isAsked = (input) => !input.closest("[id^=proof-of]").hidden;

// The account that the proof is for.
let account = null;
// The mailed code that the form asks for.
let challengeId = null;
// Whether the app's code is for a passkey that is one factor only.
let withPasskey = false;
let byPasskey = false;
// The line in the place of the button for another mail, and what ends that pause.
const pause = element("p.muted.status");
let endPause = () => {};

function draw({ password = false, totp = false, mail = Boolean(challengeId) }) {
  byId("proof-of-password").hidden = !password;
  byId("proof-of-mail").hidden = byId("proof-again").hidden = !challengeId;
  byId("proof-of-app").hidden = !totp;
  byId("proof-mailed").textContent = challengeId ? text("proof.mailed") : "";
  byId("proof-why").hidden = Boolean(challengeId);
  byId("proof-why").textContent = text(password || mail || byPasskey ? "proof.why" : "proof.no_way");
  byId("proof-do").textContent = text(password || challengeId || withPasskey ? "proof.confirm" : "proof.send");
  byId("proof-form").hidden = !(password || mail || withPasskey);
  byId("proof-by-passkey").hidden = !byPasskey || withPasskey;
}

// Draws the form for an account. `strong` asks for both factors. Returns the input to begin with, or null.
export async function drawProof(user, strong = false) {
  account = user;
  challengeId = null;
  withPasskey = false;
  endPause();
  byPasskey = user.passkeys > 0 && (await Latchkey.passkeys.available);
  for (const input of inputs()) input.value = "";
  // Only a passkey has both factors without an authenticator app.
  const alone = strong && byPasskey && !user.mfa_enabled;
  const password = user.has_password && !alone;
  draw({ password, totp: password && user.mfa_enabled, mail: Boolean(user.email) && !alone });
  return password ? byId("proof-password") : null;
}

function refused(error) {
  const [password, code, totp] = inputs();
  const asks = (name) => error.code === "invalid_request" && error.errors.some(({ field }) => field === name);
  if (isStopped(error)) return tell([text("no_passkey")]);
  if (error.code === "unknown_credential") return tell([text("unknown_passkey")]);
  if (error.code === "conflict") return tell([text("proof.no_way")]);
  if (error.code === "invalid_credentials") return tell([text("proof.wrong_password")], { input: password });
  if (asks("totp_code")) {
    byId("proof-of-app").hidden = false;
    return tell([text("proof.empty_totp")], { input: totp });
  }
  if (asks("password")) {
    byId("proof-of-password").hidden = false;
    return tell([text("empty_password")], { input: password });
  }
  if (asks("code")) return tell([text("empty_code")], { input: code });
  if (error.code !== "invalid_code") return failed(error);
  if (!challengeId) return tell([text("proof.wrong_totp")], { input: isAsked(totp) ? totp : null });
  tell([text(isAsked(totp) ? "proof.wrong_codes" : "wrong_code")], { input: code });
}

// Lets the form work. `act` does as `busily`, and `done` follows a right proof.
export function onProof(done, act = busily) {
  byId("proof-again").after(pause);
  pause.hidden = true;

  // Takes an answer. The server may ask for a mailed code in place of the password.
  const proven = (answer) => {
    if (!answer.challenge_id) return done();
    challengeId = answer.challenge_id;
    withPasskey = false;
    draw({ totp: account.mfa_enabled });
    const [, code, totp] = inputs();
    code.value = totp.value = "";
    code.focus();
    endPause = pauseResend({ button: byId("proof-again"), line: pause });
  };

  const refusedPasskey = (error) => {
    if (error.code === "invalid_request" && error.errors.every(({ field }) => field === "totp_code")) {
      withPasskey = true;
      challengeId = null;
      endPause();
      draw({ totp: true });
      return tell([text("proof.passkey_totp")], { input: byId("proof-totp") });
    }
    if (error.code === "invalid_code" && !withPasskey) return tell([text("wrong_passkey")]);
    refused(error);
  };

  const prove = async (totp_code) => proven(await auth.passkeyReauthenticate(totp_code ? { totp_code } : {}));

  onSubmit("proof-form", (form) => {
    const [password, code, totp] = inputs();
    if (isAsked(password) && !password.value) return tell([text("empty_password")], { input: password });
    if (isAsked(code) && !code.value.trim()) return tell([text("empty_code")], { input: code });
    if (isAsked(totp) && !totp.value.trim()) return tell([text("proof.empty_totp")], { input: totp });
    if (withPasskey) return act(form, () => prove(totp.value), refusedPasskey);
    // Without a password, the first press mails a code.
    const proof = isAsked(password) ? { password: password.value } : challengeId ? { challenge_id: challengeId, code: code.value } : {};
    if (isAsked(totp)) proof.totp_code = totp.value;
    act(form, async () => proven(await auth.reauthenticate(proof)), refused);
  });

  onClick("proof-again", (button) => act(button, async () => {
    proven(await auth.reauthenticate({}));
    byId("proof-mailed").textContent = text("proof.mailed_again");
  }, refused));

  onClick("proof-by-passkey", (button) => act(button, () => prove(), refusedPasskey));
}
