// What becomes of a session when tokens expire, answers are lost, clocks are wrong and servers fail. The argument is the transport.
// Without it, the cases run that are about one transport.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";

import { Latchkey, LatchkeyError } from "latchkey";

import { jar } from "./jar.mjs";
import { localServer } from "./operations.mjs";

const { ISSUER: url } = process.env;
const { advance } = localServer(url);
const PASSWORD = "Gr8-tulip-Wagon";
const [EXPIRED, DAY] = [601, 86_400_000];

const isRefresh = (input) => new URL(input).pathname === "/v1/token/refresh";
const json = (status, body, headers = {}) => new Response(JSON.stringify(body), { status, headers });

// A network between the client and the service. `refreshes` says what becomes of the next refreshes, `others` of other requests.
function network() {
  const state = { refreshes: [], others: [], refreshed: 0, requests: [] };
  const through = async (input, init) => {
    state.requests.push({ url: String(input), init });
    const fault = isRefresh(input) ? (state.refreshed++, state.refreshes.shift()) : state.others.shift();
    if (!fault || fault === "lost" || fault === "late") {
      const response = await fetch(input, init);
      if (fault === "lost") throw new TypeError("the connection broke");
      if (fault !== "late") return response;
      // The answer is on its way for longer than the client waits.
      const open = setInterval(() => {}, 1000);
      const stopped = new Promise((_, fail) => init.signal.addEventListener("abort", () => fail(init.signal.reason)));
      return stopped.finally(() => clearInterval(open));
    }
    if (fault === "offline") throw new TypeError("offline");
    return fault();
  };
  return Object.assign(state, { through });
}

let people = 0;
const username = `ada${Date.now() % 1e6}`;

// A client of a new user, whose session has just begun.
async function begun(transport, more = {}) {
  const net = network();
  const ends = [];
  const fetch = transport === "cookie" ? jar(net.through) : net.through;
  const auth = new Latchkey({ url, transport, fetch, onSessionEnd: (reason) => ends.push(reason), ...more });
  const name = `${username}.${++people}`;
  await auth.register({ username: name, password: PASSWORD });
  return { auth, net, ends, name, fetch };
}

const works = async ({ auth, name }) => assert.equal((await auth.profileGet()).username, name);
const refused = async (work, code, status) => {
  await assert.rejects(work, (error) => {
    assert.ok(error instanceof LatchkeyError, String(error.stack));
    assert.deepEqual([error.code, error.status], [code, status]);
    return true;
  });
};
const settled = () => new Promise((done) => setTimeout(done, 1000));

