/** Pages that only pass a reader on, with the parameter that says where to. */
const REDIRECTS: readonly { readonly host: RegExp; readonly path: RegExp; readonly parameter: string }[] = [
  { host: /(?:^|\.)bing\.com$/, path: /^\/ck\/a$/, parameter: 'u' },
  { host: /(?:^|\.)google\.[a-z.]+$/, path: /^\/url$/, parameter: 'q' },
  { host: /\.safelinks\.protection\.outlook\.com$/, path: /^\//, parameter: 'url' },
];

/**
 * Where a link of a document leads: as it is written, without the detour of a counting redirect whose own address names the end. Undefined
 * for what is no address (scripts, data, places on the same page).
 */
export function linkTarget(href: string | null): string | undefined {
  const url = href?.trim() ?? '';
  const target = /^https?:/i.test(url) ? redirected(url) : url;
  const isAddress = target !== '' && !target.startsWith('#') && !/^(?:javascript|data|vbscript|blob|file|about):/i.test(target);
  return isAddress ? target : undefined;
}

function redirected(url: string): string {
  // Some pages have the parameters behind `?!&&`.
  const plain = url.replace('?!&&', '?');
  const parsed = URL.canParse(plain) ? new URL(plain) : undefined;
  const redirect = REDIRECTS.find(({ host, path }) => host.test(parsed?.hostname ?? '') && path.test(parsed?.pathname ?? ''));
  const value = redirect === undefined ? null : parsed?.searchParams.get(redirect.parameter);
  if (value === null || value === undefined) return url;
  // Bing writes `a1` and the address in base64; some addresses are of its own site.
  const target = value.startsWith('a1') ? Buffer.from(value.slice(2), 'base64url').toString('utf8') : value;
  return target.startsWith('/') ? new URL(target, parsed).href : target;
}
