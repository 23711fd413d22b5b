import { join } from 'node:path';
import { z } from 'zod';
import { LocalLiteError } from '../errors.ts';
import type { Aliases } from './gateway-types.ts';
import { readIfThere, writePrivateFile } from './private-file.ts';

const fileSchema = z.record(z.string().min(1), z.string().min(1));
const NAME = /^[\w.:/-]+$/;

/** Aliases, and a number that changes with them. */
export interface OpenAliases extends Aliases {
  version(): number;
}

/** Aliases of the settings and of HOME's aliases.json; the settings win. */
export async function openAliases(home: string, fromSettings: Readonly<Record<string, string>>): Promise<OpenAliases> {
  const path = join(home, 'aliases.json');
  const saved = await readSaved(path);
  let version = 0;
  let written: Promise<void> = Promise.resolve();
  // One write after the other: the last state is the one that stays.
  const save = (): Promise<void> => {
    version += 1;
    const text = `${JSON.stringify(Object.fromEntries(saved), null, 2)}\n`;
    written = written.catch(() => {}).then(() => writePrivateFile(path, text));
    return written;
  };
  const fixed = new Set(Object.keys(fromSettings).map((name) => name.toLowerCase()));
  const savedAs = (name: string): string | undefined => [...saved.keys()].find((other) => other.toLowerCase() === name.toLowerCase());
  return {
    version: () => version,
    list: () => ({
      ...Object.fromEntries(
        [...saved].filter(([name]) => !fixed.has(name.toLowerCase())).map(([name, target]) => [name, { target, from: 'file' as const }]),
      ),
      ...Object.fromEntries(Object.entries(fromSettings).map(([name, target]) => [name, { target, from: 'settings' as const }])),
    }),
    async set(name, target) {
      if (!NAME.test(name)) {
        throw new LocalLiteError('invalid_request', `${JSON.stringify(name)} is no alias: letters, digits and . _ - : / are allowed`, {
          param: 'alias',
        });
      }
      if (fixed.has(name.toLowerCase())) {
        throw new LocalLiteError('conflict', `${name} is set in the settings (aliases), which win; change it there`, { param: 'alias' });
      }
      saved.delete(savedAs(name) ?? name);
      saved.set(name, target);
      await save();
    },
    async remove(name) {
      if (fixed.has(name.toLowerCase()))
        throw new LocalLiteError('conflict', `${name} is set in the settings (aliases); remove it there`, { param: 'alias' });
      const was = saved.delete(savedAs(name) ?? name);
      if (was) await save();
      return was;
    },
  };
}

async function readSaved(path: string): Promise<Map<string, string>> {
  const text = await readIfThere(path);
  if (text === undefined) return new Map();
  try {
    return new Map(Object.entries(fileSchema.parse(JSON.parse(text))));
  } catch (cause) {
    throw new LocalLiteError('invalid_config', `${path} is not a JSON object of alias to model name; mend it or delete it`, { cause });
  }
}