const cases = {
  async "many requests at expiry lead to one refresh"(transport) {
    const it = await begun(transport);
    await advance(EXPIRED);
    const names = await Promise.all(Array.from({ length: 64 }, async () => (await it.auth.profileGet()).username));
    assert.deepEqual(new Set(names), new Set([it.name]));
    assert.equal(it.net.refreshed, 1);
    assert.deepEqual(it.ends, []);
  },

  async "a request that changes something is repeated with its body"(transport) {
    const it = await begun(transport);
    await advance(EXPIRED);
    assert.equal((await it.auth.profileUpdate({ bio: "twice" })).bio, "twice");
    const init = { method: "patch", body: '{"bio":"again"}', headers: { "content-type": "application/json" } };
    await advance(EXPIRED);
    const response = await it.auth.fetch("/v1/me", init);
    assert.equal((await response.json()).bio, "again");
  },

  async "a lost answer of a refresh costs no session"(transport) {
    const it = await begun(transport);
    for (const faults of [["lost"], ["lost", "lost"], ["lost", "lost", "lost"], ["offline", "lost"], ["late"]]) {
      it.net.refreshes = [...faults];
      await advance(EXPIRED);
      await works(it);
    }
    await it.auth.refresh();
    await works(it);
    assert.deepEqual(it.ends, []);
  },

  async "a refresh that fails ends nothing"(transport) {
    const it = await begun(transport);
    const bad = () => json(503, { code: "temporarily_unavailable", title: "Service Unavailable" }, { "retry-after": "7" });
    const gateway = (status) => () => json(status, { message: "Service Unavailable" });
    const portal = (status) => () => new Response("<html>Log in to the hotel</html>", { status, headers: { "content-type": "text/html" } });
    const four = (fault) => [fault, fault, fault, fault];
    await advance(EXPIRED);
    for (const [faults, code, status] of [
      [four(bad), "temporarily_unavailable", 503],
      [four(gateway(503)), "temporarily_unavailable", 503],
      [four(gateway(504)), "temporarily_unavailable", 504],
      [four(gateway(500)), "internal", 500],
      [four("offline"), "network", 0],
      [[gateway(429)], "rate_limited", 429],
      [[() => json(429, { code: "rate_limited" }, { "retry-after": "60" })], "rate_limited", 429],
      // What something between the client and the service answers.
      [[portal(401)], "internal", 401],
      [[portal(200)], "internal", 200],
      [[() => json(401, { message: "Unauthorized" })], "internal", 401],
      [[() => json(400, {})], "internal", 400],
    ]) {
      it.net.refreshes = [...faults];
      await refused(it.auth.profileGet(), code, status);
      assert.deepEqual(it.net.refreshes, [], `${code} ${status}`);
    }
    await settled();
    assert.deepEqual(it.ends, []);
    await works(it);
  },

  async "an outage of a few tries is not seen"(transport) {
    const it = await begun(transport);
    it.net.refreshes = [() => json(503, { message: "Service Unavailable" }), "offline"];
    await advance(EXPIRED);
    await works(it);
  },

  async "a revoked session ends once"(transport) {
    const it = await begun(transport);
    const other = new Latchkey({ url, transport: "token" });
    await other.login({ identifier: it.name, password: PASSWORD });
    await other.logoutAll({ keep_current: true });
    const all = await Promise.allSettled(Array.from({ length: 16 }, () => it.auth.profileGet()));
    assert.ok(all.every(({ reason }) => reason.status === 401));
    await refused(it.auth.mfaStatus(), "invalid_token", 401);
    await settled();
    assert.deepEqual(it.ends, ["session_revoked"]);
    // Another login is another session, with an end of its own.
    await it.auth.login({ identifier: it.name, password: PASSWORD });
    await works(it);
    await it.auth.logout();
    await settled();
    assert.deepEqual(it.ends, ["session_revoked", "logout"]);
  },

  async "without a session nothing ends"(transport) {
    const net = network();
    const ends = [];
    const fetch = transport === "cookie" ? jar(net.through) : net.through;
    const auth = new Latchkey({ url, transport, fetch, onSessionEnd: (reason) => ends.push(reason) });
    await refused(auth.profileGet(), "invalid_token", 401);
    assert.equal((await auth.fetch("/v1/me")).status, 401);
    await refused(auth.refresh(), "invalid_token", 401);
    await refused(auth.tokenRefresh(), "invalid_token", 401);
    await settled();
    assert.deepEqual(ends, []);
  },

  async "operations that end the session end it here"(transport) {
    for (const end of [
      (auth) => auth.logout(),
      (auth) => auth.logoutAll(),
      (auth) => auth.accountDeactivate(),
      (auth) => auth.accountDelete({ password: PASSWORD }),
    ]) {
      const it = await begun(transport);
      await end(it.auth);
      await settled();
      assert.deepEqual(it.ends, ["logout"]);
      await refused(it.auth.profileGet(), "invalid_token", 401);
    }
    const it = await begun(transport);
    await it.auth.logoutAll({ keep_current: true });
    await works(it);
    assert.deepEqual(it.ends, []);
  },

  async "a logout of a session that is over succeeds"(transport) {
    const it = await begun(transport);
    const other = new Latchkey({ url, transport: "token" });
    await other.login({ identifier: it.name, password: PASSWORD });
    await other.logoutAll();
    assert.deepEqual(await it.auth.logout(), {});
    await advance(EXPIRED);
    assert.deepEqual(await it.auth.logout(), {});
    const expired = await begun(transport);
    await advance(EXPIRED);
    assert.deepEqual(await expired.auth.logout(), {});
  },

  async "a logout without an answer is no logout"(transport) {
    const it = await begun(transport);
    it.net.others = ["offline"];
    await refused(it.auth.logout(), "network", 0);
    await works(it);
    assert.deepEqual(it.ends, []);
  },

  async "a login waits for a refresh"(transport) {
    const it = await begun(transport);
    await advance(EXPIRED);
    const second = await begun(transport);
    let open;
    it.net.refreshes = [() => new Promise((done) => { open = () => done(json(401, { code: "session_revoked" })); })];
    const first = it.auth.profileGet().catch((error) => error.code);
    while (!open) await settled();
    const login = it.auth.login({ identifier: second.name, password: PASSWORD });
    await settled();
    const sent = it.net.requests.filter((request) => request.url.endsWith("/v1/login")).length;
    assert.equal(sent, 0);
    open();
    assert.equal((await login).status, "authenticated");
    await first;
    assert.equal((await it.auth.profileGet()).username, second.name);
  },

  async "wrong clocks do not matter"(transport) {
    const { now } = Date;
    try {
      for (const off of [-DAY, DAY]) {
        Date.now = () => now() + off;
        const it = await begun(transport);
        await works(it);
        if (transport === "token") await it.auth.accessToken();
        assert.equal(it.net.refreshed, 0, "a clock that is wrong all the time");
        // The clock is set meanwhile.
        for (const later of [0, -off, off * 2]) {
          Date.now = () => now() + later;
          await works(it);
          await works(it);
        }
        assert.ok(it.net.refreshed <= 2, `${it.net.refreshed} refreshes`);
        await advance(EXPIRED);
        await works(it);
        assert.deepEqual(it.ends, []);
      }
    } finally {
      Date.now = now;
    }
  },

  async "no secret is in a URL"(transport) {
    const it = await begun(transport);
    await it.auth.activityList({ limit: 1 });
    await it.auth.refresh();
    await it.auth.logout();
    for (const { url: sent, init } of it.net.requests) {
      const { searchParams } = new URL(sent);
      assert.deepEqual([...searchParams.keys()].filter((name) => name !== "limit"), []);
      assert.equal(init.redirect, "error");
      assert.equal(init.referrerPolicy, "no-referrer");
      assert.ok(init.signal);
    }
  },

  async "the session goes to the service and to listed origins alone"(transport) {
    const it = await begun(transport, { origins: ["http://127.0.0.1:9"] });
    for (const elsewhere of ["https://evil.example/v1/me", "//evil.example/v1/me", url.replace("localhost", "localhost.evil.example")]) {
      await assert.rejects(it.auth.fetch(elsewhere), TypeError);
    }
    // The origin of a `blob:` URL is that of its page.
    const { origin } = new URL(url);
    for (const scheme of [`blob:${origin}/1`, "data:text/plain,hello", "file:///etc/hosts", `ws${origin.slice(4)}/`, "null:///"]) {
      await assert.rejects(it.auth.fetch(scheme), TypeError, scheme);
    }
    assert.ok(it.net.requests.every((request) => !/^(blob|data|file|ws|null):/.test(request.url)), "nothing was sent");
    await refused(it.auth.fetch("http://127.0.0.1:9/"), "network", 0);
    const { init } = it.net.requests.at(-1);
    assert.equal(init.headers.has("authorization"), transport === "token");
    assert.equal(init.headers.has("x-csrf-token"), false);
  },

  async "an authorizer's refusal without a code leads to one refresh"(transport) {
    const it = await begun(transport, {});
    const forbidden = () => json(403, { message: "Forbidden" });
    it.net.others = [forbidden];
    // The token has just come, so its age is not the reason.
    assert.equal((await it.auth.fetch("/own/api")).status, 403);
    assert.equal(it.net.refreshed, 0);
    const { now } = Date;
    try {
      Date.now = () => now() + 90_000;
      it.net.others = [forbidden];
      assert.equal((await it.auth.fetch("/v1/me")).status, 200);
      assert.equal(it.net.refreshed, 1);
    } finally {
      Date.now = now;
    }
  },

  async "a caller can stop a request"(transport) {
    const it = await begun(transport);
    const stop = AbortSignal.abort(new Error("enough"));
    await assert.rejects(it.auth.fetch("/v1/me", { signal: stop }), /enough/);
    await works(it);
  },
};

