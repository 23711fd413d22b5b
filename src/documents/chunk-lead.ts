import type { Block, ChunkerSettings, DocumentMetadata, TokenCounter } from './document-types.ts';

/** What is put before a passage when it is embedded, with the number of its tokens. */
export interface Lead {
  readonly text: string;
  readonly tokens: number;
}

/** Share of a passage that title, headings and a repeated table header may take together. */
const MOST_LEAD = 1 / 3;
/** A heading that is cut keeps at least this many units. */
const SHORTEST_NAME = 8;

/** Makes the leads of a document's passages; equal ones are counted once. */
export class Leads {
  readonly #title: string | undefined;
  readonly #withNames: boolean;
  readonly #most: number;
  readonly #counter: TokenCounter;
  readonly #known = new Map<string, Lead>();

  constructor({ title }: Pick<DocumentMetadata, 'title'>, counter: TokenCounter, { maxTokens, contextHeader }: ChunkerSettings) {
    this.#title = title?.trim();
    this.#withNames = contextHeader;
    this.#most = Math.floor(maxTokens * MOST_LEAD);
    this.#counter = counter;
  }

  /** Of a passage that begins in `block`; `isInside`: behind the header of a table. */
  of(block: Block, isInside: boolean): Lead {
    const names = this.#withNames ? namesOf(this.#title, block.path) : [];
    const header = isInside ? headerOf(block) : '';
    const key = JSON.stringify([names, header]);
    let lead = this.#known.get(key);
    if (lead === undefined) {
      lead = this.#make(names, header);
      this.#known.set(key, lead);
    }
    return lead;
  }

  /** A table's header says what its rows mean and comes first; of the names the nearest heading, then as many above it as fit. */
  #make(names: readonly string[], header: string): Lead {
    const headerLead = header === '' ? NO_LEAD : this.#fitting(`${header}\n`);
    const kept = headerLead ?? NO_LEAD;
    for (let from = 0; from < names.length; from++) {
      const lead = this.#fitting(`${names.slice(from).join(' > ')}\n${kept.text}`);
      if (lead !== undefined) return lead;
    }
    return this.#shortened(names.at(-1) ?? '', kept);
  }

  /** The nearest heading is too long: its beginning. */
  #shortened(name: string, kept: Lead): Lead {
    for (let units = Math.min(name.length, 512); units >= SHORTEST_NAME; units = Math.floor(units / 2)) {
      const lead = this.#fitting(
        `${name.slice(0, units).toWellFormed().replace(/\S*$/, '').trimEnd() || name.slice(0, units)}…\n${kept.text}`,
      );
      if (lead !== undefined) return lead;
    }
    return kept;
  }

  #fitting(text: string): Lead | undefined {
    // A text this long never fits, and counting it costs more than all the rest.
    if (text.length > this.#most * 100) return undefined;
    const tokens = this.#counter.count(text);
    return tokens <= this.#most ? { text, tokens } : undefined;
  }
}

/** The lead of a passage that has none. */
export const NO_LEAD: Lead = { text: '', tokens: 0 };

/** Title and headings in one line each; a title that is the first heading too is said once. */
function namesOf(title: string | undefined, path: readonly string[]): readonly string[] {
  const names = path.map((heading) => heading.replaceAll(/\s+/g, ' ').trim()).filter((heading) => heading !== '' && heading !== title);
  return title === undefined || title === '' ? names : [title, ...names];
}

function headerOf({ kind, rows, headerRows = 0 }: Block): string {
  if (kind !== 'table' || rows === undefined) return '';
  return rows
    .slice(0, headerRows)
    .map((row) => row.join(' | '))
    .join('\n');
}
