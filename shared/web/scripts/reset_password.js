// The script of /reset-password and /login-disown.

import { auth, busily, byId, drawRules, failed, isSending, loses, onSubmit, passwordFaults, show, startLink, takeToken, tell, text, unusable } from "./page.js";

// Whether the link is that of a forgotten password.
const forgotten = location.pathname === "/reset-password";
const chosen = byId("new-password");
const repeated = byId("repeated-password");

// Only in memory, and only as long as they are needed.
let token = null;
let resetToken = null;
// Whether the reset token came from the mail's link and not from the previous step.
let byMail = false;

// Deletes everything that could be lost or sent.
function forget() {
  token = resetToken = null;
  chosen.value = repeated.value = "";
  loses(false);
}

function broken(name, title) {
  forget();
  unusable(text(name), text(`${name}_next`), title);
}

// The form for the new password. Only the previous step knows that the sessions ended, because a link proves nothing before its use.
function choose(given, fromMail) {
  forget();
  resetToken = given;
  byMail = fromMail;
  byId("ended").hidden = byId("by-page").hidden = fromMail;
  byId("by-mail").hidden = !fromMail;
  byId("why").hidden = forgotten;
  show("set");
  // The old password still works, and the mail may not have arrived yet. A reader who came from the mail has it.
  loses(!fromMail);
  drawRules(chosen, byId("rules"));
}

async function read() {
  // First removes the tokens from the address.
  const fragment = new URLSearchParams(location.hash.slice(1));
  const isReset = forgotten ? fragment.has("token") : fragment.has("reset");
  const given = takeToken(forgotten ? "token" : isReset ? "reset" : "token");
  if (isSending()) return;
  // Another alert's link, or a damaged one, must not replace the form of the previous step.
  if (!isReset && resetToken && !byMail) return;
  if (!given) return broken("no_token");
  if (!isReset) {
    forget();
    token = given;
    return show("ask");
  }
  try {
    // Spends nothing. So nobody thinks of a password for a link that has expired.
    await auth.passwordResetCheck({ token: given });
  } catch (error) {
    if (error.code !== "invalid_code") throw error;
    byMail = true;
    return broken(forgotten ? "spent_reset" : "spent_step");
  }
  choose(given, true);
}

function refused(error) {
  const items = passwordFaults(error);
  if (items) return tell([text("weak_password")], { items, input: chosen });
  if (error.code !== "invalid_code") return failed(error);
  if (!resetToken) return broken("spent_link");
  if (byMail) return broken(forgotten ? "spent_reset" : "spent_step");
  broken("spent_step", text("spent_step_title"));
}

onSubmit("disown", (form) => {
  const disown = async () => {
    const { reset_token: given, expires_in: seconds } = await auth.loginDisown({ token });
    if (seconds >= 60) byId("minutes").textContent = Math.floor(seconds / 60);
    choose(given, false);
  };
  busily(form, disown, refused);
});

onSubmit("reset", (form) => {
  const password = chosen.value;
  if (!password) return tell([text("empty_password")], { input: chosen });
  if (repeated.value !== password) return tell([text("unequal")], { input: repeated });
  const reset = async () => {
    await auth.passwordReset({ token: resetToken, new_password: password });
    forget();
    show("success");
  };
  busily(form, reset, refused);
});

startLink(read);
