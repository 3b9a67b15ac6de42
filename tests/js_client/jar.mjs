// A `fetch` with the cookies of one host, as a browser has them.

export function jar(fetch = globalThis.fetch) {
  const cookies = new Map();
  const withCookies = async (input, { credentials, ...init } = {}) => {
    const url = new URL(input);
    const headers = new Headers(init.headers);
    const sent = [...cookies].filter(([, { under }]) => url.pathname.startsWith(under));
    if (credentials === "include" && sent.length) headers.set("cookie", sent.map(([name, { value }]) => `${name}=${value}`).join("; "));
    const response = await fetch(url, { ...init, headers });
    for (const set of response.headers.getSetCookie()) {
      const [pair, ...attributes] = set.split("; ");
      const at = pair.indexOf("=");
      const named = new Map(attributes.map((attribute) => attribute.split("=")).map(([name, value]) => [name.toLowerCase(), value]));
      if (named.get("max-age") === "0") cookies.delete(pair.slice(0, at));
      else cookies.set(pair.slice(0, at), { value: pair.slice(at + 1), under: named.get("path") });
    }
    return response;
  };
  return Object.assign(withCookies, { cookies });
}
