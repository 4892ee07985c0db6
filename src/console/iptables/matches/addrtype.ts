import {
  ADDRESS_TYPES,
  type AddressType,
  type AddrtypeMatch,
} from "../../../nodes/kernel/netfilter/matches/addrtype.ts";
import { problem } from "../exit.ts";
import { bang, type MatchKind, not } from "../kind.ts";

/** `-m addrtype`. */
export const addrtype: MatchKind<"addrtype"> = {
  name: "addrtype",
  options: [
    { name: "src-type", invert: true, read: parseTypes },
    { name: "dst-type", invert: true, read: parseTypes },
    { name: "limit-iface-in", excludes: ["limit-iface-out"] },
    { name: "limit-iface-out", excludes: ["limit-iface-in"] },
  ],
  build(given) {
    const [source, destination] = ["src-type", "dst-type"].map((id) => {
      const types = given.get<readonly AddressType[]>(id);
      return types === undefined ? undefined : { types, ...given.not(id) };
    });
    if (source === undefined && destination === undefined)
      throw problem("addrtype: you must specify --src-type or --dst-type");
    const [limitsIn, limitsOut] = [given.has("limit-iface-in"), given.has("limit-iface-out")];
    return {
      kind: "addrtype",
      ...(source !== undefined && { source }),
      ...(destination !== undefined && { destination }),
      ...((limitsIn || limitsOut) && { limit: limitsIn ? "in" : "out" }),
    };
  },
  list(spec) {
    const { source, destination, limit } = spec;
    const part = (name: string, asked: AddrtypeMatch["source"]): string =>
      asked === undefined ? "" : ` ${name} ${bang(asked)}${asked.types.join(",")}`;
    const limited = limit === undefined ? "" : ` limit-${limit}`;
    return ` ADDRTYPE match${part("src-type", source)}${part("dst-type", destination)}${limited}`;
  },
  save(spec) {
    const { source, destination, limit } = spec;
    const part = (name: string, asked: AddrtypeMatch["source"]): string =>
      asked === undefined ? "" : ` ${not(asked)}--${name} ${asked.types.join(",")}`;
    return `${part("src-type", source)}${part("dst-type", destination)}${limit === undefined ? "" : ` --limit-iface-${limit}`}`;
  },
};

/** Types with commas between them, of each as much as tells it; in the order of their numbers. */
function parseTypes(text: string): readonly AddressType[] {
  const parts = text.split(",");
  const found = parts.map((part, i) => {
    const type = part === "" ? undefined : ADDRESS_TYPES.find((name) => name.startsWith(part.toUpperCase()));
    if (type === undefined) throw problem(`addrtype: bad type "${parts.slice(i).join(",")}"`);
    return type;
  });
  return ADDRESS_TYPES.filter((type) => found.includes(type));
}
