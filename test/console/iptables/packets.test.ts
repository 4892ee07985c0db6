import { describe, expect, it } from "vitest";
import { Net } from "../../../src/lab/net.ts";
import type { LabNode } from "../../../src/lab/node.ts";

const OUTSIDE = "10.0.2.2";

/** `in` – `r` – `out`: a client, a router, a server. */
function lab(): { readonly net: Net; readonly client: LabNode; readonly r: LabNode; readonly server: LabNode } {
  const net = new Net(1);
  const [client, r, server] = [net.host("in"), net.router("r"), net.host("out")];
  net.link(client, r, { ip: "10.0.1.2/24", peerIp: "10.0.1.1/24", delay: "100us" });
  net.link(r, server, { ip: "10.0.2.1/24", peerIp: `${OUTSIDE}/24`, delay: "100us" });
  client.sh("ip route add default via 10.0.1.1");
  server.sh("ip route add default via 10.0.2.1");
  return { net, client, r, server };
}

/** Packets and octets of every rule of a chain, in order. */
const counters = (node: LabNode, chain: string, table = "filter"): string[] =>
  [...node.sh(`iptables-save -c -t ${table}`).matchAll(/^\[(\d+:\d+)\] -A (\S+)/gm)]
    .filter(([, , name]) => name === chain)
    .map(([, counted]) => counted as string);

describe("iptables", () => {
  it("counts what is forwarded, rule by rule, and what reaches the end of a chain", () => {
    const { client, r } = lab();
    r.sh("iptables -A FORWARD -p icmp --icmp-type echo-request -j ACCEPT");
    r.sh("iptables -A FORWARD -p icmp --icmp-type echo-reply -j ACCEPT");
    r.sh("iptables -A FORWARD -p udp -j DROP");
    r.sh("iptables -P FORWARD DROP");
    expect(client.exec(`ping -c 3 -i 0.2 ${OUTSIDE}`).status).toBe(0);
    client.exec(`echo x | nc -u -w 1 ${OUTSIDE} 53`);
    client.exec(`nc -w 1 ${OUTSIDE} 80`);
    expect(counters(r, "FORWARD")).toEqual(["3:252", "3:252", "1:30"]);
    expect(r.sh("iptables -nvL FORWARD").split("\n").slice(0, 3)).toEqual([
      "Chain FORWARD (policy DROP 1 packets, 60 bytes)",
      " pkts bytes target     prot opt in     out     source               destination         ",
      "    3   252 ACCEPT     1    --  *      *       0.0.0.0/0            0.0.0.0/0            icmptype 8",
    ]);
    r.sh("iptables -Z FORWARD");
    expect(counters(r, "FORWARD")).toEqual(["0:0", "0:0", "0:0"]);
  });

  it("translates both ends, and hands answers back", () => {
    const { net, client, r, server } = lab();
    r.sh("iptables -t nat -A PREROUTING -p tcp -d 10.0.1.1 --dport 8080 -j DNAT --to-destination 10.0.2.2:80");
    r.sh("iptables -t nat -A POSTROUTING -o r-eth1 -j MASQUERADE");
    server.sh("ip route del default");
    const listening = server.spawn("echo hello | nc -lv 80");
    expect(client.exec("nc -N 10.0.1.1 8080 < /dev/null").output).toBe("hello\n");
    net.run(0.1);
    expect(listening.output).toContain("Connection received on 10.0.2.1 ");
    expect(counters(r, "PREROUTING", "nat")).toEqual(["1:60"]);
    expect(counters(r, "POSTROUTING", "nat")).toEqual(["1:60"]);
  });

  it("tells who is rejected what the rule says", () => {
    const { client, r } = lab();
    const answers = {
      "icmp-net-unreachable": "Destination Net Unreachable",
      "icmp-host-prohibited": "Destination Host Prohibited",
      "icmp-admin-prohibited": "Packet filtered",
      "icmp-port-unreachable": "Destination Port Unreachable",
    };
    for (const [answer, told] of Object.entries(answers)) {
      r.sh(`iptables -A FORWARD -p icmp -j REJECT --reject-with ${answer}`);
      expect(client.exec(`ping -c 1 ${OUTSIDE}`).output).toContain(`From 10.0.1.1 icmp_seq=1 ${told}`);
      r.sh("iptables -D FORWARD 1");
    }
    r.sh("iptables -A FORWARD -p tcp -j REJECT --reject-with tcp-reset");
    expect(client.exec(`nc -v ${OUTSIDE} 80`).output).toContain("Connection refused");
  });

  it("lets in only answers to what went out", () => {
    const { client, r, server } = lab();
    r.sh("iptables -A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT");
    r.sh("iptables -A FORWARD -i r-eth0 -m conntrack --ctstate NEW -j ACCEPT");
    r.sh("iptables -A FORWARD -j DROP");
    expect(client.exec(`ping -c 2 -i 0.2 ${OUTSIDE}`).status).toBe(0);
    expect(server.exec("ping -c 2 -i 0.2 -W 1 10.0.1.2").status).toBe(1);
    expect(counters(r, "FORWARD")).toEqual(["3:252", "1:84", "2:168"]);
  });

  it("limits, marks, and logs to the trace", () => {
    const { net, client, r } = lab();
    r.sh("iptables -t mangle -A PREROUTING -p icmp -j MARK --set-mark 7");
    r.sh(
      "iptables -A FORWARD -p icmp --icmp-type 8 -m mark --mark 7 -m limit --limit 1/min --limit-burst 2 -j LOG --log-prefix 'seen: '",
    );
    r.sh("iptables -A FORWARD -p icmp --icmp-type 8 -m mark --mark 8");
    const lines: unknown[] = [];
    net.sim.trace.listen(({ kind, fields }) => {
      if (kind === "netfilter.log") lines.push(fields.line);
    });
    client.sh(`ping -c 5 -i 0.2 ${OUTSIDE}`);
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(
      /^seen: IN=r-eth0 OUT=r-eth1 MAC=\S+ SRC=10\.0\.1\.2 DST=10\.0\.2\.2 LEN=84 .* MARK=0x7 $/,
    );
    expect(counters(r, "FORWARD")).toEqual(["2:168", "0:0"]);
    expect(counters(r, "PREROUTING", "mangle")).toEqual(["10:840"]);
  });

  it("walks chains that were made, and comes back from them", () => {
    const { client, r } = lab();
    r.sh(
      "iptables-restore <<'EOF'\n*filter\n:FORWARD DROP\n:web - [0:0]\n:ping - [0:0]\n-A FORWARD -p tcp -g web\n-A FORWARD -p icmp -j ping\n-A FORWARD -p icmp -j ACCEPT\n-A ping -m length --length 1000: -j DROP\n-A ping -j RETURN\nCOMMIT\nEOF",
    );
    expect(client.exec(`ping -c 1 ${OUTSIDE}`).status).toBe(0);
    expect(client.exec(`ping -c 1 -s 1200 -W 1 ${OUTSIDE}`).status).toBe(1);
    expect(counters(r, "FORWARD")).toEqual(["0:0", "3:1396", "2:168"]);
    expect(counters(r, "ping")).toEqual(["1:1228", "2:168"]);
  });
});

