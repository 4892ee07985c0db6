import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

/** The rules of the house that no linter knows. */

const LINES_MAX = 600;
const PROTOCOLS = "src/protocols";

const files = (dir: string): string[] =>
  readdirSync(dir, { withFileTypes: true }).flatMap((e) =>
    e.isDirectory() ? files(join(dir, e.name)) : [join(dir, e.name)],
  );

const sources = ["src", "scenarios", "test", "bench"]
  .flatMap((dir) => (existsSync(dir) ? files(dir) : []))
  .filter((f) => f.endsWith(".ts"));
const protocols = readdirSync(PROTOCOLS).filter((p) => statSync(join(PROTOCOLS, p)).isDirectory());
const tests = files("test")
  .filter((f) => f.endsWith(".test.ts"))
  .map((f) => readFileSync(f, "utf8"));

describe("every source file", () => {
  it("has at most 600 lines", () => {
    expect(sources.filter((f) => readFileSync(f, "utf8").split("\n").length > LINES_MAX)).toEqual([]);
  });
  it("is named in kebab-case", () => {
    expect(sources.filter((f) => !/^[a-z0-9]+([.-][a-z0-9]+)*\.ts$/.test(f.split("/").at(-1) as string))).toEqual([]);
  });
  it("has no default export outside scenarios", () => {
    const offenders = sources.filter(
      (f) => !f.startsWith("scenarios/") && /^export default /m.test(readFileSync(f, "utf8")),
    );
    expect(offenders).toEqual([]);
  });
  it("re-exports nothing", () => {
    expect(sources.filter((f) => /^export (type )?(\*|\{[^}]*\}) from /m.test(readFileSync(f, "utf8")))).toEqual([]);
  });
});

describe.each(protocols)("protocol %s", (name) => {
  const dir = join(PROTOCOLS, name);
  const spec = join(dir, "SPEC.md");

  it("has a codec, a ledger, and a mirrored test", () => {
    expect(existsSync(join(dir, "wire.ts"))).toBe(true);
    expect(existsSync(spec)).toBe(true);
    expect(existsSync(join("test/protocols", name))).toBe(true);
  });
  it("names in its ledger only tests that exist", () => {
    expect(testsNamed(readFileSync(spec, "utf8")).filter((t) => !tests.some((text) => text.includes(t)))).toEqual([]);
  });
});

/** The last column of every table of requirements: names of tests, several apart by `;`. */
function testsNamed(spec: string): string[] {
  return tablesOf(spec).flatMap((rows) => {
    const column = (rows[0] ?? []).indexOf("test");
    if (column < 0) return [];
    return rows
      .slice(2)
      .flatMap((row) => (row[column] ?? "").split(";").map((t) => t.trim().replaceAll("`", "")))
      .filter((t) => t !== "" && t !== "–" && t !== "-");
  });
}

function tablesOf(text: string): string[][][] {
  const tables: string[][][] = [];
  let open: string[][] | undefined;
  for (const line of text.split("\n")) {
    if (!line.trimStart().startsWith("|")) open = undefined;
    else {
      if (open === undefined) tables.push((open = []));
      open.push(
        line
          .trim()
          .replace(/^\||\|$/g, "")
          .split("|")
          .map((c) => c.trim()),
      );
    }
  }
  return tables;
}
