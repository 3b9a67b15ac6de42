// The script of /account/password.

import { auth, byId, characters, drawRules, failed, onSubmit, passwordFaults, tell, text, withQuery } from "./page.js";
import { act, know, open, say, sensitive, user } from "./account_common.js";

const current = byId("current-password");
const chosen = byId("new-password");

function draw() {
  byId("account-name").value = user.email ?? user.username;
  byId("of-current").hidden = byId("forgotten").hidden = !user.has_password;
  byId("first-why").hidden = user.has_password;
  if (!user.email) byId("forgotten").hidden = true;
  byId("forgot").href = withQuery("/forgot-password", { login_hint: user.email });
  byId("do").textContent = text(user.has_password ? "change" : "set");
}

async function refused(error) {
  const items = passwordFaults(error);
  if (error.code === "invalid_credentials") return tell([text("wrong_current")], { input: current });
  if (error.code === "network" && navigator.onLine !== false) return tell([text("lost")]);
  if (!items) return failed(error);
  if (!error.errors.some(({ field }) => field === "current_password")) return tell([text("weak_password")], { items, input: chosen });
  // Longer than any password.
  if (user.has_password && characters(current.value) > 128) return tell([text("wrong_current")], { input: current });
  // Another tab has set the first password.
  know(await auth.profileGet());
  draw();
  tell([text("changed_elsewhere")]);
}

onSubmit("change", (form) => {
  const revoke_other_sessions = byId("others").checked;
  if (user.has_password && !current.value) return tell([text("empty_current")], { input: current });
  if (!chosen.value) return tell([text("empty_password")], { input: chosen });
  const passwords = { new_password: chosen.value, ...(user.has_password && { current_password: current.value }) };
  act(form, async () => {
    await sensitive(() => auth.passwordChange({ ...passwords, revoke_other_sessions }));
    know({ ...user, has_password: true });
    current.value = chosen.value = "";
    chosen.dispatchEvent(new Event("input"));
    draw();
    say(text(revoke_other_sessions ? "changed_everywhere" : "changed"));
  }, refused);
});

open(() => [], () => {
  draw();
  drawRules(chosen, byId("rules"));
});