describe("ebtables", () => {
  it("counts and drops what a bridge hands on", () => {
    const net = new Net(1);
    const [h1, h2, s] = [net.host("h1"), net.host("h2"), net.switch("s")];
    net.link(h1, s, { ip: "10.0.0.1/24" });
    net.link(h2, s, { ip: "10.0.0.2/24" });
    s.sh("ebtables -A FORWARD -p ARP --arp-op Request --arp-ip-dst 10.0.0.2 -j ACCEPT");
    s.sh("ebtables -A FORWARD -p IPv4 --ip-proto icmp -i s-eth0 -j CONTINUE");
    s.sh("ebtables -A FORWARD -p IPv4 --ip-src 10.0.0.2 -j DROP");
    expect(h1.exec("ping -c 1 -W 1 10.0.0.2").status).toBe(1);
    expect(s.sh("ebtables -L FORWARD --Ln --Lc").split("\n").slice(2, 6)).toEqual([
      "Bridge chain: FORWARD, entries: 3, policy: ACCEPT",
      "1 -p ARP --arp-op Request --arp-ip-dst 10.0.0.2 -j ACCEPT , pcnt = 1 -- bcnt = 28",
      "2 -p IPv4 -i s-eth0 --ip-proto icmp -j CONTINUE , pcnt = 1 -- bcnt = 84",
      "3 -p IPv4 --ip-src 10.0.0.2 -j DROP , pcnt = 1 -- bcnt = 84",
    ]);
  });
});
