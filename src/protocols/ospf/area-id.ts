import { formatIp, type Ipv4, parseIp } from "../../core/addr.ts";

/** An area as it is typed: a number or an address. */
export const parseArea = (text: string): Ipv4 => parseIp(text) ?? Number(text);

/** FRR prints areas in running configurations as they were typed: numbers stay numbers. */
export const areaText = (id: Ipv4, typed: string): string => (typed === "" ? formatIp(id) : typed);
