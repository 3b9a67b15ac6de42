// The script of /account/passkeys.

import { auth, byId, element, failed, moment, onClick, tell, text } from "./page.js";
import { Latchkey } from "../client/latchkey.js";
import { isStopped } from "./factor.js";
import { act, ask, button, confirmed, know, muted, open, own, say, sensitive, user } from "./account_common.js";
import { refusedName } from "./account_faults.js";

let passkeys = [];

function row(passkey) {
  const { id, name } = passkey;
  // A browser has made it without asking anybody.
  const unverified = passkey.verified === false;
  return element(
    "li",
    element("h2", element("bdi", name), ...(unverified ? [" ", element("span.badge.bad", text("unverified"))] : [])),
    muted(text("created", { at: moment(passkey.created_at) }), element("br"),
      passkey.last_used_at ? text("used", { at: moment(passkey.last_used_at) }) : text("unused")),
    muted(text(passkey.backed_up ? "backed_up" : "not_backed_up")),
    ...(unverified ? [muted(text("unverified_why"))] : []),
    element(
      "div.row-buttons",
      button(text("rename"), () => rename(passkey), { name: text("rename_name", { name }) }),
      button(text("remove"), (source) => remove(id, name, source), { name: text("remove_name", { name }) }),
    ),
  );
}

function draw() {
  byId("passkeys").replaceChildren(...passkeys.map(row));
  byId("none").hidden = passkeys.length > 0;
}

// After every change. The password manager may not know how.
function changed(list) {
  passkeys = list;
  know({ ...user, passkeys: list.length });
  draw();
  auth.signalPasskeys().catch(() => {});
}

const reload = async () => changed((await own(auth.passkeyList())).passkeys);

async function missing(error) {
  if (error.code === "conflict") return tell([text("last_way")]);
  if (error.code !== "not_found") return failed(error);
  // Removed in another tab, or the answer to an earlier try was lost.
  await reload();
  say(text("gone"));
}

function rename({ id, name: value }) {
  const question = {
    title: text("rename_title"),
    label: text("name"),
    empty: text("empty_name"),
    value,
    yes: text("save"),
    attributes: { maxLength: 200 },
  };
  const save = async (name) => {
    try {
      const renamed = await sensitive(() => auth.passkeyUpdate({ id, name }));
      changed(passkeys.map((passkey) => (passkey.id === id ? renamed : passkey)));
    } catch (error) {
      if (error.code !== "not_found") throw error;
      await reload();
      return () => say(text("gone"));
    }
    return () => say(text("renamed"));
  };
  ask(question, save, refusedName);
}

async function remove(id, name, source) {
  if (!(await confirmed({ title: text("remove_title", { name }), why: text("remove_why"), yes: text("remove") }))) return;
  act(source, async () => {
    await sensitive(() => auth.passkeyRemove({ id }));
    changed(passkeys.filter((passkey) => passkey.id !== id));
    say(text("removed"));
  }, missing);
}

function refusedNew(error) {
  if (error.name === "InvalidStateError") return tell([text("exists")]);
  // Nobody stopped these. The browser or the device cannot do it here.
  if (/^(Security|NotSupported|Constraint)Error$/.test(error.name)) return tell([text("failed")]);
  if (isStopped(error)) return tell([text("stopped")]);
  if (error.code === "conflict") return tell([text("too_many")]);
  if (error.code === "invalid_code") return tell([text("invalid")]);
  failed(error);
}

onClick("add", (source) => act(source, async () => {
  const added = await sensitive(() => auth.passkeyAdd());
  changed([...passkeys, added]);
  say(text("added", { name: added.name }));
}, refusedNew));

open(() => [auth.passkeyList()], async (list) => {
  ({ passkeys } = list);
  draw();
  const available = await Latchkey.passkeys.available;
  byId("add").hidden = !available;
  byId("unavailable").hidden = available;
});
