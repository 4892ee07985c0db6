const BITS = ["bits", "Kbits", "Mbits", "Gbits", "Tbits"];
const BYTES = ["Bytes", "KBytes", "MBytes", "GBytes", "TBytes"];

/** A count of octets as iperf3 writes it (units.c:unit_snprintf): letters in lower case as bits by 1000, in upper case as octets by 1024; `a` and `A` choose. */
export function formatUnits(octets: number, format: string): string {
  const bits = format === format.toLowerCase();
  const base = bits ? 1000 : 1024;
  let value = bits ? octets * 8 : octets;
  let power = "bkmgt".indexOf(format.toLowerCase());
  if (power < 0) for (power = 0; value / base ** power >= base && power < 4; ) power++;
  value /= base ** power;
  const digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return `${value.toFixed(digits).padStart(4)} ${(bits ? BITS : BYTES)[power]}`;
}

/** `5M`: by 1000 (`rate`) or by 1024 (units.c:unit_atof_rate, unit_atof). What is no number is 0, as C reads it. */
export function parseUnits(text: string, base: 1000 | 1024): number {
  const m = /^\s*(\d+(?:\.\d*)?|\.\d+)([kmgt]?)/i.exec(text);
  return m === null ? 0 : Math.floor(Number(m[1]) * base ** " kmgt".indexOf((m[2] || " ").toLowerCase()));
}

/** A number in C's `%.{digits}g`. */
export function formatG(value: number, digits: number): string {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const [mantissa = "", exponent = "0"] = value.toExponential(digits - 1).split("e");
  const power = Number(exponent);
  const plain = (text: string): string => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
  if (power >= -4 && power < digits) return plain(value.toFixed(Math.max(0, digits - 1 - power)));
  return `${plain(mantissa)}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
}

/** A JSON object in the order in which it is printed; keys may repeat, as they do in iperf3's. */
export class Entries {
  readonly list: (readonly [string, Json])[] = [];
  add(key: string, value: Json): this {
    this.list.push([key, value]);
    return this;
  }
}
export type Json = number | string | boolean | Entries | readonly Json[];

/** JSON as cJSON 1.7 prints it: tabs, numbers of 15 digits, or 17 where these are not enough. */
export function printJson(value: Json, depth = 0): string {
  if (typeof value === "number") return printNumber(value);
  if (typeof value === "string" || typeof value === "boolean") return JSON.stringify(value);
  if (!(value instanceof Entries)) return `[${value.map((v) => printJson(v, depth + 1)).join(", ")}]`;
  const tabs = "\t".repeat(depth);
  const lines = value.list.map(([k, v]) => `${tabs}\t${JSON.stringify(k)}:\t${printJson(v, depth + 1)}`);
  return `{\n${lines.join(",\n")}${lines.length > 0 ? "\n" : ""}${tabs}}`;
}

function printNumber(value: number): string {
  if (!Number.isFinite(value)) return "null";
  const short = formatG(value, 15);
  return Number(short) === value ? short : formatG(value, 17);
}
