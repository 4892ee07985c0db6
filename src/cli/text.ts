import type { Table } from "../lab/net.ts";

/** A table as aligned text: numbers to the right, words to the left. */
export function renderTable(table: Table): string {
  const cells = table.rows.map((row) => row.map(String));
  const widths = table.columns.map((c, i) => Math.max(c.length, ...cells.map((row) => (row[i] ?? "").length)));
  const numeric = table.columns.map((_, i) => table.rows.every((row) => typeof row[i] === "number"));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => (numeric[i] ? cell.padStart(widths[i] as number) : cell.padEnd(widths[i] as number)))
      .join("  ")
      .trimEnd();
  const rule = widths.map((w) => "-".repeat(w)).join("  ");
  return [table.title, line(table.columns), rule, ...cells.map(line)].join("\n");
}
