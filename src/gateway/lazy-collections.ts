import type { Collections } from '../retrieval/retrieval-types.ts';

/** Collections whose database is opened by the first call: a gateway that only embeds never touches it. */
export class LazyCollections implements Collections {
  readonly #open: () => Promise<Collections>;

  constructor(open: () => Promise<Collections>) {
    this.#open = open;
  }

  create: Collections['create'] = async (collection) => (await this.#open()).create(collection);
  get: Collections['get'] = async (name) => (await this.#open()).get(name);
  list: Collections['list'] = async (page) => (await this.#open()).list(page);
  update: Collections['update'] = async (name, change) => (await this.#open()).update(name, change);
  remove: Collections['remove'] = async (name) => (await this.#open()).remove(name);
  verify: Collections['verify'] = async (name) => (await this.#open()).verify(name);
  purge: Collections['purge'] = async () => (await this.#open()).purge();
  import: Collections['import'] = async (lines, options) => (await this.#open()).import(lines, options);
  ingest: Collections['ingest'] = async (order) => (await this.#open()).ingest(order);
  reindex: Collections['reindex'] = async (name, options) => (await this.#open()).reindex(name, options);
  batchCounts: Collections['batchCounts'] = async (jobId, collectionId) => (await this.#open()).batchCounts(jobId, collectionId);
  jobItems: Collections['jobItems'] = async (jobId, options) => (await this.#open()).jobItems(jobId, options);
  document: Collections['document'] = async (name, fileId) => (await this.#open()).document(name, fileId);
  documents: Collections['documents'] = async (name, page) => (await this.#open()).documents(name, page);
  setAttributes: Collections['setAttributes'] = async (name, fileId, attributes) =>
    (await this.#open()).setAttributes(name, fileId, attributes);
  removeDocument: Collections['removeDocument'] = async (name, fileId) => (await this.#open()).removeDocument(name, fileId);
  documentText: Collections['documentText'] = async (name, fileId) => (await this.#open()).documentText(name, fileId);
  search: Collections['search'] = async (name, request) => (await this.#open()).search(name, request);

  async *export(name: string): AsyncGenerator<string> {
    yield* (await this.#open()).export(name);
  }
}
