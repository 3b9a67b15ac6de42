// Written by a test of the repository (tests/generated.rs), from the same definitions as infra/openapi.json.

/** The body of an answer that has none. */
export type Empty = Record<string, never>;

/** Counts as absent. */
export type Absent = null | "";

export interface SessionOptions {
  /** `token`: tokens in the body. `cookie`: tokens in cookies. */
  transport?: "token" | "cookie" | Absent;
  /** Whether the session gets the longer lifetime. */
  remember_me?: boolean | Absent;
  /** The name that lists show for the device. */
  device_name?: string | Absent;
  /** The client's own identification of the device. It proves nothing. */
  device_fingerprint?: string | Absent;
  /** The token that an earlier login on this device returned. */
  device_token?: string | Absent;
}

export interface RegisterByEmail {
  /** The address that the account gets. */
  email: string;
  /** The password that the account gets. Without it, `registerComplete` sets one. */
  password?: string | null;
  /** The user's name. */
  name?: string | Absent;
  /** The username that the account gets. */
  username?: string | Absent;
  /** The answer to a captcha. `captchaChallenge` returns one. */
  captcha?: string | Absent;
  session?: SessionOptions | Absent;
}

export interface RegisterByUsername {
  /** The username that the account gets. */
  username: string;
  /** The password that the account gets. */
  password: string;
  email?: Absent;
  name?: Absent;
  /** The answer to a captcha. `captchaChallenge` returns one. */
  captcha?: string | Absent;
  session?: SessionOptions | Absent;
}

/** The account of a user. */
export interface User {
  /** The user's id. */
  id: string;
  /** The address, if the account has one. */
  email: string | null;
  /** Whether the address is proven. */
  email_verified: boolean;
  /** The username, as typed. */
  username: string | null;
  /** The user's name. */
  name: string | null;
  /** A text about the user. */
  bio: string | null;
  /** The URL of a picture. */
  picture: string | null;
  /** The state of the account. */
  status: "active" | "deactivated" | "banned";
  /** Whether logins need a second factor. */
  mfa_enabled: boolean;
  /** How many passkeys there are. */
  passkeys: number;
  /** Whether the account has a password. */
  has_password: boolean;
  /** The roles. */
  roles: string[];
  /** When the account was created. */
  created_at: string;
  /** When the user last logged in. */
  last_login_at: string | null;
}

/** A session, with its tokens in the body or in cookies. */
export interface Authenticated {
  status: "authenticated";
  /** The access token, a JWT. Not with cookies. */
  access_token?: string;
  token_type: "Bearer";
  /** Seconds in which the access token works. */
  expires_in: number;
  /** What requests with cookies carry in `X-CSRF-Token`. Only with cookies. */
  csrf_token?: string;
  /** The refresh token. Not with cookies. */
  refresh_token?: string;
  /** Seconds in which the refresh token works. */
  refresh_expires_in: number;
  /** The id of the session. */
  session_id: string;
  user: User;
  /** Recognises the device at its next login. Once, on a new device. */
  device_token?: string;
  /** Recovers the account. Once, when the account is created. */
  recovery_key?: string;
}

/** A code and a link were mailed. */
export interface RegistrationPending {
  /** Names the registration. */
  registration_id: string;
  /** Seconds in which the code works. */
  expires_in: number;
}

export interface RegisterVerifyByCode {
  /** Names the registration. */
  registration_id: string;
  /** The code in the mail. */
  code: string;
  token?: Absent;
  password?: Absent;
  session?: SessionOptions | Absent;
}

export interface RegisterVerifyByLink {
  /** The token in the link of the mail. */
  token: string;
  /** The password of the registration. Without it, that one is forgotten. */
  password?: string | null;
  registration_id?: Absent;
  code?: Absent;
  session?: SessionOptions | Absent;
}

/** The address is proven, and a password is missing. */
export interface PasswordRequired {
  status: "password_required";
  /** Proves this step to `registerComplete`. */
  registration_token: string;
  /** Seconds in which the token works. */
  expires_in: number;
}

export interface RegisterComplete {
  /** The token of `registerVerify`. */
  registration_token: string;
  /** The password that the account gets. */
  password: string;
  session?: SessionOptions | Absent;
}

export interface RegisterResend {
  /** Names the registration. */
  registration_id: string;
}

export interface Login {
  /** The e-mail address or the username. */
  identifier: string;
  /** The password. */
  password: string;
  /** The answer to a captcha. `captchaChallenge` returns one. */
  captcha?: string | Absent;
  session?: SessionOptions | Absent;
}

/** A second factor is due. There is no session yet. */
export interface MfaRequired {
  status: "mfa_required";
  /** Names the pending login. */
  mfa_token: string;
  /** The methods that finish the login. */
  methods: ("totp" | "backup_code" | "passkey" | "email_code")[];
  /** Seconds in which the login can be finished. */
  expires_in: number;
}

export interface LoginEmail {
  /** The address to log in with. */
  email: string;
  /** The answer to a captcha. `captchaChallenge` returns one. */
  captcha?: string | Absent;
  session?: SessionOptions | Absent;
}

/** A code was mailed. */
export interface MailedCode {
  /** Names the challenge of the code. */
  challenge_id: string;
  /** Seconds in which the code works. */
  expires_in: number;
}

export interface LoginEmailVerifyByCode {
  session?: SessionOptions | Absent;
  /** Names the challenge. With cookies, the browser's cookie names it. */
  challenge_id?: string | Absent;
  /** The code in the mail. */
  code: string;
  token?: Absent;
}

export interface LoginEmailVerifyByLink {
  session?: SessionOptions | Absent;
  /** Names the challenge. With cookies, the browser's cookie names it. */
  challenge_id?: string | Absent;
  /** The token in the link of the mail. */
  token: string;
  /** The code in the mail, where another client asked for it. */
  code?: string | Absent;
}

export interface LoginMfaByCode {
  /** Names the pending login. After a login at a provider, a cookie does. */
  mfa_token?: string | Absent;
  /** The method of the code. */
  method: "totp" | "email_code";
  /** Whether the device skips the second factor of later logins. */
  trust_device?: boolean | Absent;
  /** The code of the authenticator app, or in the mail. */
  code: string;
}

