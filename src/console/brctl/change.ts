import { done, type Outcome, strerror } from "../../core/errno.ts";
import { CENTIS } from "../../core/time.ts";
import { addBridge, BridgeDevice, deleteBridge } from "../../nodes/kernel/dev/bridge.ts";
import { BridgePort, type PortSettings } from "../../nodes/kernel/dev/bridge-port.ts";
import { type BridgeSettings, changeBridge } from "../../nodes/kernel/dev/bridge-settings.ts";
import { findBridge, findPort } from "./bridges.ts";
import type { Brctl, BrctlCommand } from "./command.ts";

/** IFNAMSIZ without the closing zero: the program cuts the names of bridges. */
const NAME_MAX = 15;

const command = (needs: number, help: string, run: BrctlCommand["run"]): BrctlCommand => ({ needs, help, run });

/** The commands that change something. */
export const CHANGES: readonly (readonly [string, BrctlCommand])[] = [
  ["addbr", command(1, "<bridge>\t\tadd bridge", addbr)],
  ["delbr", command(1, "<bridge>\t\tdelete bridge", delbr)],
  ["addif", command(2, "<bridge> <device>\tadd interface to bridge", addif)],
  ["delif", command(2, "<bridge> <device>\tdelete interface from bridge", delif)],
  ["hairpin", command(3, "<bridge> <port> {on|off}\tturn hairpin on/off", hairpin)],
  ["setageing", command(2, "<bridge> <time>\t\tset ageing time", setTime("ageing_time", "ageing time", "ageing time"))],
  ["setbridgeprio", command(2, "<bridge> <prio>\t\tset bridge priority", setBridgePriority)],
  [
    "setfd",
    command(
      2,
      "<bridge> <time>\t\tset bridge forward delay",
      setTime("forward_delay", "forward delay", "forward delay"),
    ),
  ],
  ["sethello", command(2, "<bridge> <time>\t\tset hello time", setTime("hello_time", "hello timer", "hello timer"))],
  ["setmaxage", command(2, "<bridge> <time>\t\tset max message age", setTime("max_age", "max age", "max age"))],
  ["setpathcost", command(3, "<bridge> <port> <cost>\tset path cost", setPort("cost", "path cost", "path cost"))],
  [
    "setportprio",
    command(3, "<bridge> <port> <prio>\tset port priority", setPort("priority", "path priority", "port priority")),
  ],
  ["stp", command(2, "<bridge> {on|off}\tturn stp on/off", stp)],
];

function addbr(b: Brctl, [name = ""]: readonly string[]): number {
  const added = addBridge(b.kernel, name.slice(0, NAME_MAX));
  if (added.ok) return 0;
  if (added.errno === "EEXIST") {
    return b.fail(`device ${name} already exists; can't create bridge with the same name`);
  }
  return b.fail(`add bridge failed: ${strerror(added.errno)}`);
}

function delbr(b: Brctl, [name = ""]: readonly string[]): number {
  const deleted = deleteBridge(b.kernel, name);
  if (deleted.ok) return 0;
  if (deleted.errno === "ENXIO") return b.fail(`bridge ${name} doesn't exist; can't delete it`);
  if (deleted.errno === "EBUSY") return b.fail(`bridge ${name} is still up; can't delete it`);
  return b.fail(`can't delete bridge ${name}: ${strerror(deleted.errno)}`);
}

function addif(b: Brctl, [bridge = "", ...names]: readonly string[]): number {
  return forEach(
    b,
    bridge,
    names,
    (found, name) => {
      const dev = b.kernel.device(name);
      const added = dev === undefined ? done : found.addPort(dev);
      if (added.ok) return undefined;
      if (added.errno === "EBUSY") {
        return `device ${name} is already a member of a bridge; can't add it to bridge ${bridge}.`;
      }
      if (added.errno === "ELOOP") {
        return `device ${name} is a bridge device itself; can't add a bridge device to a bridge device.`;
      }
      return `can't add ${name} to bridge ${bridge}: ${strerror(added.errno)}`;
    },
    "can't add %s to bridge",
  );
}

function delif(b: Brctl, [bridge = "", ...names]: readonly string[]): number {
  return forEach(
    b,
    bridge,
    names,
    (found, name) => {
      const dev = b.kernel.device(name);
      const removed = dev === undefined ? done : found.removePort(dev);
      if (removed.ok) return undefined;
      if (removed.errno === "EINVAL") return `device ${name} is not a port of ${bridge}`;
      return `can't delete ${name} from ${bridge}: ${strerror(removed.errno)}`;
    },
    "can't delete %s from",
  );
}

