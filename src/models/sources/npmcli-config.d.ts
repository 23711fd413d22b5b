/** npm's own reader of npmrc files ships without types; these are the parts in use. */
declare module '@npmcli/config' {
  export default class Config {
    constructor(options: {
      npmPath: string;
      definitions: unknown;
      shorthands: unknown;
      flatten: unknown;
      argv: readonly string[];
      env: Record<string, string | undefined>;
      cwd: string;
      warn: boolean;
    });
    load(): Promise<void>;
    /** Values under the names that npm's fetch library uses. */
    readonly flat: Readonly<Record<string, unknown>>;
  }
}

declare module '@npmcli/config/lib/definitions/index.js' {
  const npm: { readonly definitions: unknown; readonly shorthands: unknown; readonly flatten: unknown };
  export default npm;
}
