// What the scripts of the pages share: the client, the texts, and how a page shows its states.

import { Latchkey } from "../client/latchkey.js";

export const byId = (id) => document.getElementById(id);

// ---- Texts ----

const TEXTS = JSON.parse(byId("texts").textContent);
const language = document.documentElement.lang;

const find = (texts, name) => name.split(".").reduce((found, part) => (found && Object.hasOwn(found, part) ? found[part] : undefined), texts);

// A text of this page, or one that more pages have, with values in its places. Without one: the text of `otherwise`.
export function text(name, values = {}, otherwise = null) {
  const found = find(TEXTS.page, name) ?? find(TEXTS.frame, name) ?? find(TEXTS.common, name);
  if (typeof found !== "string") return otherwise ? text(otherwise, values) : name;
  return found.replace(/\{(\w+)\}/g, (place, key) => (Object.hasOwn(values, key) ? values[key] : place));
}

// When a time in seconds is over, in words: in 5 minutes.
export function wait(seconds) {
  if (!(seconds > 0)) return text("soon");
  const words = new Intl.RelativeTimeFormat(language);
  if (seconds < 90) return words.format(Math.ceil(seconds), "second");
  if (seconds < 5400) return words.format(Math.ceil(seconds / 60), "minute");
  return words.format(Math.ceil(seconds / 3600), "hour");
}

// A moment of an answer (RFC 3339), as its reader writes it.
export const moment = (at) => new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(new Date(at));

// ---- The client ----

// Whether a provider makes the captchas. Then captcha.js asks the page's reader for them.
const asksReader = Boolean(byId("captcha"));

export const auth = new Latchkey({
  transport: "cookie",
  captcha: !asksReader,
  onCaptcha: (works) => {
    byId("busy").textContent = text(works ? "captcha" : "working");
  },
  onSessionEnd: (reason) => onSessionEnd(reason),
});

for (const name of asksReader ? ["login", "loginEmail", "passwordForgot", "register"] : []) {
  const send = auth[name].bind(auth);
  auth[name] = (parameters) => send(parameters).catch(async (error) => {
    if (error.code !== "captcha_required") throw error;
    const { answered } = await import("./captcha.js").catch(() => { throw error; });
    return answered(name, (captcha) => send({ ...parameters, captcha }));
  });
}

let onSessionEnd = () => {};
// Sets what happens when the session is over, here or in another tab.
export const whenSessionEnds = (work) => {
  onSessionEnd = work;
};

// ---- Where the page leads ----

export const query = new URLSearchParams(location.search);