export interface LoginMfaByBackupCode {
  /** Names the pending login. After a login at a provider, a cookie does. */
  mfa_token?: string | Absent;
  /** The method of the code. */
  method: "backup_code";
  /** Whether the device skips the second factor of later logins. */
  trust_device?: boolean | Absent;
  /** A backup code. */
  code: string;
}

export interface LoginPasskeyOptionsOfAccount {
  /** Asks for a passkey of this account. Without it, for any. */
  identifier?: string | Absent;
  /** Whether to ask for any, whatever cookie there is. */
  discoverable?: false | Absent;
  mfa_token?: Absent;
}

export interface LoginPasskeyOptionsOfPendingLogin {
  /** Asks for a passkey as the second factor of this login. */
  mfa_token: string;
  /** Whether to ask for any, whatever cookie there is. */
  discoverable?: false | Absent;
  identifier?: Absent;
}

export interface LoginPasskeyOptionsOfAnybody {
  /** Asks for any passkey, whatever cookie there is. */
  discoverable?: true | Absent;
  identifier?: Absent;
  mfa_token?: Absent;
}

/** What `navigator.credentials.get` needs. */
export interface PasskeyRequestOptions {
  /** Names the challenge. */
  challenge_id: string;
  /** `PublicKeyCredentialRequestOptionsJSON` (WebAuthn Level 3). */
  publicKey: { [name: string]: unknown };
}

/** The credential that signed. */
export interface AssertionResponse {
  id: string;
  rawId: string;
  type: "public-key";
  response: { authenticatorData: string; clientDataJSON: string; signature: string; userHandle?: string | null; [name: string]: unknown };
  [name: string]: unknown;
}

export interface LoginPasskeyVerify {
  /** Names the challenge. */
  challenge_id: string;
  credential: AssertionResponse;
  session?: SessionOptions | Absent;
}

export interface LoginDisown {
  /** The token in the link of the alert. */
  token: string;
}

/** Every session has ended. */
export interface LoginDisowned {
  /** Sets another password, by `passwordReset`. */
  reset_token: string;
  /** Seconds in which the token works. */
  expires_in: number;
}

export interface ProviderToken {
  /** The ID token of the provider. */
  id_token: string;
  /** The raw nonce of the ID token. */
  nonce?: string | Absent;
  session?: SessionOptions | Absent;
}

export interface LogoutAll {
  /** Whether the session of the request stays. */
  keep_current?: boolean | Absent;
}

/** Every session has ended. */
export interface LoggedOutAll {
  /** How many sessions ended, among the first 1,000 that are stored. */
  revoked: number;
}

/** The OAuth client of the session. */
export interface SessionClient {
  /** The id. */
  id: string;
  /** The name that users see. */
  name: string;
}

/** The device of the session. */
export interface SessionDevice {
  /** The id, if the device is recognised. */
  id: string | null;
  /** The name that the user gave, or a description. */
  name: string;
  /** Whether logins skip the second factor. */
  trusted: boolean;
}

/** An estimate by the IP address. */
export interface Location {
  /** The country (ISO 3166-1 alpha-2). */
  country: string | null;
  /** A part of the country. */
  region: string | null;
  /** The city. */
  city: string | null;
}

/** An active session of the account. */
export interface Session {
  /** The id. */
  id: string;
  /** Whether it is the session of the request. */
  current: boolean;
  /** When the session began. */
  created_at: string;
  /** The last refresh. */
  last_active_at: string;
  /** When the session ends without another refresh. */
  expires_at: string;
  /** Whether the session has the longer lifetime. */
  remember_me: boolean;
  /** How the session was proven (RFC 8176). */
  methods: string[];
  client?: SessionClient;
  device: SessionDevice;
  /** The `User-Agent` of the login. */
  user_agent: string;
  /** A part of the IP address. */
  ip_truncated: string;
  location: Location | null;
}

/** A page of the list. It may have fewer entries than `limit`, also none. */
export interface SessionList {
  /** The entries. */
  sessions: Session[];
  /** The `cursor` of the next page. The last page has none. */
  next?: string;
}

/** A browser or app that has logged in to the account. */
export interface Device {
  /** The id. */
  id: string;
  /** The name that the user gave, or a description. */
  name: string;
  /** The browser. */
  browser: string | null;
  /** The operating system. */
  os: string | null;
  /** Whether logins skip the second factor. */
  trusted: boolean;
  /** When the trust ends. */
  trusted_until: string | null;
  /** The first login. */
  first_seen_at: string;
  /** The last login or refresh. */
  last_seen_at: string;
  /** A part of the last IP address. */
  ip_truncated: string;
  location: Location | null;
  /** Whether the request comes from the device. */
  current: boolean;
}

/** A page of the list. It may have fewer entries than `limit`, also none. */
export interface DeviceList {
  /** The entries. */
  devices: Device[];
  /** The `cursor` of the next page. The last page has none. */
  next?: string;
}

/** Clears the field. */
export type Cleared = null | "";

export interface DeviceUpdate {
  /** The name that lists show. */
  name?: string | Cleared;
  /** Ends the trust. Only a login can give it. */
  trusted?: false | Absent;
}

/** What a request with cookies carries in `X-CSRF-Token`. */
export interface CsrfToken {
  /** The token. */
  csrf_token: string;
}

export interface ReauthenticateByPassword {
  /** The password. */
  password: string;
  /** The code of the authenticator app, where MFA is on. */
  totp_code?: string | Absent;
  challenge_id?: Absent;
  credential?: Absent;
  code?: Absent;
}

export interface ReauthenticateByPasskey {
  /** The challenge of `loginPasskeyOptions`. */
  challenge_id: string;
  credential: AssertionResponse;
  /** The code of the authenticator app, where MFA is on. */
  totp_code?: string | Absent;
  password?: Absent;
  code?: Absent;
}

export interface ReauthenticateByMailedCode {
  /** The challenge of the mailed code. */
  challenge_id: string;
  /** The code in the mail. */
  code: string;
  /** The code of the authenticator app, where MFA is on. */
  totp_code?: string | Absent;
  password?: Absent;
  credential?: Absent;
}

