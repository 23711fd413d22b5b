import type { Sqlite } from './database.ts';
import { countTo } from './paging.ts';
import { toItem, toJob } from './rows.ts';
import type { ItemState, JobItemRow, JobRow, State } from './state-types.ts';

type NewItems = Parameters<State['addItems']>[1];

/** Rows of `jobs` and `job_items`. */
export class JobTable {
  readonly #sql: Sqlite;

  constructor(sql: Sqlite) {
    this.#sql = sql;
  }

  add(job: JobRow, items: NewItems): void {
    this.#sql.run(
      `INSERT INTO jobs (id, kind, subject, payload, state, progress, error_code, error_message, result, created_at, updated_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      job.id,
      job.kind,
      job.subject,
      job.payload,
      job.state,
      job.progress ?? null,
      job.error?.code ?? null,
      job.error?.message ?? null,
      job.result ?? null,
      job.createdAt,
      job.updatedAt,
    );
    this.addItems(job.id, items);
  }

  addItems(jobId: string, items: NewItems): void {
    const last = this.#sql.get('SELECT max(ordinal) AS n FROM job_items WHERE job_id = ?', jobId)?.['n'];
    let ordinal = last === null || last === undefined ? 0 : Number(last) + 1;
    for (const { source, documentId } of items) {
      this.#sql.run(
        "INSERT INTO job_items (job_id, ordinal, source, document_id, state) VALUES (?, ?, ?, ?, 'waiting')",
        jobId,
        ordinal++,
        source,
        documentId ?? null,
      );
    }
  }

  update(id: string, change: Parameters<State['updateJob']>[1]): void {
    const known = this.find(id);
    if (known === undefined) return;
    const { subject, payload, state, progress, error, result } = { ...known, ...change };
    this.#sql.run(
      `UPDATE jobs SET subject = ?, payload = ?, state = ?, progress = ?, error_code = ?, error_message = ?, result = ?, updated_at = ? WHERE id = ?`,
      subject,
      payload,
      state,
      progress ?? null,
      error?.code ?? null,
      error?.message ?? null,
      result ?? null,
      change.updatedAt ?? Date.now(),
      id,
    );
  }

  find(id: string): JobRow | undefined {
    const row = this.#sql.get('SELECT * FROM jobs WHERE id = ?', id);
    return row === undefined ? undefined : toJob(row);
  }

  list(limit: number): readonly JobRow[] {
    return this.#sql.all('SELECT * FROM jobs ORDER BY created_at DESC, rowid DESC LIMIT ?', limit).map(toJob);
  }

  items(jobId: string, { state, from = 0, limit }: Parameters<State['jobItems']>[1]): readonly JobItemRow[] {
    const rows =
      state === undefined
        ? this.#sql.all('SELECT * FROM job_items WHERE job_id = ? AND ordinal >= ? ORDER BY ordinal LIMIT ?', jobId, from, limit)
        : this.#sql.all(
            'SELECT * FROM job_items WHERE job_id = ? AND state = ? AND ordinal >= ? ORDER BY ordinal LIMIT ?',
            jobId,
            state,
            from,
            limit,
          );
    return rows.map(toItem);
  }

  settle(jobId: string, ordinal: number, change: Parameters<State['settleItem']>[2]): void {
    const row = this.#sql.get('SELECT * FROM job_items WHERE job_id = ? AND ordinal = ?', jobId, ordinal);
    if (row === undefined) return;
    const { state, error, documentId } = { ...toItem(row), ...change };
    this.#sql.run(
      'UPDATE job_items SET state = ?, error_code = ?, error_message = ?, document_id = ? WHERE job_id = ? AND ordinal = ?',
      state,
      error?.code ?? null,
      error?.message ?? null,
      documentId ?? null,
      jobId,
      ordinal,
    );
  }

  counts(jobId: string): Readonly<Record<ItemState, number>> {
    const rows = this.#sql.all('SELECT state, count(*) AS n FROM job_items WHERE job_id = ? GROUP BY state', jobId);
    return countTo({ waiting: 0, done: 0, unchanged: 0, failed: 0, cancelled: 0 }, rows, 'state');
  }
}
