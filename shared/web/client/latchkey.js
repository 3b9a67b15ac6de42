// Latchkey's API for browsers, workers, Node.js and Deno. README.md shows how to use it, latchkey.d.ts has the types.

// Each operation with its method and path. `*` needs a session, `-` ends it. `!` may begin one, `+` too by the object `session`.
const OPERATIONS = `register POST /v1/register +
registerVerify POST /v1/register/verify +
registerComplete POST /v1/register/complete +
registerResend POST /v1/register/resend
login POST /v1/login +
loginEmail POST /v1/login/email +
loginEmailVerify POST /v1/login/email/verify +
loginMfa POST /v1/login/mfa !
loginPasskeyOptions POST /v1/login/passkey/options
loginPasskeyVerify POST /v1/login/passkey/verify +
loginDisown POST /v1/login/disown
providerToken POST /v1/providers/{provider}/token +
logoutAll POST /v1/logout/all *-
sessionList GET /v1/sessions *
sessionRevoke DELETE /v1/sessions/{id} *
deviceList GET /v1/devices *
deviceUpdate PATCH /v1/devices/{id} *
deviceForget DELETE /v1/devices/{id} *
csrf GET /v1/csrf
reauthenticate POST /v1/reauthenticate *
mfaStatus GET /v1/mfa *
totpSetup POST /v1/mfa/totp *
totpEnable POST /v1/mfa/totp/enable *
totpDisable POST /v1/mfa/totp/disable *
backupCodesRegenerate POST /v1/mfa/backup-codes *
passkeyOptions POST /v1/passkeys/options *
passkeyRegister POST /v1/passkeys *
passkeyList GET /v1/passkeys *
passkeyUpdate PATCH /v1/passkeys/{id} *
passkeyRemove DELETE /v1/passkeys/{id} *
passkeySignal GET /v1/passkeys/signal *
profileGet GET /v1/me *
profileUpdate PATCH /v1/me *
passwordChange POST /v1/password/change *
emailChange POST /v1/email/change *
emailChangeVerify POST /v1/email/change/verify *
emailChangeUndo POST /v1/email/change/undo
accountDeactivate POST /v1/account/deactivate *-
accountDelete POST /v1/account/delete *-
accountExport GET /v1/account/export *
activityList GET /v1/activity *
identityList GET /v1/identities *
identityLink POST /v1/identities/{provider} *
identityUnlink DELETE /v1/identities/{provider} *
passwordForgot POST /v1/password/forgot
passwordResetCheck POST /v1/password/reset/check
passwordReset POST /v1/password/reset
captchaChallenge GET /v1/captcha
config GET /v1/config
health GET /v1/health`;

// Milliseconds. Longer than API Gateway lets a function run.
const TIMEOUT = 40000;
// A spent refresh token still has its successor for ten seconds. So a refresh without an answer is repeated within that time.
const REFRESH_TIMEOUT = 3000;
const REFRESH_PAUSES = [500, 1500, 3000];
const SHARED_TIMEOUT = 5000;
// The browser's list of passkeys renews its challenge before that expires, after 300 seconds.
const CONDITIONAL_TIMEOUT = 240000;
// A tab that waits for another one goes on while the successor is still there.
const LOCK_TIMEOUT = 6000;
// A refusal without a code may have another reason than the age of a token. So it leads to one refresh in this time.
const GUESS_TIMEOUT = 60000;
// Numbers that are hashed at once. The page can react in between.
const CHUNK = 5000;

// The codes of a token that is not good any more.
const OVER = /^(invalid_token|session_revoked)$/;

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
// Undefined for what is not JSON.
const jsonOf = (text) => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

export class LatchkeyError extends Error {
  constructor(status, body, response, cause) {
    const known = { 0: "network", 429: "rate_limited", 503: "temporarily_unavailable", 504: "temporarily_unavailable" };
    const { code = known[status] ?? "internal", title = null, detail = null, errors = [], request_id } = body ?? {};
    super(detail ?? title ?? code, { cause });
    const requestId = request_id ?? response?.headers.get("X-Request-Id") ?? null;
    const retryAfter = parseInt(response?.headers.get("Retry-After")) || null;
    Object.assign(this, { name: "LatchkeyError", code, status, title, detail, errors, requestId, retryAfter, body: body ?? null });
  }
}

