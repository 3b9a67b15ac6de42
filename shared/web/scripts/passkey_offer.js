// The offer of a passkey after a login with a password (WebAuthn Level 3, section 5.1.3, conditional mediation).

import { Latchkey } from "../client/latchkey.js";
import { auth, keep, kept } from "./page.js";

// In milliseconds.
const PAUSE = 30 * 86400 * 1000;
const PATIENCE = 5000;
const KEY = "latchkey.passkey-offered";

// Lets the password manager create a passkey by itself, where it can. Returns whether the page should offer one instead. Once per device
// and 30 days.
export async function offerPasskey() {
  if (Date.now() - Number(kept("localStorage", KEY)) < PAUSE || !(await Latchkey.passkeys.available)) return false;
  keep("localStorage", KEY, Date.now());
  if (await Latchkey.passkeys.conditionalCreate) {
    // The login is complete, whatever comes of it.
    await auth.passkeyAdd({ conditional: true, signal: AbortSignal.timeout(PATIENCE) }).catch(() => {});
    return false;
  }
  return Boolean(await PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable?.().catch(() => false));
}
