// The script of /verify-email.

import {
  auth, busily, byId, characters, drawRules, failed, isLosing, isSending, loses, onClick, onSubmit, passwordFaults, show, showRecoveryKey,
  startLink, takeToken, tell, text, unusable,
} from "./page.js";
import { forget, recall } from "./registration.js";
import { sayWhoIsHere } from "./session_note.js";

// Only in memory, and only as long as they are needed.
let token = null;
let registrationToken = null;
// The id of the registration. The link's token begins with it.
let id = null;

function broken(name, title) {
  token = registrationToken = null;
  unusable(text(name), text(`${name}_next`), title);
}

async function read() {
  const given = takeToken();
  // Another link must not replace a recovery key on the screen or an unfinished step.
  if (isLosing() || isSending()) return;
  registrationToken = null;
  token = given;
  if (!token) return broken("no_token");
  [id] = token.split(".");
  // No account exists yet, so the one that is logged in is another one.
  await sayWhoIsHere();
  // Another link may have come meanwhile.
  if (token === given) show("choose");
}

const refused = (input) => (error) => {
  const items = registrationToken && passwordFaults(error);
  if (items) return tell([text("weak_password")], { items, input });
  switch (error.code) {
    case "invalid_code":
      return registrationToken ? broken("spent_step", text("spent_step_title")) : broken("spent");
    case "invalid_credentials":
      return tell([text("wrong_password")], { input });
    case "conflict":
      return broken("conflict", text("conflict_title"));
    case "forbidden":
      return tell([text("no_accounts")]);
    case "invalid_request":
      if (!input || !error.errors.every(({ field }) => field === "password")) break;
      // Longer than any password that the service accepts.
      return tell([text(characters(input.value) > 128 ? "wrong_password" : "no_password_chosen")], { input });
  }
  failed(error);
};

// Where the reader goes on: to the app that began the registration in this browser, or to the account. Never where the link says, because
// anybody may have made the link, for an account of their own.
function target() {
  const begun = recall();
  return (begun?.id === id ? begun.next : null) ?? "/account";
}

let leadsTo = null;

function succeed({ recovery_key: key, user }) {
  token = registrationToken = null;
  for (const field of document.querySelectorAll("input")) field.value = "";
  leadsTo = target();
  forget(id);
  // The reader may have had another account here.
  byId("who").textContent = user.email;
  showRecoveryKey(key, user.email);
  show("success");
}

onSubmit("known", (form) => {
  const input = byId("known-password");
  const password = input.value;
  if (!password) return tell([text("empty_password")], { input });
  busily(form, async () => succeed(await auth.registerVerify({ token, password })), refused(input));
});

onSubmit("unknown", (form) => {
  const confirm = async () => {
    ({ registration_token: registrationToken } = await auth.registerVerify({ token }));
    token = null;
    byId("known-password").value = "";
    show("set");
    loses(true);
    drawRules(byId("new-password"), byId("rules"));
  };
  busily(form, confirm, refused(null));
});

onSubmit("complete", (form) => {
  const input = byId("new-password");
  const password = input.value;
  if (!password) return tell([text("empty_password")], { input });
  busily(form, async () => succeed(await auth.registerComplete({ registration_token: registrationToken, password })), refused(input));
});

onClick("go-on", () => {
  loses(false);
  location.assign(leadsTo);
});

startLink(read);
