// A browser without a screen: it keeps the cookies of one host, logs in by the API, and follows redirects until they leave the host.

export class Browser {
  #cookies = new Map();

  constructor(issuer, identifier, password) {
    Object.assign(this, { issuer, identifier, password });
  }

  async request(path, { method = "GET", headers = {}, body } = {}) {
    const url = new URL(path, this.issuer);
    const sent = [...this.#cookies].filter(([, { under }]) => url.pathname.startsWith(under));
    const cookie = sent.map(([name, { value }]) => `${name}=${value}`).join("; ");
    const response = await fetch(url, { method, body, redirect: "manual", headers: { ...headers, ...(cookie && { cookie }) } });
    for (const set of response.headers.getSetCookie()) {
      const [pair, ...attributes] = set.split("; ");
      const at = pair.indexOf("=");
      const named = new Map(attributes.map((attribute) => attribute.split("=")).map(([name, value]) => [name.toLowerCase(), value]));
      const ended = named.get("max-age") === "0" || Date.parse(named.get("expires")) < Date.now();
      if (ended) this.#cookies.delete(pair.slice(0, at));
      else this.#cookies.set(pair.slice(0, at), { value: pair.slice(at + 1), under: named.get("path") });
    }
    return response;
  }

  async post(path, body) {
    const { csrf_token: token } = await (await this.request("/v1/csrf")).json();
    const headers = { "content-type": "application/json", "x-csrf-token": token };
    return this.request(path, { method: "POST", headers, body: JSON.stringify(body) });
  }

  async logIn() {
    const { identifier, password } = this;
    const response = await this.post("/v1/login", { identifier, password, session: { transport: "cookie" } });
    const { status } = await response.json();
    if (response.status !== 200 || status !== "authenticated") throw new Error(`the login answers ${response.status} ${status}`);
  }

  // Opens a URL of the host and returns the URL at which the browser leaves the host. On the login page it logs in and goes on.
  async leave(url) {
    let at = new URL(url);
    for (let hops = 0; hops < 10; hops++) {
      const response = await this.request(at.href);
      const location = response.headers.get("location");
      if (![302, 303].includes(response.status) || !location) {
        throw new Error(`${at.pathname} answers ${response.status}: ${(await response.text()).slice(0, 500)}`);
      }
      at = new URL(location, at);
      if (at.origin !== new URL(this.issuer).origin) return at;
      if (at.pathname === "/login") {
        await this.logIn();
        at = new URL(at.searchParams.get("continue"), this.issuer);
      }
    }
    throw new Error(`the browser goes round in circles at ${at.pathname}`);
  }
}

export const { ISSUER: issuer, IDENTIFIER: identifier, PASSWORD: password } = process.env;
export const REDIRECT_URI = "http://127.0.0.1:49152/callback";
export const POST_LOGOUT_URI = "http://127.0.0.1:49152/logged-out";
export const SCOPE = "openid profile email offline_access";
export const newBrowser = () => new Browser(issuer, identifier, password);

// What an authorization request without a page leads to, as a URL at the client.
export function withoutPage(url) {
  const silent = new URL(url);
  silent.searchParams.set("prompt", "none");
  return silent;
}
