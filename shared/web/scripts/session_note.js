// Says on the page of a mail's link who is logged in in this browser, before its reader decides. The link's account takes that place.

import { Latchkey } from "../client/latchkey.js";
import { byId, isSending } from "./page.js";

// Whether this browser has a session.
let marked = document.documentElement.dataset.session === "true";
let isSame;
let looking = null;

async function look() {
  // Each look has a client of its own, because a client stops where another user's session replaces the one that it knows.
  const asked = marked ? new Latchkey({ transport: "cookie" }).profileGet() : Promise.resolve(null);
  // Only a refusal means that nobody is logged in. Without an answer, the page says that somebody may be.
  const user = await asked.catch(({ status }) => (status === 401 ? null : {}));
  byId("note-name").textContent = user?.email ?? user?.username ?? "…";
  byId("note").hidden = !user || isSame?.(user);
}

// Draws the note. `isSame` says whether the link is for the account that is logged in.
export function sayWhoIsHere(isSameAccount) {
  isSame = isSameAccount;
  return again(look);
}

function again(work) {
  looking ??= work().finally(() => { looking = null; });
  return looking;
}

// Another tab may have logged in meanwhile. Its access token is new, so this needs no refresh.
function seen() {
  if (document.hidden || isSending() || byId("note").closest("section").hidden) return;
  again(async () => {
    marked ||= Boolean((await fetch("/v1/me", { referrerPolicy: "no-referrer" }).catch(() => null))?.ok);
    await look();
  });
}
addEventListener("focus", seen);
document.addEventListener("visibilitychange", seen);
