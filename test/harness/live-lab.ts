import { expect, onTestFinished } from "vitest";
import { haveNamespaces, type Started, World } from "./namespaces.ts";
import { itNeeds } from "./shared.ts";

/** The frame of a test against a real peer: netloom runs a lab live in one namespace, the peer is the kernel of another. */

/** The namespace that netloom runs in. */
export const NETLOOM = "a";
/** The peer's. */
export const PEER = "b";

/** A network that netloom runs. */
export interface LiveLab {
  /** By name; one with `frr` is a router with that frr.conf. */
  readonly nodes: Readonly<Record<string, { readonly frr?: string; readonly exec?: readonly string[] }>>;
  /** What its routers run. */
  readonly daemons?: readonly string[];
  /** Pairs of interfaces, as `r1:eth1`. */
  readonly cables?: readonly (readonly [string, string])[];
}

/** How a lab is run. */
export interface LiveOptions {
  /** Commands and pauses, as `--exec` takes them. */
  readonly exec: readonly string[];
  /** When it ends by itself; undefined: with the last command. */
  readonly seconds?: number;
  /** What leads out of it; by default what `joinPeer` expects. */
  readonly gateway?: string;
  /** Prints one JSON object, and nothing else. */
  readonly json?: boolean;
}

/** A test with a real peer, where one can be had. What it makes is removed when it ends, also when it fails or takes too long. */
export function itLive(havePeer: boolean, name: string, seconds: number, body: (w: World) => Promise<void>): void {
  itNeeds(haveNamespaces && havePeer)(name, { timeout: seconds * 1000 }, async () => {
    const w = new World();
    onTestFinished(() => w.end());
    await body(w);
  });
}

/** Two namespaces, a cable between them, and over it a VXLAN: netloom's r1 has 10.2.0.0/24 on eth5, the peer 10.2.0.2 on vx0. */
export function joinPeer(w: World): void {
  w.namespace(NETLOOM);
  w.namespace(PEER);
  w.veth(`${NETLOOM}:v0`, `${PEER}:v0`, "10.9.9.1/24", "10.9.9.2/24");
  w.run(PEER, "ip link add vx0 type vxlan id 42 dstport 4789 remote 10.9.9.1 local 10.9.9.2 dev v0");
  w.run(PEER, "ip addr add 10.2.0.2/24 dev vx0 && ip link set vx0 mtu 1500 up");
}

/** Runs a lab in netloom's namespace. */
export function runLive(w: World, lab: LiveLab, options: LiveOptions): Started {
  const { exec, seconds, gateway = "r1:eth5=vxlan:42@10.9.9.1,10.9.9.2", json = false } = options;
  const words = ["live", labFile(w, lab), "--gateway", gateway, ...exec.flatMap((e) => ["--exec", e])];
  if (seconds !== undefined) words.push("--for", `${seconds}s`);
  if (json) words.push("--json");
  return w.netloom(NETLOOM, words);
}

/** Writes the lab and what it binds. JSON is YAML. */
function labFile(w: World, { nodes, daemons = [], cables = [] }: LiveLab): string {
  w.file("daemons", daemons.map((daemon) => `${daemon}=yes\n`).join(""));
  const written = Object.entries(nodes).map(([name, { frr, exec = [] }]) => {
    if (frr === undefined) return [name, { kind: "linux", exec }];
    w.file(`${name}.frr.conf`, frr);
    const binds = [`${name}.frr.conf:/etc/frr/frr.conf`, "daemons:/etc/frr/daemons"];
    return [name, { kind: "linux", image: "frr", binds, exec }];
  });
  const topology = { nodes: Object.fromEntries(written), links: cables.map((endpoints) => ({ endpoints })) };
  return w.file("live.clab.yml", JSON.stringify({ name: "live", topology }));
}

/** Expects of what `look` finds, looking four times a second for so many seconds. */
export const eventually = <T>(seconds: number, look: () => T): ReturnType<typeof expect.poll<T>> =>
  expect.poll(look, { timeout: seconds * 1000, interval: 250 });
