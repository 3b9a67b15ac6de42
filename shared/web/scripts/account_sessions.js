// The script of /account/sessions.

import { auth, byId, element, failed, moment, onClick, text } from "./page.js";
import { act, ask, button, confirmed, leave, muted, open, own, place, say, sensitive } from "./account_common.js";
import { refusedName } from "./account_faults.js";

let sessions = [];
let devices = [];
// Where the next pages begin.
let moreSessions = null;
let moreDevices = null;

const toLogin = () => location.replace("/login");
const badge = (words) => element("span.badge", words);
// The current one first. The others keep the order of the answer.
const currentFirst = (list) => [...list.filter(({ current }) => current), ...list.filter(({ current }) => !current)];

function detail(name, ...value) {
  return [element("dt", text(name)), element("dd", ...value)];
}

function sessionRow(session) {
  const { id, current, client, device } = session;
  const methods = session.methods.map((method) => text(`method.${method}`, {}, null)).filter((words) => !words.startsWith("method."));
  const details = element(
    "details",
    element("summary", text("details")),
    element(
      "dl.facts",
      ...detail("began", moment(session.created_at)),
      ...detail("expires", moment(session.expires_at)),
      ...(methods.length ? detail("methods", methods.join(", ")) : []),
      ...detail("browser", element("bdi", session.user_agent)),
    ),
  );
  const app = client ? [" ", ...inText("app", element("bdi", client.name))] : [];
  return element(
    "li",
    element("h3", element("bdi", device.name), ...app, " ", ...(current ? [badge(text("current"))] : [])),
    muted(element("bdi", place(session))),
    muted(current ? text("active_now") : text("last_active", { at: moment(session.last_active_at) })),
    details,
    current
      ? button(text("end_current"), (source) => act(source, () => leave(() => auth.logout(), toLogin)))
      : button(text("end"), (source) => act(source, () => end(id)), { name: text("end_name", { name: device.name }) }),
  );
}

// A text with an element in its place.
function inText(name, inside) {
  const [before, after = ""] = text(name).split("{name}");
  return [before, inside, after];
}

function deviceRow(device) {
  const { id, name, current, trusted } = device;
  const noLonger = (source) => act(source, () => distrust(id), missing);
  const badges = [...(current ? [badge(text("this_device")), " "] : []), ...(trusted ? [badge(text("trusted"))] : [])];
  const buttons = [
    button(text("rename"), () => rename(device), { name: text("rename_name", { name }) }),
    ...(trusted ? [button(text("distrust"), noLonger, { name: text("distrust_name", { name }) })] : []),
    button(text("forget"), (source) => forget(device, source), { name: text("forget_name", { name }) }),
  ];
  return element(
    "li",
    element("h3", element("bdi", name), " ", ...badges),
    muted(element("bdi", place(device))),
    muted(text("seen", { at: moment(device.last_seen_at) }), element("br"), text("first_seen", { at: moment(device.first_seen_at) })),
    ...(device.trusted_until ? [muted(text("trusted_until", { at: moment(device.trusted_until) }))] : []),
    element("div.row-buttons", ...buttons),
  );
}

function draw() {
  byId("sessions").replaceChildren(...currentFirst(sessions).map(sessionRow));
  byId("more-sessions").hidden = !moreSessions;
  byId("end-others").hidden = !moreSessions && sessions.length < 2;
  byId("devices").replaceChildren(...currentFirst(devices).map(deviceRow));
  byId("more-devices").hidden = !moreDevices;
  byId("no-devices").hidden = devices.length > 0 || Boolean(moreDevices);
}

function drawFirst(ofSessions, ofDevices) {
  ({ sessions, next: moreSessions = null } = ofSessions);
  ({ devices, next: moreDevices = null } = ofDevices);
  draw();
}

const load = () => [auth.sessionList(), auth.deviceList()];
const reload = async () => drawFirst(...(await own(Promise.all(load()))));

const saySession = (name) => say(text(name), byId("sessions-title"));
const sayDevice = (name) => say(text(name), byId("devices-title"));

async function end(id) {
  let name = "ended";
  try {
    await sensitive(() => auth.sessionRevoke({ id }));
  } catch (error) {
    // Another tab or device was faster, or the answer to an earlier try was lost.
    if (error.code !== "not_found") throw error;
    name = "already_ended";
  }
  sessions = sessions.filter((session) => session.id !== id);
  draw();
  saySession(name);
}

async function missing(error) {
  if (error.code !== "not_found") return failed(error);
  await reload();
  sayDevice("gone");
}

function rename(device) {
  const question = {
    title: text("rename_title"),
    why: text("rename_why"),
    label: text("name"),
    value: device.name,
    yes: text("save"),
    attributes: { maxLength: 200 },
  };
  const save = async (name) => {
    replace(await sensitive(() => auth.deviceUpdate({ id: device.id, name: name || null })));
    return () => sayDevice("renamed");
  };
  ask(question, save, refusedName);
}

function replace(changed) {
  devices = devices.map((device) => (device.id === changed.id ? changed : device));
  sessions = sessions.map((session) => {
    if (session.device.id !== changed.id) return session;
    return { ...session, device: { ...session.device, name: changed.name, trusted: changed.trusted } };
  });
  draw();
}

async function distrust(id) {
  replace(await sensitive(() => auth.deviceUpdate({ id, trusted: false })));
  sayDevice("distrusted");
}

async function forget({ id, name, current }, source) {
  const why = [text("forget_why"), ...(current ? [text("forget_this")] : [])];
  if (!(await confirmed({ title: text("forget_title", { name }), why, yes: text("forget") }))) return;
  const work = () => auth.deviceForget({ id });
  act(source, async () => {
    if (current) return sensitive(() => leave(work, toLogin));
    await sensitive(work);
    await reload();
    sayDevice("forgotten");
  }, missing);
}

onClick("end-others", async (source) => {
  if (!(await confirmed({ title: text("others_title"), why: text("others_why"), yes: text("others_do") }))) return;
  act(source, async () => {
    await sensitive(() => auth.logoutAll({ keep_current: true }));
    await reload();
    saySession("others_ended");
  });
});

onClick("log-out-everywhere", async (source) => {
  if (!(await confirmed({ title: text("everywhere.title"), why: text("everywhere.why"), yes: text("everywhere.do") }))) return;
  act(source, () => sensitive(() => leave(() => auth.logoutAll(), toLogin)));
});

onClick("more-sessions", (source) => act(source, async () => {
  const page = await own(auth.sessionList({ cursor: moreSessions }));
  const first = page.sessions[0]?.id;
  sessions = [...sessions, ...page.sessions];
  moreSessions = page.next ?? null;
  draw();
  if (first) byId("sessions").children[sessions.length - page.sessions.length]?.querySelector("summary").focus();
}));

onClick("more-devices", (source) => act(source, async () => {
  const page = await own(auth.deviceList({ cursor: moreDevices }));
  devices = [...devices, ...page.devices];
  moreDevices = page.next ?? null;
  draw();
  byId("devices").children[devices.length - page.devices.length]?.querySelector("button").focus();
}));

open(load, drawFirst);
