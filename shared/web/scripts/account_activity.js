// The script of /account/activity.

import { auth, byId, element, failed, moment, onClick, onSubmit, text } from "./page.js";
import { act, muted, open, own, place, say } from "./account_common.js";

// Events of each session every ten minutes. They are shown only where they are asked for.
const FREQUENT = "refresh";
// Events of a page that are worth a look, and requests that a page takes at most.
const ENOUGH = 10;
const REQUESTS = 5;

let shown = 0;
let more = null;
// What the list is filtered by.
let action = "";

// The words for a code, or null for an unknown one.
function words(list, code) {
  const name = `${list}.${code}`;
  const found = text(name);
  return found === name ? null : found;
}

function row({ at, action: done, status, method, device, reason, ...rest }) {
  const why = reason ? text("failed_for", { reason: words("reasons", reason) ?? reason }) : text("failed");
  const failure = status === "failure" ? [" ", element("span.badge.bad", why)] : [];
  const how = words("methods", method);
  const where = rest.ip_truncated || rest.location ? [element("bdi", place(rest))] : [];
  const by = device ? [element("bdi", device.name)] : [];
  return element(
    "li",
    element("h3", words("actions", done) ?? element("bdi", done), ...failure),
    muted(moment(at), ...(how ? [` · ${how}`] : [])),
    ...(by.length || where.length ? [muted(...by, ...(by.length && where.length ? [" · "] : []), ...where)] : []),
  );
}

// The next events that are worth a look.
async function page(cursor) {
  const found = [];
  let from = cursor;
  for (let request = 0; request < REQUESTS; request++) {
    const { events, next } = await own(auth.activityList({ limit: 50, cursor: from, action: action || null }));
    found.push(...events.filter((event) => action || event.action !== FREQUENT || event.status === "failure"));
    from = next ?? null;
    if (!from || found.length >= ENOUGH) break;
  }
  return { events: found, next: from };
}

function add({ events, next }) {
  byId("events").append(...events.map(row));
  shown += events.length;
  more = next;
  byId("more").hidden = !more;
  byId("none").hidden = shown > 0 || Boolean(more);
}

function first(found) {
  byId("events").replaceChildren();
  shown = 0;
  add(found);
}

onSubmit("filter", (form) => act(form, async () => {
  const before = action;
  action = byId("action").value === "all" ? "" : byId("action").value;
  try {
    first(await page(null));
  } catch (error) {
    action = before;
    throw error;
  }
  say(text("shown", { count: shown }), byId("events-title"));
}, failed));

onClick("more", (source) => act(source, async () => {
  const from = shown;
  add(await page(more));
  const begins = byId("events").children[from];
  if (!begins) return;
  begins.tabIndex = -1;
  begins.focus();
}));

open(() => [page(null)], first);
