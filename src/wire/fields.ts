/**
 * What LocalLite does with a field of a request.
 * - `honoured`: it has the effect that the wire's own documentation gives it.
 * - `accepted_without_effect`: harmless; named in the answer's `locallite.ignored` and in `X-LocalLite-Ignored`.
 * - `refused`: answered with the wire's status for a wrong request; the message names the field, and so does `param` where the wire has it.
 */
export const FIELD_CLASSES = ['honoured', 'accepted_without_effect', 'refused'] as const;
export type FieldClass = (typeof FIELD_CLASSES)[number];

/**
 * Whose field it is: a wire's own; `locallite`: an extension of ours that the wire itself does not have; `other`: a field of another API
 * that clients send by mistake.
 */
export const FIELD_ORIGINS = ['openai', 'cohere', 'jina', 'tei', 'ollama', 'locallite', 'other'] as const;
export type FieldOrigin = (typeof FIELD_ORIGINS)[number];

/** How one field is treated, where the field comes from, and what a user should know of it. */
export interface Field {
  readonly class: FieldClass;
  readonly origin: FieldOrigin;
  readonly note: string;
  /** `null` is a value of its own (it takes something away); elsewhere it means the same as a field that is absent. */
  readonly nullable?: true;
}

/** All fields of a request that have a class; a field that is not in the table is unknown. */
export type FieldTable = Readonly<Record<string, Field>>;

/** A field with the effect that its documentation promises. */
export function honoured(origin: Field['origin'], note: string): Field {
  return { class: 'honoured', origin, note };
}

/** A honoured field that `null` empties. */
export function honouredWithNull(origin: Field['origin'], note: string): Field {
  return { class: 'honoured', origin, note, nullable: true };
}

/** A field that changes nothing and does no harm. */
export function acceptedWithoutEffect(origin: Field['origin'], note: string): Field {
  return { class: 'accepted_without_effect', origin, note };
}

/** A field that cannot be obeyed; `note` says what to use instead. */
export function refused(origin: Field['origin'], note: string): Field {
  return { class: 'refused', origin, note };
}