export interface ReauthenticateByMail {
  password?: Absent;
  challenge_id?: Absent;
  credential?: Absent;
  code?: Absent;
  totp_code?: Absent;
}

/** A new access token, in the body or in a cookie. */
export interface AccessToken {
  /** The access token, a JWT. Not with cookies. */
  access_token?: string;
  token_type: "Bearer";
  /** Seconds in which the access token works. */
  expires_in: number;
  /** What requests with cookies carry in `X-CSRF-Token`. Only with cookies. */
  csrf_token?: string;
}

/** The second factors of an account. */
export interface MfaStatus {
  /** Whether an authenticator app is set up. */
  totp: boolean;
  /** How many backup codes are not spent. */
  backup_codes_left: number;
  /** How many passkeys there are. */
  passkeys: number;
  /** How many devices skip the second factor. */
  trusted_devices: number;
}

/** A secret that is not active yet. */
export interface TotpSetup {
  /** The secret in Base32. */
  secret: string;
  /** The same as a URI for an app. */
  otpauth_uri: string;
  /** The URI as a QR code, in a `data:` URL. */
  qr_code: string;
}

export interface TotpEnable {
  /** The first code of the app. */
  code: string;
}

/** Codes that work once each, for a lost authenticator app. No later answer has them. */
export interface BackupCodes {
  /** The codes. */
  backup_codes: string[];
}

export interface TotpDisable {
  /** A code of the app, or a backup code. */
  code: string;
}

export interface BackupCodesRegenerate {
  /** A code of the app, or a backup code. */
  code: string;
}

export interface PasskeyOptionsRequest {
  /** Whether the browser creates the passkey without a dialogue, after a login with a password. */
  conditional?: boolean | Absent;
}

/** What `navigator.credentials.create` needs. */
export interface PasskeyCreationOptions {
  /** Names the challenge. */
  challenge_id: string;
  /** `PublicKeyCredentialCreationOptionsJSON` (WebAuthn Level 3). */
  publicKey: { [name: string]: unknown };
}

/** The new credential. */
export interface RegistrationResponse {
  id: string;
  rawId: string;
  type: "public-key";
  response: { attestationObject: string; clientDataJSON: string; transports?: string[] | null; [name: string]: unknown };
  [name: string]: unknown;
}

export interface PasskeyRegister {
  /** The challenge of `passkeyOptions`. */
  challenge_id: string;
  credential: RegistrationResponse;
  /** The name that lists show. */
  name?: string | Absent;
}

/** A passkey of an account. */
export interface Passkey {
  /** The id. */
  id: string;
  /** The name that lists show. */
  name: string;
  /** When the passkey was added. */
  created_at: string;
  /** When the passkey was last used. */
  last_used_at: string | null;
  /** Whether the passkey is synchronised. */
  backed_up: boolean;
  /** Whether the passkey counts as two factors. False only after a conditional creation. */
  verified: boolean;
  /** The transports that the browser reported. */
  transports: string[];
}

/** The passkeys of an account. */
export interface PasskeyList {
  /** The passkeys. */
  passkeys: Passkey[];
}

export interface PasskeyUpdate {
  /** The name that lists show. */
  name: string;
}

/** What a page signals to the password manager (WebAuthn Level 3, section 5.1.10). */
export interface PasskeySignal {
  /** The id of the relying party. */
  rp_id: string;
  /** The user handle, in base64url. */
  user_id: string;
  /** The ids of the passkeys, in base64url. */
  accepted_credential_ids: string[];
  /** The address or the username. */
  name: string;
  /** The address or the username. */
  display_name: string;
}

export interface ProfileUpdate {
  /** The user's name. */
  name?: string | Cleared;
  /** A text about the user. */
  bio?: string | Cleared;
  /** The URL of a picture. */
  picture?: string | Cleared;
  /** The username. An account without an address keeps one. */
  username?: string | Cleared;
}

export interface PasswordChange {
  /** The password. An account without one leaves it out. */
  current_password?: string | null;
  /** The password that the account gets. */
  new_password: string;
  /** Whether the other sessions end. By default they do. */
  revoke_other_sessions?: boolean | Absent;
}

export interface EmailChange {
  /** The address that the account gets. */
  new_email: string;
}

export interface EmailChangeVerify {
  /** The challenge of `emailChange`. */
  challenge_id: string;
  /** The code in the mail. */
  code: string;
}

export interface EmailChangeUndo {
  /** The token in the link of the mail. */
  token: string;
}

export interface AccountDeactivate {
  /** Why the user leaves. */
  reason?: string | Absent;
}

export interface AccountDelete {
  /** The password. An account without one leaves it out. */
  password?: string | null;
}

/** An estimate by the IP address. */
export interface ExportedLocation {
  /** The country (ISO 3166-1 alpha-2). */
  country: string | null;
  /** A part of the country. */
  region: string | null;
  /** The city. */
  city: string | null;
  /** Degrees north and east. */
  point: number[] | null;
}

/** Earlier logins, with which new ones are compared. */
export interface ExportedHistory {
  last_location: ExportedLocation | null;
  /** The last login with a location. */
  last_at: string | null;
  /** The countries of earlier logins. */
  countries: string[];
}

/** The account. */
export interface ExportedAccount {
  /** The user's id. */
  id: string;
  /** The address, if the account has one. */
  email: string | null;
  /** Whether the address is proven. */
  email_verified: boolean;
  /** The username, as typed. */
  username: string | null;
  /** The user's name. */
  name: string | null;
  /** A text about the user. */
  bio: string | null;
  /** The URL of a picture. */
  picture: string | null;
  /** The state of the account. */
  status: "active" | "deactivated" | "banned";
  /** Whether logins need a second factor. */
  mfa_enabled: boolean;
  /** How many passkeys there are. */
  passkeys: number;
  /** Whether the account has a password. */
  has_password: boolean;
  /** The roles. */
  roles: string[];
  /** When the account was created. */
  created_at: string;
  /** When the user last logged in. */
  last_login_at: string | null;
  /** The language of mails. */
  language: string;
  /** The permissions. */
  permissions: string[];
  /** When MFA was turned on. */
  mfa_since: string | null;
  /** The IP address of the last login. */
  last_login_ip: string | null;
  /** The `User-Agent` of the last login. */
  last_login_user_agent: string | null;
  login_history: ExportedHistory | null;
}

