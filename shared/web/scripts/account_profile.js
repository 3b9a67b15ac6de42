// The script of /account/profile.

import { auth, byId, failed, onSubmit, tell, text } from "./page.js";
import { act, know, open, say, sensitive, user } from "./account_common.js";
import { textFault } from "./account_faults.js";

const FIELDS = ["name", "username", "bio", "picture"];

function draw() {
  for (const name of FIELDS) byId(name).value = user[name] ?? "";
}

// Why the server refused a value. It accepts an empty one, except where the account needs its username.
const FAULTS = {
  name: (value) => textFault(value, 100),
  username(value) {
    if (!value) return text("required");
    if (/[^a-z0-9._-]/i.test(value)) return text("username_characters");
    if (value.length < 3 || value.length > 32) return text("username_length", { count: value.length });
    return text("username_other");
  },
  bio: (value) => textFault(value, 500),
  picture(value) {
    if (!/^https:\/\//i.test(value)) return text("picture_https");
    return text(value.length > 2048 ? "picture_long" : "picture_public");
  },
};

// Shows what is wrong at each field, and moves to the first one.
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

const valueOf = (name) => (name === "bio" ? byId(name).value : byId(name).value.trim());

function refused(error) {
  if (error.code === "conflict") return showFaults([["username", text("taken")]]);
  const known = error.errors?.every(({ field }) => FIELDS.includes(field));
  if (error.code !== "invalid_request" || !known) return failed(error);
  const refusedFields = [...new Set(error.errors.map(({ field }) => field))];
  showFaults(refusedFields.map((field) => [field, FAULTS[field](valueOf(field))]));
}

onSubmit("profile", (form) => {
  showFaults([]);
  const values = FIELDS.map((name) => [name, valueOf(name)]);
  const changes = Object.fromEntries(values.filter(([name, value]) => changed(name, value)));
  if (changes.username === "" && !user.email) {
    tell();
    return showFaults([["username", FAULTS.username("")]]);
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
