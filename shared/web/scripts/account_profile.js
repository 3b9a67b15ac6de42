// The script of /account/profile.

import { auth, byId, failed, onSubmit, tell, text } from "./page.js";
import { act, know, open, say, sensitive, user } from "./account_common.js";

const FIELDS = ["name", "username", "bio", "picture"];

function draw() {
  for (const name of FIELDS) byId(name).value = user[name] ?? "";
}

// Shows what is wrong beside each field, and moves to the first one.
function showFaults(faults) {
  for (const name of FIELDS) byId(`${name}-fault`).textContent = "";
  if (!faults.length) return;
  tell([text("faults")]);
  for (const [name, words] of faults) {
    byId(name).setAttribute("aria-invalid", "true");
    byId(`${name}-fault`).textContent = words;
  }
  byId(FIELDS.find((name) => faults.some(([field]) => field === name))).focus();
}

// A browser ends lines with a line feed, the server may have kept others.
const changed = (name, value) => value !== (user[name] ?? "").replace(/\r\n?/g, "\n");

function refused(error) {
  if (error.code === "conflict") return showFaults([["username", text("taken")]]);
  const known = error.errors?.every(({ field }) => FIELDS.includes(field));
  if (error.code !== "invalid_request" || !known) return failed(error);
  showFaults(error.errors.map(({ field, message }) => [field, text("fault", { message })]));
}

onSubmit("profile", (form) => {
  showFaults([]);
  const values = FIELDS.map((name) => [name, name === "bio" ? byId(name).value : byId(name).value.trim()]);
  const changes = Object.fromEntries(values.filter(([name, value]) => changed(name, value)));
  if (changes.username === "" && !user.email) {
    tell();
    return showFaults([["username", text("required")]]);
  }
  act(form, async () => {
    if (!Object.keys(changes).length) return say(text("unchanged"));
    know(await sensitive(() => auth.profileUpdate(changes)));
    draw();
    say(text("saved"));
    // The names that password managers show for passkeys.
    if (user.passkeys) auth.signalPasskeys().catch(() => {});
  }, refused);
});

open(() => [], draw);
