// The script of /forgot-password.

import { auth, busily, byId, failed, next, onClick, onSubmit, query, show, start, tell, text, withQuery } from "./page.js";
import { pauseResend } from "./resend.js";

const input = byId("email");
// The address of the last request.
let email = "";

function refused(error) {
  const ofAddress = error.code === "invalid_request" && error.errors.every(({ field }) => field === "email");
  if (ofAddress) return tell([text("wrong_email")], { input });
  failed(error);
}

onSubmit("form", (form) => {
  email = input.value.trim();
  if (!email) return tell([text("empty_email")], { input });
  const send = async () => {
    await auth.passwordForgot({ email });
    byId("sent-to").textContent = email;
    byId("mailed-again").textContent = "";
    show("sent");
    pauseResend();
  };
  busily(form, send, refused);
});

onClick("mail-again", (button) => {
  byId("mailed-again").textContent = "";
  const send = async () => {
    await auth.passwordForgot({ email });
    byId("mailed-again").textContent = text("sent_again");
    pauseResend();
    byId("sent").querySelector("h1").focus();
  };
  busily(button, send, refused);
});

onClick("change", () => show("ask", input));

for (const link of document.querySelectorAll("[data-log-in]")) link.href = withQuery("/login", { continue: next });

start(() => {
  input.value = query.get("login_hint") ?? "";
  show("ask", input);
});
