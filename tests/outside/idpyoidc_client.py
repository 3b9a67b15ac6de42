"""idpyoidc, a relying party that keeps its state by itself and checks every answer. It knows only clients with a secret."""

import os

from idpyoidc.client.rp_handler import RPHandler

from browser import IDENTIFIER, ISSUER, SCOPE, Browser, parameters, with_parameters

SERVICES = {
    name: {"class": f"idpyoidc.client.{path}"}
    for name, path in {
        "discovery": "oidc.provider_info_discovery.ProviderInfoDiscovery",
        "registration": "oidc.registration.Registration",
        "authorization": "oidc.authorization.Authorization",
        "accesstoken": "oidc.access_token.AccessToken",
        "refresh_token": "oidc.refresh_access_token.RefreshAccessToken",
        "userinfo": "oidc.userinfo.UserInfo",
        "end_session": "oidc.end_session.EndSession",
    }.items()
}
# Nothing listens there. Only a redirect to a loopback address would show a page first.
REDIRECT_URI = "https://app.example/callback"
POST_LOGOUT_URI = "https://app.example/logged-out"
CLIENT = {
    "issuer": ISSUER,
    "client_id": os.environ["CLIENT_ID"],
    "client_secret": os.environ["CLIENT_SECRET"],
    "client_type": "oidc",
    "redirect_uris": [REDIRECT_URI],
    "post_logout_redirect_uris": [POST_LOGOUT_URI],
    "response_types_supported": ["code"],
    "scopes_supported": SCOPE.split(),
    "token_endpoint_auth_methods_supported": ["client_secret_basic"],
    "client_authn_methods": ["client_secret_basic"],
    "services": SERVICES,
    "add_ons": {
        "pkce": {
            "function": "idpyoidc.client.oauth2.add_on.pkce.add_support",
            "kwargs": {"code_challenge_length": 64, "code_challenge_method": "S256"},
        }
    },
}

browser = Browser()
handler = RPHandler(base_url="https://app.example", client_configs={ISSUER: CLIENT}, services=SERVICES)
url = handler.begin(issuer_id=ISSUER, req_args={"scope": SCOPE.split()})
answer = parameters(browser.leave(url))
done = handler.finalize(ISSUER, answer)
assert "error" not in done, done
assert done["userinfo"]["email"] == IDENTIFIER, done
assert done["id_token"]["iss"] == ISSUER and done["id_token"]["aud"] == [os.environ["CLIENT_ID"]]

state = done["state"]
after = handler.refresh_access_token(state)
assert after["access_token"] != done["token"]
user = handler.get_user_info(state)
assert user["sub"] == done["id_token"]["sub"]

logout = handler.logout(state, post_logout_redirect_uri=POST_LOGOUT_URI)
left = browser.leave(logout["url"])
assert left.split("?")[0] == POST_LOGOUT_URI, left
assert parameters(browser.leave(with_parameters(url, prompt="none")))["error"] == "login_required"