// Whether a text is a path of this host, as the server checks it.
export function isPath(path) {
  if (typeof path !== "string" || !/^\/(?!\/)[!-~]*$/.test(path) || /[\\#]/.test(path)) return false;
  const url = new URL(path, location.origin);
  return url.origin === location.origin && !url.pathname.startsWith("//");
}

// The path that the page continues to. Null without one, undefined for one that leads anywhere else. A second value must not slip past
// the first.
export const next = (() => {
  const given = query.getAll("continue");
  if (!given.length || given[0] === "") return null;
  return given.length === 1 && isPath(given[0]) ? given[0] : undefined;
})();

// A path of this host, with parameters. Those without a value are left out.
export function withQuery(path, parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value);
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}

// ---- Storage ----

// Keeps a value, or with null removes it. A browser may forbid storage or have no space for it. Then a page only forgets more.
export function keep(storage, name, value) {
  try {
    if (value === null) globalThis[storage].removeItem(name);
    else globalThis[storage].setItem(name, value);
  } catch {
    // Nothing depends on it.
  }
}

// What a page kept. Null without it.
export function kept(storage, name) {
  try {
    return globalThis[storage].getItem(name);
  } catch {
    return null;
  }
}

// ---- States ----

let sending = false;
// The button that was pressed last.
let pressed = null;
// The id of the visible section.
let shown = null;
// Whether leaving would lose something for good.
let losing = false;

export const isSending = () => sending;
export const isShown = (view) => shown === view;
export const isLosing = () => losing;
export const loses = (something) => {
  losing = something;
  // A reload in another language would lose it.
  const languages = byId("language");
  if (languages) languages.disabled = Boolean(something);
};

addEventListener("beforeunload", (event) => {
  if (!losing) return;
  event.preventDefault();
  event.returnValue = true; // for older browsers
});

// Shows one section of the page, and moves the focus to an element or to the section's heading.
export function show(view, focused = null) {
  for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== view;
  shown = view;
  tell();
  const heading = byId(view).querySelector("h1");
  document.title = heading.textContent;
  (focused ?? heading).focus();
  scrollTo(0, 0);
}

// Shows what is wrong, or removes it. With an input: above the input, which is marked and gets the focus. Otherwise: above the button that
// was pressed.
export function tell(lines = [], { items = [], input = null } = {}) {
  const box = byId("problem");
  clearInterval(countdown);
  box.replaceChildren();
  box.className = lines.length ? "problem" : "";
  for (const marked of document.querySelectorAll("[aria-invalid]")) marked.removeAttribute("aria-invalid");
  box.append(...lines.map((line) => element("p", line)));
  if (items.length) box.append(element("ul", ...items.map((item) => element("li", item))));
  if (!lines.length) return;
  (input ? input.labels[0] : pressed ?? byId(shown).querySelector("h1 ~ *") ?? byId(shown).firstElementChild).before(box);
  if (input) {
    input.setAttribute("aria-invalid", "true");
    input.focus();
  }
  box.scrollIntoView({ block: "nearest" });
}

let countdown = 0;

// Shows how long its reader must wait, and counts down. Says it aloud only once.
export function tellToWait(name, seconds) {
  tell([text(name, { wait: wait(seconds) })]);
  if (!(seconds > 0)) return;
  const over = performance.now() + seconds * 1000;
  const line = byId("problem").firstElementChild;
  const display = element("span");
  line.replaceWith(element("p", element("span", line.textContent)), element("p", display));
  display.setAttribute("aria-live", "off");
  countdown = setInterval(() => {
    const left = Math.ceil((over - performance.now()) / 1000);
    if (left <= 0) return tell([text("wait_over")]);
    display.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
  }, 1000);
}

// An element with what it holds: text and elements. Its first argument may be `tag.class`.
export function element(tag, ...content) {
  const [name, ...classes] = tag.split(".");
  const made = document.createElement(name);
  if (classes.length) made.className = classes.join(" ");
  made.append(...content);
  return made;
}

// One request at a time, for a form or a button. The button keeps the focus and only says that it is busy. What `work` throws goes to
// `refused`, or is explained.
export async function busily(source, work, refused = failed) {
  if (sending) return;
  sending = true;
  pressed = source.matches("button") ? source : source.querySelector("[type=submit]");
  const button = pressed;
  button.setAttribute("aria-disabled", "true");
  byId("busy").textContent = text("working");
  tell();
  try {
    await work();
  } catch (error) {
    if (error.code !== "captcha_stopped") refused(error);
  } finally {
    sending = false;
    button.removeAttribute("aria-disabled");
    byId("busy").textContent = "";
  }
}

// In the middle of a request, lets its reader do something else first, such as a proof in a dialog.
export async function meanwhile(work) {
  const button = pressed;
  sending = false;
  byId("busy").textContent = "";
  try {
    return await work();
  } finally {
    sending = true;
    pressed = button;
    byId("busy").textContent = text("working");
  }
}

export function onSubmit(id, work) {
  byId(id).addEventListener("submit", (event) => {
    event.preventDefault();
    if (!sending) work(event.target);
  });
}

export function onClick(id, work) {
  byId(id).addEventListener("click", ({ currentTarget }) => {
    if (!sending) work(currentTarget);
  });
}

// What to show for an error that no page treats in its own way.
function explained({ code, requestId, retryAfter }) {
  switch (code) {
    case "network":
      return [text(navigator.onLine === false ? "offline" : "network")];
    case "rate_limited":
    case "locked_out":
      return [text("limited", { wait: wait(retryAfter) })];
    case "temporarily_unavailable":
      return [text("unavailable")];
    case "captcha_required":
      return [text("outdated")];
    case "captcha_failed":
      return [text("captcha_failed")];
    case "account_banned":
      return [text("banned")];
    // The words of `errors` are for developers, and in English.
    case "invalid_request":
      return [text("invalid_request")];
    default:
      return [text("unexpected"), ...(requestId ? [text("reference", { id: requestId })] : [])];
  }
}

// Explains an error. A defect of a script is explained too, and thrown on.
export function failed(error) {
  if (!error.code) {
    tell([text("unexpected")]);
    throw error;
  }
  if (error.code === "rate_limited" || error.code === "locked_out") return tellToWait("limited", error.retryAfter);
  tell(explained(error));
}

// Shows that the page cannot go on now, with a button to try again.
export function stuck(error) {
  show("stuck");
  pressed = byId("again");
  tell(explained(error));
  if (!error.code) throw error;
}

// Shows why a link cannot be used, and what to do next.
export function unusable(why, then, title = text("unusable")) {
  loses(false);
  byId("unusable-why").textContent = why;
  byId("unusable-next").textContent = then;
  byId("unusable").querySelector("h1").textContent = title;
  show("unusable");
}

// ---- Tokens of links ----

// The token in the fragment of a link, or null. Removes it from the address and from the history. Base64url parts; the server checks what
// is in them.
export function takeToken(name = "token") {
  const fragment = location.hash;
  const parameters = new URLSearchParams(location.search);
  if (fragment) {
    taken = fragment;
    history.replaceState(null, "", withQuery(location.pathname, Object.fromEntries(parameters)));
  }
  const given = new URLSearchParams(fragment.slice(1)).get(name);
  return given && given.length <= 500 && /^[\w.-]+$/.test(given) ? given : null;
}

// The fragment that the page was opened with, for a reload in another language.
let taken = "";

// ---- Passwords and keys ----

// As the server counts: code points after NFC.
export const characters = (password) => [...password.normalize("NFC")].length;

// The rules of the deployment, and the input for a new password that they are for.
let policy = {};
let chosen = null;

const CLASSES = {
  upper: /\p{Uppercase}/u,
  lower: /\p{Lowercase}/u,
  digit: /[0-9]/,
  special: /[^\p{Alphabetic}\p{N}]/u,
};

// The rules that a script can check: pairs of the words and a test.
const rules = (least, classes) => [
  ...(least > 0 ? [[text("rules.at_least", { count: least }), (password) => characters(password) >= least]] : []),
  ...Object.keys(CLASSES).filter((name) => classes.includes(name))
    .map((name) => [text(`rules.${name}`), (password) => CLASSES[name].test(password.normalize("NFC"))]),
];

// The rules that a new password does not meet, in the reader's language. Null for other errors.
export function passwordFaults({ code, errors }) {
  const ofPassword = errors?.every(({ field }) => /password$/.test(field));
  if (code === "invalid_request" && errors.length && ofPassword) return [text("long_password", { max: policy.max_length ?? 128 })];
  if (code !== "weak_password") return null;
  // Only the rule about the length has a number. It may differ from that of the policy, because a second factor makes it smaller.
  const least = errors.map(({ message }) => parseInt(message.match(/\d+/)?.[0])).find((number) => number > 0);
  const broken = (classes) => rules(least, classes).filter(([, isMet]) => !isMet(chosen.value)).map(([words]) => words);
  let found = broken(policy.classes ?? Object.keys(CLASSES));
  // The policy could not be loaded, and it has no classes.
  if (found.length > errors.length) found = broken([]);
  // The other rules cannot be checked here.
  return found.length < errors.length ? [...found, text("rules.not_common")] : found;
}

// Shows the deployment's password rules below an input, and which are met. The form also works without them, because the server names
// each rule that is not met.
export async function drawRules(input, list) {
  chosen = input;
  policy = (await auth.config().catch(() => ({}))).password ?? {};
  const lines = [...rules(policy.min_length, policy.classes ?? []), [text("rules.not_common"), null]].map(([words, isMet]) => {
    const state = element("span.unseen");
    const line = element(isMet ? "li" : "li.plain", words, state);
    return { line, state, isMet };
  });
  const judge = () => {
    for (const { line, state, isMet } of lines.filter(({ isMet }) => isMet)) {
      const good = isMet(input.value);
      line.className = good ? "met" : "";
      state.textContent = text(good ? "rules.met" : "rules.not_met");
    }
  };
  list.replaceChildren(...lines.map(({ line }) => line));
  input.addEventListener("input", judge);
  judge();
}

// Copies what an element shows, and says so in another one.
export async function copy(source, status) {
  status.textContent = "";
  try {
    await navigator.clipboard.writeText(source.innerText);
    status.textContent = text("copied");
    return true;
  } catch {
    getSelection().selectAllChildren(source);
    status.textContent = text("not_copied");
    return false;
  }
}

// Saves a text as a file.
export function download(name, content, type = "text/plain") {
  const link = element("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

// Shows the recovery key of a new account, or hides its place. The account's address or username is in the file with the key.
export function showRecoveryKey(key, account = "") {
  loses(Boolean(key));
  byId("recovery").hidden = !key;
  const box = byId("recovery-key");
  box.textContent = key ?? "";
  if (!key) return;
  box.addEventListener("copy", () => { loses(false); });
  byId("copy").addEventListener("click", async () => {
    if (await copy(box, byId("copied"))) loses(false);
  });
  byId("download").addEventListener("click", () => {
    download("recovery-key.txt", `${text("recovery_file", { account, host: location.host })}\n\n${key}\n`);
    loses(false);
  });
  byId("print").addEventListener("click", () => {
    print();
    loses(false);
  });
  // The way back must not show it again.
  addEventListener("pagehide", () => {
    box.textContent = "";
    byId("recovery").hidden = true;
  });
}

// ---- Every page ----

// Buttons that show and hide what inputs hold.
for (const button of document.querySelectorAll("[data-reveals]")) {
  const inputs = button.dataset.reveals.split(" ").map(byId);
  button.addEventListener("click", () => {
    const hidden = inputs[0].type === "password";
    for (const input of inputs) input.type = hidden ? "text" : "password";
    button.textContent = text(hidden ? "hide" : "show");
    button.setAttribute("aria-label", text(hidden ? "hide_password" : "show_password"));
  });
}

byId("again").addEventListener("click", () => location.reload());

byId("language")?.addEventListener("change", ({ target }) => {
  document.cookie = `__Host-language=${target.value}; Path=/; Secure; SameSite=Lax; Max-Age=31536000`;
  const parameters = new URLSearchParams(location.search);
  parameters.delete("ui_locales");
  // The token of a link is not lost.
  history.replaceState(null, "", withQuery(location.pathname, Object.fromEntries(parameters)) + taken);
  location.reload();
});

// Runs the page of a link, again for each link that is opened in this tab.
export function startLink(read) {
  addEventListener("hashchange", () => { if (location.hash) read(); });
  return start(read);
}

// Runs a page, unless it cannot work here.
export function start(work) {
  if (!navigator.cookieEnabled) return show("without-cookies");
  // Shorter waits show nothing, so that nothing flickers.
  const pause = setTimeout(() => shown ?? show("wait"), 400);
  return Promise.resolve()
    .then(work)
    .catch(stuck)
    .finally(() => clearTimeout(pause));
}