// `over` says that there is no session.
const noSession = () => Object.assign(new LatchkeyError(401, { code: "invalid_token" }), { over: true });

// ---- Proof of work ----

// SHA-256 (FIPS 180-4), many times faster for short texts than Web Cryptography, which answers each by a message.
const START = [];
const ROUNDS = [];
for (let n = 2; ROUNDS.length < 64; n++) {
  let divisor = 2;
  while (n % divisor) divisor++;
  const fraction = (root) => ((root % 1) * 2 ** 32) | 0;
  if (divisor === n) {
    START.push(fraction(n ** 0.5));
    ROUNDS.push(fraction(Math.cbrt(n)));
  }
}
const turned = (word, bits) => (word >>> bits) | (word << (32 - bits));
const schedule = new Int32Array(64);

function sha256(bytes) {
  const { length } = bytes;
  const padded = new DataView(new ArrayBuffer(((length + 72) >> 6) << 6));
  new Uint8Array(padded.buffer).set(bytes);
  padded.setUint8(length, 128);
  padded.setUint32(padded.byteLength - 4, length * 8);
  const hash = Int32Array.from(START.slice(0, 8));
  for (let block = 0; block < padded.byteLength; block += 64) {
    let [a, b, c, d, e, f, g, h] = hash;
    for (let round = 0; round < 64; round++) {
      if (round < 16) schedule[round] = padded.getInt32(block + round * 4);
      else {
        const [x, y] = [schedule[round - 15], schedule[round - 2]];
        const before = turned(x, 7) ^ turned(x, 18) ^ (x >>> 3);
        schedule[round] = schedule[round - 16] + schedule[round - 7] + before + (turned(y, 17) ^ turned(y, 19) ^ (y >>> 10));
      }
      const one = h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + ((e & f) ^ (~e & g)) + ROUNDS[round] + schedule[round];
      const two = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0];
    }
    [a, b, c, d, e, f, g, h].forEach((word, at) => (hash[at] += word));
  }
  return hash;
}

// ---- WebAuthn ----

const toBytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const toText = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");

// What a browser is asked for. Older ones lack PublicKeyCredential.parseRequestOptionsFromJSON and parseCreationOptionsFromJSON.
function asking({ challenge, user, ...rest }, conditional, signal) {
  const publicKey = { ...rest, challenge: toBytes(challenge) };
  if (user) publicKey.user = { ...user, id: toBytes(user.id) };
  for (const list of ["allowCredentials", "excludeCredentials"]) {
    if (rest[list]) publicKey[list] = rest[list].map((entry) => ({ ...entry, id: toBytes(entry.id) }));
  }
  return { publicKey, signal, ...(conditional && { mediation: "conditional" }) };
}

// As PublicKeyCredential.toJSON, which older browsers and some password managers lack.
function serialized(credential) {
  if (credential.toJSON) return credential.toJSON();
  const { id, rawId, type, response } = credential;
  const json = { id, rawId: toText(rawId), type, response: {}, clientExtensionResults: {} };
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (response[name]) json.response[name] = toText(response[name]);
  }
  if (response.getTransports) json.response.transports = response.getTransports();
  return json;
}

// Tells the password manager. It may not know how.
const signal = (name, details) => globalThis.PublicKeyCredential?.[name]?.(details).catch(() => {});

export class Latchkey {
  #base;
  #cookie;
  #storage;
  #key;
  #options;
  #locks;
  #shelf;
  #csrf;
  #channel;
  #queue = Promise.resolve();
  #renewing;
  // When the session was last renewed by this tab, and the function that withdraws the sign of it for other tabs.
  #renewedAt = 0;
  #withdraw = () => {};
  // The id of the user, once an answer named it.
  #user;
  // Whether the end of the session was told. With cookies, a new page may have a session.
  #ended;
  // Whether another user's session came in place of this page's. Only a login here ends that.
  #replaced;
  // The access token that arrived here last, and when, on a clock that nobody sets.
  #arrived = {};

