/** Environment variables as a plain record; an unset one is undefined. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * A copy of this process's environment. The one place that reads it: the command line and the in-process gateway call this once
 * and hand the record down, to the settings and to whatever honours other tools' variables (npm, pip, proxies, certificates).
 */
export function processEnvironment(): Environment {
  return { ...process.env };
}
