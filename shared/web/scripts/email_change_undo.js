// The script of /email-change-undo.

import { auth, busily, failed, isSending, onSubmit, show, startLink, takeToken, text, unusable } from "./page.js";

// Only in memory, and only as long as it is needed.
let token = null;

function read() {
  const given = takeToken();
  if (isSending()) return;
  token = given;
  if (token) show("ask");
  else unusable(text("no_token"), text("no_token_next"));
}

onSubmit("undo", (form) => {
  const undo = async () => {
    await auth.emailChangeUndo({ token });
    token = null;
    show("success");
  };
  busily(form, undo, (error) => {
    if (error.code !== "invalid_code") return failed(error);
    token = null;
    unusable(text("spent"), text("spent_next"));
  });
});

startLink(read);
