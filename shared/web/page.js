// What the scripts of the pages share. It is written into each page, and the page's policy names the hash of the whole script.

// The texts of this part, in one place for translations. \u2011 is a hyphen without a line break.
const COMMON = {
  invalidRequest: "The server did not accept this:",
  limited: (wait) => `Too many attempts. Try again ${wait}.`,
  unavailable: "The service is not available at the moment. Try again in a minute.",
  unexpected: "Something went wrong on our side. Try again in a minute.",
  reference: (id) => `Reference: ${id}`,
  network: "We could not reach the server. Check your connection and try again.",
  working: "One moment…",
  copied: "Copied.",
  notCopied: "Your browser did not copy the key. The key is selected, so you can copy it yourself.",
};
// In milliseconds. Longer than API Gateway lets a function run.
const PATIENCE = 40000;

const byId = (id) => document.getElementById(id);
const wait = (seconds) => {
  if (!(seconds > 0)) return "in a little while";
  if (seconds < 90) return `in ${Math.ceil(seconds)} seconds`;
  if (seconds < 5400) return `in ${Math.ceil(seconds / 60)} minutes`;
  return `in ${Math.ceil(seconds / 3600)} hours`;
};

let sending = false;
// The button that was pressed last.
let pressed = null;
// The id of the visible section.
let shown = null;
// Whether leaving would lose something for good.
let losing = false;
addEventListener("beforeunload", (event) => {
  if (!losing) return;
  event.preventDefault();
  event.returnValue = true; // for older browsers
});

function show(view, focused = null) {
  for (const section of document.querySelectorAll("section")) section.hidden = section.id !== view;
  shown = view;
  tell();
  const heading = byId(view).querySelector("h1");
  document.title = heading.textContent;
  (focused ?? heading).focus();
  scrollTo(0, 0);
}

// Shows what is wrong, or removes it. With an input: above the input, which is marked and gets the focus. Otherwise: above the
// button that was pressed.
function tell(lines = [], { items = [], input = null } = {}) {
  const box = byId("problem");
  box.replaceChildren();
  box.className = lines.length ? "problem" : "";
  for (const marked of document.querySelectorAll("[aria-invalid]")) marked.removeAttribute("aria-invalid");
  for (const line of lines) box.append(Object.assign(document.createElement("p"), { textContent: line }));
  if (items.length) {
    const list = document.createElement("ul");
    for (const item of items) list.append(Object.assign(document.createElement("li"), { textContent: item }));
    box.append(list);
  }
  if (!lines.length) return;
  (input ? input.labels[0] : pressed).before(box);
  if (input) {
    input.setAttribute("aria-invalid", "true");
    input.focus();
  }
  box.scrollIntoView({ block: "nearest" });
}

// Sends a request. Without credentials unless the page logs its reader in.
async function request(method, path, body = null, { headers = {}, credentials = "omit" } = {}) {
  const options = {
    method,
    credentials,
    referrerPolicy: "no-referrer",
    redirect: "error",
    cache: "no-store",
    signal: AbortSignal.timeout(PATIENCE),
    headers,
  };
  if (body) Object.assign(options, { body: JSON.stringify(body), headers: { "Content-Type": "application/json", ...headers } });
  const response = await fetch(path, options);
  const text = await response.text();
  let answer = {};
  try {
    answer = JSON.parse(text) ?? {};
  } catch {
    // The answer is empty or not ours, so only its status counts.
  }
  return { ok: response.ok, status: response.status, retryAfter: Number(response.headers.get("Retry-After")), answer };
}

// The last question for a CSRF token. Two at once would get two cookies, of which the browser keeps one.
let lastCsrf = Promise.resolve();

// Posts with cookies, and with the CSRF token that they need.
async function postWithCookies(path, body) {
  const credentials = "same-origin";
  const asked = lastCsrf.then(() => request("GET", "/v1/csrf", null, { credentials }));
  lastCsrf = asked.catch(() => {});
  const csrf = await asked;
  if (!csrf.ok) return csrf;
  return request("POST", path, body, { credentials, headers: { "X-CSRF-Token": csrf.answer.csrf_token } });
}

// One request at a time, for a form or a button. The button keeps the focus and only says that it is busy.
async function busily(source, work) {
  if (sending) return;
  sending = true;
  pressed = source.matches("button") ? source : source.querySelector("[type=submit]");
  const button = pressed;
  button.setAttribute("aria-disabled", "true");
  byId("busy").textContent = COMMON.working;
  tell();
  try {
    await work();
  } catch {
    tell([COMMON.network]);
  } finally {
    sending = false;
    button.removeAttribute("aria-disabled");
    byId("busy").textContent = "";
  }
}

// The faults of the fields that an answer names.
function faults({ answer }) {
  return Array.isArray(answer.errors) ? answer.errors.filter((error) => error && error.message) : [];
}

// What to show for an answer that no page treats in its own way.
function explained({ status, retryAfter, answer }) {
  // API Gateway's own answers have a status and no code.
  if (status === 429) return [COMMON.limited(wait(retryAfter))];
  if (status === 503 || status === 504) return [COMMON.unavailable];
  return [COMMON.unexpected, ...(answer.request_id ? [COMMON.reference(answer.request_id)] : [])];
}

function failed(result) {
  const items = faults(result).map((error) => `${error.field}: ${error.message}`);
  if (result.answer.code === "invalid_request") return tell([COMMON.invalidRequest], { items });
  tell(explained(result));
}

// Shows the recovery key of a new account in the page's element `recovery`, or hides that.
function showRecoveryKey(key) {
  losing = Boolean(key);
  byId("recovery").hidden = !key;
  const box = byId("recovery-key");
  box.textContent = key ?? "";
  const saved = () => { losing = false; };
  box.addEventListener("copy", saved);
  byId("copy").addEventListener("click", async () => {
    const status = byId("copied");
    status.textContent = "";
    try {
      await navigator.clipboard.writeText(box.textContent);
      status.textContent = COMMON.copied;
      saved();
    } catch {
      getSelection().selectAllChildren(box);
      status.textContent = COMMON.notCopied;
    }
  });
}

// Lets a button show and hide what its inputs hold.
function revealing(button, inputs, texts) {
  button.addEventListener("click", () => {
    const hidden = inputs[0].type === "password";
    for (const input of inputs) input.type = hidden ? "text" : "password";
    button.textContent = hidden ? texts.hide : texts.show;
    button.setAttribute("aria-label", hidden ? texts.hideLabel : texts.showLabel);
  });
}
