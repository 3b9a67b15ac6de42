// The script of /account/data.

import { auth, byId, characters, download, failed, onClick, onSubmit, show, tell, text } from "./page.js";
import { act, confirmed, forget, know, leave, open, own, sensitive, user } from "./account_common.js";

const typed = byId("typed");
const password = byId("password");

const nameOf = () => user.email ?? user.username;

function draw() {
  byId("typed-name").textContent = byId("account-name").value = nameOf();
  byId("of-password").hidden = !user.has_password;
}

// Shows the end. What the page knows of the account is gone.
function ended(view) {
  forget();
  show(view);
}

onClick("export", (source) => act(source, async () => {
  const status = byId("exported");
  status.textContent = text("collecting");
  try {
    // A long list comes in parts. They become one document.
    const { next, ...whole } = await sensitive(() => own(auth.accountExport()));
    for (let cursor = next; cursor; ) {
      const { next: after, ...part } = await sensitive(() => own(auth.accountExport({ cursor })));
      for (const [name, list] of Object.entries(part)) if (Array.isArray(list)) whole[name] = [...(whole[name] ?? []), ...list];
      cursor = after;
    }
    download("account-data.json", JSON.stringify(whole, null, 2), "application/json");
  } catch (error) {
    status.textContent = "";
    throw error;
  }
  status.textContent = text("exported");
}));

onClick("deactivate", async (source) => {
  if (!(await confirmed({ title: text("deactivate_title"), why: text("deactivate_why"), yes: text("deactivate_do") }))) return;
  act(source, () => sensitive(() => leave(() => auth.accountDeactivate(), () => ended("deactivated"))));
});

async function refused(error) {
  if (error.code === "invalid_credentials") return tell([text("wrong_password")], { input: password });
  if (error.code === "conflict") return tell([text("undo_open")]);
  const ofPassword = error.code === "invalid_request" && error.errors.every(({ field }) => field === "password");
  if (!ofPassword) return failed(error);
  // Longer than any password.
  if (user.has_password && characters(password.value) > 128) return tell([text("wrong_password")], { input: password });
  // Another tab has set the first password.
  know(await auth.profileGet());
  draw();
  tell([text("changed_elsewhere")]);
}

onSubmit("delete", (form) => {
  if (typed.value.trim().toLowerCase() !== nameOf().toLowerCase()) return tell([text("not_typed", { name: nameOf() })], { input: typed });
  if (user.has_password && !password.value) return tell([text("empty_password")], { input: password });
  const proof = user.has_password ? { password: password.value } : {};
  act(form, () => sensitive(() => leave(() => auth.accountDelete(proof), () => ended("deleted"))), refused);
});

open(() => [], draw);
