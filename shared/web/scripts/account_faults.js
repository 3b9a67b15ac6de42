// Why the server refused what was typed, in the reader's language. The server alone decides. Its own words are for developers.

import { failed, tell, text } from "./page.js";

// Characters that can rearrange or hide other text: controls, line separators, and controls of the writing direction.
const UNSAFE = /[\p{Cc}\u2028\u2029\u202a-\u202e]/u;
const INVISIBLE = /^[\s\p{Cf}\p{Cc}\p{Default_Ignorable_Code_Point}\u2800]*$/u;

// As the server counts: characters as people see them.
function characters(value) {
  const composed = value.normalize("NFC");
  return Intl.Segmenter ? [...new Intl.Segmenter().segment(composed)].length : [...composed].length;
}

// The fault of a text for display, of at most so many characters.
export function textFault(typed, max) {
  const value = typed.trim();
  const count = characters(value);
  if (count > max) return text("faults.long", { count, max });
  if (INVISIBLE.test(value)) return text("faults.invisible");
  if (UNSAFE.test(value.replaceAll("\n", ""))) return text("faults.unsafe");
  return text("faults.other");
}

// Explains a name that was typed into a dialog.
export function refusedName(error, input) {
  if (error.code !== "invalid_request") return failed(error);
  tell([textFault(input.value, 100)], { input });
}
