// Compiled by `tsc --strict`. A line below `@ts-expect-error` must be wrong.
import { Latchkey, LatchkeyError } from "latchkey";
import type { Authenticated, LatchkeyErrorCode, LatchkeyOptions, LoginAnswer, MfaMethod, TokenStorage, User } from "latchkey";

const storage: TokenStorage = new Map<string, string>();
const options: LatchkeyOptions = { url: "https://auth.example.com", transport: "token", storage, onSessionEnd: (reason) => reason.length };
export const auth = new Latchkey(options);
new Latchkey({ onSessionEnd() {}, onCaptcha: (working: boolean) => working, origins: ["https://api.example.com"], fetch });

export async function login(identifier: string, password: string): Promise<User | readonly MfaMethod[]> {
  const answer: LoginAnswer = await auth.login({ identifier, password, session: { remember_me: true } });
  if (answer.status === "mfa_required") return answer.methods;
  const { user }: Authenticated = answer;
  return user;
}

// Every code, so that a new one is seen here.
export function explain(error: unknown): string {
  if (!(error instanceof LatchkeyError)) throw error;
  const code: LatchkeyErrorCode = error.code;
  switch (error.code) {
    case "invalid_request":
    case "weak_password":
      return error.errors.map(({ field, message }) => `${field} ${message}`).join();
    case "rate_limited":
    case "locked_out":
      return `again in ${error.retryAfter ?? "some"} seconds`;
    case "network": {
      const none: 0 = error.status;
      return `offline ${none}`;
    }
    case "temporarily_unavailable":
    case "internal":
      return `later: ${error.requestId}`;
    case "invalid_code":
    case "unknown_credential":
    case "invalid_credentials":
    case "invalid_token":
    case "session_revoked":
    case "reauthentication_required":
    case "csrf_failed":
    case "captcha_required":
    case "captcha_failed":
    case "account_banned":
    case "forbidden":
    case "not_found":
    case "conflict":
    case "payload_too_large":
    case "unsupported_media_type":
      return code;
    default: {
      const never: never = error;
      return never;
    }
  }
}

export async function more(): Promise<void> {
  const { events, next } = await auth.activityList({ limit: 10, cursor: null, action: "login" });
  const country: string | null | undefined = events[0]?.location?.country;
  await auth.activityList({ cursor: next ?? country ?? null });
  const started = await auth.register({ email: "ada@example.org" });
  await auth.registerVerify({ registration_id: started.registration_id, code: "123456" });
  const complete: Authenticated = await auth.register({ username: "ada", password: "Gr8-tulip-Wagon" });
  await auth.sessionRevoke({ id: complete.session_id });
  const sent = await auth.reauthenticate();
  await auth.reauthenticate({ challenge_id: sent.challenge_id, code: "123456" });
  const response: Response = await auth.fetch("/v1/me", { method: "GET" });
  const token: string = await auth.accessToken();
  if (await Latchkey.passkeys.conditionalGet) await auth.passkeyLogin({ conditional: true, signal: new AbortController().signal });
  await auth.passkeyAdd({ name: token, conditional: response.ok });
  const captcha = await auth.captchaChallenge();
  if (captcha.kind === "altcha") await auth.solveCaptcha(captcha.challenge);

  // @ts-expect-error a password is missing
  await auth.login({ identifier: "ada" });
  // @ts-expect-error no such member
  await auth.profileUpdate({ nickname: "Ada" });
  // @ts-expect-error no such transport
  new Latchkey({ transport: "header" });
  // @ts-expect-error an answer of a login may wait for a second factor
  (await auth.login({ identifier: "ada", password: "x" })).user;
  // @ts-expect-error no such code
  if (explain.length === 1 && (new LatchkeyError(0).code === "nonsense")) return;
}
