/**
 * How `actual` falls short of `expected`; empty: it does not. Every key of an object must be there with its value (null: must not be there), every
 * element of a list of objects must fit some element, each once, and lists of plain values are equal as sets.
 */
export function differences(expected: unknown, actual: unknown, path = ""): readonly string[] {
  if (expected === null)
    return actual === undefined || actual === null ? [] : [`${path}: ${show(actual)} should not be there`];
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual)) return [`${path}: expected a list, is ${show(actual)}`];
    return expected.every(isPlain) && actual.every(isPlain)
      ? setDifferences(expected, actual, path)
      : listDifferences(expected, actual, path);
  }
  if (typeof expected === "object") {
    if (typeof actual !== "object" || actual === null)
      return [`${path}: expected ${show(expected)}, is ${show(actual)}`];
    return Object.entries(expected as object).flatMap(([key, value]) =>
      differences(value, (actual as Record<string, unknown>)[key], path === "" ? key : `${path} ${key}`),
    );
  }
  return Object.is(expected, actual) ? [] : [`${path}: expected ${show(expected)}, is ${show(actual)}`];
}

/** What `actual` has beyond `expected` on its top level: keys, or elements. */
export function extras(expected: unknown, actual: unknown, path = ""): readonly string[] {
  if (Array.isArray(expected) && Array.isArray(actual)) {
    const more = actual.length - expected.length;
    if (more <= 0) return [];
    const strangers = actual.filter((a) => !expected.some((e) => differences(e, a).length === 0));
    return [`${path}: ${more} more than expected: ${strangers.map(show).join(", ") || "repeated ones"}`];
  }
  if (!isObject(expected) || !isObject(actual)) return [];
  return Object.keys(actual)
    .filter((key) => !(key in expected))
    .map((key) => `${path === "" ? "" : `${path} `}${key}: not expected`);
}

/** Gives every expected element an element of its own: a matching in a bipartite graph, by augmenting paths. */
function listDifferences(expected: readonly unknown[], actual: readonly unknown[], path: string): readonly string[] {
  const fits = expected.map((e) => actual.map((a) => differences(e, a).length === 0));
  const takenBy = new Map<number, number>();
  const place = (e: number, tried: Set<number>): boolean => {
    for (const [a, fit] of (fits[e] as boolean[]).entries()) {
      if (!fit || tried.has(a)) continue;
      tried.add(a);
      const holder = takenBy.get(a);
      if (holder !== undefined && !place(holder, tried)) continue;
      takenBy.set(a, e);
      return true;
    }
    return false;
  };
  return expected.flatMap((e, i) => {
    if (place(i, new Set())) return [];
    const [only] = actual;
    if (expected.length === 1 && actual.length === 1) return differences(e, only, `${path}[0]`);
    return [`${path}: no element fits ${show(e)}; there are ${actual.map(show).join(", ") || "none"}`];
  });
}

function setDifferences(expected: readonly unknown[], actual: readonly unknown[], path: string): readonly string[] {
  const missing = expected.filter((e) => !actual.includes(e));
  const more = actual.filter((a) => !expected.includes(a));
  return [
    ...(missing.length === 0 ? [] : [`${path}: ${missing.map(show).join(", ")} missing`]),
    ...(more.length === 0 ? [] : [`${path}: ${more.map(show).join(", ")} not expected`]),
  ];
}

const isPlain = (v: unknown): boolean => typeof v !== "object" || v === null;
const isObject = (v: unknown): v is Record<string, unknown> => typeof v === "object" && v !== null && !Array.isArray(v);
const show = (v: unknown): string => (v === undefined ? "absent" : JSON.stringify(v));
