import { LabError } from "./errors.ts";
import type { Scenario } from "./scenario.ts";

/** A scenario's parameters: its defaults, with `key=value` settings applied and checked. */
export function readSettings(scenario: Scenario, settings: readonly string[]): Readonly<Record<string, unknown>> {
  const known = Object.keys(scenario.parameters.shape);
  const given: Record<string, string> = {};
  for (const setting of settings) {
    const at = setting.indexOf("=");
    const key = at < 0 ? setting : setting.slice(0, at);
    if (at <= 0) throw new LabError(`--set ${setting}: expected key=value`);
    if (!known.includes(key))
      throw new LabError(
        `--set ${setting}: ${scenario.name} has no parameter "${key}"; it has ${known.join(", ") || "none"}`,
      );
    given[key] = setting.slice(at + 1);
  }
  const parsed = scenario.parameters.safeParse(given);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const key = String(issue?.path[0] ?? "");
  throw new LabError(`--set ${key}=${given[key] ?? ""}: ${issue?.message ?? "not valid"}`);
}
