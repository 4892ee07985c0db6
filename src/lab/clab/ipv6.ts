import { splitConnectors } from "../../console/shell.ts";
import { splitWords } from "../../console/words.ts";
import type { ClabCommand, ClabNode } from "./lab.ts";

/** IPv6 is not built: what imported files say of it is left out, and told in one line. */

/** A node without its IPv6 commands and settings; those are added to `left`, as `line NODE: what`. */
export function withoutIpv6(node: ClabNode, left: string[]): ClabNode {
  const exec: ClabCommand[] = [];
  for (const c of node.exec) {
    const command = stripped(c.command);
    if (command !== c.command) left.push(`line ${c.line} (${node.name}: ${c.command})`);
    if (command !== "") exec.push({ ...c, command });
  }
  const sysctls = node.sysctls.filter(({ key, line }) => {
    if (!isIpv6Key(key)) return true;
    left.push(`line ${line} (${node.name}: sysctl ${key})`);
    return false;
  });
  return { ...node, exec, sysctls };
}

/** A command line without its IPv6 commands; empty when it has no other. What `||`, a pipe or `&` joins stays as it is. */
function stripped(line: string): string {
  const words = splitWords(line);
  const shell = words !== undefined && words.length === 3 && /^(\/bin\/)?(sh|bash|ash)$/.test(words[0] as string);
  if (shell && /^-[el]*c$/.test(words[1] as string)) {
    const inner = words[2] as string;
    const left = stripped(inner);
    return left === inner ? line : left;
  }
  const parts = splitConnectors(line);
  if (parts.some((part) => part === "||" || part === "|" || part === "&")) return line;
  const steps = parts.filter((part) => part !== ";" && part !== "&&");
  if (!steps.some(isIpv6)) return line;
  const connector = parts.includes("&&") ? " && " : "; ";
  return steps
    .filter((step) => step.trim() !== "" && !isIpv6(step))
    .map((step) => step.trim())
    .join(connector);
}

/** `ip -6 …`, `ip addr add 2001:db8::1/64 …`, `sysctl -w net.ipv6…`, `ping6`, `ip6tables`, `ping -6`. */
function isIpv6(command: string): boolean {
  const words = splitWords(command) ?? [];
  const own = words[0] === "sudo" ? words.slice(1) : words;
  const name = own[0]?.split("/").at(-1) ?? "";
  if (/^(ip6tables.*|ping6|traceroute6|tracepath6|rdisc6|ndisc6)$/.test(name)) return true;
  if (name === "sysctl") return own.slice(1).some(isIpv6Key);
  if (name !== "ip" && name !== "ping" && name !== "traceroute") return false;
  return own.slice(1).some((w) => w === "-6" || w === "inet6" || (w.includes(":") && isIpv6Address(w)));
}

const isIpv6Key = (key: string): boolean => /^net[./]ipv6[./]/.test(key);

/** Two colons or more, and nothing but hexadecimal digits, unless it is a MAC of six pairs. */
const isIpv6Address = (word: string): boolean =>
  /^[0-9a-f:.]*:[0-9a-f:.]*:[0-9a-f:.]*(%\w+)?(\/\d+)?$/i.test(word) &&
  !/^([0-9a-f]{1,2}:){5}[0-9a-f]{1,2}$/i.test(word);
