import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { buildClab } from "../lab/clab/build.ts";
import { parseClab } from "../lab/clab/parse.ts";
import { LabError } from "../lab/errors.ts";
import type { Net } from "../lab/net.ts";
import type { Scenario } from "../lab/scenario.ts";
import { readSettings } from "../lab/settings.ts";

/** Something that can be run: it builds a network, and may tell a story with it. */
export interface Loaded {
  readonly name: string;
  readonly title: string;
  readonly seed: number;
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Interfaces captured unless `--pcap` says otherwise. */
  readonly captures: readonly string[];
  readonly build: (net: Net) => void;
}

const SCENARIOS = new URL("../../scenarios/", import.meta.url);
const SEED = 1;

/** The names of the scenarios, sorted. */
export const scenarioNames = (): string[] =>
  readdirSync(SCENARIOS)
    .filter((f) => f.endsWith(".ts"))
    .map((f) => f.slice(0, -3))
    .sort();

/** Imports a scenario's file. */
export async function importScenario(name: string): Promise<Scenario> {
  if (!scenarioNames().includes(name)) {
    throw new LabError(
      `there is no scenario "${name}"; there are ${scenarioNames().join(", ")} (lab files: netloom run FILE)`,
    );
  }
  const module = (await import(new URL(`${name}.ts`, SCENARIOS).href)) as { default: Scenario };
  return module.default;
}

/** A scenario with `--set key=value` applied to its parameters. */
export async function loadScenario(name: string, settings: readonly string[]): Promise<Loaded> {
  const s = await importScenario(name);
  const parameters = readSettings(s, settings);
  return {
    name: s.name,
    title: s.title,
    seed: SEED,
    parameters,
    captures: s.captures,
    build: (net) => s.story(net, parameters),
  };
}

/** A containerlab topology file. Paths in it are relative to it. */
export function loadLab(path: string, settings: readonly string[]): Loaded {
  if (settings.length > 0) throw new LabError(`--set ${settings[0]}: a lab file has no parameters`);
  const dir = dirname(path);
  const lab = parseClab(readText(path), path);
  return {
    name: lab.name,
    title: `the lab of ${path}`,
    seed: lab.seed ?? SEED,
    parameters: {},
    captures: lab.captures,
    build: (net) => buildClab(net, lab, (file) => readText(resolve(dir, file))),
  };
}

/** A scenario by its name, or else a lab file. */
export async function load(subject: string, settings: readonly string[]): Promise<Loaded> {
  if (scenarioNames().includes(subject)) return loadScenario(subject, settings);
  if (existsSync(subject)) return loadLab(subject, settings);
  throw new LabError(`there is no scenario and no file "${subject}"; scenarios: ${scenarioNames().join(", ")}`);
}

function readText(path: string): string {
  if (!existsSync(path)) throw new LabError(`${path}: no such file`);
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new LabError(`${path}: not readable (${(error as { code?: string }).code ?? String(error)})`);
  }
}
