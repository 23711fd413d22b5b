import { LocalLiteError } from '../errors.ts';
import type { Attributes, AttributeValue } from '../state/state-types.ts';
import type { ComparisonFilter, Filter } from './index-types.ts';

/** Filters inside filters; more is no question that anybody asks. */
const DEEPEST = 32;

type Scalar = string | number | boolean;
type Test = (attributes: Attributes) => boolean;

/**
 * Whether attributes pass a filter. Only values of one type compare (numbers with numbers, texts with texts, in code-unit order, so ISO
 * dates compare as dates); a comparison with an attribute that is missing or of another type is false, `ne`, `nin` and `not_contains` are
 * then true. An attribute that is a list passes `eq`, `gt` … when one of its values does, and `ne` when none is equal.
 * @throws LocalLiteError invalid_request (nested too deeply)
 */
export function compileFilter(filter: Filter, depth = 1): Test {
  if (depth > DEEPEST) throw new LocalLiteError('invalid_request', `filters may be nested ${DEEPEST} deep`, { param: 'filters' });
  if (!('filters' in filter)) return compileComparison(filter);
  const tests = filter.filters.map((one) => compileFilter(one, depth + 1));
  if (filter.type === 'and') return (attributes) => tests.every((test) => test(attributes));
  return (attributes) => tests.some((test) => test(attributes));
}

function compileComparison({ type, key, value }: ComparisonFilter): Test {
  const wanted: readonly Scalar[] = typeof value === 'object' ? value : [value];
  const known = new Set(wanted);
  const isOneOf = (own: Scalar): boolean => known.has(own);
  const holds = (compare: (a: Scalar, b: Scalar) => boolean) => (own: Scalar) =>
    wanted.some((b) => typeof own === typeof b && compare(own, b));
  const any = (test: (own: Scalar) => boolean) => (attributes: Attributes) => hasOne(ownValue(attributes, key), test);
  switch (type) {
    case 'eq':
    case 'in':
    case 'contains':
      return any(isOneOf);
    case 'ne':
    case 'nin':
    case 'not_contains': {
      const isEqual = any(isOneOf);
      return (attributes) => !isEqual(attributes);
    }
    case 'gt':
      return any(holds((a, b) => a > b));
    case 'gte':
      return any(holds((a, b) => a >= b));
    case 'lt':
      return any(holds((a, b) => a < b));
    case 'lte':
      return any(holds((a, b) => a <= b));
    default:
      return type satisfies never;
  }
}

/** Names of attributes are the user's: one may be called `constructor`. */
function ownValue(attributes: Attributes, key: string): AttributeValue | undefined {
  return Object.hasOwn(attributes, key) ? attributes[key] : undefined;
}

function hasOne(value: AttributeValue | undefined, test: (own: Scalar) => boolean): boolean {
  if (value === undefined) return false;
  return typeof value === 'object' ? value.some(test) : test(value);
}
