import { OK } from "./job.ts";
import { importScenario, scenarioNames } from "./load.ts";

/** Prints the scenarios, one line each, with their parameters. */
export async function listScenarios(json: boolean): Promise<number> {
  const scenarios = await Promise.all(scenarioNames().map(importScenario));
  if (json) {
    const list = scenarios.map((s) => ({ name: s.name, title: s.title, parameters: s.parameters.parse({}) }));
    process.stdout.write(`${JSON.stringify({ scenarios: list })}\n`);
    return OK;
  }
  const width = Math.max(...scenarios.map((s) => s.name.length));
  for (const s of scenarios) {
    process.stdout.write(`${s.name.padEnd(width)}  ${s.title}\n`);
    const defaults: Readonly<Record<string, unknown>> = s.parameters.parse({});
    for (const [key, field] of Object.entries(s.parameters.shape)) {
      const about = (field as { description?: string }).description ?? "";
      process.stdout.write(`${" ".repeat(width)}    --set ${key}=${String(defaults[key])}  ${about}\n`);
    }
  }
  return OK;
}
