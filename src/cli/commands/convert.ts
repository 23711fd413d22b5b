import { resolve } from 'node:path';
import { Option } from 'commander';
import { LocalLiteError } from '../../errors.ts';
import { convertToFolder } from '../../gateway/convert-folder.ts';
import type { ConvertOrder } from '../../gateway/gateway-types.ts';
import type { JobObject } from '../../sdk/index.ts';
import { type Backend, useBackend } from '../backend.ts';
import type { CommandDefinition, Invocation } from '../command.ts';
import { formatBytes, formatFacts, formatNumber } from '../format.ts';
import { print, printJson } from '../io.ts';
import { followJob } from '../job-progress.ts';
import { word } from '../options.ts';
import { progressView } from '../progress.ts';
import type { InstalledVariant } from '../variant-facts.ts';

interface ConvertOptions {
  readonly precision: ConvertOrder['precision'];
  readonly target: ConvertOrder['target'];
  readonly out?: string;
  readonly report?: boolean;
  readonly pin?: boolean;
}

export const convert: CommandDefinition<ConvertOptions> = {
  arguments: [['<model>', 'alias of the catalogue, id or reference: [source:]id[@revision]']],
  options: [
    new Option('-p, --precision <name>', 'numbers of the weights; auto makes what is chosen when the model is first used')
      .choices(['auto', 'fp32', 'fp16', 'int8', 'q4'])
      .default('auto'),
    new Option('-t, --target <name>', 'what the graph is laid out for').choices(['cpu', 'gpu', 'npu']).default('cpu'),
    new Option('-o, --out <folder>', 'write a plain folder with the graph and its tokenizer instead of installing it').conflicts('pin'),
    new Option('--pin', 'let it run whenever no variant is named'),
    new Option('--report', 'also print how it was made and measured'),
  ],
  details:
    "Makes an ONNX graph of a model's published weights (safetensors) and measures it beside full precision. The gateway does the same by itself when a model is first used; weights that are missing are pulled first. What is there already is not made again.",
  examples: [
    { command: 'locallite convert all-MiniLM-L6-v2 --report', does: 'Make what suits this machine, and show the figures' },
    { command: 'locallite convert bge-small-en-v1.5 --precision fp32 --pin', does: 'Run full precision from now on' },
    { command: 'locallite convert ./my-model --precision int8 --out ./my-model-int8', does: 'Write a folder for other programs' },
  ],
  run: (invocation) =>
    useBackend(invocation, 'write', (backend) =>
      invocation.options.out === undefined ? install(backend, invocation) : writeFolder(backend, invocation, invocation.options.out),
    ),
};

async function install({ client }: Backend, { args, options, io, json }: Invocation<ConvertOptions>): Promise<void> {
  const model = word(args[0]);
  const { precision, target, pin = false } = options;
  const changes = client.convert(model, { precision, target, pin }, { signal: io.signal });
  const job = await followJob(changes, { client, io, json });
  if (json) return;
  const installed = await installedAs(client, job);
  await print(io, `${model} is there as ${installed.variant}${installed.pinned ? ', and runs when no variant is named' : ''}`);
  if (options.report) await print(io, describe(installed));
}

async function installedAs(client: Backend['client'], job: JobObject | undefined): Promise<InstalledVariant> {
  const { model, variant } = job?.result ?? {};
  const { locallite } = await client.models.retrieve(String(model));
  const installed = locallite.installed_variants.find((one) => one.variant === variant);
  if (installed === undefined) throw new LocalLiteError('internal', `${String(model)} was converted and is not there`);
  return installed;
}

/** Only this process may write to the folder that the user names, whoever serves. */
async function writeFolder(backend: Backend, { args, options, io, json, url }: Invocation<ConvertOptions>, out: string): Promise<void> {
  if (url !== undefined)
    throw new LocalLiteError('invalid_request', '--out writes on this machine; it cannot go with --url', { param: 'out' });
  const { client, loaded } = backend;
  const reference = word(args[0]);
  const model = reference.replace(/#[^#/\\]*$/, '');
  const weights = await client.models.retrieve(model, { scope: 'catalog', signal: io.signal }).catch(() => undefined);
  const there = weights?.locallite.installed_variants.some(({ kind }) => kind === 'weights') ?? false;
  if (!there) await followJob(client.pull(`${model}#weights`, { signal: io.signal }), { client, io, json });
  const view = json ? undefined : await progressView(io);
  const { precision, target } = options;
  const order = { reference, precision, target, pin: false };
  try {
    const made = await convertToFolder({
      config: loaded.config,
      order,
      folder: resolve(io.folder, out),
      signal: io.signal,
      onProgress: ({ phase, done }) =>
        view?.show({
          subject: model,
          state: 'running',
          phase,
          bytesDone: 0,
          bytesTotal: undefined,
          bytesPerSecond: 0,
          etaSeconds: undefined,
          share: done,
        }),
    });
    view?.stop();
    if (json) return await printJson(io, made);
    await print(io, `${made.kind} is in ${made.folder}`);
    if (options.report) await print(io, JSON.stringify(made.report, undefined, 2));
  } finally {
    view?.stop();
  }
}

function describe({ report, fidelity, tokens_per_second: speed, memory_bytes: memory, bytes }: InstalledVariant): string {
  const worst = report?.worst_layers.map(({ layer, relative_error: error }) => `${layer} (${formatNumber(error * 100, 1)} %)`);
  return formatFacts([
    ['family', report?.family],
    ['precision', report && `${report.precision} for ${report.target}, converter ${report.converter}`],
    ['fidelity', fidelity && `mean ${fidelity.mean_cosine.toFixed(4)}, worst ${fidelity.worst_cosine.toFixed(4)} (${fidelity.on})`],
    ['alone or in a batch', report?.batch_invariance?.toFixed(6)],
    [
      'tokens a second',
      speed && `${formatNumber(speed.this, 0)}${speed.fp32 === null ? '' : ` (fp32: ${formatNumber(speed.fp32, 0)})`} on one core`,
    ],
    ['memory', memory === null ? undefined : formatBytes(memory)],
    ['on disk', formatBytes(bytes)],
    ['kept in float', report?.kept_in_float.join(', ')],
    ['worst layers', worst?.join(', ')],
    ['made in', report && `${formatNumber(report.seconds, 1)} s`],
  ]);
}
