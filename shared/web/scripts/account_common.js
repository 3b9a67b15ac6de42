// What the pages for a reader with a session share: the session, the proof for sensitive steps, and dialogs.

import { auth, busily, byId, element, failed, loses, meanwhile, next, onClick } from "./page.js";
import { show, start, stuck, tell, text, whenSessionEnds, withQuery } from "./page.js";
import { drawProof, onProof } from "./proof.js";

// The account that this page shows. Another one in the same browser ends the page.
export let user = null;
// Whether the session ends because of this page.
let leaving = false;
let isOver = false;
// The look at the session that is under way.
let looking = null;

class Stopped extends Error {}

const isEnd = ({ status, code }) => status === 401 && /^(invalid_token|session_revoked)$/.test(code);

// ---- The session ----

// The login page, which returns to this one.
const loginPath = () => withQuery("/login", { continue: withQuery(location.pathname, { continue: next }) });

// What does not depend on the account.
const SAME_FOR_ALL = "#over, #deactivated, #deleted, #stuck, #wait, #without-cookies";

// Ends the page: removes what it holds of its account, such as secrets, codes and what was typed.
export function forget() {
  isOver = true;
  loses(false);
  const main = document.querySelector("main");
  // The place for problems stays.
  main.prepend(byId("problem"));
  for (const input of main.querySelectorAll("input, textarea")) input.value = "";
  for (const dialog of main.querySelectorAll("dialog")) dialog.remove();
  for (const section of main.querySelectorAll(`:scope > section:not(${SAME_FOR_ALL})`)) {
    // A heading names the page, and nothing of the account.
    section.replaceChildren(...section.querySelectorAll(":scope > h1"));
  }
  byId("reader").textContent = "";
  for (const part of [byId("bar"), ...document.querySelectorAll("nav")]) part.hidden = true;
}

// Says that the session is over.
function over(reason) {
  if (leaving || isOver) return;
  forget();
  const replaced = reason === "replaced";
  byId("over-why").textContent = text(`over.${reason}`, {}, "over.invalid_token");
  byId("over-next").href = replaced ? withQuery(location.pathname, { continue: next }) : loginPath();
  if (replaced) {
    byId("over").querySelector("h1").textContent = text("over.replaced_title");
    byId("over-next").textContent = text("over.replaced_next");
  }
  show("over");
}

whenSessionEnds((reason) => { if (user) over(reason); });

// Stops what goes on where the account is no longer the one that the page shows.
function check({ id }) {
  if (id !== user.id) over("replaced");
  if (isOver || id !== user.id) throw new Stopped();
}

// Looks whether the session is still that of the same account. Another tab may have ended it or logged in as somebody else. Without an
// answer nothing is known, so the next request shows it.
function look() {
  if (!user || isOver || leaving) return;
  looking ??= auth.profileGet()
    .then(({ id }) => { if (id !== user.id) over("replaced"); }, (error) => { if (isEnd(error)) over(error.code); })
    .finally(() => { looking = null; });
  return looking;
}

// A GET has no CSRF token, so its answer may be that of another account by now. Then the page ends.
export async function own(asked) {
  const answer = await asked;
  // A page that opens looks once, when it has everything.
  if (user) check(await auth.profileGet());
  return answer;
}

addEventListener("focus", look);
document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });

// A page that the browser kept for its back button must not show an account whose reader has logged out. Without an answer it shows
// nothing of it.
addEventListener("pageshow", async ({ persisted }) => {
  if (!persisted) return;
  if (leaving || isOver || !user) return location.reload();
  document.body.hidden = true;
  try {
    check(await auth.profileGet());
  } catch (error) {
    if (isEnd(error)) over(error.code);
    if (isOver) return;
    forget();
    stuck(error);
  } finally {
    document.body.hidden = false;
  }
});

// Takes over what the account has become. Another account ends the page.
export function know(changed) {
  if (user) check(changed);
  user = changed;
  byId("reader").textContent = user.name ?? user.username ?? user.email;
}

// Opens a page: loads what it shows, while the account is loaded, and draws it. Without a session it goes to the login page.
export function open(load, draw) {
  return start(async () => {
    let loaded;
    try {
      const [me, ...rest] = await Promise.all([auth.profileGet(), ...load()]);
      know(me);
      // The lists may be those of an account that has logged in meanwhile.
      if (rest.length) know(await auth.profileGet());
      loaded = rest;
    } catch (error) {
      if (isOver) return;
      if (!isEnd(error)) throw error;
      location.replace(loginPath());
      return new Promise(() => {});
    }
    await draw(...loaded);
    // Another tab may have been faster.
    if (isOver) return;
    byId("bar").hidden = false;
    show("view");
  });
}

// ---- Requests ----

const explained = (refused) => (error) => {
  if (isOver) return;
  if (isEnd(error)) return over(error.code);
  if (error instanceof Stopped) return tell([text("proof.stopped")]);
  // What explains an error may have to ask the server.
  refused(error)?.catch(explained(failed));
};

// As `busily`, for the account that the page shows.
export function act(source, work, refused = failed) {
  const forThisAccount = async () => {
    if (!isOver) byId("said").textContent = "";
    await looking;
    if (!isOver) await work();
  };
  return busily(source, forThisAccount, explained(refused));
}

