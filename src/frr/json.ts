/** What `show … json` prints. A `Map` is an object whose keys may look like numbers: they keep their order. */
export type Json = string | number | boolean | null | readonly Json[] | ReadonlyMap<string, Json> | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json | undefined;
}

/** The text of a value as json-c's JSON_C_TO_STRING_PRETTY writes it, with a line end. What is undefined is left out. */
export const prettyJson = (value: Json): string => `${write(value, "")}\n`;

function write(value: Json, indent: string): string {
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    const items = (value as readonly Json[]).map((item) => inner + write(item, inner));
    return items.length === 0 ? `[\n${indent}]` : `[\n${items.join(",\n")}\n${indent}]`;
  }
  const entries =
    value instanceof Map ? [...(value as ReadonlyMap<string, Json>)] : Object.entries(value as JsonObject);
  const fields = entries.flatMap(([key, item]) =>
    item === undefined ? [] : [`${inner}${JSON.stringify(key)}:${write(item as Json, inner)}`],
  );
  return fields.length === 0 ? `{\n${indent}}` : `{\n${fields.join(",\n")}\n${indent}}`;
}
