// The script of /account/mfa.

import { auth, byId, copy, download, element, failed, isShown, loses, onClick, onSubmit, show, tell, text } from "./page.js";
import { act, ask, know, open, own, say, sensitive, user } from "./account_common.js";

const [code, secret, qr, openApp, backupCodes] = ["code", "secret", "qr", "open-app", "codes"].map(byId);

const counted = (name, count) => text(`${name}_${count === 0 ? "none" : count === 1 ? "one" : "many"}`, { count });

function draw(mfa) {
  byId("off").hidden = mfa.totp;
  byId("on").hidden = !mfa.totp;
  byId("left").textContent = counted("left", mfa.backup_codes_left);
  byId("trusted").textContent = counted("trusted", mfa.trusted_devices);
}

async function reload() {
  const mfa = await own(auth.mfaStatus());
  know({ ...user, mfa_enabled: mfa.totp });
  draw(mfa);
  show("view");
}

// The state that the page showed is not that of the account.
async function elsewhere(name = "changed_elsewhere") {
  await reload();
  say(text(name));
}

// ---- Setup ----

function forgetSecret() {
  code.value = secret.textContent = "";
  qr.replaceChildren();
  openApp.href = "/account/mfa";
}

onClick("set-up", (source) => act(source, async () => {
  const setup = await sensitive(() => auth.totpSetup());
  // Groups are easier to read. They are no spaces, so a copy has none.
  secret.replaceChildren(...setup.secret.match(/.{1,4}/g).map((group) => element("span", group)));
  qr.replaceChildren(Object.assign(element("img"), { src: setup.qr_code, alt: text("qr"), width: 204, height: 204 }));
  openApp.href = setup.otpauth_uri;
  show("setup");
}, (error) => (error.code === "conflict" ? elsewhere() : failed(error))));

onClick("copy-secret", () => copy(secret, byId("secret-copied")));

onClick("stop", () => {
  forgetSecret();
  show("view");
});

onSubmit("enable", (form) => {
  if (!code.value.trim()) return tell([text("empty")], { input: code });
  act(form, async () => {
    const { backup_codes: codes } = await sensitive(() => auth.totpEnable({ code: code.value }));
    forgetSecret();
    know({ ...user, mfa_enabled: true });
    showCodes(codes, true);
  }, (error) => {
    if (error.code === "invalid_code") return tell([text("wrong")], { input: code });
    if (error.code === "invalid_request") return tell([text("empty")], { input: code });
    if (error.code !== "conflict") return failed(error);
    forgetSecret();
    return elsewhere("maybe_on");
  });
});

// ---- Backup codes ----

function showCodes(codes, enabled) {
  byId("enabled").hidden = !enabled;
  const header = document.querySelector("header");
  const product = header.innerText.trim() || header.querySelector("img")?.alt || location.host;
  byId("codes-of").textContent = text("codes_of", { product, name: user.email ?? user.username });
  backupCodes.replaceChildren(...codes.map((entry) => element("li", entry)));
  byId("codes-copied").textContent = "";
  loses(true);
  show("backup");
}

const codesAsText = () => [byId("codes-of").textContent, "", ...[...backupCodes.children].map((entry) => entry.textContent), ""].join("\n");

backupCodes.addEventListener("copy", () => loses(false));

onClick("copy-codes", async () => {
  if (!(await copy(backupCodes, byId("codes-copied")))) return;
  byId("codes-copied").textContent = text("codes_copied");
  loses(false);
});

onClick("download", () => {
  download("backup-codes.txt", codesAsText());
  byId("codes-copied").textContent = text("downloaded");
  loses(false);
});

onClick("print", () => {
  print();
  loses(false);
});

onClick("kept", (source) => act(source, async () => {
  loses(false);
  backupCodes.replaceChildren();
  await reload();
}));

// ---- With a code ----

const refusedFactor = (error, input) => {
  if (error.code === "invalid_code") return tell([text("wrong_factor")], { input });
  if (error.code === "invalid_request") return tell([text("wrong_factor")], { input });
  failed(error);
};

// Asks for a code of the app or a backup code, and does something with it.
function withFactor(name, why, work) {
  const question = {
    title: text(`${name}_title`),
    why,
    label: text("factor"),
    empty: text("empty_factor"),
    yes: text(`${name}_do`),
    attributes: { autocomplete: "one-time-code", autocapitalize: "none", spellcheck: false, maxLength: 64 },
  };
  const done = async (factor) => {
    try {
      return await sensitive(() => work(factor));
    } catch (error) {
      if (error.code !== "conflict") throw error;
      await reload();
      return () => say(text("changed_elsewhere"));
    }
  };
  ask(question, done, refusedFactor);
}

onClick("regenerate", () => withFactor("regenerate", text("regenerate_why"), async (factor) => {
  const { backup_codes: codes } = await auth.backupCodesRegenerate({ code: factor });
  return () => showCodes(codes, false);
}));

onClick("disable", () => withFactor("disable", [], async (factor) => {
  await auth.totpDisable({ code: factor });
  await reload();
  return () => say(text("disabled"));
}));

// The way back must not show the secret or the codes again.
addEventListener("pagehide", () => {
  forgetSecret();
  backupCodes.replaceChildren();
});
addEventListener("pageshow", ({ persisted }) => { if (persisted && !isShown("view")) location.reload(); });

open(() => [auth.mfaStatus()], draw);
