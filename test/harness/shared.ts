import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { it } from "vitest";

/** The folder of reference data (captures, documents, measurements): `NETLOOM_SHARED`, else `../shared`. */
export const shared = resolve(process.env["NETLOOM_SHARED"] ?? "../shared");

/** A path below the reference data. */
export const sharedPath = (...parts: string[]): string => join(shared, ...parts);

const inCi = process.env["CI"] === "true" || process.env["CI"] === "1";

/** `it` for a test that needs something outside the project: skipped where that is missing, except in CI, where it fails. */
export const itNeeds = (present: boolean): typeof it | typeof it.skip => (present || inCi ? it : it.skip);

export const haveShared = existsSync(sharedPath("corpora"));

/** Whether a program is on the PATH. */
export const haveProgram = (name: string): boolean =>
  (process.env["PATH"] ?? "").split(":").some((dir) => existsSync(join(dir, name)));

/** True in `check:full`: every property at its full number of cases. */
export const full = process.env["NETLOOM_FULL"] === "1";

/** The number of cases of a property: `quick` in `npm test`, `all` in `check:full`. */
export const cases = (quick: number, all: number): number => (full ? all : quick);
