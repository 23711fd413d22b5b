import { child, children, type XmlElement } from './office-xml.ts';

/** How a level of a list is marked. */
export interface ListLevel {
  /** Undefined for bullets. */
  readonly format: string | undefined;
  readonly prefix: string;
  readonly suffix: string;
  readonly start: number;
}

interface Style {
  readonly parent: string | undefined;
  readonly element: XmlElement;
}

/** OpenDocument's `style:num-format` by the names of {@link numberText}. */
const FORMATS: Readonly<Record<string, string>> = { a: 'lowerLetter', A: 'upperLetter', i: 'lowerRoman', I: 'upperRoman', '1': 'decimal' };
/** Longer chains of styles are circles. */
const MOST_PARENTS = 20;

/** Styles of an OpenDocument file: those with a name and those that the program made up for single paragraphs. */
export class OpenDocumentStyles {
  readonly #styles = new Map<string, Style>();
  readonly #lists = new Map<string, ReadonlyMap<number, ListLevel>>();

  constructor(...roots: readonly (XmlElement | undefined)[]) {
    for (const root of roots) {
      for (const holder of ['office:styles', 'office:automatic-styles']) {
        for (const element of children(child(root, holder))) this.#add(element);
      }
    }
  }

  #add(element: XmlElement): void {
    const name = element.attributes['style:name'] ?? '';
    if (element.name === 'text:list-style') this.#lists.set(name, levelsOf(element));
    if (element.name !== 'style:style') return;
    const family = element.attributes['style:family'] ?? '';
    this.#styles.set(`${family}/${name}`, { parent: element.attributes['style:parent-style-name'], element });
  }

  /** Names of a paragraph's style and of those it comes of, spelled as the user sees them: `Heading 1`. */
  names(name: string | undefined, family = 'paragraph'): readonly string[] {
    return this.#chain(name, family).map((one) => one.replaceAll(/_([0-9a-f]{2})_/g, (_, code: string) => unescaped(code)));
  }

  /** What the style, or the nearest of those it comes of, says in its group of properties. */
  property(name: string | undefined, family: string, group: string, property: string): string | undefined {
    for (const one of this.#chain(name, family)) {
      const value = child(this.#styles.get(`${family}/${one}`)?.element, group)?.attributes[property];
      if (value !== undefined) return value;
    }
    return undefined;
  }

  /** `level` from 1. Undefined where the style does not say. */
  list(name: string | undefined, level: number): ListLevel | undefined {
    return this.#lists.get(name ?? '')?.get(level);
  }

  #chain(name: string | undefined, family: string): readonly string[] {
    const chain: string[] = [];
    for (let at = name; at !== undefined && chain.length < MOST_PARENTS; at = this.#styles.get(`${family}/${at}`)?.parent) chain.push(at);
    return chain;
  }
}

function unescaped(code: string): string {
  return String.fromCharCode(Number.parseInt(code, 16));
}

function levelsOf(style: XmlElement): ReadonlyMap<number, ListLevel> {
  return new Map(
    children(style).map(({ name, attributes }) => {
      const format = name === 'text:list-level-style-number' ? attributes['style:num-format'] : undefined;
      const level: ListLevel = {
        format: format === undefined || format === '' ? undefined : (FORMATS[format] ?? 'decimal'),
        prefix: attributes['style:num-prefix'] ?? '',
        suffix: attributes['style:num-suffix'] ?? '',
        start: Number(attributes['text:start-value'] ?? 1) || 1,
      };
      return [Number(attributes['text:level']) || 1, level];
    }),
  );
}
