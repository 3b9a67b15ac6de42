// A registration that waits for the proof of its address: { id, email, next, ends }. The tab keeps all of it, for a reload. The other tabs
// learn the id, the path to continue to and the end, because the mail's link opens in a new one. The proof itself is kept nowhere.

import { isPath, keep, kept } from "./page.js";

const NAME = "latchkey.registration";
// A registration ends six hours after its form was sent. In milliseconds.
const LIFETIME = 6 * 3600000;

function read(storage) {
  try {
    const { id, email, next, ends } = JSON.parse(kept(storage, NAME));
    if (typeof id !== "string" || !(ends > Date.now())) return null;
    return { id, email: typeof email === "string" ? email : null, next: isPath(next) ? next : null, ends };
  } catch {
    return null;
  }
}

export function remember({ id, email, next, ends = Date.now() + LIFETIME }) {
  keep("sessionStorage", NAME, JSON.stringify({ id, email, next, ends }));
  keep("localStorage", NAME, JSON.stringify({ id, next, ends }));
}

// The registration of this tab, or the last one of this browser. Null without one.
export const recall = () => read("sessionStorage") ?? read("localStorage");

export function forget(id) {
  for (const storage of ["sessionStorage", "localStorage"]) {
    if (read(storage)?.id === id) keep(storage, NAME, null);
  }
}

// Calls `work` when the registration is over in another tab.
export function whenForgotten(id, work) {
  addEventListener("storage", ({ key, oldValue, newValue }) => {
    if (key === NAME && newValue === null && oldValue?.includes(JSON.stringify(id))) work();
  });
}
