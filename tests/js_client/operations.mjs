// Every operation succeeds once, in Node.js with tokens and in a browser with cookies.

const PASSWORD = "Gr8-tulip-Wagon";
const OTHER_PASSWORD = "Blue-7-harbour-lamp";

/** What a test needs from the local server. */
export const localServer = (url) => {
  const ask = async (path, body) => {
    const response = await fetch(new URL(path, url), body && { method: "POST", body: JSON.stringify(body) });
    return response.json();
  };
  return {
    advance: (seconds) => ask("/_local/clock", { advance: seconds }),
    now: async () => Date.parse((await ask("/_local/clock")).now),
    invocations: async (name) => (await ask("/_local/costs.json"))[name]?.invocations ?? 0,
    /** The newest mail of a kind. The outbox sends it in the background. */
    async mail(to, kind) {
      for (let tries = 0; tries < 100; tries++) {
        const { messages } = await ask(`/_local/mail.json?to=${encodeURIComponent(to)}`);
        const found = messages.find((message) => message.kind === kind);
        if (found) return { ...found, token: found.link?.split("token=")[1] };
        await new Promise((done) => setTimeout(done, 50));
      }
      throw new Error(`no mail ${kind} for ${to}`);
    },
  };
};

/** The code that an authenticator app shows (RFC 6238). */
export async function totp(secret, now) {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...secret].map((character) => alphabet.indexOf(character).toString(2).padStart(5, "0")).join("");
  const bytes = Uint8Array.from(bits.match(/.{8}/g), (byte) => parseInt(byte, 2));
  const key = await crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-1" }, false, ["sign"]);
  const step = new DataView(new ArrayBuffer(8));
  step.setBigUint64(0, BigInt(Math.floor(now / 30000)));
  const mac = new DataView(await crypto.subtle.sign("HMAC", key, step.buffer));
  const number = mac.getUint32(mac.getUint8(19) & 15) & 0x7fffffff;
  return String(number % 1e6).padStart(6, "0");
}

function check(holds, what) {
  if (!holds) throw new Error(`not so: ${what}`);
}

/** The methods for operations, and those that combine some. */
export const methodsOf = (Latchkey) =>
  Object.getOwnPropertyNames(Latchkey.prototype).filter((name) => name !== "constructor");

/**
 * Calls every method of the client. `make` returns a client with a session of its own. `withCookies` says whether sessions are in
 * cookies, `withPasskeys` whether an authenticator is there. Returns the methods that succeeded.
 */