/** A session. */
export interface ExportedSession {
  /** The id. */
  id: string;
  /** When the session began. */
  created_at: string;
  /** The last proof. */
  authenticated_at: string;
  /** The last refresh. */
  last_active_at: string;
  /** When the session ends at the latest. */
  expires_at: string;
  /** When the session was ended. */
  ended_at: string | null;
  /** Whether the session has the longer lifetime. */
  remember_me: boolean;
  /** How the session was proven (RFC 8176). */
  methods: string[];
  /** The device. */
  device_id: string | null;
  /** The IP address. */
  ip: string;
  /** The `User-Agent`. */
  user_agent: string;
  location: ExportedLocation | null;
}

/** A device. */
export interface ExportedDevice {
  /** The id. */
  id: string;
  /** The name that the user or the device gave. */
  name: string | null;
  /** The `User-Agent`. */
  user_agent: string;
  /** The first login. */
  first_seen_at: string;
  /** The last login or refresh. */
  last_seen_at: string;
  /** When the user made it unrecognised. */
  forgotten_at: string | null;
  /** When the trust ends. */
  trusted_until: string | null;
  /** A part of the IP address. */
  ip_truncated: string;
  location: ExportedLocation | null;
}

/** An account at a sign-in provider that is linked to the account. */
export interface Identity {
  /** The id of the provider. */
  provider: string;
  /** The name at the provider. */
  name: string | null;
  /** The address at the provider. */
  email?: string;
  /** When the identity was linked. */
  linked_at: string;
  /** When the identity was last used. */
  last_used_at: string;
}

/** Something that happened to the account. */
export interface ExportedEvent {
  /** The id. */
  id: string;
  /** When it happened. */
  at: string;
  /** What happened. */
  action: string;
  /** How it ended. */
  status: "success" | "failure";
  /** How it was done. */
  method: string;
  /** The error code of a failure. */
  reason: string | null;
  /** The IP address. */
  ip: string | null;
  /** The `User-Agent`. */
  user_agent: string | null;
  location: ExportedLocation | null;
}

/** A part of what is stored about the account. */
export interface AccountExport {
  account?: ExportedAccount;
  /** The sessions, ended ones too. */
  sessions: ExportedSession[];
  /** The devices, forgotten ones too. */
  devices: ExportedDevice[];
  /** The passkeys. */
  passkeys: Passkey[];
  /** The linked identities. */
  identities: Identity[];
  /** What happened to the account. */
  activity: ExportedEvent[];
  /** The `cursor` of the next part. The last part has none. */
  next?: string;
}

/** The device of the request. */
export interface EventDevice {
  /** A description. */
  name: string;
}

/** Something that happened to the account. */
export interface ActivityEvent {
  /** The id. */
  id: string;
  /** When it happened. */
  at: string;
  /** What happened: a name of the audit log. */
  action: string;
  /** How it ended. */
  status: "success" | "failure";
  /** How it was done. */
  method: string;
  device: EventDevice | null;
  /** A part of the IP address. */
  ip_truncated: string | null;
  location: Location | null;
  /** The error code of a failure. */
  reason: string | null;
}

/** A page of the list. It may have fewer entries than `limit`, also none. */
export interface ActivityList {
  /** The entries. */
  events: ActivityEvent[];
  /** The `cursor` of the next page. The last page has none. */
  next?: string;
}

/** The identities that are linked to an account. */
export interface IdentityList {
  /** The identities. */
  identities: Identity[];
}

export interface IdentityLink {
  /** Where the browser goes afterwards. */
  continue?: string | Absent;
}

/** Where the browser goes to link an identity. */
export interface IdentityLinkStarted {
  /** A URL at the provider. */
  authorization_url: string;
}

export interface PasswordForgot {
  /** The address of the account. */
  email: string;
  /** The answer to a captcha. `captchaChallenge` returns one. */
  captcha?: string | Absent;
}

/** The same answer for every address. */
export interface PasswordForgotten {
  /** Seconds in which the link works. */
  expires_in: number;
}

export interface PasswordResetCheck {
  /** The token in the link of the mail. */
  token: string;
}

export interface PasswordReset {
  /** The token in the link of the mail, or of `loginDisown`. */
  token: string;
  /** The password that the account gets. */
  new_password: string;
}

/** A proof of work in ALTCHA's hash-based format. */
export interface ProofOfWork {
  algorithm: "SHA-256";
  /** The hash of the salt and the number. */
  challenge: string;
  /** The beginning of the hashed text. */
  salt: string;
  /** The signature of the challenge. */
  signature: string;
  /** The largest possible number. */
  maxnumber: number;
}

/** The client does a proof of work. */
export interface CaptchaByWork {
  kind: "altcha";
  challenge: ProofOfWork;
}

/** The user solves a captcha in the widget of a provider. */
export interface CaptchaByProvider {
  /** Who makes captchas. */
  kind: "recaptcha" | "hcaptcha" | "turnstile";
  /** The key for the widget. */
  site_key: string;
}

/** No captcha is ever needed. */
export interface NoCaptcha {
  kind: "none";
}

/** What a new password must be like. */
export interface PasswordRules {
  /** The rules. */
  policy: "composition" | "length";
  /** The fewest characters. */
  min_length: number;
  /** The most characters. */
  max_length: number;
  /** The classes of characters that it must have. */
  classes: ("upper" | "lower" | "digit" | "special")[];
}

/** A sign-in provider. */
export interface Provider {
  /** The id in paths. */
  id: string;
  /** The name that users see. */
  name: string;
}

/** Who makes captchas, and when they are needed. */
export interface CaptchaSettings {
  /** Who makes captchas, or `none`. */
  kind: "altcha" | "recaptcha" | "hcaptcha" | "turnstile" | "none";
  /** When requests need one. */
  mode?: "failures" | "always";
  /** The key for the widget of a provider. */
  site_key?: string;
}

