"""The sessions with which schemathesis sends its requests. Where a request ended one, the next is used."""

import os

import requests
import schemathesis

TOKENS = os.environ["TOKENS"].split()


@schemathesis.auth(refresh_interval=None)
class Session:
    def get(self, case, context):
        while len(TOKENS) > 1 and requests.get(os.environ["ME"], headers=bearer(), timeout=60).status_code == 401:
            TOKENS.pop(0)
        return bearer()

    def set(self, case, data, context):
        case.headers.update(data)


def bearer():
    return {"Authorization": f"Bearer {TOKENS[0]}"}
