// The script of /account/identities.

import { auth, byId, element, failed, moment, next, query, tell, text, withQuery } from "./page.js";
import { act, button, confirmed, muted, open, own, say, sensitive } from "./account_common.js";

let identities = [];
let providers = [];

const nameOf = (id) => providers.find((provider) => provider.id === id)?.name ?? id;

function row(identity) {
  const { provider, name: account, email } = identity;
  const name = nameOf(provider);
  return element(
    "li",
    element("h2", element("bdi", name)),
    element("p", element("bdi", account), ...(email && email !== account ? [element("br"), element("bdi", email)] : [])),
    muted(text("linked_at", { at: moment(identity.linked_at) }), element("br"), text("used", { at: moment(identity.last_used_at) })),
    button(text("unlink"), (source) => unlink(provider, name, source), { name: text("unlink_name", { name }) }),
  );
}

function draw() {
  byId("identities").replaceChildren(...identities.map(row));
  byId("none").hidden = identities.length > 0 || !providers.length;
  const free = providers.filter(({ id }) => !identities.some(({ provider }) => provider === id));
  byId("providers").replaceChildren(...free.map(({ id, name }) => button(text("link", { name }), (source) => link(id, source))));
  byId("offered").hidden = !free.length;
  byId("no-providers").hidden = providers.length > 0 || identities.length > 0;
}

async function reload() {
  ({ identities } = await own(auth.identityList()));
  draw();
}

function link(provider, source) {
  const back = withQuery(location.pathname, { linked: provider, continue: next });
  act(source, async () => {
    const { authorization_url: url } = await sensitive(() => auth.identityLink({ provider, continue: back }));
    location.assign(url);
  }, (error) => {
    switch (error.code) {
      case "conflict":
        return reload().then(() => tell([text("one_each")]));
      case "temporarily_unavailable":
        return tell([text("site_down")]);
      case "not_found":
        return tell([text("no_site")]);
    }
    failed(error);
  });
}

async function unlink(provider, name, source) {
  const why = text("unlink_why", { name });
  if (!(await confirmed({ title: text("unlink_title", { name }), why, yes: text("unlink") }))) return;
  act(source, async () => {
    await sensitive(() => auth.identityUnlink({ provider }));
    await reload();
    say(text("unlinked"));
  }, (error) => {
    if (error.code === "conflict") return tell([text("last_way")]);
    if (error.code !== "not_found") return failed(error);
    return reload().then(() => say(text("gone")));
  });
}

// What became of a link, after the way to the other site. Says it once.
function came() {
  const [linked, error] = [query.get("linked"), query.get("error")];
  if (!linked && !error) return;
  history.replaceState(null, "", withQuery(location.pathname, { continue: next }));
  if (error) return () => tell([text(`errors.${error}`, {}, "other_error")]);
  const name = nameOf(linked);
  if (identities.some(({ provider }) => provider === linked)) return () => say(text("linked", { name }));
  // Anybody can write words into the address.
  if (!providers.some(({ id }) => id === linked)) return;
  return () => tell([text("not_linked", { name })]);
}

let result;
open(() => [auth.identityList(), auth.config()], (list, config) => {
  ({ identities } = list);
  ({ providers } = config);
  draw();
  result = came();
}).then(() => result?.());
