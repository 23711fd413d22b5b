import { defaultText } from './describe.ts';
import { FILE_NAMES } from './file.ts';
import { MODEL_SETTINGS } from './model-settings.ts';
import { OTHER_VARIABLES, variableOf } from './names.ts';
import { GROUPS, type Group, SETTING_KEYS, type SettingKey, settingOf } from './settings.ts';

/** The settings page (Markdown), made from the table alone; a test holds `docs/configuration.md` to it. */
export function renderConfigurationPage(): string {
  const parts = [INTRODUCTION, ...GROUPS.map(groupSection), modelSection(), borrowedSection(), CLOSING];
  return `${parts.join('\n\n')}\n`;
}

const INTRODUCTION = `# Configuration

<!-- Made from the table in src/config/settings.ts; write it anew with: UPDATE_DOCS=1 npx vitest run test/unit/config-docs.test.ts -->

Every setting can be given as a flag, as an environment variable or in a settings file. Where several say something, the flag wins over
the environment, the environment over the file, and the file over the default. \`locallite config\` prints every value and where it comes from.

One name serves everywhere; here are four settings:

| Setting | Flag | Environment | Settings file |
|---|---|---|---|
| \`port\` | \`--port 8080\` | \`LOCALLITE_PORT=8080\` | \`port: 8080\` |
| \`batch.bulk_above\` | \`--batch-bulk-above 16\` | \`LOCALLITE_BATCH_BULK_ABOVE=16\` | \`batch: { bulk_above: 16 }\` |
| \`offline\` | \`--offline\`, \`--no-offline\` | \`LOCALLITE_OFFLINE=1\` | \`offline: true\` |
| \`cors.origins\` | \`--cors-origins https://a.test,https://b.test\` | \`LOCALLITE_CORS_ORIGINS=https://a.test,https://b.test\` | \`cors: { origins: [https://a.test, https://b.test] }\` |

A wrong value, an unknown key, variable or flag stops the start; the message names each of them, where it stands and what would be right.

## The settings file

YAML 1.2 or JSON. It is named by \`--config\` or \`LOCALLITE_CONFIG\`; otherwise ${FILE_NAMES.map((name) => `\`${name}\``).join(', ')} is looked for in the working
folder, then in \`home\`. The first one found is the only one read. Relative paths in it start at its own folder, those in flags and variables at
the working folder; \`~/\` is your home folder. A settings file can name code to load (\`runtime.package\`), so start LocalLite only in folders whose
settings file you trust.

\`\`\`yaml
port: 11435
threads: 4
memory_budget: 4GB
aliases:
  text-embedding-3-small: all-MiniLM-L6-v2
models:
  sentence-transformers/all-MiniLM-L6-v2:
    pinned: true
    keep_alive: -1
\`\`\`

Times are numbers in seconds, or text with a unit: \`250ms\`, \`30s\`, \`5m\`, \`1h30m\`. Sizes are bytes, or text with a unit: \`4GB\` is 4 × 10⁹, \`4GiB\` is 4 × 2³⁰.`;

const CLOSING = `## Secrets

\`api_key\` and \`hub.token\` never appear in logs, in \`locallite config\` or in error messages. Prefer the environment or a settings file that only
you can read: the flags of a running program are visible to other users of the machine.`;

const cell = (content: string): string => content.replaceAll('|', '\\|');
const code = (content: string): string => (content === '' ? 'empty' : `\`${cell(content)}\``);

function groupSection(group: Group): string {
  const keys = SETTING_KEYS.filter((key) => settingOf(key).group === group);
  return [`## ${group}`, '', '| Key | Default | Meaning | Accepts |', '|---|---|---|---|', ...keys.map(settingRow)].join('\n');
}

function settingRow(key: SettingKey): string {
  const { kind, help, fallbackNote, alias } = settingOf(key);
  const fallback = defaultText(key);
  const shown = fallbackNote === undefined ? (fallback === undefined ? 'none' : code(fallback)) : cell(fallbackNote);
  const also = alias === undefined ? '' : ` \`${alias}\` is an alias of its variable \`${variableOf(key)}\`.`;
  return `| \`${key}\` | ${shown} | ${cell(help)}.${also} | ${cell(kind.expected)} |`;
}

function modelSection(): string {
  const rows = Object.entries(MODEL_SETTINGS).map(([name, { kind, help }]) => `| \`${name}\` | ${cell(help)} | ${cell(kind.expected)} |`);
  return [
    '## Settings of one model',
    '',
    "Below `models`, under the model's id or alias. What is left out comes from the model's card, or from the general setting of that name.",
    '',
    '| Key | Meaning | Accepts |',
    '|---|---|---|',
    ...rows,
  ].join('\n');
}

function borrowedSection(): string {
  const others = Object.entries(OTHER_VARIABLES).map(([name, meaning]) => `| \`${name}\` | ${cell(meaning)} |`);
  const borrowed = SETTING_KEYS.flatMap((key) => (settingOf(key).borrowed ?? []).map((name) => `| \`${name}\` | \`${key}\` |`));
  return [
    '## Other environment variables',
    '',
    '| Variable | Meaning |',
    '|---|---|',
    ...others,
    ...borrowed,
    '| `HF_HOME`, `XDG_CACHE_HOME` | the default of `hub.cache` |',
    '| `XDG_DATA_HOME` | the default of `home` on Linux |',
    '',
    'Those of other tools count when neither a flag nor our own variable is set; an empty one counts as not set. An empty variable of ours',
    'is an error, except for lists, where it means the empty list.',
  ].join('\n');
}
