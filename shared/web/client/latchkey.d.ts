// Types of latchkey.js. README.md shows how to use it; docs/api.md of the repository describes each operation.

/** The members of a request that can end in a session. The client sets `transport` and, with tokens, `device_token` itself. */
export interface SessionOptions {
  transport?: "token" | "cookie" | null;
  remember_me?: boolean | null;
  device_name?: string | null;
  device_fingerprint?: string | null;
  device_token?: string | null;
}

export interface User {
  id: string;
  email: string | null;
  email_verified: boolean;
  username: string | null;
  name: string | null;
  bio: string | null;
  picture: string | null;
  status: string;
  mfa_enabled: boolean;
  passkeys: number;
  has_password: boolean;
  roles: string[];
  created_at: string;
  last_login_at: string | null;
}

/** With cookies, `csrf_token` replaces the tokens. */
export interface Authenticated {
  status: "authenticated";
  access_token?: string;
  token_type: "Bearer";
  expires_in: number;
  refresh_token?: string;
  refresh_expires_in: number;
  csrf_token?: string;
  session_id: string;
  user: User;
  /** Once, when the device is new. */
  device_token?: string;
  /** Once, when the account was just created. */
  recovery_key?: string;
}

export type MfaMethod = "totp" | "backup_code" | "passkey" | "email_code";

export interface MfaRequired {
  status: "mfa_required";
  mfa_token: string;
  methods: MfaMethod[];
  expires_in: number;
}

export interface PasswordRequired {
  status: "password_required";
  registration_token: string;
  expires_in: number;
}

export type LoginAnswer = Authenticated | MfaRequired;
export type Empty = Record<string, never>;

export interface Location {
  country: string | null;
  region: string | null;
  city: string | null;
}

export interface Session {
  id: string;
  current: boolean;
  created_at: string;
  last_active_at: string;
  expires_at: string;
  remember_me: boolean;
  methods: string[];
  client?: { id: string; name: string };
  device: { id: string | null; name: string; trusted: boolean };
  user_agent: string;
  ip_truncated: string;
  location: Location | null;
}

export interface Device {
  id: string;
  name: string;
  browser: string | null;
  os: string | null;
  trusted: boolean;
  trusted_until: string | null;
  first_seen_at: string;
  last_seen_at: string;
  ip_truncated: string;
  location: Location | null;
  current: boolean;
}

export interface Passkey {
  id: string;
  name: string;
  created_at: string;
  last_used_at: string | null;
  backed_up: boolean;
  transports: string[];
}

export interface ActivityEvent {
  id: string;
  at: string;
  action: string;
  status: "success" | "failure";
  method: string;
  device: { name: string } | null;
  ip_truncated: string | null;
  location: Location | null;
  reason: string | null;
}

export interface Identity {
  provider: string;
  name: string;
  email?: string;
  linked_at: string;
  last_used_at: string;
}

export interface AltchaChallenge {
  algorithm: string;
  challenge: string;
  salt: string;
  signature: string;
  maxnumber: number;
}

export type Captcha =
  | { kind: "altcha"; challenge: AltchaChallenge }
  | { kind: "recaptcha" | "hcaptcha" | "turnstile"; site_key: string }
  | { kind: "none" };

export interface Config {
  product_name: string;
  password: { policy: "composition" | "length"; min_length: number; max_length: number; classes: string[] };
  registration: ("email" | "username")[];
  login_mail: "both" | "code" | "link" | "off";
  providers: { id: string; name: string }[];
  captcha: { kind: Captcha["kind"]; mode?: "failures" | "always"; site_key?: string };
  languages: string[];
  brand: {
    name: string;
    logo_url: string | null;
    accent_color: string | null;
    terms_url: string | null;
    privacy_url: string | null;
  };
}

/** A passkey's answer in JSON (WebAuthn Level 3, section 5.1), as PublicKeyCredential.toJSON makes it. */
export interface PasskeyCredential {
  id: string;
  rawId: string;
  type: string;
  authenticatorAttachment?: string | null;
  response: Record<string, unknown>;
  clientExtensionResults: Record<string, unknown>;
}

export interface PasskeyChallenge {
  challenge_id: string;
  /** For PublicKeyCredential.parseRequestOptionsFromJSON or parseCreationOptionsFromJSON. */
  publicKey: Record<string, any>;
}

