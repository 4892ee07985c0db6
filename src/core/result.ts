/** Why bytes could not be decoded: a short word (`short`, `version`, `length`, `checksum`, …) and the offset it was seen at. */
export interface Bad {
  readonly ok: false;
  readonly why: string;
  readonly at: number;
}
export interface Good<T> {
  readonly ok: true;
  readonly value: T;
}
/** What `decode` returns. Bad bytes are values, never exceptions. */
export type Decoded<T> = Good<T> | Bad;

export const good = <T>(value: T): Good<T> => ({ ok: true, value });
export const bad = (why: string, at: number): Bad => ({ ok: false, why, at });
