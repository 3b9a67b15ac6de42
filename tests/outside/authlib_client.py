"""Authlib, with the mixins of which its Flask, Django and Starlette clients consist."""

from urllib.parse import urlencode

from authlib.integrations.base_client import BaseApp, OAuth2Mixin, OAuthError, OpenIDMixin
from authlib.integrations.requests_client import OAuth2Session

from browser import IDENTIFIER, ISSUER, POST_LOGOUT_URI, REDIRECT_URI, SCOPE, Browser, parameters, with_parameters


class App(OAuth2Mixin, OpenIDMixin, BaseApp):
    client_cls = OAuth2Session


class Tokens:
    """Where a web framework would keep refreshed tokens."""

    def update_token(self, token, refresh_token=None, access_token=None):
        assert token["access_token"]


def refused(error, work):
    try:
        work()
    except OAuthError as came:
        assert came.error == error, came
    else:
        raise AssertionError(f"{error} was expected")


browser = Browser()
app = App(
    Tokens(),
    name="latchkey",
    client_id="local",
    server_metadata_url=f"{ISSUER}/.well-known/openid-configuration",
    client_kwargs={"scope": SCOPE, "code_challenge_method": "S256", "token_endpoint_auth_method": "none"},
)
metadata = app.load_server_metadata()
assert metadata["issuer"] == ISSUER

asked = app.create_authorization_url(REDIRECT_URI)
came = parameters(browser.leave(asked["url"]))
assert (came["state"], came["iss"]) == (asked["state"], ISSUER)


def exchange(code):
    return app.fetch_access_token(redirect_uri=REDIRECT_URI, code=code, code_verifier=asked["code_verifier"])


token = exchange(came["code"])
# Checks the signature by the JWKS, issuer, audience, nonce, times and at_hash.
claims = app.parse_id_token(token, nonce=asked["nonce"])
assert claims["sub"] and claims["auth_time"]
user = app.userinfo(token=token)
assert (user["sub"], user["email"]) == (claims["sub"], IDENTIFIER)

with app._get_oauth_client(**metadata) as session:
    refreshed = session.refresh_token(metadata["token_endpoint"], refresh_token=token["refresh_token"])
    assert refreshed["refresh_token"] != token["refresh_token"]
    answer = session.revoke_token(
        metadata["revocation_endpoint"], token=refreshed["refresh_token"], token_type_hint="refresh_token"
    )
    assert answer.status_code == 200, answer.text
    refused(
        "invalid_grant",
        lambda: session.refresh_token(metadata["token_endpoint"], refresh_token=refreshed["refresh_token"]),
    )

# Without a page, while the browser has its session. A code works once.
silent = with_parameters(asked["url"], prompt="none")
code = parameters(browser.leave(silent))["code"]
token = exchange(code)
refused("invalid_grant", lambda: exchange(code))

logout = {"id_token_hint": token["id_token"], "post_logout_redirect_uri": POST_LOGOUT_URI, "state": "bye"}
left = browser.leave(f"{metadata['end_session_endpoint']}?{urlencode(logout)}")
assert left == f"{POST_LOGOUT_URI}?state=bye", left
assert parameters(browser.leave(silent))["error"] == "login_required"
