// oauth4webapi, the protocol step by step.

import assert from "node:assert/strict";

import * as oauth from "oauth4webapi";

import { POST_LOGOUT_URI, REDIRECT_URI, SCOPE, identifier, issuer, newBrowser, withoutPage } from "./browser.mjs";

const browser = newBrowser();
const plain = { [oauth.allowInsecureRequests]: true };
const client = { client_id: "local" };
const none = oauth.None();

// OpenID Connect Discovery and RFC 8414 say the same.
const [server, other] = await Promise.all(
  ["oidc", "oauth2"].map(async (algorithm) => {
    const response = await oauth.discoveryRequest(new URL(issuer), { algorithm, ...plain });
    return oauth.processDiscoveryResponse(new URL(issuer), response);
  }),
);
assert.deepEqual(server, other);
assert.ok(server.code_challenge_methods_supported.includes("S256"));
assert.equal(server.authorization_response_iss_parameter_supported, true);

const verifier = oauth.generateRandomCodeVerifier();
const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()];
const url = new URL(server.authorization_endpoint);
url.search = new URLSearchParams({
  client_id: client.client_id,
  redirect_uri: REDIRECT_URI,
  response_type: "code",
  scope: SCOPE,
  code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
  code_challenge_method: "S256",
  state,
  nonce,
});
const came = oauth.validateAuthResponse(server, client, await browser.leave(url), state);

let response = await oauth.authorizationCodeGrantRequest(server, client, none, came, REDIRECT_URI, verifier, plain);
const rules = { expectedNonce: nonce, requireIdToken: true };
const tokens = await oauth.processAuthorizationCodeResponse(server, client, response, rules);
await oauth.validateApplicationLevelSignature(server, response, plain);
assert.equal(tokens.token_type, "bearer");
const claims = oauth.getValidatedIdTokenClaims(tokens);

response = await oauth.userInfoRequest(server, client, tokens.access_token, plain);
const user = await oauth.processUserInfoResponse(server, client, claims.sub, response);
assert.equal(user.email, identifier);

response = await oauth.refreshTokenGrantRequest(server, client, none, tokens.refresh_token, plain);
const refreshed = await oauth.processRefreshTokenResponse(server, client, response);
assert.notEqual(refreshed.refresh_token, tokens.refresh_token);
assert.notEqual(refreshed.access_token, tokens.access_token);

// Without its verifier, a code gives nothing.
const again = oauth.validateAuthResponse(server, client, await browser.leave(withoutPage(url)), state);
const foreign = oauth.generateRandomCodeVerifier();
response = await oauth.authorizationCodeGrantRequest(server, client, none, again, REDIRECT_URI, foreign, plain);
await assert.rejects(oauth.processAuthorizationCodeResponse(server, client, response, rules), { error: "invalid_grant" });

response = await oauth.revocationRequest(server, client, none, refreshed.refresh_token, plain);
await oauth.processRevocationResponse(response);
response = await oauth.refreshTokenGrantRequest(server, client, none, refreshed.refresh_token, plain);
await assert.rejects(oauth.processRefreshTokenResponse(server, client, response), { error: "invalid_grant" });

const logout = new URL(server.end_session_endpoint);
logout.search = new URLSearchParams({ id_token_hint: tokens.id_token, post_logout_redirect_uri: POST_LOGOUT_URI });
assert.equal((await browser.leave(logout)).href, POST_LOGOUT_URI);
const left = await browser.leave(withoutPage(url));
assert.throws(() => oauth.validateAuthResponse(server, client, left, state), { error: "login_required" });
