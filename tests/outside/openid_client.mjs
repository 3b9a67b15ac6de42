// openid-client, a certified relying party.

import assert from "node:assert/strict";

import * as client from "openid-client";

import { POST_LOGOUT_URI, REDIRECT_URI, SCOPE, identifier, issuer, newBrowser, withoutPage } from "./browser.mjs";

const browser = newBrowser();
// Without the second check, the library trusts TLS and does not verify the signatures of ID tokens.
const execute = [client.allowInsecureRequests, client.enableNonRepudiationChecks];
const config = await client.discovery(new URL(issuer), "local", undefined, client.None(), { execute });
assert.equal(config.serverMetadata().issuer, issuer);

const pkceCodeVerifier = client.randomPKCECodeVerifier();
const request = {
  redirect_uri: REDIRECT_URI,
  scope: SCOPE,
  code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
  code_challenge_method: "S256",
  state: client.randomState(),
  nonce: client.randomNonce(),
};
const url = client.buildAuthorizationUrl(config, request);
const came = await browser.leave(url);
const checks = { pkceCodeVerifier, expectedState: request.state, expectedNonce: request.nonce, idTokenExpected: true };
const tokens = await client.authorizationCodeGrant(config, came, checks);
const claims = tokens.claims();
assert.equal(claims.aud, "local");
assert.ok(claims.auth_time && claims.acr && claims.amr.length);

const user = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
assert.equal(user.email, identifier);

// A code works once.
await assert.rejects(client.authorizationCodeGrant(config, came, checks), { error: "invalid_grant" });
await assert.rejects(client.refreshTokenGrant(config, tokens.refresh_token), { error: "invalid_grant" });

// The browser still has its session, so another code comes without a page.
const second = await browser.leave(withoutPage(url));
const renewed = await client.authorizationCodeGrant(config, second, checks);
const refreshed = await client.refreshTokenGrant(config, renewed.refresh_token);
assert.notEqual(refreshed.refresh_token, renewed.refresh_token);
assert.equal(refreshed.claims().sub, claims.sub);
await client.tokenRevocation(config, refreshed.refresh_token, { token_type_hint: "refresh_token" });
await assert.rejects(client.refreshTokenGrant(config, refreshed.refresh_token), { error: "invalid_grant" });

const logout = { id_token_hint: renewed.id_token, post_logout_redirect_uri: POST_LOGOUT_URI, state: "bye" };
const left = await browser.leave(client.buildEndSessionUrl(config, logout));
assert.equal(left.href, `${POST_LOGOUT_URI}?state=bye`);
const none = await browser.leave(withoutPage(url));
assert.equal(none.searchParams.get("error"), "login_required");
await assert.rejects(client.authorizationCodeGrant(config, none, checks), { error: "login_required" });
