// The script of /account.

import { auth, byId, element, moment, text } from "./page.js";
import { open, muted, user } from "./account_common.js";

// The backup codes below which an account should get new ones.
const FEW = 3;

const link = (words, page, name) => {
  const made = Object.assign(element("a", words), { href: `/account/${page}` });
  if (name) made.setAttribute("aria-label", `${words}: ${name}`);
  return made;
};

// A fact with the page where it can be changed.
const fact = (name, value, words, page) => element(
  "div",
  element("dt", text(name)),
  element("dd", element("bdi", value), ...(words ? [" ", link(text(words), page, text(name))] : [])),
);

const step = (name, page) => element("li", element("p", link(text(name), page)), muted(text(`${name}_why`)));

function draw(mfa, { sessions, next }) {
  const steps = [];
  if (!user.passkeys) steps.push(step("add_passkey", "passkeys"));
  // A passkey does not keep out somebody who has the password.
  if (!mfa.totp && user.has_password) steps.push(step("add_app", "mfa"));
  if (mfa.totp && mfa.backup_codes_left < FEW) steps.push(step("add_codes", "mfa"));
  byId("steps").replaceChildren(...steps);
  byId("todo").hidden = !steps.length;
  byId("safe").hidden = steps.length > 0;
  byId("state").replaceChildren(
    fact("password", text(user.has_password ? "password_set" : "password_none"), user.has_password ? "change" : "set", "password"),
    fact("mfa", mfa.totp ? text("mfa_on", { count: mfa.backup_codes_left }) : text("mfa_off"), "manage", "mfa"),
    fact("passkeys", user.passkeys ? text("passkeys_some", { count: user.passkeys }) : text("passkeys_none"), "manage", "passkeys"),
    fact("sessions", next ? text("sessions_many", { count: sessions.length }) : String(sessions.length), "review", "sessions"),
    ...(user.last_login_at ? [fact("last_login", moment(user.last_login_at), "see_activity", "activity")] : []),
  );
  byId("about").replaceChildren(
    fact("name", user.name ?? text("none"), "edit", "profile"),
    fact("username", user.username ?? text("none"), "edit", "profile"),
    fact("email", user.email ?? text("none"), ...(user.email ? ["change", "email"] : [])),
    fact("since", moment(user.created_at)),
  );
}

open(() => [auth.mfaStatus(), auth.sessionList()], draw);