// One transport alone.
const single = {
  async "a token is good by the time since it came, on a clock that nobody sets"() {
    const it = await begun("token");
    const first = await it.auth.accessToken();
    const { now } = performance;
    try {
      performance.now = () => now.call(performance) + 500_000;
      assert.equal(await it.auth.accessToken(), first);
      performance.now = () => now.call(performance) + 580_000;
      const all = await Promise.all(Array.from({ length: 50 }, () => it.auth.accessToken()));
      assert.equal(new Set(all).size, 1);
      assert.notEqual(all[0], first);
      assert.equal(it.net.refreshed, 1);
    } finally {
      performance.now = now;
    }
    // The claim `exp` does not count: the server's clock is a day ahead of this one.
    await advance(DAY / 1000);
    const ahead = await begun("token");
    const token = await ahead.auth.accessToken();
    assert.equal(await ahead.auth.accessToken(), token);
    await works(ahead);
    assert.equal(ahead.net.refreshed, 0);
  },

  async "stored tokens outlive the client, and the device is recognised"() {
    const storage = new Map();
    const it = await begun("token", { storage });
    const again = new Latchkey({ url, transport: "token", storage, fetch: it.net.through });
    assert.equal((await again.profileGet()).username, it.name);
    assert.equal(it.net.refreshed, 0);
    await again.logout();
    assert.deepEqual([...storage.keys()].map((key) => key.split(" ").at(-1)), ["device"]);
    await again.login({ identifier: it.name, password: PASSWORD });
    const sent = JSON.parse(it.net.requests.at(-1).init.body);
    assert.ok(sent.session.device_token && sent.session.transport === "token");
    assert.equal((await again.deviceList()).devices.length, 1);
  },

  async "many clients with one session refresh once"() {
    const storage = new Map();
    const it = await begun("token", { storage });
    await advance(EXPIRED);
    const made = () => new Latchkey({ url, transport: "token", storage: new Map(storage), fetch: it.net.through });
    const names = await Promise.all(Array.from({ length: 50 }, async () => (await made().profileGet()).username));
    assert.deepEqual(new Set(names), new Set([it.name]));
    assert.equal(it.net.refreshed, 1);
  },

  async "a storage that fails does not end the session"() {
    const map = new Map();
    let broken = false;
    const storage = {
      get: async (key) => { if (broken) throw new Error("the disk is gone"); return map.get(key); },
      set: async (key, value) => { map.set(key, value); },
      delete: async (key) => { map.delete(key); },
    };
    const it = await begun("token", { storage });
    broken = true;
    await assert.rejects(it.auth.profileGet(), /disk/);
    broken = false;
    await works(it);
    assert.deepEqual(it.ends, []);
  },

  async "a page gets its CSRF token once, and another one where it is refused"() {
    const it = await begun("cookie");
    const tokens = () => it.net.requests.filter(({ url: sent }) => sent.endsWith("/v1/csrf")).length;
    assert.equal(tokens(), 1);
    await it.auth.profileUpdate({ bio: "a" });
    assert.equal(tokens(), 1, "the login's answer had one");
    // A page that was just loaded.
    const page = new Latchkey({ url, transport: "cookie", fetch: it.fetch });
    await Promise.all([page.passkeyOptions(), page.loginPasskeyOptions({ discoverable: true }), page.profileUpdate({ bio: "c" })]);
    await page.refresh();
    assert.equal(tokens(), 2);
    // Another page begins another session of the same user.
    await page.login({ identifier: it.name, password: PASSWORD });
    await it.auth.profileUpdate({ bio: "e" });
    assert.equal(it.net.requests.filter(({ init }) => init.method === "PATCH").length, 4, "one was repeated");
    await works(it);
  },

  async "a page does not act for another user"() {
    const it = await begun("cookie");
    const page = new Latchkey({ url, transport: "cookie", fetch: it.fetch });
    await page.register({ username: `${it.name}.b`, password: PASSWORD });
    const isRefused = (answer) => refused(answer, "invalid_token", 401);
    // Neither at once nor later.
    await isRefused(it.auth.accountDelete({ password: PASSWORD }));
    await isRefused(it.auth.accountDelete({ password: PASSWORD }));
    await isRefused(it.auth.profileGet());
    await isRefused(it.auth.refresh());
    await settled();
    assert.deepEqual(it.ends, ["replaced"]);
    assert.equal((await page.profileGet()).username, `${it.name}.b`);
    // A login here is a new beginning.
    await it.auth.login({ identifier: it.name, password: PASSWORD });
    await works(it);
  },

  async "a page learns by a profile or by a refresh that another user is there"() {
    for (const notice of [(auth) => auth.profileGet(), (auth) => auth.refresh()]) {
      const it = await begun("cookie");
      const page = new Latchkey({ url, transport: "cookie", fetch: it.fetch });
      await page.register({ username: `${it.name}.b`, password: PASSWORD });
      await refused(notice(it.auth), "invalid_token", 401);
      await refused(it.auth.profileUpdate({ bio: "not theirs" }), "invalid_token", 401);
      await settled();
      assert.deepEqual(it.ends, ["replaced"]);
      assert.equal((await page.profileGet()).bio, null);
    }
  },

  async "a page does not act for another user, with tokens that pages share"() {
    const storage = new Map();
    const it = await begun("token", { storage });
    const page = new Latchkey({ url, transport: "token", storage });
    await page.register({ username: `${it.name}.b`, password: PASSWORD });
    await refused(it.auth.accountDelete({ password: PASSWORD }), "invalid_token", 401);
    await settled();
    assert.deepEqual(it.ends, ["replaced"]);
    assert.equal((await page.profileGet()).username, `${it.name}.b`);
    // In one client, another login is no surprise, whatever is under way.
    const other = await begun("token");
    const requests = Array.from({ length: 8 }, () => other.auth.profileGet());
    await Promise.all([...requests, other.auth.login({ identifier: it.name, password: PASSWORD }), other.auth.mfaStatus()]);
    assert.equal((await other.auth.profileGet()).username, it.name);
    await settled();
    assert.deepEqual(other.ends, []);
  },

  async "the refusal of an old token does not end a newer session"() {
    const storage = new Map();
    const it = await begun("token", { storage });
    const [key] = storage.keys();
    const second = new Latchkey({ url, transport: "token" });
    const { access_token, refresh_token, user } = await second.login({ identifier: it.name, password: PASSWORD });
    it.net.refreshes = [() => {
      storage.set(key, JSON.stringify({ access_token, refresh_token, user: user.id, expires_in: 600, at: Date.now() }));
      return json(401, { code: "session_revoked" });
    }];
    it.net.others = [() => json(401, { code: "invalid_token" })];
    await works(it);
    await settled();
    assert.deepEqual(it.ends, []);
    assert.equal(await it.auth.accessToken(), access_token);
  },

  async "a captcha is solved where one is needed"() {
    const working = [];
    const it = await begun("token", { onCaptcha: (is) => working.push(is) });
    const wrong = (auth) => auth.login({ identifier: it.name, password: "Wrong-1-password" });
    const asks = () => json(403, { code: "captcha_required" });
    it.net.others = [asks];
    await refused(wrong(it.auth), "invalid_credentials", 401);
    assert.deepEqual(working, [true, false]);
    const sent = JSON.parse(it.net.requests.at(-1).init.body);
    assert.equal(JSON.parse(atob(sent.captcha)).algorithm, "SHA-256");
    // One that came too late is done again, and not for ever.
    const late = () => json(403, { code: "captcha_failed" });
    it.net.others = [asks, undefined, late];
    await it.auth.login({ identifier: it.name, password: PASSWORD });
    it.net.others = [asks, undefined, late, undefined, late, undefined];
    await refused(it.auth.login({ identifier: it.name, password: PASSWORD }), "captcha_failed", 403);
    // A provider's captcha needs a widget.
    it.net.others = [asks, () => json(200, { kind: "turnstile", site_key: "key" })];
    await refused(it.auth.login({ identifier: it.name, password: PASSWORD }), "captcha_required", 403);
    const off = new Latchkey({ url, transport: "token", captcha: false, fetch: it.net.through });
    it.net.others = [asks];
    await refused(wrong(off), "captcha_required", 403);
    // Texts that end before, in and after a block, and the form of the service's.
    const salts = ["", "s".repeat(51), "s".repeat(54), "s".repeat(59), "s".repeat(64), `${"0f".repeat(16)}?expires=1795727563&`, "\u00fc"];
    for (const salt of salts) {
      const challenge = createHash("sha256").update(`${salt}4321`).digest("hex");
      const solved = await it.auth.solveCaptcha({ algorithm: "SHA-256", challenge, salt, signature: "x", maxnumber: 5000 });
      assert.deepEqual(JSON.parse(atob(solved)), { algorithm: "SHA-256", challenge, number: 4321, salt, signature: "x" });
    }
    const unsolvable = { algorithm: "SHA-256", challenge: "00".repeat(32), salt: "s", signature: "", maxnumber: 3 };
    await assert.rejects(it.auth.solveCaptcha(unsolvable), TypeError);
  },

  async "errors say what the service said"() {
    const it = await begun("token");
    const caught = async (work) => work.then(() => assert.fail(), (error) => error);
    const invalid = await caught(it.auth.profileUpdate({ name: 5, nick: 1 }));
    assert.deepEqual(invalid.errors.map(({ field }) => field).sort(), ["name", "nick"]);
    assert.equal(invalid.body.request_id, invalid.requestId);
    assert.equal(invalid.message, invalid.detail);
    const weak = await caught(it.auth.register({ username: "grace.h", password: "short" }));
    assert.equal(weak.code, "weak_password");
    await refused(it.auth.register({ username: it.name, password: PASSWORD }), "conflict", 409);
    await refused(it.auth.sessionRevoke({ id: "nobody" }), "not_found", 404);
    await refused(it.auth.totpEnable({ code: "123456" }), "conflict", 409);
    await refused(it.auth.registerVerify({ registration_id: "a", code: "123456" }), "invalid_code", 400);
    await refused(it.auth.profileUpdate({ bio: "x".repeat(70_000) }), "payload_too_large", 413);
    it.net.others = [() => json(429, { code: "locked_out", detail: "Locked." }, { "retry-after": "900" })];
    const locked = await caught(it.auth.login({ identifier: it.name, password: PASSWORD }));
    assert.deepEqual([locked.code, locked.retryAfter], ["locked_out", 900]);
    const unavailable = "temporarily_unavailable";
    for (const [status, code] of [[413, "internal"], [429, "rate_limited"], [500, "internal"], [503, unavailable], [504, unavailable]]) {
      it.net.others = [() => json(status, { message: "Of the gateway" })];
      await refused(it.auth.health(), code, status);
    }
    it.net.others = [() => new Response("<html>", { status: 200 })];
    await refused(it.auth.health(), "internal", 200);
    it.net.others = [() => new Response(new ReadableStream({ start: (stream) => stream.error(new TypeError("cut")) }), { status: 200 })];
    await refused(it.auth.health(), "network", 0);
  },

  async "what would be another path is refused"() {
    const it = await begun("token");
    for (const id of [undefined, null, "", ".", ".."]) await assert.rejects(it.auth.sessionRevoke({ id }), TypeError);
    await assert.rejects(it.auth.sessionRevoke(), TypeError);
    await refused(it.auth.sessionRevoke({ id: "a/../../me?x=#" }), "not_found", 404);
    assert.ok(it.net.requests.at(-1).url.endsWith("/v1/sessions/a%2F..%2F..%2Fme%3Fx%3D%23"));
  },
};

// The pauses between the tries of a refresh are shortened, except where their length is the point.
const { setTimeout: inTime } = globalThis;
const hurried = (work, milliseconds, ...more) => inTime(work, milliseconds / 50, ...more);
const run = async (name, test) => {
  globalThis.setTimeout = /^(a lost answer|many clients)/.test(name) ? inTime : hurried;
  try {
    await test();
  } catch (error) {
    throw new Error(`${name}: ${error.stack}`, { cause: error });
  }
};
const [, , transport] = process.argv;
const chosen = transport ? cases : single;
for (const [name, test] of Object.entries(chosen)) await run(name, () => test(transport));
