// The script of /account/email.

import { auth, byId, element, failed, onClick, onSubmit, show, tell, text } from "./page.js";
import { act, know, open, say, sensitive, user } from "./account_common.js";

const address = byId("email");
const code = byId("code");
let challenge = null;

function draw() {
  const [before, after = ""] = text(user.email ? "present" : "absent").split("{email}");
  byId("present").replaceChildren(before, ...(user.email ? [element("strong", element("bdi", user.email)), after] : []));
  byId("old-address").hidden = !user.email;
}

const send = async () => {
  challenge = (await sensitive(() => auth.emailChange({ new_email: address.value.trim() }))).challenge_id;
};

// Why the server refused an address.
function faultOf(typed) {
  if (!/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(typed)) return "wrong_email";
  return typed.toLowerCase() === user.email?.toLowerCase() ? "same_email" : "other_email";
}

function refusedAddress(error) {
  if (error.code === "conflict") return tell([text("too_often")]);
  if (error.code !== "invalid_request") return failed(error);
  tell([text(faultOf(address.value.trim()))], { input: address });
}

onSubmit("change", (form) => {
  if (!address.value.trim()) return tell([text("empty_email")], { input: address });
  act(form, async () => {
    await send();
    byId("mailed-to").textContent = address.value.trim();
    code.value = byId("sent").textContent = "";
    show("confirm", code);
  }, refusedAddress);
});

function changed(me) {
  know(me);
  challenge = null;
  address.value = code.value = "";
  draw();
  show("view");
  say(text("changed"));
  if (user.passkeys) auth.signalPasskeys().catch(() => {});
}

async function verify() {
  try {
    changed(await auth.emailChangeVerify({ challenge_id: challenge, code: code.value }));
  } catch (error) {
    if (error.code !== "invalid_code") throw error;
    // The answer to an earlier try may have been lost.
    const me = await auth.profileGet();
    if (me.id !== user.id || me.email === user.email || me.email?.toLowerCase() !== address.value.trim().toLowerCase()) throw error;
    changed(me);
  }
}

onSubmit("with-code", (form) => {
  if (!code.value.trim()) return tell([text("empty_code")], { input: code });
  act(form, verify, (error) => {
    if (error.code === "invalid_code") return tell([text("wrong_code")], { input: code });
    if (error.code === "invalid_request") return tell([text("empty_code")], { input: code });
    if (error.code !== "conflict") return failed(error);
    show("view");
    tell([text("taken")], { input: address });
  });
});

onClick("send-again", (source) => act(source, async () => {
  await send();
  code.value = "";
  code.focus();
  byId("sent").textContent = text("sent");
}, refusedAddress));

onClick("another", () => show("view", address));

open(() => [], draw);
