import { granted, type Outcome, refused } from "../core/errno.ts";
import type { ConfigText } from "./config-file.ts";

/** What may be set of a daemon beside its configuration: by name, a number not below 0, or one of some words. */
export type OptionRules = Readonly<Record<string, "number" | readonly string[]>>;

/**
 * How a daemon is told to begin: a file (`path`, `text`), or `config`, its text, beside options. Anything else is refused by name.
 */
export function readSettings<Options>(
  given: unknown,
  rules: OptionRules,
): Outcome<{ readonly config: ConfigText; readonly options: Options }> {
  if (typeof given !== "object" || given === null) return refused("EINVAL", 'expected settings: { config: "…" }');
  const options: Record<string, unknown> = {};
  let [path, text] = ["configuration", ""];
  for (const [key, value] of Object.entries(given)) {
    if (key === "path" || key === "config" || key === "text") {
      if (typeof value !== "string") return refused("EINVAL", `${key}: expected text`);
      if (key === "path") path = value;
      else text = value;
      continue;
    }
    const rule = rules[key];
    if (rule === undefined) {
      const known = ["config", ...Object.keys(rules)].join(", ");
      return refused("EINVAL", `unknown setting "${key}"; known: ${known}`);
    }
    const fits =
      rule === "number"
        ? typeof value === "number" && Number.isFinite(value) && value >= 0
        : typeof value === "string" && rule.includes(value);
    if (!fits)
      return refused("EINVAL", `${key}: expected ${rule === "number" ? "a number, 0 or more" : rule.join(" or ")}`);
    options[key] = value;
  }
  return granted({ config: { path, text }, options: options as Options });
}
