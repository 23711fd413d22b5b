import { homedir } from 'node:os';
import { isAbsolute, resolve } from 'node:path';
import type { z } from 'zod';
import { MODEL_SETTINGS } from './model-settings.ts';
import { nearest } from './names.ts';
import { settingOf } from './settings.ts';
import type { GivenValue } from './sources.ts';

/** The value of a setting after its check, or one line for everything that is wrong with it. */
export type Checked = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly problems: readonly string[] };

/** Checks one given value against the table and resolves paths. Secrets are not repeated in problems. */
export function checkValue(given: GivenValue): Checked {
  const { kind } = settingOf(given.key);
  const problem = (message: string): Checked => ({ ok: false, problems: [`${given.key} (${given.origin}): ${message}`] });
  if (given.raw === null || given.raw === undefined) return problem(`has no value; expected ${kind.expected}, or leave it out`);
  const result = kind.schema.safeParse(given.raw);
  if (!result.success) return { ok: false, problems: problemsOf(given, result.error.issues) };
  return {
    ok: true,
    value: kind.path && typeof result.data === 'string' ? resolvePath(result.data, given.folder, kind.path) : result.data,
  };
}

function problemsOf(given: GivenValue, issues: readonly z.core.$ZodIssue[]): readonly string[] {
  const lines = issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') return issue.keys.map((name) => unknownField(given, [...issue.path, name]));
    return [`${placeText(given, issue.path)}: expected ${expectation(issue)}${got(given, issue.path)}`];
  });
  return [...new Set(lines)];
}

function expectation(issue: z.core.$ZodIssue): string {
  const inner = issue.code === 'invalid_key' ? issue.issues[0]?.message : undefined;
  return inner ?? issue.message;
}

function unknownField(given: GivenValue, path: readonly PropertyKey[]): string {
  const meant = nearest(String(path.at(-1)), Object.keys(MODEL_SETTINGS));
  return `${placeText(given, path)}: no such setting${meant === undefined ? '' : `; did you mean ${meant}?`}`;
}

/** `models."bge-m3".pooling (locallite.yaml:3)`; a place inside a list is told as that of the list. */
function placeText(given: GivenValue, path: readonly PropertyKey[]): string {
  if (settingOf(given.key).kind.map !== true) return `${given.key} (${given.origin})`;
  const names = path.map(String);
  const inside = names.map((name, index) => (index === 0 ? `."${name}"` : `.${name}`)).join('');
  return `${given.key}${inside} (${given.originOf?.(names) ?? given.origin})`;
}

const LONGEST_QUOTE = 60;

/** The offending value where it is short and no secret. */
function got(given: GivenValue, path: readonly PropertyKey[]): string {
  if (settingOf(given.key).secret) return '';
  let value: unknown = given.raw;
  for (const part of path) value = typeof value === 'object' && value !== null ? Reflect.get(value, part) : value;
  const shown = typeof value === 'string' ? JSON.stringify(value.replace(/\/\/[^/@\s]*@/, '//***@')) : String(value);
  if (typeof value === 'object' && value !== null) return `, got ${Array.isArray(value) ? 'a list' : 'a mapping'}`;
  return `, got ${shown.length > LONGEST_QUOTE ? `${shown.slice(0, LONGEST_QUOTE)}…` : shown}`;
}

function resolvePath(value: string, folder: string, when: 'always' | 'marked'): string {
  const expanded = /^~(?=[/\\]|$)/.test(value) ? homedir() + value.slice(1) : value;
  const marked = isAbsolute(expanded) || /^\.\.?([/\\]|$)/.test(expanded);
  return when === 'always' || marked ? resolve(folder, expanded) : value;
}
