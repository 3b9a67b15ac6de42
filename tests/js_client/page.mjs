// The script of the app's page. The tests drive it from outside.
import * as client from "/app/latchkey.js";
import * as operations from "/app/operations.mjs";

const channel = new BroadcastChannel("tests");

const query = new URLSearchParams(location.search);
// Older browsers lack some parts.
const without = query.getAll("without");
if (without.includes("locks")) Object.defineProperty(navigator, "locks", { value: undefined });
if (without.includes("channel")) globalThis.BroadcastChannel = undefined;
if (without.includes("json")) PublicKeyCredential.prototype.toJSON = undefined;

const ends = [];
// Tokens that all tabs have.
const storage = {
  get: (key) => localStorage.getItem(key),
  set: (key, value) => localStorage.setItem(key, value),
  delete: (key) => localStorage.removeItem(key),
};
const transport = query.get("transport") ?? "cookie";
const auth = new client.Latchkey({ transport, storage, onSessionEnd: (reason) => ends.push(reason) });
const server = operations.localServer(location.origin);
const outcome = (work) => work.then(() => "ok", (error) => error.code ?? String(error));

// The tabs have one session. When its token has expired, all send requests at once, of which some change something.
const burst = (round) =>
  Promise.all([auth.profileGet(), auth.fetch("/v1/mfa"), round % 3 ? auth.sessionList() : auth.csrf()].map(outcome));

// Another tab leads.
channel.onmessage = async ({ data }) => {
  if (data.go !== undefined) channel.postMessage({ done: data.go, outcomes: await burst(data.go) });
};

// Leads rounds of expiry. Returns how many rounds had how many refreshes, and what went wrong.
async function lead({ rounds, others, seconds }) {
  const refreshes = {};
  const problems = [];
  for (let round = 0; round < rounds; round++) {
    await server.advance(seconds);
    const before = await server.invocations("token-refresh");
    const reports = new Promise((done) => {
      const reported = [];
      channel.onmessage = ({ data }) => {
        if (data.done !== round) return;
        reported.push(...data.outcomes);
        if (reported.length === 3 * others) done(reported);
      };
    });
    channel.postMessage({ go: round });
    const outcomes = [await burst(round), await reports].flat();
    problems.push(...outcomes.filter((code) => code !== "ok"));
    const count = (await server.invocations("token-refresh")) - before;
    refreshes[count] = (refreshes[count] ?? 0) + 1;
  }
  return { refreshes, problems, ends };
}

Object.assign(globalThis, client, operations, { auth, ends, server, lead, outcome });
document.title = "ready";
