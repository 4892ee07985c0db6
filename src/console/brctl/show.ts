import { formatMac } from "../../core/addr.ts";
import { strerror } from "../../core/errno.ts";
import { CENTIS, type Nanos } from "../../core/time.ts";
import { BridgeDevice } from "../../nodes/kernel/dev/bridge.ts";
import type { BridgePort } from "../../nodes/kernel/dev/bridge-port.ts";
import { bridgeSettings } from "../../nodes/kernel/dev/bridge-settings.ts";
import type { BridgeId } from "../../protocols/stp/wire.ts";
import { byName, findBridge } from "./bridges.ts";
import type { Brctl, BrctlCommand } from "./command.ts";

/** The commands that show something. */
export const SHOWS: readonly (readonly [string, BrctlCommand])[] = [
  ["show", { needs: 0, help: "[ <bridge> ]\t\tshow a list of bridges", run: show }],
  ["showmacs", { needs: 1, help: "<bridge>\t\tshow a list of mac addrs", run: showMacs }],
  ["showstp", { needs: 1, help: "<bridge>\t\tshow bridge stp info", run: showStp }],
];

function show(b: Brctl, names: readonly string[]): number {
  const all = [...b.kernel.devices()].filter((dev) => dev instanceof BridgeDevice).map((dev) => dev.name);
  let header = "bridge name\tbridge id\t\tSTP enabled\tinterfaces\n";
  let status = 0;
  for (const name of names.length > 0 ? names : all.sort(byName)) {
    const bridge = namedBridge(b, name);
    if (bridge === undefined) {
      status = 1;
      continue;
    }
    b.out(header);
    header = "";
    const ports = sortedPorts(bridge).map((port) => port.dev.name);
    const { enabled, id } = bridge.stp;
    b.out(`${name}\t\t${bridgeId(id)}\t${enabled ? "yes" : "no"}\t\t${ports.join(`\n${"\t".repeat(7)}`)}\n`);
  }
  return status;
}

/** Entries for ports; those for the bridge itself are not told (net/bridge/br_fdb.c:br_fdb_fillbuf). */
function showMacs(b: Brctl, [name = ""]: readonly string[]): number {
  const bridge = findBridge(b.kernel, name);
  if (!(bridge instanceof BridgeDevice)) return b.fail(`read of forward table failed: ${strerror(bridge.errno)}`);
  b.out("port no\tmac addr\t\tis local?\tageing timer\n");
  const entries = bridge.fdb.entries().sort((x, y) => x.mac - y.mac);
  for (const e of entries) {
    if (e.port === null) continue;
    const number = e.port.number % 256; // one octet of it
    const age = e.static ? 0 : e.updatedNs;
    b.out(`${String(number).padStart(3)}\t${formatMac(e.mac)}\t${e.local ? "yes" : "no"}\t\t${timer(age)}\n`);
  }
  return 0;
}

/** brctl/brctl_disp.c:br_dump_info. Times in force stand in both columns, as the program has it. */
function showStp(b: Brctl, [name = ""]: readonly string[]): number {
  const bridge = namedBridge(b, name);
  if (bridge === undefined) return 1;
  const s = bridge.stp.status();
  const { maxAge, hello, forwardDelay } = s.times;
  const flags = [
    ...(s.topologyChange ? ["TOPOLOGY_CHANGE "] : []),
    ...(s.topologyChangeDetected ? ["TOPOLOGY_CHANGE_DETECTED "] : []),
  ];
  b.out(
    [
      name,
      ` bridge id\t\t${bridgeId(s.id)}`,
      ` designated root\t${bridgeId(s.root)}`,
      ` root port\t\t${number(s.rootPort)}\t\t\tpath cost\t\t${number(s.rootCost)}`,
      ` max age\t\t${timer(maxAge)}\t\t\tbridge max age\t\t${timer(maxAge)}`,
      ` hello time\t\t${timer(hello)}\t\t\tbridge hello time\t${timer(hello)}`,
      ` forward delay\t\t${timer(forwardDelay)}\t\t\tbridge forward delay\t${timer(forwardDelay)}`,
      ` ageing time\t\t${timer(bridgeSettings(bridge).ageing_time * CENTIS)}`,
      ` hello timer\t\t${timer(s.helloTimer)}\t\t\ttcn timer\t\t${timer(s.tcnTimer)}`,
      ` topology change timer\t${timer(s.topologyChangeTimer)}\t\t\tgc timer\t\t${timer(bridge.fdb.sweepNs)}`,
      ` flags\t\t\t${flags.join("")}\n\n\n`,
    ].join("\n"),
  );
  for (const port of sortedPorts(bridge)) showPort(b, port);
  return 0;
}

/** brctl/brctl_disp.c:dump_port_info. */
function showPort(b: Brctl, port: BridgePort): void {
  const s = port.bridge.stp.portStatus(port);
  const flags = [
    ...(s.configPending ? ["CONFIG_PENDING "] : []),
    ...(s.topologyChangeAck ? ["TOPOLOGY_CHANGE_ACK "] : []),
  ];
  b.out(
    [
      `${port.dev.name} (${port.number})`,
      ` port id\t\t${hex(s.id)}\t\t\tstate\t\t${port.stateName.padStart(15)}`,
      ` designated root\t${bridgeId(s.designatedRoot)}\tpath cost\t\t${number(port.pathCost)}`,
      ` designated bridge\t${bridgeId(s.designatedBridge)}\tmessage age timer\t${timer(s.messageAgeTimer)}`,
      ` designated port\t${hex(s.designatedPort)}\t\t\tforward delay timer\t${timer(s.forwardDelayTimer)}`,
      ` designated cost\t${number(s.designatedCost)}\t\t\thold timer\t\t${timer(s.holdTimer)}`,
      ` flags\t\t\t${flags.join("")}${port.hairpin ? `\n hairpin mode\t\t${number(1)}` : ""}\n\n`,
    ].join("\n"),
  );
}

function namedBridge(b: Brctl, name: string): BridgeDevice | undefined {
  const bridge = findBridge(b.kernel, name);
  if (bridge instanceof BridgeDevice) return bridge;
  b.fail(bridge.errno === "ENODEV" ? `bridge ${name} does not exist!` : `device ${name} is not a bridge!`);
  return undefined;
}

const sortedPorts = (bridge: BridgeDevice): BridgePort[] =>
  [...bridge.ports].sort((x, y) => byName(x.dev.name, y.dev.name));

const bridgeId = (id: BridgeId): string => `${hex(id.priority | id.systemId)}.${formatMac(id.mac).replaceAll(":", "")}`;
const hex = (n: number): string => n.toString(16).padStart(4, "0");
const number = (n: number): string => String(n).padStart(4);
/** Seconds with two decimals. */
function timer(span: Nanos): string {
  const centis = Math.floor(span / CENTIS);
  return `${number(Math.floor(centis / 100))}.${String(centis % 100).padStart(2, "0")}`;
}
