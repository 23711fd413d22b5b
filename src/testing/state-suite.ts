import type { State } from '../state/state-types.ts';
import { expectRejects, expectSame, expectTrue } from './expect.ts';
import { Bench, chunkOf, DIMENSIONS, type StateUnderTest } from './state-bench.ts';
import { closes, dropsEditions, heals, listsJobs, settlesItems, survives, switchesEditions, vacuums } from './state-work-checks.ts';

export type { StateUnderTest } from './state-bench.ts';

/** One named check of a contract suite that waits; it rejects where the contract is broken. */
export interface StateCheck {
  readonly name: string;
  run(): Promise<void>;
}

const DAY_MS = 86_400_000;

/**
 * The contract of {@link State}, for any implementation (a server-based store, say): hand each check to a test runner. Every check works
 * in a store of its own and closes it.
 * @param make a new, empty store
 */
export function testState(make: () => Promise<StateUnderTest>): readonly StateCheck[] {
  const check = (name: string, work: (bench: Bench) => Promise<void>): StateCheck => ({
    name,
    run: async () => {
      const bench = new Bench(await make());
      try {
        await work(bench);
        expectSame(await bench.state.verify(), []);
      } finally {
        await bench.state.close();
      }
    },
  });
  return [
    check('collections are found by id and by name, and a name is taken once', findsCollections),
    check('collections change, and go with all they have; files stay', removesCollections),
    check('collections expire so many days after their last use, and not before', expiresCollections),
    check('collections are counted: documents by status, chunks, bytes', countsCollections),
    check('lists page in both directions, stable where times are equal', pages),
    check('files expire after their time, and go with their documents', expiresFiles),
    check('documents are one for each file, or for each source', opensDocuments),
    check('documents are listed by status and by job', listsDocuments),
    check('a content is replaced whole: new ids, nothing of the old left', replacesContents),
    check('chunks and vectors come back to the bit, in the order that is asked for', keepsVectors),
    check('ids of chunks grow for ever', neverReusesIds),
    check('vectors of another length are refused, and nothing of them is kept', refusesWrongLength),
    check('what is gone takes no content', refusesContentOfGone),
    check('a failed document says why, and keeps the content that it had', keepsFailures),
    check('an unused file goes; one that is used or waited for stays', dropsUnusedFiles),
    check('a content of another file takes its place, and the one before goes', changesFiles),
    check('an item that is settled takes its unused file along', settlesUnusedFiles),
    check('documents that share a meeting point meet, the first ones first', meets),
    check('an edition is built beside the active one and takes its place when nothing is missing', switchesEditions),
    check('an edition that is dropped, or begun anew, leaves nothing', dropsEditions),
    check('a job is there with all its items, which settle with a content', settlesItems),
    check('jobs are listed, the newest first', listsJobs),
    check('jobs that ran when the process ended wait again; editions without a job are gone', heals),
    check('everything acknowledged is there after the next start', survives),
    check('space is given back', vacuums),
    check('calls are answered in their order, and after the end refused by name', closes),
  ];
}

async function findsCollections(bench: Bench): Promise<void> {
  const { state } = bench;
  await bench.collection('vs_1', 'notes');
  const byName = await state.findCollection('notes');
  expectSame([byName?.id, byName?.metadata, byName?.edition.state, byName?.building], ['vs_1', { a: 'b' }, 'active', undefined]);
  expectSame((await state.findCollection('vs_1'))?.name, 'notes');
  expectSame(await state.findCollection('other'), undefined);
  await expectRejects(bench.collection('vs_2', 'notes'), 'conflict');
}

async function removesCollections(bench: Bench): Promise<void> {
  const { collectionId, id } = await bench.document(2);
  const { state } = bench;
  await bench.collection('vs_2', 'others');
  await expectRejects(state.updateCollection(collectionId, { name: 'others' }), 'conflict');
  expectSame((await state.updateCollection(collectionId, { name: 'letters', description: 'd', metadata: { c: 'd' } }))?.name, 'letters');
  const changed = await state.findCollection(collectionId);
  expectSame([changed?.description, changed?.metadata], ['d', { c: 'd' }]);
  expectSame(await state.updateCollection('vs_none', { name: 'x' }), undefined);
  expectSame([await state.deleteCollection(collectionId), await state.deleteCollection(collectionId)], [true, false]);
  expectSame([await state.documentsById([id]), await state.chunksOf(id)], [[], []]);
  expectSame((await state.findFile('file-1'))?.name, 'file-1.txt');
}

