/** Stop words by ISO 639-3 code; the package brings no types. */
declare module 'stopword' {
  const lists: Readonly<Record<string, readonly string[] | ((...parameters: readonly unknown[]) => unknown)>>;
  export = lists;
}
