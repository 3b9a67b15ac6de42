// The module of docs/recipes.md for server-rendered apps, as a framework calls it: many renders at the expiry of a session.
import assert from "node:assert/strict";

import { issuer, newBrowser } from "./browser.mjs";

const RENDERS = 50;
const local = async (path, body) => {
  const response = await fetch(issuer + path, body && { method: "POST", body: JSON.stringify(body) });
  return response.json();
};
const refreshes = async () => (await local("/_local/costs.json"))["oauth-token"].invocations;

// Both clocks go on together.
const { now } = Date;
let later = 0;
const expire = async () => {
  later += 1000;
  Date.now = () => now() + later * 1000;
  await local("/_local/clock", { advance: 1000 });
};

// A process has a copy of the module. All have one store.
const processes = [];
for (let n = 0; n < RENDERS; n++) processes.push(await import(`./auth.js?${n}`));
const [app] = processes;
for (const { store } of processes.slice(1)) {
  for (const method of ["get", "set", "delete"]) store[method] = (...given) => app.store[method](...given);
}

const cookies = (response) => response.headers.getSetCookie().map((set) => set.split(";")[0]).join("; ");
const from = (path, cookie) => new Request(new URL(path, "http://127.0.0.1:8080"), { headers: { cookie } });

async function loggedIn() {
  const asked = await app.login();
  const came = await newBrowser().leave(asked.headers.get("location"));
  const answer = await app.callback(new Request(came, { headers: { cookie: cookies(asked) } }));
  assert.equal(answer.headers.get("location"), "/");
  const [set] = answer.headers.getSetCookie();
  assert.match(set, /; HttpOnly; SameSite=Lax/);
  return set.split(";")[0];
}

// What a page does: it needs the session, and asks the service with it.
async function render(process, cookie) {
  const session = await process.sessionOf(from("/", cookie));
  if (!session) return "logged out";
  const headers = { authorization: `Bearer ${session.access_token}` };
  return (await fetch(`${issuer}/oauth2/userinfo`, { headers })).status;
}
const renders = (cookie, of) => Promise.all(Array.from({ length: RENDERS }, (_, n) => render(of(n), cookie)));
const all = (result) => Array(RENDERS).fill(result);

const cookie = await loggedIn();
assert.equal(await render(app, cookie), 200);
assert.equal(await render(app, "session=unknown"), "logged out");
assert.equal(await render(app, ""), "logged out");

for (let round = 0; round < 3; round++) {
  await expire();
  const before = await refreshes();
  assert.deepEqual(await renders(cookie, () => app), all(200), "one process");
  assert.equal(await refreshes(), before + 1);
}
for (let round = 0; round < 3; round++) {
  await expire();
  assert.deepEqual(await renders(cookie, (n) => processes[n]), all(200), "a process for each render");
}

// A service that does not answer ends no session.
await expire();
const { fetch: real } = globalThis;
globalThis.fetch = () => Promise.reject(new TypeError("no route to host"));
const failed = await Promise.allSettled([app.sessionOf(from("/", cookie)), app.sessionOf(from("/", cookie))]);
globalThis.fetch = real;
assert.ok(failed.every(({ status }) => status === "rejected"));
assert.equal(await render(app, cookie), 200);

// A logout ends it, and so does the end of the session elsewhere.
const out = await app.logout(from("/logout", cookie));
assert.ok(out.headers.get("location").startsWith(`${issuer}/oauth2/logout?`));
assert.equal(await render(app, cookie), "logged out");
const other = await loggedIn();
const browser = newBrowser();
await browser.logIn();
assert.ok((await browser.post("/v1/logout/all", {})).ok);
await expire();
assert.deepEqual(await renders(other, (n) => processes[n]), all("logged out"));
