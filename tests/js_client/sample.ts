// Compiled by `tsc --strict`. A line below `@ts-expect-error` must be wrong.
import { Latchkey, LatchkeyError } from "latchkey";
import type {
  ActivityEvent, Authenticated, ErrorStatuses, LatchkeyErrorCode, LatchkeyOptions, LoginAnswer, MfaMethod, OperationErrors, Operations,
  TokenStorage, User,
} from "latchkey";

const storage: TokenStorage = new Map<string, string>();
const options: LatchkeyOptions = { url: "https://auth.example.com", transport: "token", storage, onSessionEnd: (reason) => reason.length };
export const auth = new Latchkey(options);
new Latchkey({ onSessionEnd() {}, onCaptcha: (working: boolean) => working, origins: ["https://api.example.com"], fetch });
// The client is a stand-in for the generated operations, and each of them has its errors.
export const operations: Operations = auth;
export const one: keyof Operations = "login" satisfies keyof OperationErrors;
export const all: keyof OperationErrors = one;

export async function login(identifier: string, password: string): Promise<User | readonly MfaMethod[]> {
  const answer: LoginAnswer = await auth.login({ identifier, password, session: { remember_me: true } });
  if (answer.status === "mfa_required") return answer.methods;
  const { user }: Authenticated = answer;
  return user;
}

export function explain(error: unknown): string {
  if (!(error instanceof LatchkeyError)) throw error;
  const code: LatchkeyErrorCode = error.code;
  switch (error.code) {
    case "invalid_request":
    case "weak_password": {
      const status: 400 = error.status;
      return error.errors.map(({ field, message }) => `${field} ${message} ${status}`).join();
    }
    case "rate_limited":
    case "locked_out":
      return `again in ${error.retryAfter ?? "some"} seconds`;
    case "network": {
      const none: 0 = error.status;
      return `offline ${none}`;
    }
    case "temporarily_unavailable": {
      const status: 503 | 504 = error.status;
      return `later ${status}`;
    }
    case "internal":
      return `defect ${error.requestId}`;
    // @ts-expect-error no such code
    case "nonsense":
      return code;
    default: {
      const rest: Exclude<keyof ErrorStatuses, "invalid_request" | "weak_password" | "rate_limited" | "locked_out"> = error.code;
      // @ts-expect-error more codes than these exist
      const never: never = error;
      return rest + never;
    }
  }
}

// The codes of one operation, so that a `switch` without a default is complete.
export function whyUnhealthy(code: OperationErrors["health"]): string {
  switch (code) {
    case "internal":
    case "temporarily_unavailable":
      return code;
  }
}

// @ts-expect-error a code is missing
export function incomplete(code: OperationErrors["login"]): string {
  switch (code) {
    case "invalid_credentials":
      return code;
  }
}

export async function more(): Promise<void> {
  const { events, next } = await auth.activityList({ limit: 10, cursor: null, action: "login" });
  const country: string | null | undefined = events[0]?.location?.country;
  const event: ActivityEvent | undefined = events[0];
  await auth.activityList({ cursor: next ?? country ?? event?.id ?? null });
  const started = await auth.register({ email: "ada@example.org" });
  await auth.registerVerify({ registration_id: started.registration_id, code: "123456" });
  const complete: Authenticated = await auth.register({ username: "ada", password: "Gr8-tulip-Wagon" });
  await auth.sessionRevoke({ id: complete.session_id });
  const sent = await auth.reauthenticate();
  await auth.reauthenticate({ challenge_id: sent.challenge_id, code: "123456" });
  const proven = await auth.reauthenticate({ password: "Gr8-tulip-Wagon" });
  if ("challenge_id" in proven) await auth.reauthenticate({ challenge_id: proven.challenge_id, code: "123456" });
  const response: Response = await auth.fetch("/v1/me", { method: "GET" });
  const token: string = await auth.accessToken();
  if (await Latchkey.passkeys.conditionalGet) await auth.passkeyLogin({ conditional: true, signal: new AbortController().signal });
  await auth.passkeyAdd({ name: token, conditional: response.ok });
  const captcha = await auth.captchaChallenge();
  if (captcha.kind === "altcha") await auth.solveCaptcha(captcha.challenge);
  else if (captcha.kind !== "none") captcha.site_key.trim();
  const device = await auth.deviceUpdate({ id: "1", name: "", trusted: false });
  const trusted: string | null = device.trusted_until;
  const empty: Record<string, never> = await auth.logout();
  await auth.profileUpdate({ name: trusted, bio: empty.bio ?? "" });

  // @ts-expect-error a password is missing
  await auth.login({ identifier: "ada" });
  // @ts-expect-error a wrong type
  await auth.login({ identifier: 1, password: "x" });
  // @ts-expect-error no such member
  await auth.profileUpdate({ nickname: "Ada" });
  // @ts-expect-error no such member of an answer
  (await auth.profileGet()).nickname;
  // @ts-expect-error no such member of a nested object
  await auth.login({ identifier: "ada", password: "x", session: { remember: true } });
  // @ts-expect-error no such transport
  new Latchkey({ transport: "header" });
  // @ts-expect-error an answer of a login may wait for a second factor
  (await auth.login({ identifier: "ada", password: "x" })).user;
  // @ts-expect-error after a suspicious login, a password does not suffice
  const { token_type } = await auth.reauthenticate({ password: "Gr8-tulip-Wagon" });
  // @ts-expect-error the forms of a request do not mix
  await auth.register({ email: "ada@example.org", username: "ada", password: "x" }).then((answer) => answer.session_id);
  // @ts-expect-error a backup code is another form
  await auth.loginMfa({ method: "passkey", code: "123456" });
  // @ts-expect-error the path needs an id
  await auth.sessionRevoke({});
  // @ts-expect-error trust is only taken away here
  await auth.deviceUpdate({ id: "1", trusted: true });
  // @ts-expect-error no such action
  await auth.activityList({ action: "nonsense" });
  // @ts-expect-error the client has the refresh token itself
  await auth.tokenRefresh({ refresh_token: token });
  // @ts-expect-error administrators sign their requests
  auth.adminClientList();
  // @ts-expect-error no such code
  if (explain.length === 1 && (new LatchkeyError(0).code === "nonsense")) return;
}
