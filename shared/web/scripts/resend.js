// A button that sends another mail, with a pause after each.

import { byId, text, wait } from "./page.js";

// In seconds. A mail needs about as long to arrive.
const PAUSE = 30;

let timer = 0;

// Puts a line with the time that is left in the place of the button, until the pause is over.
export function pauseResend(button = byId("mail-again"), line = byId("pause")) {
  clearInterval(timer);
  const over = performance.now() + PAUSE * 1000;
  const draw = () => {
    const seconds = Math.ceil((over - performance.now()) / 1000);
    button.hidden = seconds > 0;
    line.hidden = !button.hidden;
    if (line.hidden) return clearInterval(timer);
    line.textContent = text("pause", { wait: wait(seconds) });
  };
  timer = setInterval(draw, 1000);
  draw();
}
