// Uses the types that are generated from the OpenAPI document, as a client would.

import type { paths } from "./openapi";

type Login = paths["/v1/login"]["post"];

/** What the answer to a login leads to. */
export function next(answer: Login["responses"][200]["content"]["application/json"]): string {
  switch (answer.status) {
    case "authenticated":
      return answer.user.email ?? answer.user.id;
    case "mfa_required":
      return answer.methods.join();
  }
}

/** Errors are a union on `code`. */
export function mayRetry(problem: Login["responses"][403]["content"]["application/problem+json"]): boolean {
  switch (problem.code) {
    case "captcha_required":
    case "captcha_failed":
    case "csrf_failed":
      return true;
    case "account_banned":
    case "forbidden":
      return false;
  }
}

export const request: Login["requestBody"]["content"]["application/json"] = {
  identifier: "ada@example.org",
  password: "Gr8-tulip-Wagon",
  captcha: null,
  session: { transport: "cookie", device_name: "" },
};

// @ts-expect-error A field that is not described is refused.
export const unknown: Login["requestBody"]["content"]["application/json"] = { identifier: "a", password: "b", role: "admin" };
