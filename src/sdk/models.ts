import type {
  LoadedModelObject,
  ModelDeleted,
  ModelList,
  ModelLoadRequest,
  ModelObject,
  ModelPinRequest,
  ModelUnloaded,
} from '../wire/models.ts';
import type { CallOptions, Transport } from './transport.ts';

/** `installed` (what is on disk) or `catalog` (also what could be pulled). */
export type ModelScope = 'installed' | 'catalog';

/** Models that the gateway has and knows. A name is an id, an alias or a reference. */
export class Models {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** @example const installed = await client.models.list(); */
  async list(options: CallOptions & { readonly scope?: ModelScope } = {}): Promise<readonly ModelObject[]> {
    const { scope, ...call } = options;
    const answer = await this.#transport.json<ModelList>({ ...call, method: 'GET', path: `/v1/models${query(scope)}` });
    return answer.data;
  }

  /** @throws LocalLiteError model_not_found, with the pull command in its message */
  retrieve(name: string, options: CallOptions & { readonly scope?: ModelScope } = {}): Promise<ModelObject> {
    const { scope, ...call } = options;
    return this.#transport.json({ ...call, method: 'GET', path: pathOf(name) + query(scope) });
  }

  /** Loads it now rather than at the first request; `keepAlive` is seconds or "5m", negative = for ever. */
  load(name: string, options: CallOptions & { readonly keepAlive?: number | string } = {}): Promise<LoadedModelObject> {
    const { keepAlive, ...call } = options;
    const body: ModelLoadRequest = keepAlive === undefined ? {} : { keep_alive: keepAlive };
    return this.#transport.json({ ...call, method: 'POST', path: `${pathOf(name)}/load`, body, repeatable: true });
  }

  /** Makes an installed variant the one that runs when none is named; `auto` leaves the choice to the next load. */
  pin(name: string, variant: string, options: CallOptions = {}): Promise<ModelObject> {
    const body: ModelPinRequest = { variant };
    return this.#transport.json({ ...options, method: 'POST', path: `${pathOf(name)}/pin`, body, repeatable: true });
  }

  /** Frees its memory once the requests that use it are done. */
  unload(name: string, options: CallOptions = {}): Promise<ModelUnloaded> {
    return this.#transport.json({ ...options, method: 'POST', path: `${pathOf(name)}/unload`, repeatable: true });
  }

  /** Removes its files. @throws LocalLiteError model_in_use, model_not_found */
  delete(name: string, options: CallOptions = {}): Promise<ModelDeleted> {
    return this.#transport.json({ ...options, method: 'DELETE', path: pathOf(name) });
  }
}

function pathOf(name: string): string {
  return `/v1/models/${encodeURIComponent(name)}`;
}

function query(scope: ModelScope | undefined): string {
  return scope === undefined ? '' : `?scope=${scope}`;
}
