// The server-rendered app of README.md, with a browser that logs in and out. It runs as its own process, as a reader starts it.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { createInterface } from "node:readline";

import { Browser, identifier, issuer, newBrowser, withoutPage } from "./browser.mjs";

const { SHOWN, CLIENT_SECRET } = process.env;

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

const port = await freePort();
const app = spawn(process.execPath, ["app.mjs"], { env: { ...process.env, PORT: port }, stdio: ["ignore", "pipe", "inherit"] });
process.on("exit", () => app.kill());
// The app must not outlive a driver that the test kills.
setTimeout(() => process.exit(1), 200_000).unref();
const ended = once(app, "exit").then(([code]) => { throw new Error(`the app ended with ${code}`); });
const [ready] = await Promise.race([once(createInterface(app.stdout), "line"), ended]);
const home = ready.replace("ready ", "");
assert.equal(home, process.env.APP_URL ?? `http://127.0.0.1:${port}`);

// A proxy may stand before the app, so its address is not the one that browsers open.
const newVisitor = () => new Browser(`http://127.0.0.1:${port}`);
const open = (visitor, url) => visitor.request(url.pathname + url.search);
const shows = async (visitor, text) => {
  const response = await visitor.request("/");
  const body = await response.text();
  assert.equal(response.status, 200);
  assert.ok(body.includes(text), body);
};
const tokenRequests = async () => (await (await fetch(`${issuer}/_local/costs.json`)).json())["oauth-token"].invocations;

const browser = newBrowser();
const visitor = newVisitor();
await shows(visitor, "Log in");

async function logIn() {
  const asked = new URL((await visitor.request("/login")).headers.get("location"));
  assert.equal(asked.origin, issuer);
  const came = await browser.leave(asked);
  assert.equal(came.origin + came.pathname, `${home}/callback`);
  const answer = await open(visitor, came);
  assert.equal(answer.status, 303);
  const set = answer.headers.getSetCookie().join();
  assert.ok(set.includes("HttpOnly; SameSite=Lax") && set.includes("Secure") === home.startsWith("https:"), set);
  return { asked, came };
}

const { asked, came } = await logIn();
await shows(visitor, `Hello, ${SHOWN}.`);

// The answer is worth nothing in another browser, with a foreign attempt, or a second time.
const otherVisitor = newVisitor();
assert.equal((await open(otherVisitor, came)).status, 400);
await otherVisitor.request("/login");
assert.equal((await open(otherVisitor, came)).status, 500);
await shows(otherVisitor, "Log in");
assert.equal((await open(visitor, came)).status, 400);
assert.equal((await visitor.request("/missing")).status, 404);
assert.equal((await visitor.request("/logout")).status, 404);
await shows(visitor, `Hello, ${SHOWN}.`);

// The test gives the client with a secret access tokens that are always about to expire. Pages that come at once share a refresh.
if (CLIENT_SECRET) {
  const before = await tokenRequests();
  await shows(visitor, `Hello, ${SHOWN}.`);
  assert.equal(await tokenRequests(), before + 1);
  await Promise.all([1, 2, 3, 4].map(() => shows(visitor, `Hello, ${SHOWN}.`)));
  assert.ok(await tokenRequests() < before + 5);
  await shows(visitor, `Hello, ${SHOWN}.`);
}

const out = await visitor.request("/logout", { method: "POST" });
assert.equal(out.status, 303);
assert.equal((await browser.leave(out.headers.get("location"))).href, `${home}/`);
await shows(visitor, "Log in");
const none = await browser.leave(withoutPage(asked));
assert.equal(none.searchParams.get("error"), "login_required");

// A session that ends elsewhere ends in the app.
await logIn();
await shows(visitor, `Hello, ${SHOWN}.`);
assert.ok((await browser.post("/v1/logout/all", {})).ok, identifier);
await shows(visitor, "Log in");
process.exit(0);
