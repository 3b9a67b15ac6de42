// A button that sends another mail, with a pause after each.

import { byId, text, wait } from "./page.js";

// In milliseconds. A mail needs about as long to arrive.
const PAUSE = 30000;

const timers = new Map();

// Puts a line with the time that is left in the place of the button, until the pause is over. The pause begins at `since`, the time of the
// last mail in milliseconds. Returns a function that ends it.
export function pauseResend({ button = byId("mail-again"), line = byId("pause"), since = Date.now() } = {}) {
  clearInterval(timers.get(button));
  // The clock of the device may have been set meanwhile.
  const passed = Math.min(Math.max(Date.now() - since, 0), PAUSE);
  const over = performance.now() + PAUSE - passed;
  const draw = () => {
    const seconds = Math.ceil((over - performance.now()) / 1000);
    button.hidden = seconds > 0;
    line.hidden = !button.hidden;
    if (line.hidden) return clearInterval(timers.get(button));
    line.textContent = text("pause", { wait: wait(seconds) });
  };
  timers.set(button, setInterval(draw, 1000));
  draw();
  return () => {
    clearInterval(timers.get(button));
    line.hidden = true;
  };
}