/** How the pages look. */
export interface Brand {
  /** The name of the product. */
  name: string;
  /** The URL of the logo. */
  logo_url: string | null;
  /** The colour of buttons and links. */
  accent_color: string | null;
  /** The terms of use. */
  terms_url: string | null;
  /** The privacy policy. */
  privacy_url: string | null;
}

/** What a client needs to draw its forms. */
export interface Config {
  /** The name of the product. */
  product_name: string;
  password: PasswordRules;
  /** The forms of registration. */
  registration: ("email" | "username")[];
  /** What a login mail has. */
  login_mail: "both" | "code" | "link" | "off";
  /** The sign-in providers. */
  providers: Provider[];
  captcha: CaptchaSettings;
  /** The languages of pages and mails. */
  languages: string[];
  brand: Brand;
}

/** The tables and keys answer. */
export interface Health {
  status: "ok";
}

export interface SessionListQuery {
  /** The most entries of the answer. */
  limit?: number | null;
  /** The `next` of the page before. */
  cursor?: string | null;
}

export interface DeviceListQuery {
  /** The most entries of the answer. */
  limit?: number | null;
  /** The `next` of the page before. */
  cursor?: string | null;
}

export interface AccountExportQuery {
  /** The `next` of the part before. */
  cursor?: string | null;
}

export interface ActivityListQuery {
  /** The most entries of the answer. */
  limit?: number | null;
  /** The `next` of the page before. */
  cursor?: string | null;
  /** Only events of this action. */
  action?:
    | "register" | "verify_email" | "create_account" | "request_login" | "login" | "first_factor" | "set_up_totp" | "enable_totp"
    | "disable_totp" | "regenerate_backup_codes" | "register_passkey" | "update_passkey" | "remove_passkey" | "passkey_signal"
    | "authorize" | "redeem_code" | "code_reuse" | "revoke_grant" | "refresh" | "suspicious_login" | "disown_login" | "reauthenticate"
    | "forgot_password" | "change_password" | "reset_password" | "link_identity" | "unlink_identity" | "update_profile"
    | "request_email_change" | "change_email" | "undo_email_change" | "deactivate_account" | "delete_account" | "export_account"
    | "update_device" | "forget_device" | "logout" | "logout_all" | "revoke_session" | "refresh_token_reuse" | "send_mail"
    | "create_client" | "update_client" | "delete_client" | "create_client_secret" | "delete_client_secret" | null;
}

/** The codes of errors, with their statuses. */
export interface ErrorStatuses {
  account_banned: 403;
  captcha_failed: 403;
  captcha_required: 403;
  conflict: 409;
  csrf_failed: 403;
  forbidden: 403;
  internal: 500;
  invalid_code: 400;
  invalid_credentials: 401;
  invalid_request: 400;
  invalid_token: 401;
  locked_out: 429;
  not_found: 404;
  payload_too_large: 413;
  rate_limited: 429;
  reauthentication_required: 403;
  session_revoked: 401;
  temporarily_unavailable: 503;
  unknown_credential: 400;
  unsupported_media_type: 415;
  weak_password: 400;
}

