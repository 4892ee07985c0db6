/** What `show … json` prints. A `Map` is an object whose keys may look like numbers: they keep their order. */
export type Json = string | number | boolean | null | readonly Json[] | ReadonlyMap<string, Json> | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json | undefined;
}

/** The text of a value as json-c's JSON_C_TO_STRING_PRETTY writes it, with a line end. What is undefined is left out. */
export const prettyJson = (value: Json): string => `${write(value, "")}\n`;

/** The same without spaces and line ends. */
export function plainJson(value: Json): string {
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${(value as readonly Json[]).map(plainJson).join(",")}]`;
  return `{${fieldsOf(value as ReadonlyMap<string, Json> | JsonObject)
    .map(([key, item]) => `${JSON.stringify(key)}:${plainJson(item)}`)
    .join(",")}}`;
}

const fieldsOf = (value: ReadonlyMap<string, Json> | JsonObject): [string, Json][] =>
  (value instanceof Map ? [...(value as ReadonlyMap<string, Json>)] : Object.entries(value as JsonObject)).flatMap(
    ([key, item]) => (item === undefined ? [] : [[key, item] as [string, Json]]),
  );

function write(value: Json, indent: string): string {
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    const items = (value as readonly Json[]).map((item) => inner + write(item, inner));
    return items.length === 0 ? `[\n${indent}]` : `[\n${items.join(",\n")}\n${indent}]`;
  }
  const fields = fieldsOf(value as ReadonlyMap<string, Json> | JsonObject).map(
    ([key, item]) => `${inner}${JSON.stringify(key)}:${write(item, inner)}`,
  );
  return fields.length === 0 ? `{\n${indent}}` : `{\n${fields.join(",\n")}\n${indent}}`;
}
