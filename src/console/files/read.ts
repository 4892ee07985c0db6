import { strerror } from "../../core/errno.ts";
import type { Kernel } from "../../nodes/kernel/kernel.ts";
import { viewFlow } from "../../nodes/kernel/netfilter/conntrack/view.ts";
import { sysctlNode } from "../../nodes/kernel/sysctl-tree.ts";
import { procLine } from "../conntrack/format.ts";
import { counter, DEVICE_FILES, isCounter } from "./sysfs.ts";

/** A file's text, or why it cannot be read, in the words of `strerror`. */
export type FileText = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly why: string };

const found = (text: string): FileText => ({ ok: true, text });
const failed = (why: string): FileText => ({ ok: false, why });
const MISSING = failed(strerror("ENOENT"));
const DIRECTORY = failed("Is a directory");
const NO_DIRECTORY = failed("Not a directory");

/** Directories on the way to what there is. */
const WAY = ["", "sys", "sys/class", "sys/class/net", "proc", "proc/sys"];

/** The files that a node has: /proc/sys, and its devices below /sys/class/net. Paths begin at the root wherever they are read. */
export function readFile(kernel: Kernel, path: string): FileText {
  if (!path.startsWith("/")) return MISSING;
  const names = path.split("/").filter((name) => name !== "" && name !== ".");
  if (WAY.includes(names.join("/"))) return DIRECTORY;
  if (path === "/proc/net/nf_conntrack") return readFlows(kernel);
  if (names[0] === "proc" && names[1] === "sys") return readSetting(kernel, names.slice(2));
  const isDevice = names[0] === "sys" && names[1] === "class" && names[2] === "net";
  return isDevice ? readDevice(kernel, names.slice(3)) : MISSING;
}

/** The file is there once packets are tracked. */
function readFlows(kernel: Kernel): FileText {
  const { firewall } = kernel;
  if (firewall === null || !firewall.tracking) return MISSING;
  const { table } = firewall.conntrack;
  const { now } = kernel.sim;
  return found([...table.slots(now)].map((slot) => `${procLine(viewFlow(table, slot, now), now)}\n`).join(""));
}

function readSetting(kernel: Kernel, path: readonly string[]): FileText {
  for (let length = path.length; length > 0; length--) {
    const node = sysctlNode(kernel, path.slice(0, length));
    if (node === undefined) continue;
    if (node.kind === "directory") return length === path.length ? DIRECTORY : MISSING;
    return length === path.length ? found(`${node.read()}\n`) : NO_DIRECTORY;
  }
  return MISSING;
}

function readDevice(kernel: Kernel, [name = "", file, ...more]: readonly string[]): FileText {
  const dev = kernel.device(name);
  if (dev === undefined) return MISSING;
  if (file === undefined) return DIRECTORY;
  if (file === "statistics") {
    const [statistic, ...below] = more;
    if (statistic === undefined) return DIRECTORY;
    if (!isCounter(statistic)) return MISSING;
    return below.length > 0 ? NO_DIRECTORY : found(`${counter(dev, statistic)}\n`);
  }
  if (file === "ifalias" && more.length === 0) return found(dev.alias === "" ? "" : `${dev.alias}\n`);
  const attribute = DEVICE_FILES.get(file);
  if (attribute === undefined) return MISSING;
  if (more.length > 0) return NO_DIRECTORY;
  const text = attribute(dev);
  return text === undefined ? failed(strerror("EINVAL")) : found(`${text}\n`);
}
