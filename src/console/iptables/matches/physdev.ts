import type { PhysdevMatch } from "../../../nodes/kernel/netfilter/matches/physdev.ts";
import { problem } from "../exit.ts";
import { parseInterface } from "../interfaces.ts";
import { type MatchKind, not } from "../kind.ts";

/** `-m physdev`. */
export const physdev: MatchKind<"physdev"> = {
  name: "physdev",
  options: [
    { name: "physdev-in", invert: true, read: (text, at) => parseInterface(text, at.warn) },
    { name: "physdev-out", invert: true, read: (text, at) => parseInterface(text, at.warn) },
    { name: "physdev-is-in", invert: true },
    { name: "physdev-is-out", invert: true },
    { name: "physdev-is-bridged", invert: true },
  ],
  build(given) {
    if (given.empty) throw problem("PHYSDEV: no physdev option specified");
    const name = (id: string): { readonly name: string; readonly invert?: true } | undefined => {
      const value = given.get<string>(id);
      return value === undefined ? undefined : { name: value, ...given.not(id) };
    };
    const flag = (id: string): { readonly invert?: true } | undefined => (given.has(id) ? given.not(id) : undefined);
    const parts = {
      in: name("physdev-in"),
      out: name("physdev-out"),
      isIn: flag("physdev-is-in"),
      isOut: flag("physdev-is-out"),
      isBridged: flag("physdev-is-bridged"),
    };
    return { kind: "physdev", ...Object.fromEntries(Object.entries(parts).filter(([, part]) => part !== undefined)) };
  },
  list: (spec) => ` PHYSDEV match${describe(spec)}`,
  save: describe,
};

function describe(spec: PhysdevMatch): string {
  const part = (name: string, asked: { readonly name?: string; readonly invert?: boolean } | undefined): string =>
    asked === undefined ? "" : ` ${not(asked)}--physdev-${name}${asked.name === undefined ? "" : ` ${asked.name}`}`;
  return (
    part("is-in", spec.isIn) +
    part("in", spec.in) +
    part("is-out", spec.isOut) +
    part("out", spec.out) +
    part("is-bridged", spec.isBridged)
  );
}
