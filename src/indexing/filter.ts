import type { Attributes, AttributeValue } from '../state/state-types.ts';
import type { ComparisonFilter, Filter } from './index-types.ts';

/**
 * Whether attributes pass a filter. Only values of one type compare (numbers with numbers, texts with texts, in code-unit order, so ISO
 * dates compare as dates); a comparison with an attribute that is missing or of another type is false, `ne`, `nin` and `not_contains` are
 * then true. An attribute that is a list passes `eq`, `gt` … when one of its values does, and `ne` when none is equal.
 */
export function passes(filter: Filter, attributes: Attributes): boolean {
  switch (filter.type) {
    case 'and':
      return filter.filters.every((one) => passes(one, attributes));
    case 'or':
      return filter.filters.some((one) => passes(one, attributes));
    default:
      return compares(filter, attributes[filter.key]);
  }
}

function compares({ type, value }: ComparisonFilter, attribute: AttributeValue | undefined): boolean {
  const own = attribute === undefined ? [] : typeof attribute === 'object' ? attribute : [attribute];
  const wanted = typeof value === 'object' ? value : [value];
  const hasOne = (test: (a: string | number | boolean, b: string | number | boolean) => boolean): boolean =>
    own.some((a) => wanted.some((b) => typeof a === typeof b && test(a, b)));
  switch (type) {
    case 'eq':
    case 'in':
    case 'contains':
      return hasOne((a, b) => a === b);
    case 'ne':
    case 'nin':
    case 'not_contains':
      return !hasOne((a, b) => a === b);
    case 'gt':
      return hasOne((a, b) => a > b);
    case 'gte':
      return hasOne((a, b) => a >= b);
    case 'lt':
      return hasOne((a, b) => a < b);
    case 'lte':
      return hasOne((a, b) => a <= b);
    default:
      return type satisfies never;
  }
}