async function expiresCollections(bench: Bench): Promise<void> {
  const { id } = await bench.collection('vs_1');
  const { state } = bench;
  await state.updateCollection(id, { lastActiveAt: 0 });
  expectSame(await state.expiredCollections(1000 * DAY_MS), []);
  await state.updateCollection(id, { expiresAfterDays: 1 });
  expectSame([await state.expiredCollections(DAY_MS), await state.expiredCollections(DAY_MS + 1)], [[], [id]]);
  await state.updateCollection(id, { expiresAfterDays: undefined });
  expectSame(await state.expiredCollections(1000 * DAY_MS), []);
}

async function countsCollections(bench: Bench): Promise<void> {
  const { collectionId } = await bench.document(3);
  const { state } = bench;
  await bench.file('file-2');
  const { id } = await state.openDocument({ collectionId, fileId: 'file-2' });
  await state.setDocumentStatus(id, 'failed', { code: 'document_unreadable', message: 'no' });
  const facts = await state.collectionFacts(collectionId);
  expectSame([facts?.documents, facts?.chunks], [{ in_progress: 0, completed: 1, failed: 1, cancelled: 0 }, 3]);
  expectTrue((facts?.bytes ?? 0) >= 3 * DIMENSIONS * 4, 'bytes are fewer than the vectors take');
  expectSame(await state.collectionFacts('vs_none'), undefined);
  const { items, hasMore } = await state.listCollections({ limit: 5, order: 'asc' });
  expectSame([items.map(({ collection }) => collection.id), hasMore, items[0]?.chunks], [[collectionId], false, 3]);
}

async function pages(bench: Bench): Promise<void> {
  for (const name of ['a', 'b', 'c', 'd', 'e']) await bench.file(`file-${name}`, { createdAt: 5 });
  const names = async (page: object): Promise<readonly [string, boolean]> => {
    const { items, hasMore } = await bench.state.listFiles({ limit: 2, order: 'asc', ...page });
    return [items.map(({ id }) => id.at(-1)).join(''), hasMore];
  };
  expectSame(await names({}), ['ab', true]);
  expectSame(await names({ after: 'file-b' }), ['cd', true]);
  expectSame(await names({ after: 'file-d' }), ['e', false]);
  expectSame(await names({ before: 'file-d' }), ['bc', true]);
  expectSame(await names({ order: 'desc' }), ['ed', true]);
  expectSame(await names({ order: 'desc', after: 'file-d' }), ['cb', true]);
  expectSame(await names({ order: 'desc', before: 'file-b' }), ['dc', true]);
  expectSame(await names({ after: 'file-a', before: 'file-c' }), ['b', false]);
  expectSame(await names({ purpose: 'vision' }), ['', false]);
  await bench.state.deleteFile('file-b');
  expectSame(await names({ after: 'file-a' }), ['cd', true]);
}

async function expiresFiles(bench: Bench): Promise<void> {
  const { id, collectionId } = await bench.document(1);
  const { state } = bench;
  await bench.file('file-2', { expiresAt: 100 });
  expectSame([await state.expiredFiles(100), await state.expiredFiles(101)], [[], ['file-2']]);
  expectSame([await state.deleteFile('file-1'), await state.deleteFile('file-1')], [true, false]);
  expectSame([await state.findFile('file-1'), await state.documentsById([id])], [undefined, []]);
  expectSame((await state.collectionFacts(collectionId))?.chunks, 0);
}

async function opensDocuments(bench: Bench): Promise<void> {
  const { id, collectionId } = await bench.document(0);
  const { state } = bench;
  expectSame((await state.openDocument({ collectionId, fileId: 'file-1' })).id, id);
  for (const name of ['file-2', 'file-3']) await bench.file(name);
  const sourceKey = '/a/b%_.txt';
  const first = await state.openDocument({ collectionId, fileId: 'file-2', sourceKey });
  const second = await state.openDocument({ collectionId, fileId: 'file-3', sourceKey, attributes: { x: [1, 2] } });
  expectSame([second.id, second.fileId, second.attributes, second.status], [first.id, 'file-2', { x: [1, 2] }, 'in_progress']);
  expectSame((await state.findDocumentBySource(collectionId, sourceKey))?.id, first.id);
  expectSame(await state.findDocumentBySource(collectionId, '/a/'), undefined);
  expectSame(await state.documentSources(collectionId, '/a/b%'), [{ documentId: first.id, fileId: 'file-2', sourceKey }]);
  expectSame(await state.documentSources(collectionId, '/a/%'), []);
  await state.setAttributes(id, { tags: ['a', 1], is: true });
  expectSame((await state.findDocument(collectionId, 'file-1'))?.attributes, { tags: ['a', 1], is: true });
  expectSame([await state.deleteDocument(id), await state.deleteDocument(id)], [true, false]);
}

