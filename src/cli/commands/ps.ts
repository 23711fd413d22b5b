import type { LoadedModelObject, ModelObject } from '../../sdk/index.ts';
import { useBackend } from '../backend.ts';
import type { CommandDefinition } from '../command.ts';
import { formatBytes, formatSeconds, formatTable } from '../format.ts';
import { note, print, printJson } from '../io.ts';
import { fidelityCell, speedCell } from '../variant-facts.ts';

export const ps: CommandDefinition = {
  details: 'Models are in memory only while a gateway runs (`locallite serve`).',
  examples: [{ command: 'locallite ps', does: 'Providers, workers and memory of each model' }],
  run: (invocation) =>
    useBackend(invocation, 'read', async ({ client, url, loaded: { config } }) => {
      const { io, json } = invocation;
      const models = url === undefined ? [] : await client.models.list({ signal: io.signal });
      const loaded = models.flatMap((model) => model.locallite.loaded_variants.map((state) => ({ model, state })));
      if (json) return printJson(io, { object: 'list', data: loaded.map(({ state }) => state) });
      if (url === undefined) return note(io, 'no gateway is running; start it with: locallite serve');
      if (loaded.length === 0) return note(io, 'no model is in memory');
      const rows = loaded.map(({ model, state }) => rowOf(model, state));
      await print(io, formatTable(HEADINGS, rows));
      for (const { state } of loaded) {
        const refused = state.rejected.filter(
          ({ provider }) => config.providers !== 'auto' && config.providers.some((one) => one === provider),
        );
        for (const { provider, reason } of refused) await note(io, `${state.id}: ${provider} does not run: ${reason}`);
      }
    }),
};

const HEADINGS = ['MODEL', 'VARIANT', 'PROVIDER', 'FIDELITY>', 'TOKENS/S>', 'WORKERS>', 'MEMORY>', 'REQUESTS>', 'IDLE>', 'UNLOADED IN>'];

function rowOf({ id, locallite }: ModelObject, state: LoadedModelObject): string[] {
  const variant = locallite.installed_variants.find((one) => one.variant === state.variant);
  return [
    locallite.alias ?? id,
    state.variant,
    state.provider,
    fidelityCell(variant),
    speedCell(variant),
    String(state.workers),
    formatBytes(state.memory_bytes),
    String(state.users),
    formatSeconds(state.idle_ms / 1000),
    state.pinned || state.expires_in_ms === null ? 'never' : formatSeconds(state.expires_in_ms / 1000),
  ];
}
