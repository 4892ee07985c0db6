import type { Net } from "../net.ts";
import type { LabNode } from "../node.ts";
import { addressOn, type Line, TTL_MAX } from "./line.ts";

/** What carries frames between the routers at the ends. */
export type Carrier = "l2tpv3" | "gretap" | "vxlan";
export const CARRIERS = ["l2tpv3", "gretap", "vxlan"] as const;

/** Devices in the main bridge of a router. */
const TUNNEL = "pw0";
const BRIDGE = "br0";
const [NEAR, FAR] = ["192.168.0.1/24", "192.168.0.2/24"] as const;
/** Between the tunnel's ends are all routers but the first. */
const L2VPN_ROUTERS_MAX = TTL_MAX + 1;
/** Octets of an ICMP echo's headers and of Ethernet's. */
const PING_HEADERS = 28;

/** Two experiment hosts in one subnet, a line of routers between them: the routers at its ends bridge them over one tunnel after another. */
export function l2vpn(line: Line, carriers: readonly Carrier[]): void {
  const { net, routers, first, last } = line;
  if (routers.length > L2VPN_ROUTERS_MAX) {
    net.say(`No L2VPN: packets of a tunnel make ${TTL_MAX} hops at most, as all do.\n`);
    return;
  }
  const [head, tail] = [routers[0] as LabNode, routers.at(-1) as LabNode];
  const [near, far] = [attach(line, head, `e${first}`, NEAR), attach(line, tail, `e${last}`, FAR)];
  const [here, there] = [addressOn(first, 2), addressOn(last, 2)];
  const rows = carriers.map((carrier) => {
    const typed = tunnel(head, carrier, `local ${here} remote ${there}`, `${head.name}-eth1`);
    tunnel(tail, carrier, `local ${there} remote ${here}`, `${tail.name}-eth0`);
    net.say(typed.map((command) => `${head.name}# ${command}\n`).join(""));
    const mtu = head.dev(TUNNEL).mtu;
    for (const host of [near, far]) host.sh(`ip link set ${host.name}-eth0 mtu ${mtu}`);
    checkSubnet(net, carrier, near, far);
    const added = addedOctets(near, head);
    const whole = near.exec(`ping -c 1 -M do -s ${mtu - PING_HEADERS} ${addressOf(FAR)}`);
    net.check(`${carrier}: a packet of ${mtu} octets crosses unfragmented`, / 1 received/.test(whole.output));
    net.check(`${carrier}: what it adds fits into the line's MTU`, mtu + added === 1500, `${mtu} + ${added}`);
    for (const end of [head, tail]) takeAway(end, carrier);
    return [carrier, mtu, added, mtu + added];
  });
  net.table({
    title: `Ethernet between ${here} and ${there}`,
    columns: ["carrier", "MTU inside", "octets that it adds", "together"],
    rows,
  });
}

function checkSubnet(net: Net, carrier: Carrier, near: LabNode, far: LabNode): void {
  near.sh(`ip neigh flush dev ${near.name}-eth0`);
  const command = `ping -c 3 ${addressOf(FAR)}`;
  const ping = near.exec(command);
  net.say(`${near.name}# ${command}\n${ping.output}`);
  net.check(
    `${carrier}: the hosts are in one subnet, no hop is between them`,
    / 3 received/.test(ping.output) && ping.output.includes("ttl=64 "),
  );
  const neighbour = near.sh(`ip neigh show ${addressOf(FAR)}`);
  const mac = /link\/ether ([\da-f:]+)/.exec(far.sh(`ip link show ${far.name}-eth0`))?.[1] ?? "unknown";
  net.check(`${carrier}: each knows the other's own MAC address`, neighbour.includes(mac), neighbour.trim());
}

function attach({ net }: Line, router: LabNode, name: string, ip: string): LabNode {
  const host = net.host(name);
  net.link(host, router, { ip, peerName: `${router.name}-acc` });
  router.sh(`ip link add ${BRIDGE} type bridge`);
  router.sh(`ip link set ${router.name}-acc master ${BRIDGE}`);
  router.sh(`ip link set ${BRIDGE} up`);
  return host;
}

/** Types what makes a tunnel and bridges it. Its ends are as `local … remote …`; `dev` leads to the line. */
function tunnel(router: LabNode, carrier: Carrier, ends: string, dev: string): readonly string[] {
  const bridged = [`ip link set ${TUNNEL} master ${BRIDGE}`, `ip link set ${TUNNEL} up`];
  const commands = [...commandsOf(carrier, ends, dev), ...bridged];
  for (const command of commands) router.sh(command);
  return commands;
}

const commandsOf = (carrier: Carrier, ends: string, dev: string): readonly string[] => {
  switch (carrier) {
    case "l2tpv3":
      return [
        `ip l2tp add tunnel tunnel_id 34 peer_tunnel_id 34 encap udp ${ends} udp_sport 1701 udp_dport 1701`,
        `ip l2tp add session name ${TUNNEL} tunnel_id 34 session_id 57 peer_session_id 57`,
      ];
    case "gretap":
      return [`ip link add ${TUNNEL} type gretap ${ends} ttl 255`];
    case "vxlan":
      return [`ip link add ${TUNNEL} type vxlan id 34 ${ends} dstport 4789 ttl 255 dev ${dev}`];
  }
};

function takeAway(router: LabNode, carrier: Carrier): void {
  if (carrier === "l2tpv3") router.sh("ip l2tp del tunnel tunnel_id 34");
  else router.sh(`ip link del ${TUNNEL}`);
}

const addressOf = (prefix: string): string => prefix.replace(/\/.*/, "");

/** What the tunnel puts around one frame of a ping, as the routers' cable has it. */
function addedOctets(host: LabNode, router: LabNode): number {
  const outside = router.dev(`${router.name}-eth1`).stats;
  const inside = host.dev(`${host.name}-eth0`).stats;
  const before = [outside.txBytes, outside.txPackets, inside.txBytes] as const;
  host.ping(addressOf(FAR));
  const frames = outside.txPackets - before[1];
  return frames === 1 ? outside.txBytes - before[0] - (inside.txBytes - before[2]) : Number.NaN;
}