async function listsDocuments(bench: Bench): Promise<void> {
  const { id, collectionId } = await bench.document(1);
  const { state } = bench;
  await bench.file('file-2');
  await state.openDocument({ collectionId, fileId: 'file-2' });
  await bench.job('job_1', [{ source: '"a"', documentId: id }]);
  const files = async (page: object): Promise<readonly string[]> =>
    (await state.listDocuments(collectionId, { limit: 5, order: 'asc', ...page })).items.map(({ fileId }) => fileId);
  expectSame(await files({}), ['file-1', 'file-2']);
  expectSame(await files({ order: 'desc' }), ['file-2', 'file-1']);
  expectSame(await files({ status: 'completed' }), ['file-1']);
  expectSame(await files({ status: 'in_progress' }), ['file-2']);
  expectSame(await files({ jobId: 'job_1' }), ['file-1']);
  expectSame(await files({ jobId: 'job_none' }), []);
  expectSame(await files({ after: 'file-1' }), ['file-2']);
}

async function replacesContents(bench: Bench): Promise<void> {
  const { id, collectionId, put } = await bench.document(3);
  const { state } = bench;
  const before = await state.chunksOf(id);
  expectSame(
    before.map(({ ordinal }) => ordinal),
    [0, 1, 2],
  );
  expectTrue(
    before.every((chunk, at) => chunk.id === (before[0]?.id ?? 0) + at),
    'ids of one change are not consecutive',
  );
  expectSame(await put(['new', 'words'], { contentSha256: 'two', attributes: { year: 2021 }, parsed: 'other' }), true);
  expectSame(await bench.texts(id), ['new', 'words']);
  expectSame(await state.chunks(before.map((chunk) => chunk.id)), []);
  const now = await state.findDocument(collectionId, 'file-1');
  expectSame([now?.status, now?.version, now?.contentSha256, now?.facts], ['completed', 2, 'two', '{"a":1}']);
  expectSame([now?.attributes, await state.parsedContent(id)], [{ year: 2021 }, 'other']);
  expectSame(
    (await state.chunksOf(id, 1, 1)).map(({ text }) => text),
    ['words'],
  );
}

async function keepsVectors(bench: Bench): Promise<void> {
  const { id } = await bench.document(3);
  const { state } = bench;
  const chunks = await state.chunksOf(id);
  const { id: _id, editionId: _edition, documentId: _document, ...kept } = chunks[1] ?? {};
  const { vector: _vector, ...given } = chunkOf(1, 'text 1');
  expectSame(kept, given);
  const [third, first, missing] = await state.vectors([chunks[2]?.id ?? 0, chunks[0]?.id ?? 0, 999_999]);
  expectSame([...(third ?? [])], [...Float32Array.of(1, 2, 0.1, -1)]);
  expectSame([...(first ?? [])], [...Float32Array.of(1, 0, 0.1, -1)]);
  expectSame(missing?.length, 0);
}

async function neverReusesIds(bench: Bench): Promise<void> {
  const { id, put } = await bench.document(2);
  const last = (await bench.state.chunksOf(id)).at(-1)?.id ?? 0;
  await put([]);
  await put(['later']);
  const [later] = await bench.state.chunksOf(id);
  expectTrue((later?.id ?? 0) > last, 'an id is used again');
}

async function refusesWrongLength(bench: Bench): Promise<void> {
  const { id, put } = await bench.document(1);
  const wrong = [chunkOf(0, 'right'), chunkOf(1, 'wrong', Float32Array.of(1, 2))];
  await expectRejects(put([], { chunks: wrong, contentSha256: 'two' }), 'index_mismatch');
  expectSame(await bench.texts(id), ['text 0']);
  expectSame((await bench.state.documentsById([id]))[0]?.contentSha256, 'one');
}

async function refusesContentOfGone(bench: Bench): Promise<void> {
  const { id, put, edition } = await bench.document(1);
  expectSame(await put(['x'], { editionId: edition.id + 1000 }), false);
  expectSame(await bench.texts(id), ['text 0']);
  await bench.state.deleteDocument(id);
  expectSame(await put(['x']), false);
  expectSame([await bench.state.documentsById([id]), await bench.state.parsedContent(id)], [[], undefined]);
}

