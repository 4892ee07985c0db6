import { formatIp, type Ipv4, networkOf, type Prefix } from "../../core/addr.ts";
import type { OsAlarm } from "../../core/os.ts";
import { NEVER, S } from "../../core/time.ts";
import { covers } from "./destinations.ts";
import type { Ospf } from "./model.ts";
import type { SummarySettings } from "./settings.ts";

/** A summary that is in force, and the externals that it stands for. */
export interface Summary {
  readonly settings: SummarySettings;
  readonly members: Set<string>;
}

export const keyOf = (p: Prefix): string => `${p.address}/${p.length}`;

/** `summary-address …`: externals of this router that are told as one (ospfd/ospf_asbr.c: external route aggregation). */
export class Summaries {
  readonly #ospf: Ospf;
  readonly #changed: () => void;
  readonly #timer: OsAlarm;
  /** In force, the most specific first. */
  #inForce: readonly Summary[] = [];

  /** `changed`: other summaries are in force now. */
  constructor(ospf: Ospf, changed: () => void) {
    this.#ospf = ospf;
    this.#changed = changed;
    this.#timer = ospf.alarm(() => this.#apply());
  }

  get waiting(): boolean {
    return this.#timer.deadline !== NEVER;
  }
  /** The configuration has changed: that counts after a while (`aggregation timer`). */
  configured(): void {
    if (!this.waiting) this.#timer.set(this.#ospf.now + this.#ospf.settings.aggregationS * S);
  }
  stop(): void {
    this.#timer.set(NEVER);
  }

  /** The summary that an external lies in. */
  covering({ address, length }: Prefix): Summary | undefined {
    return this.#inForce.find(({ settings: { prefix } }) => covers(prefix, address, length));
  }
  /** The summary of just this prefix. */
  find(prefix: Prefix): Summary | undefined {
    return this.#inForce.find((s) => keyOf(s.settings.prefix) === keyOf(prefix));
  }
  /** Puts an external into a summary, or into none. Returns those that got their first one, or lost their last. */
  place(prefix: Prefix, into: Summary | undefined): readonly Summary[] {
    const key = keyOf(prefix);
    const moved: Summary[] = [];
    for (const s of this.#inForce)
      if (s !== into && s.members.delete(key) && s.members.size === 0) moved.push(s);
      else if (s === into && !s.members.has(key)) {
        s.members.add(key);
        if (s.members.size === 1) moved.push(s);
      }
    return moved;
  }
  /** Those that are configured, with how many externals each stands for: in FRR's order. */
  shown(): readonly { readonly settings: SummarySettings; readonly members: readonly string[] }[] {
    return [...this.#ospf.settings.summaries.values()]
      .sort((a, b) => a.prefix.address - b.prefix.address || a.prefix.length - b.prefix.length)
      .map((settings) => ({ settings, members: [...(this.find(settings.prefix)?.members ?? [])].map(textOf) }));
  }

  #apply(): void {
    this.#timer.set(NEVER);
    this.#inForce = [...this.#ospf.settings.summaries.values()]
      .sort((a, b) => b.prefix.length - a.prefix.length || a.prefix.address - b.prefix.address)
      .map((settings) => ({ settings, members: new Set() }));
    this.#changed();
  }
}

export function prefixOfKey(key: string): Prefix {
  const [address, length] = key.split("/");
  return { address: Number(address), length: Number(length) };
}
function textOf(key: string): string {
  const { address, length } = prefixOfKey(key);
  return `${formatIp(address)}/${length}`;
}

/** Why a prefix cannot be a summary (ospfd/ospf_asbr.c:is_valid_summary_addr); `canonical`: what it is otherwise. */
export function summaryPrefix(typed: Prefix): { readonly why: string } | { readonly canonical: Prefix } {
  if (typed.address === 0 && typed.length === 0)
    return { why: "Default address shouldn't be configured as summary address.\n" };
  const address: Ipv4 = networkOf(typed.address, typed.length);
  if (address === 0 || typed.length === 32) return { why: "Not a valid summary address.\n" };
  return { canonical: { address, length: typed.length } };
}
