"""A browser without a screen: it keeps the cookies of one host, logs in by the API, and follows redirects until they leave the host."""

import os
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit, urlunsplit

import requests

ISSUER, IDENTIFIER, PASSWORD = (os.environ[name] for name in ("ISSUER", "IDENTIFIER", "PASSWORD"))
REDIRECT_URI = "http://127.0.0.1:49152/callback"
POST_LOGOUT_URI = "http://127.0.0.1:49152/logged-out"
SCOPE = "openid profile email offline_access"


def parameters(url):
    """The parameters of a URL's query, each of which occurs once."""
    found = parse_qs(urlsplit(url).query, keep_blank_values=True)
    assert all(len(values) == 1 for values in found.values()), url
    return {name: values[0] for name, values in found.items()}


def with_parameters(url, **more):
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query=urlencode({**parameters(url), **more})))


class Browser:
    def __init__(self):
        # Name -> value and path. The library's own jar sends no Secure cookie to http://localhost, which browsers take for secure.
        self.cookies = {}

    def request(self, method, url, headers=None, **options):
        path = urlsplit(url).path
        sent = "; ".join(f"{name}={value}" for name, (value, under) in self.cookies.items() if path.startswith(under))
        headers = {**(headers or {}), **({"cookie": sent} if sent else {})}
        answer = requests.request(method, url, headers=headers, allow_redirects=False, timeout=30, **options)
        for cookie in answer.raw.headers.getlist("set-cookie"):
            pair, *attributes = cookie.split("; ")
            name, value = pair.split("=", 1)
            if "Max-Age=0" in attributes:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value, next(text[5:] for text in attributes if text.startswith("Path="))
        return answer

    def log_in(self):
        token = self.request("GET", f"{ISSUER}/v1/csrf").json()["csrf_token"]
        body = {"identifier": IDENTIFIER, "password": PASSWORD, "session": {"transport": "cookie"}}
        answer = self.request("POST", f"{ISSUER}/v1/login", json=body, headers={"x-csrf-token": token})
        assert answer.status_code == 200 and answer.json()["status"] == "authenticated", answer.text

    def leave(self, url):
        """Opens a URL of the host and returns the URL at which the browser leaves the host. On the login page it logs in and goes on."""
        for _ in range(10):
            answer = self.request("GET", url)
            assert answer.status_code in (302, 303), f"{url} answers {answer.status_code}: {answer.text[:500]}"
            url = urljoin(url, answer.headers["location"])
            if not url.startswith(f"{ISSUER}/"):
                return url
            if urlsplit(url).path == "/login":
                self.log_in()
                url = urljoin(url, parameters(url)["continue"])
        raise AssertionError(f"the browser goes round in circles at {url}")
