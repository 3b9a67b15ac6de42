// oidc-client-ts, which single-page apps use. Its navigator is replaced, because there is no window.

import assert from "node:assert/strict";

import { InMemoryWebStorage, UserManager, WebStorageStateStore } from "oidc-client-ts";

import { POST_LOGOUT_URI, REDIRECT_URI, SCOPE, identifier, issuer, newBrowser } from "./browser.mjs";

const browser = newBrowser();
let came = null;
const navigator = {
  prepare: async () => ({
    navigate: async ({ url }) => { came = await browser.leave(url); },
    close: () => {},
  }),
};
const store = () => new WebStorageStateStore({ store: new InMemoryWebStorage() });
const manager = new UserManager(
  {
    authority: issuer,
    client_id: "local",
    redirect_uri: REDIRECT_URI,
    post_logout_redirect_uri: POST_LOGOUT_URI,
    scope: SCOPE,
    loadUserInfo: true,
    filterProtocolClaims: false,
    automaticSilentRenew: false,
    userStore: store(),
    stateStore: store(),
  },
  navigator,
);

await manager.signinRedirect({ state: { page: 7 }, nonce: "n-0S6_WzA2Mj" });
const user = await manager.signinRedirectCallback(came.href);
assert.deepEqual(user.state, { page: 7 });
assert.equal(user.profile.email, identifier);
assert.equal(user.profile.iss, issuer);
assert.equal(user.profile.nonce, "n-0S6_WzA2Mj");

// With a refresh token, the library renews by it and uses no frame.
const renewed = await manager.signinSilent();
assert.notEqual(renewed.access_token, user.access_token);
assert.notEqual(renewed.refresh_token, user.refresh_token);
assert.equal(renewed.profile.sub, user.profile.sub);

await manager.revokeTokens(["refresh_token"]);
await assert.rejects(manager.signinSilent({ refresh_token: renewed.refresh_token }));

await manager.storeUser(renewed);
await manager.signoutRedirect({ state: "bye" });
assert.equal(came.origin + came.pathname, POST_LOGOUT_URI);
await manager.signoutRedirectCallback(came.href);
