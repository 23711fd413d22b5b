import { expectRejects, expectSame, expectTrue } from './expect.ts';
import { type Bench, EDITION } from './state-bench.ts';

/** An edition is built beside the active one. */
export async function switchesEditions(bench: Bench): Promise<void> {
  const { id, collectionId, edition, put } = await bench.document(1);
  const { state } = bench;
  const other = await state.createEdition({ ...EDITION, collectionId, space: 'other' });
  expectSame([other.state, (await state.findCollection(collectionId))?.building?.id], ['building', other.id]);
  expectSame([await state.editionGap(other.id, 10), await state.switchEdition(other.id)], [[id], false]);
  expectSame(await put(['other'], { editionId: other.id, version: 1 }), true);
  expectSame(await state.editionGap(other.id, 10), []);
  // A new version comes to the old edition meanwhile.
  await put(['newer'], { contentSha256: 'two' });
  expectSame([await state.editionGap(other.id, 10), await put(['other'], { editionId: other.id, version: 1 })], [[id], false]);
  expectSame(await put(['newer other'], { editionId: other.id, contentSha256: 'two', version: 2 }), true);
  expectSame(await bench.texts(id), ['newer']);
  expectSame([await state.switchEdition(other.id), await bench.texts(id)], [true, ['newer other']]);
  const now = await state.findCollection(collectionId);
  expectSame([now?.edition.id, now?.edition.space, now?.edition.state, now?.building], [other.id, 'other', 'active', undefined]);
  expectSame(await put(['late'], { editionId: edition.id }), false);
}

/** Editions that are given up. */
export async function dropsEditions(bench: Bench): Promise<void> {
  const { id, collectionId, put } = await bench.document(1);
  const { state } = bench;
  const first = await state.createEdition({ ...EDITION, collectionId });
  await put(['other'], { editionId: first.id });
  const second = await state.createEdition({ ...EDITION, collectionId, dimensions: 2 });
  expectSame([await put(['other'], { editionId: first.id }), await state.switchEdition(first.id)], [false, false]);
  await state.dropEdition(second.id);
  expectSame([(await state.findCollection(collectionId))?.building, await bench.texts(id)], [undefined, ['text 0']]);
}

/** Items of jobs. */
export async function settlesItems(bench: Bench): Promise<void> {
  const { id, put } = await bench.document(0);
  const { state } = bench;
  await bench.job('job_1', [{ source: '"a"', documentId: id }, { source: '"b"' }, { source: '"c"' }]);
  expectSame(await state.itemCounts('job_1'), { waiting: 3, done: 0, unchanged: 0, failed: 0, cancelled: 0 });
  await put(['text'], { item: { jobId: 'job_1', ordinal: 0 } });
  const error = { code: 'document_unreadable', message: 'no' };
  await state.settleItem('job_1', 1, { state: 'failed', error });
  expectSame(await state.itemCounts('job_1'), { waiting: 1, done: 1, unchanged: 0, failed: 1, cancelled: 0 });
  expectSame((await state.jobItems('job_1', { state: 'failed', limit: 9 }))[0]?.error, error);
  const waiting = await state.jobItems('job_1', { state: 'waiting', limit: 9 });
  expectSame(
    waiting.map(({ source, ordinal }) => [source, ordinal]),
    [['"c"', 2]],
  );
  await state.addItems('job_1', [{ source: '"d"' }]);
  const later = await state.jobItems('job_1', { from: 3, limit: 9 });
  expectSame(
    later.map(({ source, ordinal, state: itemState }) => [source, ordinal, itemState]),
    [['"d"', 3, 'waiting']],
  );
}

/** Jobs and what became of them. */
export async function listsJobs(bench: Bench): Promise<void> {
  const { state } = bench;
  for (const [at, id] of ['job_1', 'job_2', 'job_3'].entries()) await bench.job(id, [], { createdAt: at });
  const error = { code: 'cancelled', message: 'no' };
  await state.updateJob('job_1', { state: 'failed', result: '{}', progress: '1', error });
  const job = await state.findJob('job_1');
  expectSame([job?.state, job?.result, job?.progress, job?.error], ['failed', '{}', '1', error]);
  expectSame(await state.findJob('job_none'), undefined);
  const ids = (await state.listJobs(2)).map(({ id }) => id);
  expectSame(ids, ['job_3', 'job_2']);
}

/** What the next start puts right. */
export async function heals(bench: Bench): Promise<void> {
  const { collectionId } = await bench.document(1);
  await bench.job('job_1', [{ source: '"a"' }], { state: 'running' });
  await bench.job('job_2', [], { state: 'paused' });
  await bench.job('job_3', [], { state: 'succeeded' });
  await bench.state.createEdition({ ...EDITION, collectionId });
  await bench.restart();
  const { healed } = bench.state;
  expectSame([healed.requeuedJobs, healed.abandonedEditions, healed.tornChunks], [1, 1, 0]);
  const states = await Promise.all(['job_1', 'job_2', 'job_3'].map(async (id) => (await bench.state.findJob(id))?.state));
  expectSame(states, ['queued', 'paused', 'succeeded']);
  expectSame((await bench.state.findCollection(collectionId))?.building, undefined);
}

/** What the next start finds. */
export async function survives(bench: Bench): Promise<void> {
  const { id } = await bench.document(2);
  await bench.job('job_1', [{ source: '"a"' }]);
  const before = [await bench.state.documentsById([id]), await bench.state.chunksOf(id), await bench.state.listJobs(9)];
  await bench.restart();
  expectSame([await bench.state.documentsById([id]), await bench.state.chunksOf(id), await bench.state.listJobs(9)], before);
  expectSame([...((await bench.state.vectors([(await bench.state.chunksOf(id))[1]?.id ?? 0]))[0] ?? [])].slice(0, 2), [1, 1]);
}

/** Space that was freed. */
export async function vacuums(bench: Bench): Promise<void> {
  const { id } = await bench.document(2);
  await bench.state.deleteDocument(id);
  expectTrue((await bench.state.vacuum()).freedBytes >= 0, 'freedBytes is negative');
}

/** Calls before and after the end. */
export async function closes(bench: Bench): Promise<void> {
  const { state } = bench;
  const calls = Array.from({ length: 50 }, (_, index) => bench.file(`file-${index}`, { createdAt: index }));
  const closed = state.close();
  await Promise.all(calls);
  await closed;
  await expectRejects(state.findFile('file-1'), 'shutting_down');
  await bench.restart();
  expectSame((await bench.state.listFiles({ limit: 100, order: 'asc' })).items.length, 50);
}
