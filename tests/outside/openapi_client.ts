// Compares the client's types with those that another author's tool makes of the same document. The test adds a line for each schema.

import type { components, operations } from "./openapi";
import type * as client from "./operations";

export type Theirs = components["schemas"];

/** The same values and the same members, optional ones too. */
export type Same<A, B> = [A, B, keyof A, keyof B] extends [B, A, keyof B, keyof A] ? true : never;

type Json<Content> = Content extends { content: { "application/json": infer Body } } ? Body : client.Empty;
type Responses<Name extends keyof operations> = operations[Name]["responses"];
type Answer<Name extends keyof operations> = {
  [Status in keyof Responses<Name>]: Status extends 200 | 201 | 202 | 204 ? Json<Responses<Name>[Status]> : never;
}[keyof Responses<Name>];
// What is never there adds nothing.
type Known<T, Then> = [NonNullable<T>] extends [never] ? unknown : Then;
type Request<Name extends keyof operations> = operations[Name] extends { requestBody?: infer Body } ? Known<Body, Json<NonNullable<Body>>> : never;
type Place<Name extends keyof operations, Kind extends "path" | "query"> = operations[Name]["parameters"] extends { [K in Kind]?: infer Own }
  ? Known<Own, { [Key in keyof Own]: Own[Key] | null }>
  : never;

type Methods = client.Operations;
type Given<Name extends keyof Methods> = NonNullable<Parameters<Methods[Name]>[0]>;

/** The methods that answer or take something else. */
type Wrong = {
  [Name in keyof Methods]: Name extends keyof operations
    ? Awaited<ReturnType<Methods[Name]>> extends Answer<Name>
      ? Given<Name> extends Request<Name> & Place<Name, "path"> & Place<Name, "query">
        ? never
        : Name
      : Name
    : Name;
}[keyof Methods];

export const wrong: [Wrong] extends [never] ? true : Wrong = true;
