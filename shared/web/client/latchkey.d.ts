// The types of latchkey.js. README.md shows how to use it; docs/api.md of the repository describes each operation.
// Those of the operations, their answers and their errors are generated from the OpenAPI document.

import type {
  AccessToken, Authenticated, CaptchaByProvider, CaptchaByWork, ErrorStatuses, MailedCode, MfaRequired, NoCaptcha, Operations, Passkey,
  ProofOfWork, SessionOptions,
} from "./operations.d.ts";

export type * from "./operations.d.ts";

export type LoginAnswer = Authenticated | MfaRequired;
export type MfaMethod = MfaRequired["methods"][number];
export type Captcha = CaptchaByWork | CaptchaByProvider | NoCaptcha;

// ---- Errors ----

interface Problem<Code extends string, Status extends number> extends Error {
  readonly name: "LatchkeyError";
  /** What to switch on. */
  readonly code: Code;
  /** The HTTP status, 0 without an answer. */
  readonly status: Status;
  readonly title: string | null;
  readonly detail: string | null;
  /** The faults of a request, for `invalid_request` and `weak_password`. */
  readonly errors: { field: string; message: string }[];
  readonly requestId: string | null;
  /** Seconds after which a repetition may succeed. */
  readonly retryAfter: number | null;
  readonly body: unknown;
}

/** The codes of the service, and what the client adds. */
interface Statuses extends Omit<ErrorStatuses, "internal" | "temporarily_unavailable"> {
  /** Also from what is between: 504. */
  temporarily_unavailable: ErrorStatuses["temporarily_unavailable"] | 504;
  /** A defect, or an answer that is not the service's own. */
  internal: number;
  /** No answer: offline, or a time-out. */
  network: 0;
}

export type LatchkeyError = { [Code in keyof Statuses]: Problem<Code, Statuses[Code]> }[keyof Statuses];

export type LatchkeyErrorCode = LatchkeyError["code"];

export declare const LatchkeyError: {
  new (status: number, body?: unknown, response?: Response | null, cause?: unknown): LatchkeyError;
  readonly prototype: LatchkeyError;
};

// ---- The client ----

/** Why a session is over. `replaced`: another account has logged in in another tab. */
export type EndReason = "logout" | "invalid_token" | "session_revoked" | "replaced";

type Awaitable<T> = T | Promise<T>;

/** Where tokens are kept. A `Map` is one. */
export interface TokenStorage {
  get(key: string): Awaitable<string | null | undefined>;
  set(key: string, value: string): Awaitable<unknown>;
  delete(key: string): Awaitable<unknown>;
}

export interface LatchkeyOptions {
  /** The URL of the service. Empty: that of the page. */
  url?: string;
  /** Default: `cookie`. */
  transport?: "cookie" | "token";
  /** With `token`: where the tokens are kept. Default: in memory. */
  storage?: TokenStorage;
  fetch?: typeof globalThis.fetch;
  /** Other origins that `fetch` may send the session to. */
  origins?: readonly string[];
  /** Called once when a session is over, in every tab. */
  onSessionEnd?(reason: EndReason): void;
  /** `false`: the client solves no captcha by itself. */
  captcha?: boolean;
  /** Tells that the client begins (`true`) or ends (`false`) to solve a captcha. */
  onCaptcha?(working: boolean): void;
}

export interface PasskeyLoginOptions {
  identifier?: string | null;
  /** Of a login that waits for its second factor. */
  mfa_token?: string | null;
  /** `false`: asks for the passkeys of the login that a provider began in this browser. */
  discoverable?: boolean;
  /** Offers passkeys in the list of an input with `autocomplete="username webauthn"`. Waits until one is chosen. */
  conditional?: boolean;
  signal?: AbortSignal;
  session?: SessionOptions;
}

/** Has a method for each operation. It adds `transport` to their `session` and, with tokens, `device_token`. */
export interface Latchkey extends Operations {}

export declare class Latchkey {
  constructor(options?: LatchkeyOptions);

  /** Which ceremonies this browser knows. */
  static readonly passkeys: {
    available: Promise<boolean>;
    conditionalGet: Promise<boolean>;
    conditionalCreate: Promise<boolean>;
  };

  /** An authenticated request to the service or to one of `origins`. Refreshes and repeats it once after a 401. */
  fetch(path: string | URL, init?: RequestInit): Promise<Response>;
  /** Token transport: an access token that is still good. */
  accessToken(): Promise<string>;
  /** Refreshes the session, unless another tab does. */
  refresh(): Promise<void>;
  /** Does the proof of work, and returns the member `captcha` of requests. */
  solveCaptcha(challenge: ProofOfWork): Promise<string>;

  // Passkeys. Rejects with the DOMException of the browser if its user stops.
  passkeyLogin(options?: PasskeyLoginOptions): Promise<LoginAnswer>;
  passkeyAdd(options?: { name?: string | null; conditional?: boolean; signal?: AbortSignal }): Promise<Passkey>;
  /** Mails a code, too, where a suspicious login is not confirmed and the passkey counts as one factor. */
  passkeyReauthenticate(options?: { totp_code?: string | null; signal?: AbortSignal }): Promise<AccessToken | MailedCode>;
  /** Tells the password manager which passkeys the account has, and its names. */
  signalPasskeys(): Promise<void>;
}