export async function everyOperation({ Latchkey, make, url, idToken, withCookies, withPasskeys }) {
  const { advance, now, mail } = localServer(url);
  const done = new Set();
  // Records what succeeds. The methods that combine operations are seen to call them.
  const recorded = (client) => {
    for (const name of methodsOf(Latchkey)) {
      client[name] = async (...given) => {
        const answer = await Latchkey.prototype[name].apply(client, given);
        done.add(name);
        return answer;
      };
    }
    return client;
  };
  const auth = recorded(make());
  const [email, next] = ["ada@example.org", "countess@example.org"];

  const { product_name, captcha } = await auth.config();
  check(product_name && captcha.kind === "altcha", "config");
  check((await auth.health()).status === "ok", "health");
  check((await auth.csrf()).csrf_token, "csrf");
  const { challenge } = await auth.captchaChallenge();
  check((await auth.solveCaptcha(challenge)).length > 100, "captcha");

  // Registration.
  const started = await auth.register({ email, password: PASSWORD, name: "Ada" });
  const resent = await auth.registerResend({ registration_id: started.registration_id });
  check(resent.expires_in === 600, "resend");
  const { messages } = await (await fetch(new URL(`/_local/mail.json?to=${email}`, url))).json();
  check(messages.length > 0, "mails");
  const verified = await until(async () => {
    const { code } = await mail(email, "verify_registration");
    return auth.registerVerify({ registration_id: resent.registration_id, code });
  });
  check(verified.status === "authenticated" && verified.recovery_key && !verified.access_token === withCookies, "registerVerify");
  const me = await auth.profileGet();
  check(me.id === verified.user.id && me.name === "Ada", "profileGet");

  // The session.
  await auth.refresh();
  check((await auth.tokenRefresh()).session_id === verified.session_id, "tokenRefresh");
  if (!withCookies) check((await auth.accessToken()).split(".").length === 3, "accessToken");
  check((await auth.fetch("/v1/me")).status === 200, "fetch");
  check((await auth.sessionList({ limit: 5, cursor: null })).sessions[0].current, "sessionList");
  const [device] = (await auth.deviceList()).devices;
  check((await auth.deviceUpdate({ id: device.id, name: "Desk" })).name === "Desk", "deviceUpdate");
  check((await auth.reauthenticate({ password: PASSWORD })).expires_in > 0, "reauthenticate");

  // The account.
  check((await auth.profileUpdate({ name: "Ada L.", bio: null })).name === "Ada L.", "profileUpdate");
  const changing = await auth.emailChange({ new_email: next });
  const { code: changeCode } = await mail(next, "email_change_code");
  check((await auth.emailChangeVerify({ challenge_id: changing.challenge_id, code: changeCode })).email === next, "emailChange");
  await auth.emailChangeUndo({ token: (await mail(email, "email_changed")).token });
  const reset = async (token) => {
    await auth.passwordResetCheck({ token });
    await auth.passwordReset({ token, new_password: PASSWORD });
  };
  await reset((await mail(email, "email_change_undone")).token);
  const login = (client = auth, password = PASSWORD) => client.login({ identifier: email, password });
  check((await login()).status === "authenticated", "login");
  await auth.passwordChange({ current_password: PASSWORD, new_password: OTHER_PASSWORD });
  check((await auth.activityList({ action: "login", limit: 1 })).events[0].status === "success", "activityList");
  check((await auth.accountExport()).account.id === me.id, "accountExport");

  // Login by mail.
  const mailed = await auth.loginEmail({ email });
  const { code: loginCode } = await mail(email, "login_mail");
  check((await auth.loginEmailVerify({ challenge_id: mailed.challenge_id, code: loginCode })).status === "authenticated", "mail login");
  await login(auth, OTHER_PASSWORD);

  // Second factors.
  const { secret } = await auth.totpSetup();
  const { backup_codes: codes } = await auth.totpEnable({ code: await totp(secret, await now()) });
  check((await auth.mfaStatus()).totp, "mfaStatus");
  const { backup_codes: newer } = await auth.backupCodesRegenerate({ code: codes[0] });
  const pending = await login(auth, OTHER_PASSWORD);
  check(pending.status === "mfa_required", "mfa_required");
  await auth.loginMfa({ mfa_token: pending.mfa_token, method: "backup_code", code: newer[0], trust_device: true });
  await auth.totpDisable({ code: newer[1] });

  // Passkeys.
  check((await auth.passkeyOptions()).publicKey.challenge, "passkeyOptions");
  check((await auth.loginPasskeyOptions({ discoverable: true })).publicKey.challenge, "loginPasskeyOptions");
  check((await auth.passkeyList()).passkeys.length === 0, "passkeyList");
  check((await auth.passkeySignal()).user_id, "passkeySignal");
  await auth.signalPasskeys();
  if (withPasskeys) {
    const passkey = await auth.passkeyAdd({ name: "Desk" });
    check((await auth.passkeyUpdate({ id: passkey.id, name: "Lamp" })).name === "Lamp", "passkeyUpdate");
    await auth.logout();
    check((await auth.passkeyLogin()).user.id === me.id, "passkeyLogin");
    check((await auth.passkeyReauthenticate()).expires_in > 0, "passkeyReauthenticate");
    await auth.passkeyRemove({ id: passkey.id });
  }

  // Sign-in providers.
  check((await auth.identityList()).identities.length === 0, "identityList");
  if (withCookies) check((await auth.identityLink({ provider: "google" })).authorization_url, "identityLink");
  const visitor = withCookies ? auth : recorded(make());
  const token = await visitor.providerToken({ provider: "google", id_token: idToken });
  check(token.status === "authenticated" && token.user.id !== me.id, "providerToken");
  const { challenge_id } = await visitor.reauthenticate();
  const { code: proof } = await mail(token.user.email, "reauthentication_code");
  await visitor.reauthenticate({ challenge_id, code: proof });
  await visitor.identityUnlink({ provider: "google" });
  if (withCookies) await login(auth, OTHER_PASSWORD);

  // Without a password at first.
  const bare = await visitor.register({ email: "grace@example.org" });
  const { code: bareCode } = await mail("grace@example.org", "verify_registration");
  const asked = await visitor.registerVerify({ registration_id: bare.registration_id, code: bareCode });
  check(asked.status === "password_required", "password_required");
  await visitor.registerComplete({ registration_token: asked.registration_token, password: PASSWORD });
  if (withCookies) await login(auth, OTHER_PASSWORD);

  // Ends.
  await auth.deviceForget({ id: (await auth.deviceList()).devices.at(-1).id });
  await login(auth, OTHER_PASSWORD);
  await auth.sessionRevoke({ id: (await auth.sessionList()).sessions.find((session) => session.current).id });
  await login(auth, OTHER_PASSWORD);
  check((await auth.logoutAll({ keep_current: true })).revoked >= 0, "logoutAll");
  await auth.loginDisown({ token: (await mail(email, "new_login")).token });
  await auth.passwordForgot({ email });
  await advance(1);
  await until(async () => reset((await mail(email, "password_forgot")).token));
  await login();
  await auth.accountDeactivate({ reason: "a test" });
  await login();
  await auth.accountDelete({ password: PASSWORD });
  await auth.logout();
  return [...done].sort();
}

// Repeats what finds an older mail than the one that is on its way.
async function until(work) {
  for (let tries = 0; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (tries === 20) throw error;
      await new Promise((done) => setTimeout(done, 100));
    }
  }
}