async function keepsFailures(bench: Bench): Promise<void> {
  const { id, put } = await bench.document(1);
  const { state } = bench;
  const error = { code: 'document_unreadable', message: 'torn' };
  await state.setDocumentStatus(id, 'failed', error);
  const failed = (await state.documentsById([id]))[0];
  expectSame([failed?.status, failed?.error, await bench.texts(id)], ['failed', error, ['text 0']]);
  await put(['mended'], { contentSha256: 'two' });
  const mended = (await state.documentsById([id]))[0];
  expectSame([mended?.status, mended?.error, await bench.texts(id)], ['completed', undefined, ['mended']]);
}

async function dropsUnusedFiles(bench: Bench): Promise<void> {
  await bench.document(1);
  const { state } = bench;
  for (const name of ['file-2', 'file-3']) await bench.file(name);
  await bench.file('file-4', { origin: '/a/b.txt' });
  await bench.job('job_1', [{ source: JSON.stringify({ kind: 'file', fileId: 'file-2' }) }], { state: 'running' });
  const dropped = await Promise.all(['file-1', 'file-2', 'file-3', 'file-4', 'file-5'].map((id) => state.dropUnusedFile(id)));
  expectSame(dropped, [false, false, true, true, false]);
  const left = (await state.listFiles({ limit: 9, order: 'asc' })).items.map(({ id }) => id);
  expectSame(left, ['file-1', 'file-2']);
  await state.updateJob('job_1', { state: 'cancelled' });
  expectSame([await state.dropUnusedFile('file-2'), await state.findFile('file-2')], [true, undefined]);
}

async function changesFiles(bench: Bench): Promise<void> {
  const { id, collectionId, put } = await bench.document(1);
  const { state } = bench;
  await bench.file('file-2');
  expectSame(await put(['later'], { fileId: 'file-2', contentSha256: 'two', chunker: '{"maxTokens":9}' }), true);
  const now = (await state.documentsById([id]))[0];
  expectSame([now?.fileId, now?.chunker, now?.version], ['file-2', '{"maxTokens":9}', 2]);
  expectSame([await state.findFile('file-1'), (await state.findFile('file-2'))?.id], [undefined, 'file-2']);
  expectSame(await state.findDocument(collectionId, 'file-1'), undefined);
  // The same file once more is no other file.
  expectSame(await put(['last'], { fileId: 'file-2', contentSha256: 'three' }), true);
  expectSame((await state.findFile('file-2'))?.id, 'file-2');
}

async function settlesUnusedFiles(bench: Bench): Promise<void> {
  const { state } = bench;
  await bench.file('file-1');
  await bench.job('job_1', [{ source: JSON.stringify({ kind: 'file', fileId: 'file-1', key: 'k' }) }], { state: 'running' });
  await state.settleItem('job_1', 0, { state: 'unchanged', unusedFile: 'file-1' });
  expectSame([await state.findFile('file-1'), (await state.itemCounts('job_1')).unchanged], [undefined, 1]);
}

async function meets(bench: Bench): Promise<void> {
  const { id, collectionId, edition, put } = await bench.document(0);
  const { state } = bench;
  const other = async (fileId: string, collection: { readonly id: string; readonly editionId: number }, points: readonly number[]) => {
    await bench.file(fileId);
    const document = await state.openDocument({ collectionId: collection.id, fileId });
    await put(['x'], { documentId: document.id, editionId: collection.editionId, meetingPoints: points });
    return document.id;
  };
  await put(['x'], { meetingPoints: [1, 2 ** 40] });
  const here = { id: collectionId, editionId: edition.id };
  const elsewhere = await bench.collection('vs_2');
  await other('file-2', { id: elsewhere.id, editionId: elsewhere.edition.id }, [1]);
  const second = await other('file-3', here, [2 ** 40, 7]);
  const third = await other('file-4', here, [7, 1]);
  const meeting = async (document: number, limit: number) => (await state.documentsMeeting(document, limit)).map((row) => row.id);
  expectSame([await meeting(id, 9), await meeting(second, 9), await meeting(third, 9)], [[], [id], [id, second]]);
  expectSame(await meeting(third, 1), [id]);
  await put(['changed'], { contentSha256: 'two' });
  expectSame(await meeting(second, 9), []);
}
