import { type CommandSet, completions } from "./command.ts";
import { type Party, VtySession } from "./vty.ts";

/** A configuration that was given as a file. */
export interface ConfigText {
  /** For messages. */
  readonly path: string;
  readonly text: string;
}

/**
 * Reads a configuration file into a daemon: `frr.conf` of all daemons, or `zebra.conf` of one. Lines of other daemons (`family`: the
 * commands of all that are built) are passed over, and so are IPv6 lines (see `ipv6Lines`). Returns the first line that is nobody's, or that the daemon
 * refuses, with its place; undefined: all is read.
 */
export function readConfig(
  { path, text }: ConfigText,
  own: Party,
  family: readonly CommandSet<never>[],
): string | undefined {
  const others = family.filter((commands) => commands.name !== own.commands.name);
  const reader = new ConfigReader([own, ...others.map((commands) => ({ commands }))]);
  for (const { line, at } of configLines(text)) {
    const complaint = reader.read(line);
    if (complaint !== undefined) return `${path}:${at}: ${complaint}`;
  }
  return undefined;
}

/** Reads lines of a configuration, one after the other, as daemons read their files and `vtysh -f` does. */
export class ConfigReader {
  readonly #session: VtySession;
  readonly #parties: readonly Party[];
  /** What commands said that they were not refused for. */
  output = "";

  constructor(parties: readonly Party[]) {
    this.#parties = parties;
    this.#session = new VtySession(parties);
    this.#session.configure();
  }

  /** Reads a line; returns why it cannot be. */
  read(line: string): string | undefined {
    const session = this.#session;
    if (line === "exit" || line === "quit") {
      if (session.mode !== "config") session.exit();
      return undefined;
    }
    if (line === "end" || line === "configure terminal" || line === "conf t") {
      session.configure();
      return undefined;
    }
    if (line === "exit-link-params") {
      if (session.mode === "link-params") session.exit();
      return undefined;
    }
    if (/^exit-(address-family|vrf|vnc|ldp-if|route-policy)$/.test(line)) {
      if (session.mode.startsWith("address-family")) session.exit();
      return undefined;
    }
    if (withoutEffect(line)) return undefined;
    const words = line.split(/\s+/);
    const got = session.line(words);
    if (got.status === "ok" || LOG.test(line)) {
      this.output += got.output;
      return undefined;
    }
    switch (got.status) {
      case "ambiguous":
        return `"${line}" is ambiguous`;
      case "refused":
        return `"${line}": ${oneLine(got.output) || "refused"}`;
      case "unknown":
        return this.#unknown(line, words);
    }
  }

  #unknown(line: string, words: readonly string[]): string {
    const sets = this.#parties.map((p) => p.commands);
    const unfinished = sets.some((set) => completions(set, this.#session.mode, words).length > 0);
    if (unfinished) return `"${line}" is incomplete`;
    return `"${line}" is not built: no daemon of ${sets.map((s) => s.name).join(", ")} knows it`;
  }
}

/** The lines of a configuration that are about IPv6, which is not built: `frr.conf:12 (ipv6 address …)`. They are told once, and passed over. */
export function ipv6Lines({ path, text }: ConfigText): readonly string[] {
  const lines: string[] = [];
  scan(text, (line, at, ipv6) => {
    if (ipv6) lines.push(`${path}:${at} (${line})`);
  });
  return lines;
}

/** What is left of a configuration without comments, IPv6 and empty lines; `at` counts from 1. */
export function configLines(text: string): readonly { readonly line: string; readonly at: number }[] {
  const lines: { line: string; at: number }[] = [];
  scan(text, (line, at, ipv6) => {
    if (!ipv6) lines.push({ line, at });
  });
  return lines;
}

/** Whether a line changes nothing here, whatever it says: a fixed list. */
export const withoutEffect = (line: string): boolean => WITHOUT_EFFECT.test(line);

const WITHOUT_EFFECT = new RegExp(
  `^(${[
    "frr version .*",
    "frr defaults traditional",
    "(no )?(hostname|domainname|service|debug|banner|agentx|password|enable password|username)( .*)?",
    "line vty",
    "no ipv6 forwarding",
  ].join("|")})$`,
);
/** A log that is not to be had, or that this release does not know, stops no daemon: FRR says so and goes on. */
const LOG = /^(no )?log\b/;
const IPV6_ADDRESS = /(^|\s)[0-9a-f]{0,4}:[0-9a-f]{0,4}:[0-9a-f:.]*(\/\d+)?(\s|$)/i;
const MAC = /(^|\s)([0-9a-f]{2}:){5}[0-9a-f]{2}(\s|$)/i;

/** Blocks of IPv6 by their first line, and what ends each besides a line that begins at the margin. */
const IPV6_BLOCKS: readonly (readonly [RegExp, RegExp])[] = [
  [/^(router ospf6|router ripng|router6? .*ipv6)\b/, /^exit$/],
  [/^address-family ipv6\b/, /^(exit|exit-address-family|address-family ipv4.*)$/],
];

/** Calls `see` with each line that is neither empty nor a comment, and whether it is about IPv6. */
function scan(text: string, see: (line: string, at: number, ipv6: boolean) => void): void {
  let until: RegExp | undefined;
  for (const [i, raw] of text.split("\n").entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("!") || line.startsWith("#")) continue;
    const block = IPV6_BLOCKS.find(([begins]) => begins.test(line));
    if (block !== undefined) until = block[1];
    else if (until?.test(line)) {
      const last = line.startsWith("exit");
      until = undefined;
      if (last) continue;
    } else if (until !== undefined && /^\S/.test(raw)) until = undefined;
    see(line, i + 1, until !== undefined || isIpv6(line));
  }
}

const isIpv6 = (line: string): boolean =>
  !withoutEffect(line) &&
  (/^(no )?(ipv6|match ipv6|set ipv6|ip6)\b/.test(line) ||
    (IPV6_ADDRESS.test(line) && !MAC.test(line) && !/^(description|remark)\b/.test(line)));

const oneLine = (text: string): string => text.trim().replace(/\s*\n+\s*/g, "; ");
