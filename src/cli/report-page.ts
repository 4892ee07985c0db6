import type { Table } from "../lab/net.ts";
import type { RunSummary } from "./run-job.ts";

/** `report.html`: what the run was, what held, its tables and what its commands printed. One file, nothing fetched. */
export function renderReport(run: RunSummary, title: string): string {
  const facts: readonly (readonly [string, string])[] = [
    ["seed", String(run.seed)],
    ["simulated", `${run.simulated_s} s`],
    ["events", String(run.events)],
    ["wall time", `${run.wall_s} s`],
    ["fingerprint", run.fingerprint],
    ["netloom", run.version],
    ...Object.entries(run.parameters).map(([k, v]) => [k, String(v)] as const),
  ];
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(run.name)}</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #1c2330; }
  h1 { margin-bottom: 0 } p.lead { color: #556; margin-top: .2rem }
  table { border-collapse: collapse; margin: .5rem 0 1.5rem } caption { text-align: left; font-weight: 600; padding: .3rem 0 }
  th, td { border: 1px solid #d5dae3; padding: .2rem .6rem; text-align: left; font-variant-numeric: tabular-nums }
  th { background: #f2f4f8 } td.number { text-align: right }
  .pass { color: #17734a } .fail { color: #b3261e; font-weight: 600 }
  pre { background: #f6f7fa; padding: .8rem; overflow-x: auto } dt { font-weight: 600 } dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem } dd { margin: 0 }
</style>
<h1>${escapeHtml(run.name)}</h1>
<p class="lead">${escapeHtml(title)}${run.interrupted ? " <strong>The run was interrupted.</strong>" : ""}</p>
<dl>${facts.map(([k, v]) => `<dt>${escapeHtml(k)}</dt><dd>${escapeHtml(v)}</dd>`).join("")}</dl>
${run.checks.length === 0 ? "" : `<h2>Checks</h2>${checks(run)}`}
${run.tables.map(table).join("\n")}
${run.exec.length === 0 ? "" : `<h2>Commands</h2>${run.exec.map(command).join("\n")}`}
<h2>Files</h2>
<ul>${run.files.map((f) => `<li>${escapeHtml(f)}</li>`).join("")}</ul>
</html>
`;
}

const checks = (run: RunSummary): string =>
  `<table><tr><th>holds</th><th>check</th><th>seen</th></tr>${run.checks
    .map(
      (c) =>
        `<tr><td class="${c.ok ? "pass" : "fail"}">${c.ok ? "yes" : "no"}</td><td>${escapeHtml(c.name)}</td><td>${escapeHtml(c.detail)}</td></tr>`,
    )
    .join("")}</table>`;

const table = (t: Table): string =>
  `<table><caption>${escapeHtml(t.title)}</caption><tr>${t.columns.map((c) => `<th>${escapeHtml(c)}</th>`).join("")}</tr>${t.rows
    .map(
      (row) =>
        `<tr>${row.map((cell) => `<td${typeof cell === "number" ? ' class="number"' : ""}>${escapeHtml(String(cell))}</td>`).join("")}</tr>`,
    )
    .join("")}</table>`;

const command = (e: RunSummary["exec"][number]): string =>
  `<h3>${escapeHtml(e.node)}# ${escapeHtml(e.command)}</h3><p>from ${e.start_s} s to ${e.end_s} s, status ${e.status}</p><pre>${escapeHtml(e.output)}</pre>`;

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const escapeHtml = (text: string): string => text.replace(/[&<>"]/g, (c) => ENTITIES[c] as string);