/** The codes of the errors that each operation may answer. */
export interface OperationErrors {
  register:
    | "captcha_failed" | "captcha_required" | "conflict" | "csrf_failed" | "forbidden" | "internal" | "invalid_request"
    | "payload_too_large" | "rate_limited" | "temporarily_unavailable" | "unsupported_media_type" | "weak_password";
  registerVerify:
    | "conflict" | "csrf_failed" | "forbidden" | "internal" | "invalid_code" | "invalid_credentials" | "invalid_request"
    | "payload_too_large" | "rate_limited" | "temporarily_unavailable" | "unsupported_media_type";
  registerComplete:
    | "conflict" | "csrf_failed" | "forbidden" | "internal" | "invalid_code" | "invalid_request" | "payload_too_large" | "rate_limited"
    | "temporarily_unavailable" | "unsupported_media_type" | "weak_password";
  registerResend:
    | "forbidden" | "internal" | "invalid_code" | "invalid_request" | "payload_too_large" | "rate_limited" | "temporarily_unavailable"
    | "unsupported_media_type";
  login:
    | "account_banned" | "captcha_failed" | "captcha_required" | "csrf_failed" | "forbidden" | "internal" | "invalid_credentials"
    | "invalid_request" | "locked_out" | "payload_too_large" | "rate_limited" | "temporarily_unavailable" | "unsupported_media_type";
  loginEmail:
    | "captcha_failed" | "captcha_required" | "csrf_failed" | "forbidden" | "internal" | "invalid_request" | "payload_too_large"
    | "rate_limited" | "temporarily_unavailable" | "unsupported_media_type";
  loginEmailVerify:
    | "account_banned" | "conflict" | "csrf_failed" | "forbidden" | "internal" | "invalid_code" | "invalid_request" | "payload_too_large"
    | "rate_limited" | "temporarily_unavailable" | "unsupported_media_type";
  loginMfa:
    | "account_banned" | "csrf_failed" | "forbidden" | "internal" | "invalid_code" | "invalid_request" | "locked_out" | "payload_too_large"
    | "rate_limited" | "temporarily_unavailable" | "unsupported_media_type";
  loginPasskeyOptions:
    | "conflict" | "csrf_failed" | "forbidden" | "internal" | "invalid_code" | "invalid_request" | "payload_too_large" | "rate_limited"
    | "temporarily_unavailable" | "unsupported_media_type";
  loginPasskeyVerify:
    | "account_banned" | "csrf_failed" | "forbidden" | "internal" | "invalid_code" | "invalid_request" | "payload_too_large"
    | "rate_limited" | "temporarily_unavailable" | "unknown_credential" | "unsupported_media_type";
  loginDisown:
    | "forbidden" | "internal" | "invalid_code" | "invalid_request" | "payload_too_large" | "temporarily_unavailable"
    | "unsupported_media_type";
  providerToken:
    | "account_banned" | "conflict" | "csrf_failed" | "forbidden" | "internal" | "invalid_code" | "invalid_request" | "not_found"
    | "payload_too_large" | "rate_limited" | "temporarily_unavailable" | "unsupported_media_type";
  tokenRefresh:
    | "csrf_failed" | "forbidden" | "internal" | "invalid_request" | "invalid_token" | "payload_too_large" | "rate_limited"
    | "session_revoked" | "temporarily_unavailable" | "unsupported_media_type";
  logout:
    | "csrf_failed" | "forbidden" | "internal" | "invalid_request" | "invalid_token" | "payload_too_large" | "rate_limited"
    | "session_revoked" | "temporarily_unavailable" | "unsupported_media_type";
  logoutAll:
    | "csrf_failed" | "forbidden" | "internal" | "invalid_request" | "invalid_token" | "payload_too_large" | "rate_limited"
    | "reauthentication_required" | "session_revoked" | "temporarily_unavailable" | "unsupported_media_type";
  sessionList: "forbidden" | "internal" | "invalid_request" | "invalid_token" | "session_revoked" | "temporarily_unavailable";
  sessionRevoke:
    | "csrf_failed" | "forbidden" | "internal" | "invalid_token" | "not_found" | "rate_limited" | "reauthentication_required"
    | "session_revoked" | "temporarily_unavailable";
  deviceList: "forbidden" | "internal" | "invalid_request" | "invalid_token" | "session_revoked" | "temporarily_unavailable";
  deviceUpdate:
    | "csrf_failed" | "forbidden" | "internal" | "invalid_request" | "invalid_token" | "not_found" | "payload_too_large" | "rate_limited"
    | "reauthentication_required" | "session_revoked" | "temporarily_unavailable" | "unsupported_media_type";
  deviceForget:
    | "csrf_failed" | "forbidden" | "internal" | "invalid_token" | "not_found" | "rate_limited" | "reauthentication_required"
    | "session_revoked" | "temporarily_unavailable";
  csrf: "forbidden" | "internal" | "temporarily_unavailable";
  reauthenticate:
    | "conflict" | "csrf_failed" | "forbidden" | "internal" | "invalid_code" | "invalid_credentials" | "invalid_request" | "invalid_token"
    | "locked_out" | "payload_too_large" | "rate_limited" | "session_revoked" | "temporarily_unavailable" | "unknown_credential"
    | "unsupported_media_type";
  mfaStatus: "forbidden" | "internal" | "invalid_token" | "session_revoked" | "temporarily_unavailable";
  totpSetup:
    | "conflict" | "csrf_failed" | "forbidden" | "internal" | "invalid_request" | "invalid_token" | "payload_too_large" | "rate_limited"
    | "reauthentication_required" | "session_revoked" | "temporarily_unavailable" | "unsupported_media_type";
  totpEnable:
    | "conflict" | "csrf_failed" | "forbidden" | "internal" | "invalid_code" | "invalid_request" | "invalid_token" | "locked_out"
    | "payload_too_large" | "rate_limited" | "reauthentication_required" | "session_revoked" | "temporarily_unavailable"
    | "unsupported_media_type";
  totpDisable:
    | "conflict" | "csrf_failed" | "forbidden" | "internal" | "invalid_code" | "invalid_request" | "invalid_token" | "locked_out"
    | "payload_too_large" | "rate_limited" | "reauthentication_required" | "session_revoked" | "temporarily_unavailable"
    | "unsupported_media_type";
  backupCodesRegenerate:
    | "conflict" | "csrf_failed" | "forbidden" | "internal" | "invalid_code" | "invalid_request" | "invalid_token" | "locked_out"
    | "payload_too_large" | "rate_limited" | "reauthentication_required" | "session_revoked" | "temporarily_unavailable"
    | "unsupported_media_type";
  passkeyOptions:
    | "conflict" | "csrf_failed" | "forbidden" | "internal" | "invalid_request" | "invalid_token" | "payload_too_large" | "rate_limited"
    | "reauthentication_required" | "session_revoked" | "temporarily_unavailable" | "unsupported_media_type";
  passkeyRegister:
    | "conflict" | "csrf_failed" | "forbidden" | "internal" | "invalid_code" | "invalid_request" | "invalid_token" | "payload_too_large"
    | "rate_limited" | "reauthentication_required" | "session_revoked" | "temporarily_unavailable" | "unsupported_media_type";
  passkeyList: "forbidden" | "internal" | "invalid_token" | "session_revoked" | "temporarily_unavailable";
  passkeyUpdate:
    | "csrf_failed" | "forbidden" | "internal" | "invalid_request" | "invalid_token" | "not_found" | "payload_too_large" | "rate_limited"
    | "reauthentication_required" | "session_revoked" | "temporarily_unavailable" | "unsupported_media_type";
  passkeyRemove:
    | "conflict" | "csrf_failed" | "forbidden" | "internal" | "invalid_token" | "not_found" | "rate_limited" | "reauthentication_required"
    | "session_revoked" | "temporarily_unavailable";
  passkeySignal: "forbidden" | "internal" | "invalid_token" | "session_revoked" | "temporarily_unavailable";
  profileGet: "forbidden" | "internal" | "invalid_token" | "session_revoked" | "temporarily_unavailable";
  profileUpdate:
    | "conflict" | "csrf_failed" | "forbidden" | "internal" | "invalid_request" | "invalid_token" | "payload_too_large" | "rate_limited"
    | "reauthentication_required" | "session_revoked" | "temporarily_unavailable" | "unsupported_media_type";
  passwordChange:
    | "csrf_failed" | "forbidden" | "internal" | "invalid_credentials" | "invalid_request" | "invalid_token" | "locked_out"
    | "payload_too_large" | "rate_limited" | "reauthentication_required" | "session_revoked" | "temporarily_unavailable"
    | "unsupported_media_type" | "weak_password";
  emailChange:
    | "conflict" | "csrf_failed" | "forbidden" | "internal" | "invalid_request" | "invalid_token" | "payload_too_large" | "rate_limited"
    | "reauthentication_required" | "session_revoked" | "temporarily_unavailable" | "unsupported_media_type";
  emailChangeVerify:
    | "conflict" | "csrf_failed" | "forbidden" | "internal" | "invalid_code" | "invalid_request" | "invalid_token" | "payload_too_large"
    | "rate_limited" | "session_revoked" | "temporarily_unavailable" | "unsupported_media_type";
  emailChangeUndo:
    | "forbidden" | "internal" | "invalid_code" | "invalid_request" | "payload_too_large" | "temporarily_unavailable"
    | "unsupported_media_type";
  accountDeactivate:
    | "csrf_failed" | "forbidden" | "internal" | "invalid_request" | "invalid_token" | "payload_too_large" | "rate_limited"
    | "reauthentication_required" | "session_revoked" | "temporarily_unavailable" | "unsupported_media_type";
  accountDelete:
    | "conflict" | "csrf_failed" | "forbidden" | "internal" | "invalid_credentials" | "invalid_request" | "invalid_token" | "locked_out"
    | "payload_too_large" | "rate_limited" | "reauthentication_required" | "session_revoked" | "temporarily_unavailable"
    | "unsupported_media_type";
  accountExport:
    | "forbidden" | "internal" | "invalid_request" | "invalid_token" | "rate_limited" | "reauthentication_required" | "session_revoked"
    | "temporarily_unavailable";
  activityList: "forbidden" | "internal" | "invalid_request" | "invalid_token" | "session_revoked" | "temporarily_unavailable";
  identityList: "forbidden" | "internal" | "invalid_token" | "session_revoked" | "temporarily_unavailable";
  identityLink:
    | "conflict" | "csrf_failed" | "forbidden" | "internal" | "invalid_request" | "invalid_token" | "not_found" | "payload_too_large"
    | "rate_limited" | "reauthentication_required" | "session_revoked" | "temporarily_unavailable" | "unsupported_media_type";
  identityUnlink:
    | "conflict" | "csrf_failed" | "forbidden" | "internal" | "invalid_token" | "not_found" | "rate_limited" | "reauthentication_required"
    | "session_revoked" | "temporarily_unavailable";
  passwordForgot:
    | "captcha_failed" | "captcha_required" | "forbidden" | "internal" | "invalid_request" | "payload_too_large" | "rate_limited"
    | "temporarily_unavailable" | "unsupported_media_type";
  passwordResetCheck:
    | "forbidden" | "internal" | "invalid_code" | "invalid_request" | "payload_too_large" | "temporarily_unavailable"
    | "unsupported_media_type";
  passwordReset:
    | "forbidden" | "internal" | "invalid_code" | "invalid_request" | "payload_too_large" | "rate_limited" | "temporarily_unavailable"
    | "unsupported_media_type" | "weak_password";
  captchaChallenge: "forbidden" | "internal" | "temporarily_unavailable";
  config: "forbidden" | "internal" | "temporarily_unavailable";
  health: "internal" | "temporarily_unavailable";
}

