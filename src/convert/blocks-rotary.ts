import { LocalLiteError } from '../errors.ts';
import type { Graph, Value } from './graph.ts';
import type { ModelConfig } from './model-config.ts';

/** Rotary positions of one kind of layer (RoPE): pairs of a head's numbers are turned by an angle that grows with the position. */
export interface RotarySettings {
  /** Base of the geometric row of frequencies, `rope_theta`. */
  readonly base: number;
  /** How many leading numbers of a head are turned; even. */
  readonly size: number;
  /** Positions are divided by this (linear scaling); 1 where the model is not stretched. */
  readonly stretch: number;
  /** Whether neighbours make a pair (`x0 x1`), not the halves of the head (`x0 x(size/2)`). */
  readonly interleaved: boolean;
}

/** Cosines and sines for positions 0 … positions - 1 as constants [positions, size / 2]. */
export interface RotaryTables {
  readonly cos: Value;
  readonly sin: Value;
  readonly settings: RotarySettings;
}

/** Adds the tables of `settings` to the graph; once for all layers that share them. */
export function rotaryTables(graph: Graph, settings: RotarySettings, positions: number): RotaryTables {
  const half = settings.size / 2;
  const table = (of: (angle: number) => number) => () =>
    Float32Array.from({ length: positions * half }, (_, at) => of(angleOf(settings, Math.floor(at / half), at % half)));
  return {
    cos: graph.constant('rotary.cos', 'float32', [positions, half], table(Math.cos)),
    sin: graph.constant('rotary.sin', 'float32', [positions, half], table(Math.sin)),
    settings,
  };
}

/** Every step in float32, as the models were trained: at position 8,000 the rounding of the frequency shows in the fourth digit. */
function angleOf({ base, size, stretch }: RotarySettings, position: number, pair: number): number {
  const frequency = Math.fround(1 / Math.fround(base ** Math.fround((2 * pair) / size)));
  return Math.fround(position * Math.fround(frequency / stretch));
}

/** Turns queries or keys [texts, tokens, heads * headSize] by their positions, which count from 0 in every text. */
export function rotate(graph: Graph, value: Value, tables: RotaryTables, heads: number, headSize: number): Value {
  const { size } = tables.settings;
  if (size === headSize) return rotateWhole(graph, value, tables, heads);
  const apart = graph.op('Reshape', [value, graph.ints('rotary.apart', [0, 0, heads, headSize])]);
  const sizes = graph.ints('rotary.sizes', [size, headSize - size]);
  const [turned = '', rest = ''] = graph.many('Split', '', [apart, sizes], { axis: { int: -1 } }, 2);
  const flat = graph.op('Reshape', [turned, graph.ints('rotary.flat', [0, 0, heads * size])]);
  const back = graph.op('Reshape', [rotateWhole(graph, flat, tables, heads), graph.ints('rotary.back', [0, 0, heads, size])]);
  const joined = graph.op('Concat', [back, rest], { axis: { int: -1 } });
  return graph.op('Reshape', [joined, graph.ints('rotary.joined', [0, 0, heads * headSize])]);
}

function rotateWhole(graph: Graph, value: Value, { cos, sin, settings }: RotaryTables, heads: number): Value {
  const attributes = { interleaved: { int: settings.interleaved ? 1 : 0 }, num_heads: { int: heads } };
  return graph.fused('RotaryEmbedding', [value, graph.ints('rotary.first', [0]), cos, sin], attributes);
}

/** Where a family keeps its rotary settings. */
export interface RotaryKeys {
  /** How many leading numbers of a head are turned. */
  readonly size: number;
  /** The key under which older files keep the base, e.g. `rope_theta`. */
  readonly legacyBase: string;
  /** The base where config.json says nothing. */
  readonly fallbackBase: number;
  /** `full_attention` or `sliding_attention`, where the family's `rope_parameters` has a part for each. */
  readonly layerType?: string;
  /** Whether the older `rope_scaling` counts for this kind of layer; default true. */
  readonly scaled?: boolean;
}

/**
 * Reads rotary settings from `rope_parameters`, or from the keys of older files.
 * @throws LocalLiteError model_unsupported for a kind of scaling other than `default` and `linear`
 */
export function rotarySettings(config: ModelConfig, keys: RotaryKeys): RotarySettings {
  if (keys.size <= 0 || keys.size % 2 !== 0) throw unsupported(`rotary positions need an even head size; this one is ${keys.size}`);
  const parameters = config.part('rope_parameters');
  const own = (keys.layerType === undefined ? undefined : parameters?.part(keys.layerType)) ?? parameters;
  const older = keys.scaled === false ? undefined : config.part('rope_scaling');
  const base = own?.has('rope_theta') ? own.number('rope_theta') : config.number(keys.legacyBase, keys.fallbackBase);
  return { base, size: keys.size, stretch: stretchOf(own ?? older), interleaved: false };
}

function stretchOf(scaling: ModelConfig | undefined): number {
  const kind = scaling?.text('rope_type', scaling.text('type', 'default')) ?? 'default';
  if (scaling === undefined || kind === 'default') return 1;
  if (kind === 'linear') return scaling.number('factor');
  throw unsupported(`rope_type "${kind}" in config.json is not supported; supported: default, linear`);
}

function unsupported(message: string): LocalLiteError {
  return new LocalLiteError('model_unsupported', message);
}
