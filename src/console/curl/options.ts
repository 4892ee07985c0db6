import type { Field } from "../../protocols/http/wire.ts";

/** A curl command line. Times in seconds, rates in octets a second; 0: none. */
export interface CurlCommand {
  readonly urls: readonly string[];
  /** `-o`: for each URL in turn; an empty name is `-O`. */
  readonly outputs: readonly string[];
  readonly silent: boolean;
  readonly showError: boolean;
  readonly writeOut: string;
  readonly head: boolean;
  readonly include: boolean;
  readonly verbose: boolean;
  readonly fail: boolean;
  readonly method: string | undefined;
  readonly data: readonly string[];
  readonly headers: readonly Field[];
  /** Headers that curl adds itself, and the command line takes away (`-H 'Accept:'`), in lower case. */
  readonly without: ReadonlySet<string>;
  readonly follow: boolean;
  readonly redirectsMax: number;
  readonly range: string | undefined;
  readonly maxTimeS: number;
  readonly connectTimeoutS: number;
  readonly limitRate: number;
  readonly agent: string;
  readonly version: "1.0" | "1.1";
}

export type ParsedCurl =
  | { readonly ok: true; readonly value: CurlCommand }
  | { readonly ok: false; readonly why: string; readonly status: number };

/** Long names of what is built; a colon: with a value. */
const LONG: Readonly<Record<string, string>> = {
  silent: "s",
  "show-error": "S",
  output: "o:",
  "remote-name": "O",
  "write-out": "w:",
  head: "I",
  include: "i",
  verbose: "v",
  fail: "f",
  request: "X:",
  data: "d:",
  "data-binary": "d:",
  "data-raw": "d:",
  "data-ascii": "d:",
  header: "H:",
  location: "L",
  "max-redirs": "max-redirs:",
  range: "r:",
  "max-time": "m:",
  "connect-timeout": "connect-timeout:",
  "limit-rate": "limit-rate:",
  "user-agent": "A:",
  "http1.0": "0",
  "http1.1": "http1.1",
  url: "url:",
};
const SHORT = "so:OSw:IivfX:d:H:Lr:m:A:0";
/** Options of the real program that are not built. */
const FOREIGN_SHORT = "aBbCcDEeFGghJKkjlMNnPpQqRTtUuVxYyzZ#:";
const FOREIGN_LONG =
  /^(insecure|proxy|user|cert|cacert|cookie|cookie-jar|form|upload-file|compressed|resolve|interface|retry|retry-delay|parallel|http2|http3|ipv4|ipv6|no-buffer|get|json|config|globoff|speed-limit|speed-time|tcp-nodelay|keepalive-time|progress-bar|no-progress-meter|fail-with-body|local-port|version|help|oauth2-bearer|netrc|socks5|trace|trace-ascii|stderr|referer|continue-at|create-dirs|remote-time|ssl|tlsv1\.\d|unix-socket|path-as-is)$/;
const HINT = "curl: try 'curl --help' or 'curl --manual' for more information\n";
const refuse = (option: string, why: string): ParsedCurl => ({
  ok: false,
  why: `curl: option ${option}: ${why}\n${HINT}`,
  status: 2,
});

/** Reads a command line as `tool_getparam.c` does. */
export function parseCurl(args: readonly string[]): ParsedCurl {
  const options: [string, string][] = [];
  const urls: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const word = args[i] as string;
    if (!word.startsWith("-") || word === "-") {
      urls.push(word);
      continue;
    }
    if (word.startsWith("--")) {
      const spec = LONG[word.slice(2)];
      if (spec === undefined) return refuse(word, FOREIGN_LONG.test(word.slice(2)) ? UNSUPPORTED : "is unknown");
      const value = spec.endsWith(":") ? args[++i] : "";
      if (value === undefined) return refuse(word, "requires parameter");
      options.push([spec.replace(":", ""), value]);
      continue;
    }
    for (let j = 1; j < word.length; j++) {
      const flag = word[j] as string;
      const at = flag === ":" ? -1 : SHORT.indexOf(flag);
      if (at < 0) return refuse(word, FOREIGN_SHORT.includes(flag) ? UNSUPPORTED : "is unknown");
      if (SHORT[at + 1] !== ":") {
        options.push([flag, ""]);
        continue;
      }
      const value = j + 1 < word.length ? word.slice(j + 1) : args[++i];
      if (value === undefined) return refuse(word, "requires parameter");
      options.push([flag, value]);
      break;
    }
  }
  return collect(options, urls);
}
/** In curl's own words: PARAM_LIBCURL_DOESNT_SUPPORT. */
const UNSUPPORTED = "the installed libcurl version doesn't support this";

function collect(options: readonly (readonly [string, string])[], bare: readonly string[]): ParsedCurl {
  const has = (key: string): boolean => options.some(([k]) => k === key);
  const all = (key: string): string[] => options.filter(([k]) => k === key).map(([, v]) => v);
  const numbers: Record<string, number> = {};
  for (const [key, name] of [
    ["m", "-m"],
    ["connect-timeout", "--connect-timeout"],
    ["max-redirs", "--max-redirs"],
  ] as const) {
    const text = all(key).at(-1);
    if (text !== undefined && !/^\d+(\.\d*)?$/.test(text)) return refuse(name, "expected a proper numerical parameter");
    numbers[key] = Number(text ?? 0);
  }
  const limit = all("limit-rate").at(-1);
  const rate = limit === undefined ? 0 : rateOf(limit);
  if (rate === undefined) return refuse("--limit-rate", "expected a proper numerical parameter");
  const urls = [...bare, ...all("url")];
  if (urls.length === 0) return { ok: false, why: HINT, status: 2 };
  if (has("I") && has("d"))
    return {
      ok: false,
      why: "Warning: You can only select one HTTP request method! You asked for both POST \nWarning: (-d, --data) and HEAD (-I, --head).\n",
      status: 2,
    };
  const headers = all("H").map((h) => /^([^:]+):\s*(.*)$/.exec(h));
  const given = headers.flatMap((m) => (m === null ? [] : [{ name: m[1] as string, value: m[2] as string }]));
  return {
    ok: true,
    value: {
      urls,
      outputs: options.filter(([k]) => k === "o" || k === "O").map(([, v]) => v),
      silent: has("s"),
      showError: !has("s") || has("S"),
      writeOut: all("w").at(-1) ?? "",
      head: has("I"),
      include: has("i") || has("I"),
      verbose: has("v"),
      fail: has("f"),
      method: all("X").at(-1),
      data: all("d"),
      headers: given.filter((f) => f.value !== ""),
      without: new Set(given.map((f) => f.name.toLowerCase())),
      follow: has("L"),
      redirectsMax: has("max-redirs") ? (numbers["max-redirs"] as number) : 50,
      range: all("r").at(-1),
      maxTimeS: numbers["m"] as number,
      connectTimeoutS: numbers["connect-timeout"] as number,
      limitRate: rate,
      agent: all("A").at(-1) ?? "curl/7.88.1",
      version: has("0") ? "1.0" : "1.1",
    },
  };
}

/** `100k`, `2M`: octets a second, by 1024. */
function rateOf(text: string): number | undefined {
  const m = /^(\d+(?:\.\d+)?)([bkmg]?)$/i.exec(text);
  if (m === null) return undefined;
  return Math.floor(Number(m[1]) * 1024 ** "bkmg".indexOf((m[2] || "b").toLowerCase()));
}
