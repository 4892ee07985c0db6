import type { Explanation } from "./why.ts";

/** An explanation as text: like a traceroute, with what every hop does and why. */
export function whyText(e: Explanation): string {
  const lines = [`why ${e.node} ${e.destination}: ${e.probe}`];
  const width = Math.max(...e.steps.map((s) => s.node.length), 0);
  let hop = 0;
  let at = 0;
  for (const s of e.steps) {
    if (s.hop !== hop) lines.push(`${String(s.hop).padStart(2)}  ${s.node.padEnd(width)}  ${milliseconds(s.after_s)}`);
    const later = s.hop === hop && s.after_s > at ? `, at ${milliseconds(s.after_s)}` : "";
    lines.push(`      ${s.kind === "drop" ? "dropped: " : ""}${s.text}${later}`);
    hop = s.hop;
    at = s.after_s;
  }
  for (const text of e.elsewhere) lines.push(`elsewhere  ${text}`);
  lines.push(`${e.verdict}: ${e.reason}`);
  return `${lines.join("\n")}\n`;
}

const milliseconds = (seconds: number): string => `${(seconds * 1000).toFixed(3)} ms`;