  // The refreshes of all clients here by token. A server may have a client for each request, with a copy of the tokens.
  static #refreshes = new Map();

  constructor({ url = "", transport = "cookie", storage, ...options } = {}) {
    this.#base = new URL(url || "/", globalThis.location?.href);
    this.#cookie = transport === "cookie";
    this.#ended = !this.#cookie;
    this.#storage = storage ?? new Map();
    this.#key = `latchkey ${this.#base.origin}`;
    this.#options = options;
    // Tabs share the session by cookies, or by the storage of their page. The requests of a server share nothing.
    if (!globalThis.location || !(this.#cookie || storage)) return;
    try {
      this.#locks = navigator.locks;
      if (!this.#locks) this.#shelf = globalThis.localStorage;
    } catch {
      // The browser's settings forbid it. Then each tab is on its own.
    }
    if (!globalThis.BroadcastChannel) return;
    this.#channel = new BroadcastChannel(this.#key);
    this.#channel.onmessage = ({ data }) => this.#heard(data ?? {});
  }

  // ---- Requests ----

  async #fetch(url, init) {
    const { fetch = globalThis.fetch } = this.#options;
    try {
      return await fetch(url, {
        credentials: this.#cookie ? "include" : "omit",
        referrerPolicy: "no-referrer",
        redirect: "error",
        signal: AbortSignal.timeout(TIMEOUT),
        ...init,
      });
    } catch (cause) {
      if (init.signal?.aborted && init.signal.reason?.name !== "TimeoutError") throw cause;
      throw new LatchkeyError(0, null, null, cause);
    }
  }

  // Sends a request. Where the answer asks for it, gets another CSRF token or access token and repeats the request, once each.
  async #request(url, init, needsSession) {
    const ours = url.origin === this.#base.origin;
    const safe = /^(GET|HEAD)$/.test(init.method);
    const repeatable = !(globalThis.ReadableStream && init.body instanceof ReadableStream);
    let [hasNewCsrf, hasNewSession] = [false, false];
    for (let renewals = 0; ; ) {
      if (needsSession && this.#replaced) throw noSession();
      const headers = new Headers(init.headers);
      const session = needsSession && !this.#cookie ? await this.#current() : {};
      if (session.access_token) headers.set("Authorization", `Bearer ${session.access_token}`);
      let csrf;
      if (this.#cookie && ours && !safe) {
        csrf = this.#csrfToken();
        headers.set("X-CSRF-Token", await csrf);
      }
      const sentAt = Date.now();
      const response = await this.#fetch(url, { ...init, headers });
      if (response.ok || !repeatable) return response;
      const refused = response.status === 401 || response.status === 403;
      const code = refused && jsonOf(await response.clone().text())?.code;
      if (csrf && code === "csrf_failed" && !hasNewCsrf) {
        if (this.#csrf === csrf) this.#csrf = undefined;
        hasNewCsrf = true;
        // The cookies may be another account's by now. This page must not act for that.
        if (needsSession && this.#user) await this.profileGet();
        continue;
      }
      // An authorizer of API Gateway answers 403, and without a code.
      const guesses = response.status === 401 || Date.now() - this.#renewedAt > GUESS_TIMEOUT;
      const renews = refused && (code ? OVER.test(code) : guesses);
      if (!needsSession || !renews || hasNewSession || renewals > 2) return response;
      try {
        // What another tab did may be older than it seems. So the second time, it is done here.
        hasNewSession = await this.#renew(this.#cookie ? sentAt : session.access_token, renewals++ > 0);
      } catch (error) {
        if (error.over) return response;
        throw error;
      }
    }
  }

  async #call(name, method, path, kind = "", parameters) {
    const rest = { ...parameters };
    const filled = path.replace(/{(\w+)}/, (_, member) => {
      const value = String(rest[member] ?? "");
      delete rest[member];
      if (/^\.{0,2}$/.test(value)) throw new TypeError(`${name} needs ${member}`);
      return encodeURIComponent(value);
    });
    const url = new URL(filled, this.#base);
    const init = { method };
    if (kind === "+") {
      const transport = this.#cookie ? "cookie" : "token";
      const device_token = this.#cookie ? undefined : await this.#storage.get(`${this.#key} device`);
      rest.session = { transport, ...(device_token && { device_token }), ...rest.session };
    }
    if (method === "GET") {
      for (const [member, value] of Object.entries(rest)) if (value != null) url.searchParams.set(member, value);
    }
    const send = async (body) => {
      if (method === "POST" || method === "PATCH") {
        init.body = JSON.stringify(body);
        init.headers = { "Content-Type": "application/json" };
      }
      const exchange = async () => {
        const known = this.#user;
        const answer = await this.#answer(await this.#request(url, init, kind.includes("*")));
        if (kind.includes("*")) this.#ended = false;
        if (/[+!]/.test(kind)) this.#replaced = false;
        // Not where a login here came in between.
        if (name === "profileGet" && this.#user === known) this.#know(answer);
        await this.#took(answer);
        if (kind.includes("-") && !rest.keep_current) await this.#end("logout");
        return answer;
      };
      // A refresh that is under way must not replace the cookies of a new session.
      return /[+!]/.test(kind) ? this.#exclusive(exchange) : exchange();
    };
    for (let solved = 0; ; solved++) {
      try {
        return await send(rest);
      } catch (error) {
        const asks = error.code === "captcha_required" || (solved && error.code === "captcha_failed");
        if (!asks || solved === 2 || this.#options.captcha === false) throw error;
        const { kind: provider, challenge } = await this.captchaChallenge();
        if (provider !== "altcha") throw error;
        rest.captcha = await this.solveCaptcha(challenge);
      }
    }
  }

  async #answer(response) {
    const text = await response.text().catch((cause) => {
      throw new LatchkeyError(0, null, null, cause);
    });
    const body = jsonOf(text);
    if (response.status === 204) return {};
    // An answer without JSON is that of something in between.
    if (!response.ok || !(body instanceof Object)) throw new LatchkeyError(response.status, body, response);
    return body;
  }

  #csrfToken() {
    this.#csrf ??= this.csrf().then(
      (answer) => answer.csrf_token,
      (error) => {
        this.#csrf = undefined;
        throw error;
      },
    );
    return this.#csrf;
  }

  async fetch(path, init = {}) {
    const url = new URL(path, this.#base);
    const { origins = [] } = this.#options;
    // The origin of a `blob:` URL is that of its page.
    const allowed = /^https?:$/.test(url.protocol) && [this.#base.origin, ...origins].includes(url.origin);
    if (!allowed) throw new TypeError(`${url.origin} is not in origins`);
    const timeout = AbortSignal.timeout(TIMEOUT);
    const signal = !init.signal ? timeout : AbortSignal.any ? AbortSignal.any([timeout, init.signal]) : init.signal;
    return this.#request(url, { ...init, method: (init.method ?? "GET").toUpperCase(), signal }, true);
  }

  // ---- The session ----

  // Runs one at a time: in this tab, and in all tabs that share the session.
  #exclusive(work) {
    let begun;
    const inTurn = () => (this.#queue = this.#queue.catch(() => {}).then(() => this.#leased(work)));
    if (!this.#locks) return inTurn();
    const begin = () => {
      begun = true;
      return work();
    };
    // A suspended tab must not hold up the others for ever. Some settings of browsers forbid locks.
    return this.#locks.request(this.#key, { signal: AbortSignal.timeout(LOCK_TIMEOUT) }, begin).catch((error) => {
      if (begun) throw error;
      return inTurn();
    });
  }

  // A lock by hand for browsers without Web Locks: the tab that wrote last has it, until a time.
  async #leased(work) {
    const shelf = this.#shelf;
    if (!shelf) return work();
    const name = `${this.#key} lease`;
    const ends = performance.now() + LOCK_TIMEOUT;
    let lease;
    do {
      const left = parseInt(shelf.getItem(name)) - Date.now();
      if (!(left > 0 && left <= LOCK_TIMEOUT)) {
        lease = `${Date.now() + LOCK_TIMEOUT} ${Math.random()}`;
        shelf.setItem(name, lease);
      }
      await pause(50 + 30 * Math.random());
    } while (shelf.getItem(name) !== lease && performance.now() < ends);
    try {
      return await work();
    } finally {
      if (shelf.getItem(name) === lease) shelf.removeItem(name);
    }
  }

  async #load() {
    return jsonOf(await this.#storage.get(this.#key)) ?? {};
  }

  // Keeps what an answer holds of a session.
  async #took({ status, user, access_token, refresh_token, csrf_token, device_token, expires_in }) {
    const begins = status === "authenticated";
    if (csrf_token) this.#csrf = Promise.resolve(csrf_token);
    if (begins) {
      this.#ended = false;
      if (this.#user !== user.id) this.#channel?.postMessage({ began: user.id });
      // While the session is stored, requests may see the old one or the new one.
      this.#user = undefined;
      await this.#announce();
    }
    if (!this.#cookie && access_token) {
      const before = begins ? { refresh_token, user: user.id } : await this.#load();
      this.#arrived = { access_token, at: performance.now() };
      await this.#storage.set(this.#key, JSON.stringify({ ...before, access_token, expires_in, at: Date.now() }));
      if (device_token) await this.#storage.set(`${this.#key} device`, device_token);
    }
    if (begins) this.#user = user.id;
  }

  // The stored session, with an access token that is still good. Empty without a session.
  async #current() {
    const session = await this.#load();
    if (!session.refresh_token) return session;
    if (this.#user) this.#know({ id: session.user });
    this.#ended = false;
    // The clock of the page can be set, and the other one may stop while a device sleeps. So the longer time counts.
    const passed = Date.now() - session.at;
    const here = this.#arrived.access_token === session.access_token;
    const age = here ? Math.max(passed, performance.now() - this.#arrived.at) : passed;
    const margin = Math.min(30, session.expires_in / 10);
    if (age >= 0 && age < (session.expires_in - margin) * 1000) return session;
    try {
      await this.#renew(session.access_token);
    } catch (error) {
      if (!error.over) throw error;
    }
    return this.#load();
  }

  // Refreshes, unless that was done since `seen`: a time, or with token transport an access token. Returns whether it was done here.
  #renew(seen, force) {
    this.#renewing ??= this.#exclusive(async () => {
      if (!force && (await this.#isNewer(seen))) return false;
      await this.#refresh();
      return true;
    }).finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  async #isNewer(seen) {
    if (!this.#cookie) {
      const { access_token } = await this.#load();
      return Boolean(access_token && access_token !== seen);
    }
    if (this.#renewedAt >= seen) return true;
    if (!this.#locks) return this.#shelf?.getItem(`${this.#key} renewed`) >= seen;
    const { held } = await this.#locks.query();
    return held.some(({ name }) => name.startsWith(`${this.#key} `) && name.split(" ")[2] >= seen);
  }

  // Shows other tabs that the session is new. A lock with the time in its name is a sign that every tab sees at once, in order.
  #announce() {
    this.#withdraw();
    this.#renewedAt = Date.now();
    if (!this.#cookie) return undefined;
    if (!this.#locks) return this.#shelf?.setItem(`${this.#key} renewed`, this.#renewedAt);
    return new Promise((shown) => {
      const show = () => {
        shown();
        // No request that is older waits longer for its answer.
        return new Promise((done) => {
          this.#withdraw = done;
          setTimeout(done, TIMEOUT);
        });
      };
      this.#locks.request(`${this.#key} ${this.#renewedAt}`, { mode: "shared" }, show).catch(shown);
    });
  }

  // Refreshes. A refusal ends the session. Nothing else does.
  async #refresh() {
    const before = this.#cookie ? {} : await this.#load();
    if (!this.#cookie && !before.refresh_token) throw noSession();
    const key = `${this.#key} ${before.refresh_token}`;
    const refreshes = Latchkey.#refreshes;
    let exchange = refreshes.get(key);
    if (!exchange) {
      exchange = this.#exchange(before.refresh_token);
      if (!this.#cookie) {
        refreshes.set(key, exchange);
        const forget = () => refreshes.delete(key);
        exchange.then(() => setTimeout(forget, SHARED_TIMEOUT).unref?.(), forget);
      }
    }
    const [answer, error] = await exchange.then((came) => [came], (failed) => [undefined, failed]);
    // A login or a logout meanwhile counts.
    if (!this.#cookie && (await this.#load()).refresh_token !== before.refresh_token) return answer;
    if (answer) {
      this.#know(answer.user);
      await this.#took(answer);
      return answer;
    }
    if (error.status === 401 && OVER.test(error.code)) {
      await this.#end(error.code);
      error.over = true;
    }
    // The browser has no cookies of a session.
    if (this.#cookie && error.status === 400 && error.code === "invalid_request") {
      if (this.#user) await this.#end("invalid_token");
      throw noSession();
    }
    throw error;
  }

  // Repeats a refresh without an answer, because the server may have spent its token.
  async #exchange(refresh_token) {
    const url = new URL("/v1/token/refresh", this.#base);
    for (let round = 0; ; round++) {
      try {
        // The answer's cookies count even if the page is left.
        const init = {
          method: "POST",
          keepalive: true,
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify({ refresh_token }),
          signal: AbortSignal.timeout(round < REFRESH_PAUSES.length ? REFRESH_TIMEOUT : TIMEOUT),
        };
        const answer = await this.#answer(await this.#request(url, init, false));
        if (answer.status !== "authenticated") throw new LatchkeyError(502, answer);
        return answer;
      } catch (error) {
        if (!(error.code === "network" || error.status >= 500) || round === REFRESH_PAUSES.length) throw error;
        await pause(REFRESH_PAUSES[round]);
      }
    }
  }

  async refresh() {
    await this.#renew(this.#cookie ? Date.now() : (await this.#load()).access_token);
  }

  tokenRefresh() {
    return this.#exclusive(() => this.#refresh());
  }

  async accessToken() {
    if (this.#cookie) throw new TypeError("With cookies, no script has the access token.");
    const { access_token } = await this.#current();
    if (!access_token) throw noSession();
    return access_token;
  }

  async logout() {
    await this.#exclusive(async () => {
      const { refresh_token } = this.#cookie ? {} : await this.#load();
      const init = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ refresh_token }) };
      try {
        if (this.#cookie || refresh_token) await this.#answer(await this.#request(new URL("/v1/logout", this.#base), init, false));
      } catch (error) {
        // The session had ended. With cookies, the refusal of a refresh removes them.
        if (error.status !== 401) throw error;
        if (this.#cookie) await this.#exchange().catch(() => {});
      }
      await this.#end("logout");
    });
    return {};
  }

  // Forgets the session, in every tab that has it.
  async #end(reason) {
    if (!this.#cookie) await this.#storage.delete(this.#key);
    this.#over(reason);
    this.#channel?.postMessage({ ended: reason });
  }

  #over(reason) {
    this.#csrf = this.#user = undefined;
    this.#replaced ||= reason === "replaced";
    if (this.#ended) return;
    this.#ended = true;
    queueMicrotask(() => this.#options.onSessionEnd?.(reason));
  }

  // Learns whose session it is. That of another user than before ends this page's.
  #know({ id }) {
    if (this.#replaced || (this.#user && this.#user !== id)) {
      this.#over("replaced");
      throw noSession();
    }
    this.#user = id;
  }

  async #heard({ began, ended }) {
    if (began) {
      if (this.#user && this.#user !== began) this.#over("replaced");
      this.#ended = false;
      this.#csrf = undefined;
    }
    // With tokens, the storage says whether this page had the same session.
    if (ended && (this.#cookie || !(await this.#load()).refresh_token)) this.#over(ended);
  }

  // ---- Captcha ----

  async solveCaptcha({ algorithm, challenge, salt, signature, maxnumber }) {
    const encoder = new TextEncoder();
    const wanted = challenge.match(/.{8}/g).map((digits) => parseInt(digits, 16) | 0);
    this.#options.onCaptcha?.(true);
    try {
      for (let number = 0; number <= maxnumber; number++) {
        // The page can react in between.
        if (number % CHUNK === 0) await pause(0);
        const hash = sha256(encoder.encode(salt + number));
        if (wanted.every((word, at) => word === hash[at])) return btoa(JSON.stringify({ algorithm, challenge, number, salt, signature }));
      }
      throw new TypeError("The proof of work has no answer.");
    } finally {
      this.#options.onCaptcha?.(false);
    }
  }

  // ---- Passkeys ----

  static get passkeys() {
    const has = async (ask) => {
      try {
        return Boolean(await ask(globalThis.PublicKeyCredential));
      } catch {
        return false;
      }
    };
    return {
      available: has((passkey) => passkey && navigator.credentials),
      conditionalGet: has((passkey) => passkey.isConditionalMediationAvailable()),
      conditionalCreate: has(async (passkey) => (await passkey.getClientCapabilities()).conditionalCreate),
    };
  }

  // What an authenticator answers to a challenge.
  async #assertion(question, { conditional, signal: given } = {}) {
    for (let first = true; ; first = false) {
      given?.throwIfAborted();
      let asked;
      try {
        asked = await this.loginPasskeyOptions(question);
      } catch (error) {
        if (first || given?.aborted) throw error;
        await pause(CONDITIONAL_TIMEOUT / 8);
        continue;
      }
      const { challenge_id, publicKey } = asked;
      const renewal = new AbortController();
      const abort = () => renewal.abort(given.reason);
      if (given?.aborted) abort();
      given?.addEventListener("abort", abort);
      const timer = conditional && setTimeout(() => renewal.abort(), CONDITIONAL_TIMEOUT);
      try {
        const credential = serialized(await navigator.credentials.get(asking(publicKey, conditional, renewal.signal)));
        return { challenge_id, credential, rpId: publicKey.rpId };
      } catch (error) {
        if (!conditional || given?.aborted || !renewal.signal.aborted) throw error;
      } finally {
        clearTimeout(timer);
        given?.removeEventListener("abort", abort);
      }
      // A page that nobody sees needs no new challenge.
      if (document.hidden) await new Promise((seen) => document.addEventListener("visibilitychange", seen, { once: true }));
    }
  }

  // Sends an authenticator's answer. A passkey that the service does not know is reported to the password manager.
  async #prove(question, options, send) {
    const { rpId, ...proof } = await this.#assertion(question, options);
    try {
      return await send(proof);
    } catch (error) {
      if (error.code === "unknown_credential") await signal("signalUnknownCredential", { rpId, credentialId: proof.credential.id });
      throw error;
    }
  }

  passkeyLogin({ identifier, mfa_token, discoverable = true, conditional, signal: given, session } = {}) {
    const question = mfa_token ? { mfa_token } : identifier ? { identifier } : discoverable ? { discoverable } : {};
    const send = (proof) => this.loginPasskeyVerify({ ...proof, session });
    return this.#prove(question, { conditional, signal: given }, send);
  }

  passkeyReauthenticate({ totp_code, signal: given } = {}) {
    return this.#prove({ discoverable: true }, { signal: given }, (proof) => this.reauthenticate({ ...proof, totp_code }));
  }

  async passkeyAdd({ name, conditional, signal: given } = {}) {
    const { challenge_id, publicKey } = await this.passkeyOptions(conditional ? { conditional } : {});
    const credential = serialized(await navigator.credentials.create(asking(publicKey, conditional, given)));
    return this.passkeyRegister({ challenge_id, credential, name });
  }

  async signalPasskeys() {
    const { rp_id: rpId, user_id: userId, accepted_credential_ids, name, display_name } = await this.passkeySignal();
    await signal("signalAllAcceptedCredentials", { rpId, userId, allAcceptedCredentialIds: accepted_credential_ids });
    await signal("signalCurrentUserDetails", { rpId, userId, name, displayName: display_name });
  }

  static {
    for (const line of OPERATIONS.split("\n")) {
      const [name, ...what] = line.split(" ");
      const [method, path, kind] = what;
      Latchkey.prototype[name] = function (parameters) {
        return this.#call(name, method, path, kind, parameters);
      };
    }
  }
}