/** Does one thing to every device named, until one is refused; `one` returns what to say then, `verb` begins what is said else. */
function forEach(
  b: Brctl,
  bridge: string,
  names: readonly string[],
  one: (bridge: BridgeDevice, name: string) => string | undefined,
  verb: string,
): number {
  for (const name of names) {
    if (b.kernel.device(name) === undefined) return b.fail(`interface ${name} does not exist!`);
    const found = findBridge(b.kernel, bridge);
    if (!(found instanceof BridgeDevice)) {
      if (found.errno === "ENODEV") return b.fail(`bridge ${bridge} does not exist!`);
      return b.fail(`${verb.replace("%s", name)} ${bridge}: ${strerror(found.errno)}`);
    }
    const complaint = one(found, name);
    if (complaint !== undefined) return b.fail(complaint);
  }
  return 0;
}

function hairpin(b: Brctl, [bridge = "", name = "", mode = ""]: readonly string[]): number {
  const on = readSwitch(mode);
  if (on === undefined) return b.fail("expect on/off for argument");
  if (b.kernel.device(name) === undefined) return b.fail(`interface ${name} does not exist!`);
  if (b.kernel.device(bridge) === undefined) return b.fail(`bridge ${bridge} does not exist!`);
  const changed = changePort(b, bridge, name, { hairpin: on });
  return changed.ok ? 0 : b.fail(`can't set ${name} to hairpin on bridge ${bridge}: ${strerror(changed.errno)}`);
}

function stp(b: Brctl, [bridge = "", mode = ""]: readonly string[]): number {
  const on = readSwitch(mode);
  if (on === undefined) return b.fail("expect on/off for argument");
  return change(b, bridge, { stp_state: on ? 1 : 0 }, "stp status");
}

function readSwitch(word: string): boolean | undefined {
  if (["on", "yes", "1"].includes(word)) return true;
  return ["off", "no", "0"].includes(word) ? false : undefined;
}

/** A time in seconds with decimals, kept in 1/100 s. */
function setTime(
  key: "ageing_time" | "forward_delay" | "hello_time" | "max_age",
  bad: string,
  what: string,
): BrctlCommand["run"] {
  return (b, [bridge = "", text = ""]) => {
    const m = /^\s*[-+]?(\d+\.?\d*|\.\d+)/.exec(text); // sscanf's %lf: what follows the number does not matter
    if (m === null) return b.fail(`bad ${bad} value`);
    return change(b, bridge, { [key]: Math.trunc(Number(m[0]) * (1e9 / CENTIS) + 1e-6) }, what);
  };
}

function setBridgePriority(b: Brctl, [bridge = "", text = ""]: readonly string[]): number {
  const priority = readInteger(text);
  if (priority === undefined) return b.fail("bad priority");
  return change(b, bridge, { priority: priority & 0xffff }, "bridge priority"); // the kernel takes 16 bits of it
}

function setPort(key: "cost" | "priority", bad: string, what: string): BrctlCommand["run"] {
  return (b, [bridge = "", name = "", text = ""]) => {
    const value = readInteger(text);
    if (value === undefined) return b.fail(`bad ${bad} value`);
    const changed = changePort(b, bridge, name, { [key]: value });
    return changed.ok ? 0 : b.fail(`set ${what} failed: ${strerror(changed.errno)}`);
  };
}

/** sscanf's %i: decimal, octal after 0, hexadecimal after 0x; what follows does not matter. */
function readInteger(text: string): number | undefined {
  const m = /^\s*([-+]?)(?:0x([0-9a-f]+)|(0[0-7]*)|([1-9]\d*))/i.exec(text);
  if (m === null) return undefined;
  const [, sign, hex, octal, decimal] = m;
  const size =
    hex !== undefined ? Number.parseInt(hex, 16) : octal !== undefined ? Number.parseInt(octal, 8) : Number(decimal);
  return sign === "-" ? -size : size;
}

function change(b: Brctl, name: string, settings: Partial<BridgeSettings>, what: string): number {
  const bridge = findBridge(b.kernel, name);
  const changed = bridge instanceof BridgeDevice ? changeBridge(bridge, settings) : bridge;
  return changed.ok ? 0 : b.fail(`set ${what} failed: ${strerror(changed.errno)}`);
}

function changePort(b: Brctl, bridge: string, name: string, settings: Partial<PortSettings>): Outcome {
  const port = findPort(b.kernel, bridge, name);
  return port instanceof BridgePort ? port.change(settings) : port;
}
