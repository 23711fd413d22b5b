import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative, sep } from 'node:path';
import ts from 'typescript';

/** One source file: its path from the repository root with forward slashes, and its text. */
export interface Source {
  readonly path: string;
  readonly text: string;
}

/** One import of a file, as written. */
export interface Import {
  readonly from: string;
  readonly specifier: string;
  /** The file meant by a relative specifier; undefined for a package. */
  readonly target: string | undefined;
}

/** Reads every TypeScript file below a folder of the repository. */
export function readSources(root: string, folder: string): Source[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ path: relative(root, path).split(sep).join('/'), text: readFileSync(path, 'utf8') }));
}

/** Calls `visit` with every node of a source's syntax tree. */
export function walk(source: Source, visit: (node: ts.Node) => void): void {
  const step = (node: ts.Node): void => {
    visit(node);
    ts.forEachChild(node, step);
  };
  step(ts.createSourceFile(source.path, source.text, ts.ScriptTarget.Latest, true));
}

/** Every import of a source: static, dynamic, re-export and `import('…')` in types. */
export function importsOf(source: Source): Import[] {
  const found: Import[] = [];
  walk(source, (node) => {
    const specifier = specifierOf(node);
    if (specifier === undefined) return;
    const target = specifier.startsWith('.') ? posix.normalize(posix.join(dirname(source.path), specifier)) : undefined;
    found.push({ from: source.path, specifier, target });
  });
  return found;
}

function specifierOf(node: ts.Node): string | undefined {
  const text = (value: ts.Node | undefined) => (value !== undefined && ts.isStringLiteralLike(value) ? value.text : undefined);
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return text(node.moduleSpecifier);
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) return text(node.argument.literal);
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) return text(node.arguments[0]);
  return undefined;
}

/** `locallite/sdk` -> `locallite`, `@scope/name/x` -> `@scope/name`. */
export const packageOf = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

/** Groups of files that reach each other through imports (Tarjan's strongly connected components of more than one file). */
export function findCycles(imports: readonly Import[]): string[][] {
  const edges = new Map<string, string[]>();
  for (const { from, target } of imports) if (target !== undefined) edges.set(from, [...(edges.get(from) ?? []), target]);
  const order = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const cycles: string[][] = [];
  const visit = (node: string): number => {
    order.set(node, order.size);
    low.set(node, order.size - 1);
    stack.push(node);
    for (const next of edges.get(node) ?? []) {
      const reach = order.has(next) ? (stack.includes(next) ? order.get(next) : undefined) : visit(next);
      low.set(node, Math.min(low.get(node) ?? 0, reach ?? Number.POSITIVE_INFINITY));
    }
    if (low.get(node) === order.get(node)) {
      const group = stack.splice(stack.indexOf(node));
      if (group.length > 1 || (edges.get(node) ?? []).includes(node)) cycles.push(group);
    }
    return low.get(node) ?? 0;
  };
  for (const node of edges.keys()) if (!order.has(node)) visit(node);
  return cycles;
}