export interface PageOptions {
  limit?: number | null;
  cursor?: string | null;
}

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

export type LatchkeyError =
  | Problem<"invalid_request" | "weak_password" | "invalid_code" | "unknown_credential", 400>
  | Problem<"invalid_credentials" | "invalid_token" | "session_revoked", 401>
  | Problem<
      "reauthentication_required" | "csrf_failed" | "captcha_required" | "captcha_failed" | "account_banned" | "forbidden",
      403
    >
  | Problem<"not_found", 404>
  | Problem<"conflict", 409>
  | Problem<"payload_too_large", 413>
  | Problem<"unsupported_media_type", 415>
  | Problem<"rate_limited" | "locked_out", 429>
  | Problem<"temporarily_unavailable", 503 | 504>
  /** A defect, or an answer that is not the service's own. */
  | Problem<"internal", number>
  /** No answer: offline, or a time-out. */
  | Problem<"network", 0>;

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
  solveCaptcha(challenge: AltchaChallenge): Promise<string>;

  // Passkeys. Rejects with the DOMException of the browser if its user stops.
  passkeyLogin(options?: PasskeyLoginOptions): Promise<LoginAnswer>;
  passkeyAdd(options?: { name?: string | null; conditional?: boolean; signal?: AbortSignal }): Promise<Passkey>;
  passkeyReauthenticate(options?: { totp_code?: string | null; signal?: AbortSignal }): Promise<Reauthenticated>;
  /** Tells the password manager which passkeys the account has, and its names. */
  signalPasskeys(): Promise<void>;

  // Registration
  register(parameters: {
    email: string;
    password?: string;
    name?: string | null;
    username?: string | null;
    captcha?: string | null;
    session?: SessionOptions | null;
  }): Promise<RegistrationStarted>;
  register(parameters: {
    username: string;
    password: string;
    captcha?: string | null;
    session?: SessionOptions | null;
  }): Promise<Authenticated>;
  registerVerify(
    parameters:
      | { registration_id: string; code: string; session?: SessionOptions | null }
      | { token: string; password?: string; session?: SessionOptions | null },
  ): Promise<Authenticated | PasswordRequired>;
  registerComplete(parameters: { registration_token: string; password: string; session?: SessionOptions | null }): Promise<Authenticated>;
  registerResend(parameters: { registration_id: string }): Promise<RegistrationStarted>;

  // Login
  login(parameters: {
    identifier: string;
    password: string;
    captcha?: string | null;
    session?: SessionOptions | null;
  }): Promise<LoginAnswer>;
  loginEmail(parameters: { email: string; captcha?: string | null; session?: SessionOptions | null }): Promise<ChallengeSent>;
  /** Two of `challenge_id`, `code` and `token`. With cookies, this browser may have the first. */
  loginEmailVerify(parameters: {
    challenge_id?: string | null;
    code?: string | null;
    token?: string | null;
    session?: SessionOptions | null;
  }): Promise<LoginAnswer>;
  loginMfa(parameters: {
    mfa_token?: string | null;
    method: Exclude<MfaMethod, "passkey">;
    code: string;
    trust_device?: boolean | null;
  }): Promise<Authenticated>;
  loginPasskeyOptions(parameters?: {
    identifier?: string | null;
    mfa_token?: string | null;
    discoverable?: boolean | null;
  }): Promise<PasskeyChallenge>;
  loginPasskeyVerify(parameters: {
    challenge_id: string;
    credential: PasskeyCredential;
    session?: SessionOptions | null;
  }): Promise<LoginAnswer>;
  loginDisown(parameters: { token: string }): Promise<{ reset_token: string; expires_in: number }>;
  providerToken(parameters: {
    provider: string;
    id_token: string;
    nonce?: string | null;
    session?: SessionOptions | null;
  }): Promise<LoginAnswer>;

  // Tokens, sessions, devices
  /** Refreshes the session in any case. `refresh` asks other tabs first. */
  tokenRefresh(): Promise<Authenticated>;
  logout(): Promise<Empty>;
  logoutAll(parameters?: { keep_current?: boolean | null }): Promise<{ revoked: number }>;
  sessionList(parameters?: PageOptions): Promise<{ sessions: Session[]; next?: string }>;
  sessionRevoke(parameters: { id: string }): Promise<Empty>;
  deviceList(parameters?: PageOptions): Promise<{ devices: Device[]; next?: string }>;
  deviceUpdate(parameters: { id: string; name?: string | null; trusted?: false | null }): Promise<Device>;
  deviceForget(parameters: { id: string }): Promise<Empty>;
  csrf(): Promise<{ csrf_token: string }>;
  reauthenticate(parameters: { password: string; totp_code?: string | null }): Promise<Reauthenticated>;
  reauthenticate(parameters: { challenge_id: string; credential: PasskeyCredential }): Promise<Reauthenticated>;
  reauthenticate(parameters: { challenge_id: string; code: string; totp_code?: string | null }): Promise<Reauthenticated>;
  /** Mails a code. */
  reauthenticate(parameters?: Empty): Promise<ChallengeSent>;

  // Second factors and passkeys
  mfaStatus(): Promise<{ totp: boolean; backup_codes_left: number; passkeys: number; trusted_devices: number }>;
  totpSetup(): Promise<{ secret: string; otpauth_uri: string; qr_code: string }>;
  totpEnable(parameters: { code: string }): Promise<{ backup_codes: string[] }>;
  totpDisable(parameters: { code: string }): Promise<Empty>;
  backupCodesRegenerate(parameters: { code: string }): Promise<{ backup_codes: string[] }>;
  passkeyOptions(parameters?: { conditional?: boolean | null }): Promise<PasskeyChallenge>;
  passkeyRegister(parameters: { challenge_id: string; credential: PasskeyCredential; name?: string | null }): Promise<Passkey>;
  passkeyList(): Promise<{ passkeys: Passkey[] }>;
  passkeyUpdate(parameters: { id: string; name: string }): Promise<Passkey>;
  passkeyRemove(parameters: { id: string }): Promise<Empty>;
  passkeySignal(): Promise<{
    rp_id: string;
    user_id: string;
    accepted_credential_ids: string[];
    name: string;
    display_name: string;
  }>;

  // Account and recovery
  profileGet(): Promise<User>;
  profileUpdate(parameters: {
    name?: string | null;
    bio?: string | null;
    picture?: string | null;
    username?: string | null;
  }): Promise<User>;
  passwordChange(parameters: {
    current_password?: string;
    new_password: string;
    revoke_other_sessions?: boolean | null;
  }): Promise<Empty>;
  emailChange(parameters: { new_email: string }): Promise<ChallengeSent>;
  emailChangeVerify(parameters: { challenge_id: string; code: string }): Promise<User>;
  emailChangeUndo(parameters: { token: string }): Promise<Empty>;
  accountDeactivate(parameters?: { reason?: string | null }): Promise<Empty>;
  accountDelete(parameters?: { password?: string }): Promise<Empty>;
  accountExport(parameters?: { cursor?: string | null }): Promise<AccountExport>;
  activityList(parameters?: PageOptions & { action?: string | null }): Promise<{ events: ActivityEvent[]; next?: string }>;
  identityList(): Promise<{ identities: Identity[] }>;
  identityLink(parameters: { provider: string; continue?: string | null }): Promise<{ authorization_url: string }>;
  identityUnlink(parameters: { provider: string }): Promise<Empty>;
  passwordForgot(parameters: { email: string; captcha?: string | null }): Promise<{ expires_in: number }>;
  passwordResetCheck(parameters: { token: string }): Promise<Empty>;
  passwordReset(parameters: { token: string; new_password: string }): Promise<Empty>;

  // Platform
  captchaChallenge(): Promise<Captcha>;
  config(): Promise<Config>;
  health(): Promise<{ status: "ok" }>;
}

export interface RegistrationStarted {
  registration_id: string;
  expires_in: number;
}

export interface ChallengeSent {
  challenge_id: string;
  expires_in: number;
}

export interface Reauthenticated {
  access_token?: string;
  token_type: "Bearer";
  expires_in: number;
  csrf_token?: string;
}

export interface AccountExport {
  account?: User & Record<string, unknown>;
  sessions: Record<string, unknown>[];
  devices: Record<string, unknown>[];
  passkeys?: Passkey[];
  identities?: Identity[];
  activity: Record<string, unknown>[];
  next?: string;
}
