// What the pages with a second factor share.

// The method of a code: an app's code has six digits, a backup code has letters too or is longer.
export const factorMethod = (code) => ((code.match(/\p{Nd}/gu) ?? []).length === 6 && !/\p{L}/u.test(code) ? "totp" : "backup_code");

// Whether the reader stopped a request for a passkey, or the browser did.
export const isStopped = ({ name }) => ["NotAllowedError", "AbortError", "SecurityError"].includes(name);
