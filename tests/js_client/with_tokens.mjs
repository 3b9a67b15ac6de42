// All operations from Node.js, with tokens.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { Latchkey } from "latchkey";

import { everyOperation, methodsOf } from "./operations.mjs";

const { ISSUER: url, ID_TOKEN: idToken } = process.env;

// The interfaces of the types, each with the members that its values may have, and those that they must have.
const types = readFileSync(new URL("node_modules/latchkey/latchkey.d.ts", import.meta.url), "utf8");
const shapes = new Map();
for (const [, name, body] of types.matchAll(/^export interface (\w+) \{\n(.*?)^\}/gms)) {
  const members = [...body.matchAll(/^  (\w+)(\??): /gm)];
  const required = members.filter(([, , optional]) => !optional).map(([, member]) => member);
  shapes.set(name, { all: new Set(members.map(([, member]) => member)), required });
}

// What answers hold, by the method that returns them.
const typed = {
  register: ["RegistrationStarted"], registerResend: ["RegistrationStarted"],
  login: ["Authenticated", "MfaRequired"], registerVerify: ["Authenticated", "PasswordRequired"],
  registerComplete: ["Authenticated"], loginEmail: ["ChallengeSent"], loginEmailVerify: ["Authenticated"], loginMfa: ["Authenticated"],
  loginPasskeyOptions: ["PasskeyChallenge"], passkeyOptions: ["PasskeyChallenge"], providerToken: ["Authenticated"],
  tokenRefresh: ["Authenticated"], reauthenticate: ["Reauthenticated", "ChallengeSent"], profileGet: ["User"], profileUpdate: ["User"],
  emailChange: ["ChallengeSent"], emailChangeVerify: ["User"], deviceUpdate: ["Device"], accountExport: ["AccountExport"],
  config: ["Config"],
};
const within = {
  sessionList: ["Session", ({ sessions }) => sessions], deviceList: ["Device", ({ devices }) => devices],
  activityList: ["ActivityEvent", ({ events }) => events], captchaChallenge: ["AltchaChallenge", ({ challenge }) => [challenge]],
};
const seen = new Set();

function assertOne(method, value, names) {
  const fits = (name) => {
    const { all, required } = shapes.get(name);
    const members = Object.keys(value);
    return members.every((member) => all.has(member)) && required.every((member) => member in value);
  };
  assert.ok(names.some(fits), `${method} answers ${Object.keys(value)}, which is no ${names}`);
}

function see(method, answer) {
  const { status } = answer ?? {};
  if (typed[method]) assertOne(method, answer, typed[method].filter((name) => name !== "Authenticated" || status === "authenticated"));
  else if (within[method]) for (const value of within[method][1](answer)) assertOne(method, value, [within[method][0]]);
  else return;
  seen.add(method);
}

const make = () => new Latchkey({ url, transport: "token" });
const done = await everyOperation({ Latchkey, make, url, idToken, withCookies: false, withPasskeys: false, see });
assert.deepEqual(Object.keys({ ...typed, ...within }).filter((method) => !seen.has(method)), []);
// A passkey needs an authenticator, and a link to a provider needs the cookies of a browser.
const elsewhere = [
  "identityLink", "loginPasskeyVerify", "passkeyAdd", "passkeyLogin", "passkeyReauthenticate", "passkeyRegister", "passkeyRemove",
  "passkeyUpdate",
];
assert.deepEqual(methodsOf(Latchkey).filter((name) => !done.includes(name)).sort(), elsewhere);
