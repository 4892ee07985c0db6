import type { Pattern } from "./pattern.ts";

/** Places of a line that are looked at before a pattern is tried in earnest. */
const PLACES = 4;

/** Keywords that can stand at one of the first places of a line; undefined: anything can. */
export type Places = readonly (readonly string[] | undefined)[];

/** What a pattern has at its first places, whichever way is taken through it. */
export function placesOf(pattern: Pattern): Places {
  const keywords = Array.from({ length: PLACES }, () => new Set<string>());
  const anything = new Set<number>();
  follow(pattern, new Set([0]), (at, keyword) => {
    if (keyword === undefined) anything.add(at);
    else keywords[at]?.add(keyword);
  });
  return keywords.map((words, at) => (anything.has(at) ? undefined : [...words]));
}

/** Whether a line can fit, as far as its first words tell. Keywords may be abbreviated. */
export function mayFit(places: Places, words: readonly string[]): boolean {
  for (let at = 0; at < PLACES && at < words.length; at++) {
    const keywords = places[at];
    if (keywords !== undefined && !someBegins(keywords, words[at] as string)) return false;
  }
  return true;
}

function someBegins(keywords: readonly string[], word: string): boolean {
  for (const keyword of keywords) if (keyword.startsWith(word)) return true;
  return false;
}

/** Where a pattern can end that begins at one of `starts`. Tells what it has at each place. */
function follow(
  p: Pattern,
  starts: ReadonlySet<number>,
  tell: (at: number, keyword: string | undefined) => void,
): ReadonlySet<number> {
  const near = new Set([...starts].filter((at) => at < PLACES));
  switch (p.kind) {
    case "word":
      for (const at of near) tell(at, p.text);
      return next(near);
    case "variable":
      for (const at of near) tell(at, undefined);
      if (p.type !== "LINE") return next(near);
      for (const at of near) for (let i = at; i < PLACES; i++) tell(i, undefined);
      return new Set();
    case "sequence":
      return p.parts.reduce((at, part) => follow(part, at, tell), near as ReadonlySet<number>);
    case "choice":
      return new Set([...(p.optional ? near : []), ...p.options.flatMap((option) => [...follow(option, near, tell)])]);
    case "set": {
      const ends = new Set<number>(p.optional ? near : []);
      let at: ReadonlySet<number> = near;
      for (let i = 0; i < PLACES; i++) {
        at = new Set(p.options.flatMap((option) => [...follow(option, at, tell)]));
        for (const end of at) ends.add(end);
      }
      return ends;
    }
  }
}

const next = (at: ReadonlySet<number>): ReadonlySet<number> => new Set([...at].map((i) => i + 1));