// Says what was done, below a heading, which gets the focus.
export function say(message, heading = byId("view").querySelector("h1")) {
  const said = byId("said");
  heading.after(said);
  heading.focus();
  said.textContent = message;
}

// Ends the session by a request of this page, and goes on.
export async function leave(work, then) {
  leaving = true;
  try {
    await work();
  } catch (error) {
    leaving = false;
    throw error;
  }
  loses(false);
  then();
}

// ---- The proof for sensitive steps ----

// What comes too late is not shown.
async function unlessOver(work) {
  const answer = await work();
  if (isOver) throw new Stopped();
  return answer;
}

// Does what needs a fresh proof. Asks for one where the server does, and repeats the work then.
export async function sensitive(work) {
  try {
    return await unlessOver(work);
  } catch (error) {
    if (error.code !== "reauthentication_required") throw error;
  }
  await meanwhile(prove);
  return unlessOver(work);
}

async function prove() {
  // The account may have changed in another tab.
  const me = await auth.profileGet();
  check(me);
  const dialog = byId("proof");
  dialog.returnValue = "";
  byId("proof-name").value = me.email ?? me.username;
  const focused = await drawProof(me);
  dialog.showModal();
  (focused ?? byId("proof-title")).focus();
  await new Promise((closed) => dialog.addEventListener("close", closed, { once: true }));
  for (const input of dialog.querySelectorAll("input")) input.value = "";
  tell();
  if (dialog.returnValue !== "proven") throw new Stopped();
}

onProof(() => byId("proof").close("proven"), act);

byId("proof-cancel").addEventListener("click", () => byId("proof").close());

// ---- Dialogs ----

// A button with its words. Its name for those who hear it may say more.
export function button(words, work, { quiet = true, name = null } = {}) {
  const made = element(quiet ? "button.quiet.small" : "button.small", words);
  made.type = "button";
  if (name) made.setAttribute("aria-label", name);
  made.addEventListener("click", () => work(made));
  return made;
}

function dialogOf(title, ...content) {
  const heading = element("h2", title);
  heading.id = "dialog-title";
  heading.tabIndex = -1;
  const dialog = element("dialog", heading, ...content);
  dialog.setAttribute("aria-labelledby", heading.id);
  const cancel = element("button.quiet", text("cancel"));
  cancel.type = "button";
  cancel.addEventListener("click", () => dialog.close());
  dialog.append(element("div.choice", cancel));
  dialog.addEventListener("close", () => {
    tell();
    // The place for problems must outlive the dialog.
    document.querySelector("main").prepend(byId("problem"));
    dialog.remove();
  });
  document.querySelector("main").append(dialog);
  dialog.showModal();
  heading.focus();
  return dialog;
}

// Asks whether its reader means it.
export function confirmed({ title, why, yes }) {
  return new Promise((answered) => {
    const go = element("button", yes);
    go.type = "button";
    go.addEventListener("click", () => dialog.close("yes"));
    const dialog = dialogOf(title, ...[why].flat().map((line) => element("p", line)), go);
    dialog.addEventListener("close", () => answered(dialog.returnValue === "yes"));
  });
}

// Asks for one line of text, and does with it what `work` says. The dialog stays open until that succeeds. What `work` returns is called
// after that.
export function ask({ title, why = [], label, yes, value = "", empty, attributes = {} }, work, refused = failed) {
  const input = Object.assign(element("input"), { id: "dialog-input", type: "text", value, autocomplete: "off", ...attributes });
  input.setAttribute("aria-errormessage", "problem");
  const named = Object.assign(element("label", label), { htmlFor: input.id });
  const go = Object.assign(element("button", yes), { type: "submit" });
  const form = element("form", named, element("div.field", input), go);
  form.noValidate = true;
  const dialog = dialogOf(title, ...[why].flat().map((line) => element("p", line)), form);
  input.focus();
  input.select();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (empty && !input.value.trim()) return tell([empty], { input });
    const done = async () => {
      const then = await work(input.value.trim());
      dialog.close();
      then?.();
    };
    act(form, done, (error) => refused(error, input));
  });
}

// ---- What several pages show ----

const language = document.documentElement.lang;
const countries = Intl.DisplayNames && new Intl.DisplayNames(language, { type: "region", fallback: "code" });

// A location of an answer, with the truncated IP address.
export function place({ location: found, ip_truncated: ip }) {
  let country = found?.country;
  try {
    country = country && countries ? countries.of(country) : country;
  } catch {
    // Not a code of a country. It is shown as it is.
  }
  const parts = [found?.city, found?.region === found?.city ? null : found?.region, country].filter(Boolean);
  const known = [parts.join(", "), ip && text("ip", { ip })].filter(Boolean);
  return known.join(" · ") || text("unknown_place");
}

// A line of muted text.
export const muted = (...content) => element("p.muted", ...content);

// ---- Every page ----

if (next) {
  byId("back").href = next;
  byId("back").hidden = false;
  for (const link of document.querySelectorAll("nav a")) link.href = withQuery(link.getAttribute("href"), { continue: next });
}

onClick("log-out", (source) => act(source, () => leave(() => auth.logout(), () => location.replace("/login"))));
