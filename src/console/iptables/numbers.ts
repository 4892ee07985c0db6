import { formatIp, type Ipv4, lengthOfMask } from "../../core/addr.ts";

/** A whole number from 0 to `max`, decimal, 0x… or 0… (libxtables' `xtables_strtoui`). Undefined when it is none. */
export function whole(text: string, max = 0xffff_ffff): number | undefined {
  const digits = /^\s*\+?(.*)$/.exec(text)?.[1] ?? "";
  let value: number;
  if (/^0x[0-9a-f]{1,16}$/i.test(digits)) value = Number.parseInt(digits, 16);
  else if (/^0[0-7]{0,21}$/.test(digits)) value = Number.parseInt(digits, 8);
  else if (/^[1-9]\d{0,19}$/.test(digits)) value = Number(digits);
  else return undefined;
  return value <= max ? value : undefined;
}

/** The longest beginning of a text that is a number, and what is left of it; the number is undefined when there is none. */
export function wholeBefore(
  text: string,
  max = 0xffff_ffff,
): { readonly value: number | undefined; readonly rest: string } {
  const number = /^\s*\+?(0x[0-9a-f]+|\d+)/i.exec(text)?.[0] ?? "";
  return { value: whole(number, max), rest: text.slice(number.length) };
}

export const hex = (n: number): string => `0x${(n >>> 0).toString(16)}`;

/** `/24`, nothing for a host's own mask, `/255.0.255.0` where no length says it. */
export function maskSuffix(mask: Ipv4): string {
  const length = lengthOfMask(mask);
  if (length === 32) return "";
  return length === undefined ? `/${formatIp(mask)}` : `/${length}`;
}
