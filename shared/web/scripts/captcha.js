// The check by a captcha's provider: reCAPTCHA (v2, with a checkbox), hCaptcha or Turnstile. Loaded where the service asks for it.

import { byId, element, isShown, show, text } from "./page.js";

// Milliseconds. A script that a blocker replaced never says that it is ready.
const SCRIPT_TIMEOUT = 20000;
// After this time without an answer, the reader can load the widget again.
const PATIENCE = 15000;
// Pixels. A widget of normal size is not wider.
const NORMAL_WIDTH = 304;

// The actions that the service expects (docs/api.md, "Captchas").
const ACTIONS = { login: "login", loginEmail: "login_email", passwordForgot: "password_forgot", register: "register" };

const language = document.documentElement.lang;
const { provider, name, siteKey } = byId("captcha").dataset;

// For each provider: its script, the global object that the script makes, and what its widgets take besides the common parameters.
const PROVIDERS = {
  recaptcha: {
    script: `https://www.google.com/recaptcha/api.js?hl=${language}&trustedtypes=true`,
    api: "grecaptcha",
    more: () => ({}),
  },
  hcaptcha: {
    script: `https://js.hcaptcha.com/1/api.js?hl=${language}&recaptchacompat=off`,
    api: "hcaptcha",
    more: ({ lapsed }) => ({ hl: language, "chalexpired-callback": lapsed }),
  },
  turnstile: {
    script: "https://challenges.cloudflare.com/turnstile/v0/api.js?",
    api: "turnstile",
    more: ({ action, lapsed }) => ({ action, language, "timeout-callback": lapsed }),
  },
};
const { script, api, more } = PROVIDERS[provider];

// ---- The provider's script ----

// Where the policy of the page requires trusted types, the address of a script must be one.
const address = `${script}&render=explicit&onload=onCaptchaScript`;
const trusted = globalThis.trustedTypes?.createPolicy("captcha", { createScriptURL: () => address });

let loading = null;

function load() {
  loading ??= new Promise((done, fail) => {
    globalThis.onCaptchaScript = () => done(globalThis[api]);
    const tag = document.createElement("script");
    tag.src = trusted ? trusted.createScriptURL("") : address;
    tag.onerror = fail;
    setTimeout(fail, SCRIPT_TIMEOUT);
    document.head.append(tag);
  }).catch((cause) => {
    loading = null;
    throw cause;
  });
  return loading;
}

// ---- The widget ----

let widget = null;
let patience = 0;

function clear() {
  clearTimeout(patience);
  try {
    // reCAPTCHA has no way to remove a widget.
    if (widget !== null) globalThis[api].remove?.(widget);
  } catch {
    // It is gone already.
  }
  widget = null;
  byId("captcha-widget").replaceChildren();
}

// Says what is wrong, or removes it.
function explain(words) {
  byId("captcha-problem").textContent = words;
  byId("captcha-problem").className = words ? "problem" : "";
}

// Draws a new widget, which calls `done` with its answer. Each answer is good once, so no widget is used again.
async function draw(action, done) {
  const [holder, again, status] = [byId("captcha-widget"), byId("captcha-again"), byId("captcha-status")];
  const box = element("div");
  clear();
  holder.append(box);
  byId("captcha-place").hidden = false;
  again.hidden = true;
  status.textContent = text("loading");
  patience = setTimeout(() => { again.hidden = false; }, PATIENCE);
  // What an earlier widget says does not count.
  const isCurrent = () => box.isConnected;
  const complain = (why) => {
    if (!isCurrent()) return;
    status.textContent = "";
    again.hidden = false;
    explain(text(why, { provider: name }));
  };
  const lapsed = () => complain("lapsed");
  let made;
  try {
    made = await load();
  } catch {
    if (isCurrent()) byId("captcha-place").hidden = true;
    return complain("blocked");
  }
  if (!isCurrent()) return;
  try {
    widget = made.render(box, {
      sitekey: siteKey,
      theme: matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light",
      size: holder.clientWidth < NORMAL_WIDTH ? "compact" : "normal",
      callback: (answer) => {
        if (!isCurrent()) return;
        clearTimeout(patience);
        done(answer);
      },
      "expired-callback": lapsed,
      // Turnstile takes `true` as a sign that the page explains the error.
      "error-callback": () => {
        complain("broken");
        return true;
      },
      ...more({ action, lapsed }),
    });
    status.textContent = "";
  } catch {
    complain("broken");
  }
}

// Shows a widget and waits for its answer. Meanwhile the page's other buttons are hidden, so it stays busy with the request.
function ask(action, hasFailed) {
  show("captcha");
  byId("busy").textContent = "";
  explain(hasFailed ? text("captcha_failed") : "");
  return new Promise((done, fail) => {
    byId("captcha-again").onclick = () => {
      explain("");
      // The button is hidden now.
      byId("captcha-title").focus();
      draw(action, done);
    };
    byId("captcha-back").onclick = () => fail(Object.assign(new Error("The reader went back."), { code: "captcha_stopped" }));
    draw(action, done);
  });
}

// Repeats a request of the operation `operation` with the answer of the widget, and once more where that fails. Then shows again what the
// page showed.
export async function answered(operation, send) {
  const view = document.querySelector("main > section:not([hidden])").id;
  const focused = document.activeElement === document.body ? null : document.activeElement;
  try {
    for (let hasFailed = false; ; hasFailed = true) {
      const answer = await ask(ACTIONS[operation], hasFailed);
      byId("busy").textContent = text("working");
      try {
        return await send(answer);
      } catch (error) {
        if (hasFailed || error.code !== "captcha_failed") throw error;
      }
    }
  } finally {
    clear();
    if (isShown("captcha")) show(view, focused);
  }
}
