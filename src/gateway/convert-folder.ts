import { copyFile, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Config } from '../config/settings.ts';
import type { ConvertProgress, Precision } from '../convert/convert-types.ts';
import { LocalLiteError } from '../errors.ts';
import { isWeightFile } from '../models/convertible.ts';
import { type ConversionReport, kindName, madeVariant } from '../models/made.ts';
import type { InstalledModel } from '../models/store-types.ts';
import { Conversions, firstChosen, recipeOf, requestOf, settledOrder } from './convert-job.ts';
import { runConverter } from './converter-process.ts';
import { openParts } from './create.ts';
import type { GatewayParts } from './gateway-parts.ts';
import type { ConvertOrder } from './gateway-types.ts';
import { judge, precisionsToTry, thisMachine } from './variant-choice.ts';

/** A conversion whose result belongs to the user, not to the store. */
export interface FolderConversion {
  readonly config: Config;
  readonly order: ConvertOrder;
  /** Absolute; must be missing or empty. */
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: ConvertProgress) => void;
}

/** What was written, and how it went. */
export interface FolderConverted {
  readonly folder: string;
  /** Precision and layout, e.g. `int8`. */
  readonly kind: string;
  readonly report: ConversionReport;
}

/**
 * Converts a model into a plain folder: graph, tokenizer, configuration. Nothing is installed but the weights, where they were missing. The
 * folder appears when all is in it.
 * @throws LocalLiteError conflict when the folder holds something already; otherwise as a conversion that is installed
 */
export async function convertToFolder(conversion: FolderConversion): Promise<FolderConverted> {
  const { config, folder, signal } = conversion;
  await assertFree(folder);
  const order = settledOrder(conversion.order);
  const { precision } = order;
  const parts = await openParts({ config });
  const weights = await new Conversions(parts).weights(order.reference, { signal, onProgress: () => undefined });
  const fresh = join(dirname(folder), `.${basename(folder)}.${process.pid}.tmp`);
  try {
    const make = (wanted: Precision) => makeIn(fresh, { weights, precision: wanted, parts, conversion: { ...conversion, order } });
    const report = precision === 'auto' ? await chosen(weights, { parts, make, signal }) : await make(precision);
    for (const path of weights.files.map((file) => file.path).filter((name) => !isWeightFile(name))) {
      await mkdir(dirname(join(fresh, path)), { recursive: true });
      await copyFile(join(weights.directory, path), join(fresh, path));
    }
    await rm(folder, { recursive: true, force: true });
    await rename(fresh, folder);
    return { folder, kind: kindName(report), report };
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

async function assertFree(folder: string): Promise<void> {
  const entries = await readdir(folder).catch(() => []);
  if (entries.length > 0) throw new LocalLiteError('conflict', `${folder} is not empty; name a folder that is, or that does not exist`);
}

interface Making {
  readonly weights: InstalledModel;
  readonly precision: Precision;
  readonly parts: GatewayParts;
  readonly conversion: FolderConversion;
}

async function makeIn(folder: string, { weights, precision, parts, conversion }: Making): Promise<ConversionReport> {
  const { signal, onProgress, order } = conversion;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const recipe = recipeOf(weights, { precision, target: order.target }, parts);
  return runConverter(requestOf(weights, recipe, folder), { signal, onProgress, silenceMs: parts.config.convert.timeout * 1000 });
}

function chosen(
  weights: InstalledModel,
  {
    parts,
    make,
    signal,
  }: { readonly parts: GatewayParts; readonly make: (precision: Precision) => Promise<ConversionReport>; readonly signal: AbortSignal },
): Promise<ConversionReport> {
  const { precision: wanted, fidelity_floor: floor } = parts.config.convert;
  const verdict = (report: ConversionReport) => {
    const recipe = recipeOf(weights, report, parts);
    return judge(report, madeVariant(recipe, report, weights), { floor, wanted });
  };
  return firstChosen(precisionsToTry(wanted, thisMachine()), { make, verdict, signal, log: parts.telemetry.log, model: weights.card.id });
}
