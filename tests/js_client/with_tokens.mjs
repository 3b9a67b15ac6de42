// All operations from Node.js, with tokens.
import assert from "node:assert/strict";

import { Latchkey } from "latchkey";

import { everyOperation, methodsOf } from "./operations.mjs";

const { ISSUER: url, ID_TOKEN: idToken } = process.env;

const make = () => new Latchkey({ url, transport: "token" });
const done = await everyOperation({ Latchkey, make, url, idToken, withCookies: false, withPasskeys: false });
// A passkey needs an authenticator, and a link to a provider needs the cookies of a browser.
const elsewhere = [
  "identityLink", "loginPasskeyVerify", "passkeyAdd", "passkeyLogin", "passkeyReauthenticate", "passkeyRegister", "passkeyRemove",
  "passkeyUpdate",
];
assert.deepEqual(methodsOf(Latchkey).filter((name) => !done.includes(name)).sort(), elsewhere);