/** Each operation. What its path and its query have is in the same object as its body. */
export interface Operations {
  /** Starts a registration and mails a code and a link; or creates an account with username and password. */
  register(parameters: RegisterByEmail): Promise<RegistrationPending>;
  /** Starts a registration and mails a code and a link; or creates an account with username and password. */
  register(parameters: RegisterByUsername): Promise<Authenticated>;
  /** Proves the address with the code or the link. */
  registerVerify(parameters: RegisterVerifyByCode | RegisterVerifyByLink): Promise<PasswordRequired | Authenticated>;
  /** Sets the password and creates the account. */
  registerComplete(parameters: RegisterComplete): Promise<Authenticated>;
  /** Mails another code and link; the old ones stop working. */
  registerResend(parameters: RegisterResend): Promise<RegistrationPending>;
  /** Logs in with e-mail address or username, and password. */
  login(parameters: Login): Promise<Authenticated | MfaRequired>;
  /** Mails a code and a link to log in; for an unknown address, they create the account. */
  loginEmail(parameters: LoginEmail): Promise<MailedCode>;
  /** Logs in with the mailed code or link. */
  loginEmailVerify(parameters: LoginEmailVerifyByCode | LoginEmailVerifyByLink): Promise<Authenticated | MfaRequired>;
  /** Finishes a pending login: `totp`, `backup_code`, or a mailed code (`email_code`) on an unrecognised device. */
  loginMfa(parameters: LoginMfaByCode | LoginMfaByBackupCode): Promise<Authenticated>;
  /** Asks for a passkey: any, one of an account's, or one as a second factor. */
  loginPasskeyOptions(
    parameters?: LoginPasskeyOptionsOfAccount | LoginPasskeyOptionsOfPendingLogin | LoginPasskeyOptionsOfAnybody,
  ): Promise<PasskeyRequestOptions>;
  /** Logs in with a passkey, which is both factors; or takes one as the second factor. */
  loginPasskeyVerify(parameters: LoginPasskeyVerify): Promise<Authenticated | MfaRequired>;
  /** "this wasn't me", by the link in a login's alert: ends all sessions, removes later factors. */
  loginDisown(parameters: LoginDisown): Promise<LoginDisowned>;
  /** Logs an app in with a sign-in provider's ID token. */
  providerToken(parameters: { provider: string } & ProviderToken): Promise<Authenticated | MfaRequired>;
  /** Returns a new pair of tokens; a copied refresh token ends the session. */
  tokenRefresh(): Promise<Authenticated>;
  /** Ends the session. */
  logout(): Promise<Empty>;
  /** Ends all sessions, or all others, in one write. */
  logoutAll(parameters?: LogoutAll): Promise<LoggedOutAll>;
  /** Lists the caller's active sessions, with device and location. */
  sessionList(parameters?: SessionListQuery): Promise<SessionList>;
  /** Ends one of the caller's sessions. */
  sessionRevoke(parameters: { id: string }): Promise<Empty>;
  /** Lists the devices that the caller's account recognises. */
  deviceList(parameters?: DeviceListQuery): Promise<DeviceList>;
  /** Renames a device, or ends its trust. */
  deviceUpdate(parameters: { id: string } & DeviceUpdate): Promise<Device>;
  /** Makes a device unrecognised and ends its sessions. */
  deviceForget(parameters: { id: string }): Promise<Empty>;
  /** Returns the CSRF token that requests with cookies carry. */
  csrf(): Promise<CsrfToken>;
  /** Renews the proof of who is signed in: password (with an app's code where MFA is on), passkey, or mailed code. */
  reauthenticate(parameters: ReauthenticateByPassword | ReauthenticateByPasskey): Promise<AccessToken | MailedCode>;
  /** Renews the proof of who is signed in: password (with an app's code where MFA is on), passkey, or mailed code. */
  reauthenticate(parameters: ReauthenticateByMailedCode): Promise<AccessToken>;
  /** Renews the proof of who is signed in: password (with an app's code where MFA is on), passkey, or mailed code. */
  reauthenticate(parameters?: ReauthenticateByMail): Promise<MailedCode>;
  /** Says which second factors the caller has. */
  mfaStatus(): Promise<MfaStatus>;
  /**
   * Creates a secret for an authenticator app, as text, URI and QR code. The session needs a proof of its user that is at most ten minutes
   * old, and as strong as the account's logins.
   */
  totpSetup(): Promise<TotpSetup>;
  /**
   * Turns MFA on with the app's first code; shows ten backup codes, ends the other sessions. The session needs a proof of its user that is
   * at most ten minutes old, and as strong as the account's logins.
   */
  totpEnable(parameters: TotpEnable): Promise<BackupCodes>;
  /** Turns MFA off. The session needs a proof of its user that is at most ten minutes old, and as strong as the account's logins. */
  totpDisable(parameters: TotpDisable): Promise<Empty>;
  /**
   * Creates ten new backup codes; the old ones stop working. The session needs a proof of its user that is at most ten minutes old, and as
   * strong as the account's logins.
   */
  backupCodesRegenerate(parameters: BackupCodesRegenerate): Promise<BackupCodes>;
  /**
   * Returns what a browser needs to create a passkey. The session needs a proof of its user that is at most ten minutes old, and as strong
   * as the account's logins.
   */
  passkeyOptions(parameters?: PasskeyOptionsRequest): Promise<PasskeyCreationOptions>;
  /**
   * Adds the passkey that the browser created. The session needs a proof of its user that is at most ten minutes old, and as strong as the
   * account's logins.
   */
  passkeyRegister(parameters: PasskeyRegister): Promise<Passkey>;
  /** Lists the caller's passkeys. */
  passkeyList(): Promise<PasskeyList>;
  /** Renames a passkey. */
  passkeyUpdate(parameters: { id: string } & PasskeyUpdate): Promise<Passkey>;
  /**
   * Removes a passkey, unless it is the last way in. The session needs a proof of its user that is at most ten minutes old, and as strong
   * as the account's logins.
   */
  passkeyRemove(parameters: { id: string }): Promise<Empty>;
  /** Returns what a page signals to the password manager. */
  passkeySignal(): Promise<PasskeySignal>;
  /** Returns the caller's account. */
  profileGet(): Promise<User>;
  /** Changes the caller's name, biography, picture or username. */
  profileUpdate(parameters?: ProfileUpdate): Promise<User>;
  /** Sets another password; ends other sessions, pending logins, reset links and the trust of other devices. */
  passwordChange(parameters: PasswordChange): Promise<Empty>;
  /**
   * Mails a code to another address, which the account gets by it. The session needs a proof of its user that is at most ten minutes old,
   * and as strong as the account's logins.
   */
  emailChange(parameters: EmailChange): Promise<MailedCode>;
  /** Changes the address of the account with the mailed code. */
  emailChangeVerify(parameters: EmailChangeVerify): Promise<User>;
  /** Undoes a change of the address with the link to the old one; ends all sessions. */
  emailChangeUndo(parameters: EmailChangeUndo): Promise<Empty>;
  /**
   * Deactivates the account and ends all sessions; the next login activates it again. The session needs a proof of its user that is at
   * most ten minutes old, and as strong as the account's logins.
   */
  accountDeactivate(parameters?: AccountDeactivate): Promise<Empty>;
  /**
   * Deletes the account for good; its keys are destroyed, and its address and username are free again. The session needs a proof of its
   * user that is at most ten minutes old, and as strong as the account's logins.
   */
  accountDelete(parameters?: AccountDelete): Promise<Empty>;
  /**
   * Returns everything that is stored about the caller, readable, without secrets. The session needs a proof of its user that is at most
   * ten minutes old, and as strong as the account's logins.
   */
  accountExport(parameters?: AccountExportQuery): Promise<AccountExport>;
  /** Lists what happened to the caller's account, with device and location. */
  activityList(parameters?: ActivityListQuery): Promise<ActivityList>;
  /** Lists the linked identities of sign-in providers. */
  identityList(): Promise<IdentityList>;
  /**
   * Begins to link an identity of a sign-in provider. The session needs a proof of its user that is at most ten minutes old, and as strong
   * as the account's logins.
   */
  identityLink(parameters: { provider: string } & IdentityLink): Promise<IdentityLinkStarted>;
  /**
   * Unlinks an identity of a sign-in provider, unless it is the last way in. The session needs a proof of its user that is at most ten
   * minutes old, and as strong as the account's logins.
   */
  identityUnlink(parameters: { provider: string }): Promise<Empty>;
  /** Mails a link to set a new password. */
  passwordForgot(parameters: PasswordForgot): Promise<PasswordForgotten>;
  /** Tells whether a reset token is good, and spends nothing. */
  passwordResetCheck(parameters: PasswordResetCheck): Promise<Empty>;
  /** Sets another password with the token of a mailed link or of `login-disown`; ends all sessions. */
  passwordReset(parameters: PasswordReset): Promise<Empty>;
  /** Returns a captcha: a proof of work, or the site key of a provider. */
  captchaChallenge(): Promise<CaptchaByWork | CaptchaByProvider | NoCaptcha>;
  /** Returns what a client needs to draw its forms. */
  config(): Promise<Config>;
  /** Says whether the tables and keys answer. */
  health(): Promise<Health>;
}
