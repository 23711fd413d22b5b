/** A length of time in a request: seconds, or a number with a unit (`250ms`, `30s`, `5m`, `1.5h`). Negative = for ever. */
export type Duration = number | string;

/** What a duration in text may look like; no unit means seconds. */
export const DURATION_PATTERN = /^(-?\d{1,12}(?:\.\d{1,6})?)\s*(ms|s|m|h)?$/;

const SECONDS: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600 };

/** Seconds of a duration; undefined when the text is not one. */
export function durationSeconds(duration: Duration): number | undefined {
  if (typeof duration === 'number') return duration;
  const match = DURATION_PATTERN.exec(duration);
  const unit = SECONDS[match?.[2] ?? 's'];
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit;
}
