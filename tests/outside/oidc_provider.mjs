// oidc-provider, a certified provider, with browsers that log in at it. A line of input is a request: an authorization URL of Latchkey, the
// user who opens it, and the fault of the answers that follow. A line of output says where the browser leaves the provider, and after
// which pages.

import { once } from "node:events";
import { createServer } from "node:http";
import { createInterface } from "node:readline";

import * as jose from "jose";
import { Provider } from "oidc-provider";

import { Browser } from "./browser.mjs";

const CALLBACK = "http://localhost:3000/v1/providers";
const client = (id, id_token_signed_response_alg) => ({
  client_id: id,
  client_secret: `secret+of/${id}`,
  redirect_uris: [`${CALLBACK}/${id}/callback`],
  id_token_signed_response_alg,
});

console.info = console.error; // standard output is for answers alone
const server = createServer().listen(0, "127.0.0.1");
await once(server, "listening");
const issuer = `http://127.0.0.1:${server.address().port}`;
let keys;
let fault;

// Starts the provider with new keys. Its users log in again.
async function rotate() {
  keys = {};
  for (const alg of ["ES256", "RS256", "EdDSA"]) {
    const pair = await jose.generateKeyPair(alg, { extractable: true });
    keys[alg] = { ...pair, jwk: { ...await jose.exportJWK(pair.privateKey), alg, use: "sig" } };
  }
  const provider = new Provider(issuer, {
    clients: [client("trusted", "ES256"), client("untrusted", "RS256"), client("posting", "EdDSA")],
    jwks: { keys: Object.values(keys).map(({ jwk }) => jwk) },
    pkce: { required: () => true },
    cookies: { keys: ["a key of the test"] },
    claims: { email: ["email", "email_verified"], profile: ["name"] },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, email: `${id}@example.org`, email_verified: true, name: `${id} of oidc-provider` }),
    }),
  });
  provider.use(async (context, next) => {
    await next();
    if (context.status !== 200) return;
    if (context.oidc?.route === "token") context.body.id_token = await (FAULTS[fault] ?? ((token) => token))(context.body.id_token);
    if (context.oidc?.route === "userinfo" && fault === "userinfo") context.body.sub = "another";
  });
  server.removeAllListeners("request").on("request", provider.callback());
}

// The same token with other claims, another header or another key.
function resigned(token, changes, header = {}, key = undefined) {
  const { alg, kid } = jose.decodeProtectedHeader(token);
  const claims = new jose.SignJWT({ ...jose.decodeJwt(token), ...changes });
  return claims.setProtectedHeader({ alg, kid, ...header }).sign(key ?? keys[alg].privateKey);
}

const now = () => Math.floor(Date.now() / 1000);
const FAULTS = {
  nonce: (token) => resigned(token, { nonce: "another" }),
  "no nonce": (token) => resigned(token, { nonce: undefined }),
  issuer: (token) => resigned(token, { iss: "https://evil.example" }),
  audience: (token) => resigned(token, { aud: "another" }),
  audiences: (token) => resigned(token, { aud: [jose.decodeJwt(token).aud, "another"] }),
  expired: (token) => resigned(token, { iat: now() - 7200, exp: now() - 3600 }),
  "not yet": (token) => resigned(token, { iat: now() + 3600, exp: now() + 7200 }),
  "unknown key": (token) => resigned(token, {}, { kid: "another" }),
  "foreign key": async (token) => resigned(token, {}, {}, (await jose.generateKeyPair(jose.decodeProtectedHeader(token).alg)).privateKey),
  "alg none": (token) => new jose.UnsecuredJWT(jose.decodeJwt(token)).encode(),
  "alg HS256": async (token) => {
    const pem = await jose.exportSPKI(keys[jose.decodeProtectedHeader(token).alg].publicKey);
    return resigned(token, {}, { alg: "HS256" }, new TextEncoder().encode(pem));
  },
};

// Answers the provider's pages until the browser leaves the provider.
async function answer(browser, url, user) {
  const pages = [];
  let at = new URL(url);
  let response = await browser.request(at);
  for (let hops = 0; hops < 10; hops++) {
    if (response.headers.has("location")) {
      at = new URL(response.headers.get("location"), at);
      if (at.origin !== issuer) return { url: at.href, pages };
      response = await browser.request(at);
      continue;
    }
    const text = await response.text();
    const [, posted] = text.match(/<form method="post" action="([^"]+)"/) ?? [];
    if (posted?.startsWith(CALLBACK)) {
      const fields = [...text.matchAll(/name="(\w+)" value="([^"]*)"/g)].map(([, name, value]) => [name, value]);
      return { url: `${posted}?${new URLSearchParams(fields)}`, pages };
    }
    const [, page] = text.match(/name="prompt" value="(\w+)"/) ?? [];
    if (!page) throw new Error(`${at.pathname} answers ${response.status}: ${text.slice(0, 500)}`);
    pages.push(page);
    response = fault === "refused"
      ? await browser.request(`${at.pathname}/abort`)
      : await browser.request(at, { method: "POST", body: new URLSearchParams({ prompt: page, login: user, password: "any" }) });
  }
  throw new Error(`the browser goes round in circles at ${at.pathname}`);
}

await rotate();
console.log(JSON.stringify({ issuer }));
const browsers = {};
for await (const line of createInterface(process.stdin)) {
  const request = JSON.parse(line);
  fault = request.fault;
  if (fault === "rotated keys") await rotate();
  browsers[request.user] ??= new Browser(issuer);
  console.log(JSON.stringify(await answer(browsers[request.user], request.url, request.user)));
}
process.exit(0);
