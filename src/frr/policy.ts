import { AccessLists } from "./access-list.ts";
import { installAccessLists } from "./access-list-commands.ts";
import type { CommandSet } from "./command.ts";
import { PrefixLists } from "./prefix-list.ts";
import { installPrefixLists } from "./prefix-list-commands.ts";
import { type MatchRule, RouteMapTable, type SetRule } from "./route-map.ts";
import { installRouteMaps } from "./route-map-commands.ts";
import type { ConfigBlock } from "./vty.ts";

/** The lists that clauses of route maps name. */
export interface PolicyLists {
  readonly prefixLists: PrefixLists;
  readonly accessLists: AccessLists;
}

/** What has changed: a list or a route map of that name. `kind`: `prefix-list`, `access-list`, `route-map`, or what the daemon says of its own lists. */
export interface PolicyChange {
  readonly kind: string;
  readonly name: string;
}

/**
 * The policy of one daemon: every daemon of FRR holds its own copy (lib/plist.c, lib/filter.c, lib/routemap.c). `Subject`: a route as the
 * daemon's clauses see and change it.
 */
export class Policy<Subject> implements PolicyLists {
  readonly prefixLists = new PrefixLists((name) => this.touched("prefix-list", name));
  readonly accessLists = new AccessLists((name) => this.touched("access-list", name));
  readonly routeMaps: RouteMapTable<Subject> = new RouteMapTable(this, (name) => this.touched("route-map", name));
  readonly #listeners: ((change: PolicyChange) => void)[] = [];

  /** Tells of every change; after a list's, of the route maps that look at it. It is told at once: put off what is much work. */
  onChange(listener: (change: PolicyChange) => void): void {
    this.#listeners.push(listener);
  }

  /** A list has changed, be it one that the daemon holds itself (`as-path-list`). */
  touched(kind: string, name: string): void {
    const told = new Set<string>();
    const tell = (change: PolicyChange): void => {
      const key = `${change.kind} ${change.name}`;
      if (told.has(key)) return;
      told.add(key);
      for (const listener of this.#listeners) listener(change);
      for (const user of this.routeMaps.users(change.kind, change.name)) tell({ kind: "route-map", name: user });
    };
    tell({ kind, name });
  }

  /** Its part of the running configuration. */
  writeConfig(): readonly ConfigBlock[] {
    return [...this.accessLists.writeConfig(), ...this.prefixLists.writeConfig(), ...this.routeMaps.writeConfig()];
  }
}

/** What a daemon's route maps know. */
export interface PolicyRules<Subject> {
  /** How FRR signs what this daemon prints: `OSPF`. */
  readonly label: string;
  readonly matches: readonly MatchRule<Subject>[];
  readonly sets: readonly SetRule<Subject>[];
}

/** Adds the commands of prefix lists, access lists and route maps to a daemon. `of`: where the daemon keeps its policy. */
export function installPolicy<Root, Subject>(
  set: CommandSet<Root>,
  of: (daemon: Root) => Policy<Subject>,
  rules: PolicyRules<Subject>,
): void {
  installPrefixLists(set, (d) => of(d).prefixLists, rules.label);
  installAccessLists(set, (d) => of(d).accessLists, rules.label);
  installRouteMaps(set, (d) => of(d).routeMaps, rules);
}
