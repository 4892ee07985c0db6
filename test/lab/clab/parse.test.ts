import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { S } from "../../../src/core/time.ts";
import { LabError } from "../../../src/lab/errors.ts";
import { cases, haveShared, itNeeds, sharedPath } from "../../harness/shared.ts";
import { FILE, parse, refusal, topology } from "./labs.ts";

const LAB = `name: small
topology:
  defaults:
    kind: linux
    exec: [first]
    binds: ["a:/etc/frr/frr.conf", "b:/etc/hosts"]
    sysctls: {net.ipv4.ip_forward: 0, net.ipv4.ip_default_ttl: 32}
    config: {vars: {netloom: {seed: 9, capture: ["h1-*", all], service-time: 1ms}}}
  kinds:
    linux:
      exec: [second, first]
      config: {vars: {speed: fast, netloom: {service-time: 10us}}}
  groups:
    west:
      exec: [third]
      sysctls: {net.ipv4.ip_default_ttl: 33}
    bridges: {kind: bridge}
  nodes:
    h1:
      group: west
      exec: [fourth, third]
      binds: ["c:/etc/frr/frr.conf:ro"]
    h2:
    s1: {group: bridges}
  links:
    - endpoints: ["h1:eth1", "s1:p1"]
    - endpoints: ["h2:eth1", "s1:p2"]
      mtu: 1400
      labels: {a: b}
      vars: {netloom: {rate: 1Gbit, delay: 5ms}, other: 7}
    - type: veth
      endpoints:
        - {node: h1, interface: eth2, mac: 02-00-00-00-00-01, vars: {netloom: {loss: 1%}}}
        - {node: h2, interface: eth2}
      vars: {netloom: {delay: 1ms}}
`;

describe("a topology file", () => {
  const lab = parse(LAB);
  const node = (name: string) => lab.nodes.find((n) => n.name === name)!;

  it("has a name, a seed, captures, and its nodes in the order of the file", () => {
    expect([lab.name, lab.seed, lab.captures]).toEqual(["small", 9, ["h1-*", "all"]]);
    expect(lab.nodes.map((n) => [n.name, n.kind])).toEqual([
      ["h1", "linux"],
      ["h2", "linux"],
      ["s1", "bridge"],
    ]);
  });

  it("inherits from defaults, kind and group, lists one after the other and each item once", () => {
    expect(node("h1").exec.map((c) => c.command)).toEqual(["first", "second", "third", "fourth"]);
    expect(node("h2").exec.map((c) => c.command)).toEqual(["first", "second"]);
    expect(node("s1").exec.map((c) => c.command)).toEqual(["first"]);
    expect(node("h1").exec.map((c) => c.line)).toEqual([5, 11, 15, 21]);
  });

  it("lets the more particular bind, setting and service time win", () => {
    expect(node("h1").binds.map((b) => `${b.source}>${b.target}`)).toEqual(["c>/etc/frr/frr.conf", "b>/etc/hosts"]);
    expect(node("h2").binds.map((b) => b.source)).toEqual(["a", "b"]);
    expect(node("h1").sysctls.map((s) => s.value)).toEqual(["0", "33"]);
    expect([node("h1").serviceNs, node("s1").serviceNs]).toEqual([10_000, 1_000_000]);
  });

  it("has links in brief and extended form, 9500 octets unless told", () => {
    expect(lab.links.map((l) => l.mtu)).toEqual([9500, 1400, 9500]);
    expect(lab.links.map((l) => l.ends.map((e) => `${e.node}:${e.device}`))).toEqual([
      ["h1:eth1", "s1:p1"],
      ["h2:eth1", "s1:p2"],
      ["h1:eth2", "h2:eth2"],
    ]);
    expect(lab.links[1]?.ends.map((e) => e.line)).toEqual(Array(2).fill({ rate: "1Gbit", delay: "5ms" }));
    expect(lab.links[2]?.ends.map((e) => e.line)).toEqual([{ delay: "1ms", loss: "1%" }, { delay: "1ms" }]);
    expect(lab.links[2]?.ends.map((e) => e.mac)).toEqual(["02:00:00:00:00:01", undefined]);
  });

  it("takes anchors, aliases and merge keys", () => {
    const text = `name: t
topology:
  groups:
    a: &a {kind: linux, exec: &run [one]}
    b: {<<: *a, exec: [two]}
  nodes:
    h1: {group: b}
    h2: {<<: [*a], exec: *run}
`;
    expect(parse(text).nodes.map((n) => [n.kind, n.exec.map((c) => c.command)])).toEqual([
      ["linux", ["two"]],
      ["linux", ["one"]],
    ]);
  });

  it("has a schedule, in the order of time", () => {
    const text = `name: t
topology:
  defaults:
    kind: linux
    config:
      vars:
        netloom:
          schedule:
            - {at: 20s, up: "a:eth1"}
            - {at: 10s, down: "a:eth1"}
            - {at: 20s, tune: "a:eth1", loss: 10%, queue: 5}
            - {at: 1, exec: "b: ip link show"}
            - {at: 500ms, power-off: b}
  nodes: {a: , b: }
  links:
    - endpoints: [a:eth1, b:eth1]
`;
    expect(parse(text).schedule.map((e) => [e.at / S, e.line, e.action])).toEqual([
      [0.5, 13, { kind: "power-off", node: "b" }],
      [1, 12, { kind: "exec", node: "b", command: "ip link show" }],
      [10, 10, { kind: "down", node: "a", device: "eth1" }],
      [20, 9, { kind: "up", node: "a", device: "eth1" }],
      [20, 11, { kind: "tune", node: "a", device: "eth1", line: { loss: "10%", queue: 5 } }],
    ]);
  });

  itNeeds(haveShared)("of containerlab's own FRR example is read", () => {
    const path = sharedPath("corpora", "clab", "frr01", "frr01.clab.yml");
    const frr = parse(readFileSync(path, "utf8"));
    expect(frr.nodes.map((n) => n.name)).toEqual(["router1", "router2", "router3", "PC1", "PC2", "PC3"]);
    expect(frr.links.length).toBe(6);
    expect(frr.nodes[0]?.binds.map((b) => b.target)).toEqual(["/etc/frr/daemons", "/etc/frr/frr.conf"]);
    expect(frr.nodes[3]?.exec.length).toBe(4);
    expect(frr.notes).toEqual([]);
  });
});

describe("what is left out", () => {
  it("is IPv6, told of in one line, and nothing else of the same list or line", () => {
    const lab = parse(
      topology(`h1:
  kind: linux
  sysctls: {net.ipv6.conf.all.forwarding: 1, net.ipv4.ip_forward: 1}
  exec:
    - ip -6 addr add 2001:db8::1/64 dev eth1
    - ip addr add 10.0.0.1/24 dev eth1
    - ip addr add 2001:db8::2/64 dev eth1
    - ip link set eth1 address 02:00:00:00:00:01
    - sysctl -w net.ipv6.conf.all.disable_ipv6=0
    - sh -c "ip -6 route add default via fe80::1 && ip route add default via 10.0.0.254"
    - ping6 -c1 ::1`),
    );
    expect(lab.nodes[0]?.exec.map((c) => c.command)).toEqual([
      "ip addr add 10.0.0.1/24 dev eth1",
      "ip link set eth1 address 02:00:00:00:00:01",
      "ip route add default via 10.0.0.254",
    ]);
    expect(lab.nodes[0]?.sysctls.map((s) => s.key)).toEqual(["net.ipv4.ip_forward"]);
    expect(lab.notes).toEqual([
      `${FILE}: IPv6 is not built, left out: line 8 (h1: ip -6 addr add 2001:db8::1/64 dev eth1), line 10 (h1: ip addr add 2001:db8::2/64 dev eth1), line 12 (h1: sysctl -w net.ipv6.conf.all.disable_ipv6=0), line 13 (h1: sh -c "ip -6 route add default via fe80::1 && ip route add default via 10.0.0.254") and 2 more`,
    ]);
  });

  it.each([
    ["mgmt: {network: x}\n", 1],
    ["", 6],
  ])("is the management network, where a file speaks of it", (top, line) => {
    const node = top === "" ? "h1: {kind: linux, mgmt-ipv4: 172.20.20.2}" : "h1: {kind: linux}";
    const notes = parse(top + topology(top === "" ? `\nh0: {kind: linux}\n${node}` : node)).notes;
    expect(notes).toEqual([
      `${FILE}:${line - (top === "" ? 1 : 0)}: the management network is left out: nodes have no eth0`,
    ]);
  });

  it("is the address of a link, which containerlab does not give to such nodes either", () => {
    const text = topology(
      "a: {kind: linux}\nb: {kind: linux}",
      '- endpoints: ["a:eth1", "b:eth1"]\n  ipv4: [10.0.0.1/24]',
    );
    expect(parse(text).notes).toEqual([
      `${FILE}:8: ipv4 and ipv6 of links configure nothing on these kinds, in containerlab neither: use exec`,
    ]);
  });
});

describe("a refusal names the line, what, and what was expected", () => {
  const two = "a: {kind: linux}\nb: {kind: linux}";
  const ab = '- endpoints: ["a:eth1", "b:eth1"]';
  const vars = (yaml: string): string =>
    `name: t\ntopology:\n  defaults:\n    kind: linux\n    config:\n      vars:\n        netloom: ${yaml}\n  nodes: {a: , b: }\n  links:\n    - endpoints: [a:eth1, b:eth1]\n`;

  it.each<[string, string, string]>([
    ["nothing at all", "", "1: the lab has no name, expected name: and a word"],
    ["a list", "- a\n- b", "1: the file is a list, expected keys with values"],
    ["no name", "topology:\n  nodes: {a: {kind: linux}}", "1: the lab has no name, expected name: and a word"],
    ["a bad name", "name: ../x\ntopology: {}", '1: name "../x", expected letters, digits, ., _ and -'],
    ["no topology", "name: t\n", '1: there is no "topology", expected topology with nodes and links'],
    ["no nodes", "name: t\ntopology:\n  links: []\n", "3: the topology has no nodes, expected nodes with their kinds"],
    [
      "an unknown key",
      "name: t\nfoo: 1\n",
      '2: key "foo" of a topology file is not built, expected name, prefix, topology, mgmt, settings or debug',
    ],
    [
      "YAML that is none",
      "name: t\ntopology: [\n",
      "3: not YAML: Flow sequence in block collection must be sufficiently indented and end with a ], expected a YAML file",
    ],
    ["a key twice", "name: t\nname: u\n", "2: not YAML: Map keys must be unique, expected a YAML file"],
    ["two documents", "name: t\n---\nname: u\n", "2: a second document, expected one YAML document"],
    ["an alias of nothing", "name: *x\n", "1: alias *x names nothing, expected an anchor above it"],
    [
      "an alias of what it stands in",
      "name: t\ntopology: &t\n  nodes: *t\n",
      "3: an alias names what it stands in, expected an anchor that is complete",
    ],
    [
      "a foreign kind",
      topology("a: {kind: nokia_srlinux, license: x}"),
      "4: node a: kind nokia_srlinux is not built, expected kind: linux or kind: bridge",
    ],
    ["no kind", topology("a: {image: x}"), "4: node a has no kind, expected kind: linux or kind: bridge"],
    [
      "a node's unknown key",
      topology("a:\n  kind: linux\n  startup-config: x"),
      '6: key "startup-config" of node a is not built, expected one of kind, group, binds, exec, sysctls, config, network-mode, mgmt-ipv4, mgmt-ipv6, image, image-pull-policy, restart-policy, …',
    ],
    ["a bad node name", topology('"a b": {kind: linux}'), '4: node name "a b", expected letters, digits, ., _ and -'],
    [
      "a bridge's long name",
      topology("a234567890123456: {kind: bridge}"),
      "4: bridge a234567890123456 cannot be the name of a device, expected at most 15 characters",
    ],
    ["exec that is no list", topology("a: {kind: linux, exec: ls}"), '4: exec is "ls", expected a list'],
    [
      "an environment variable",
      topology(`a: {kind: linux, exec: ["echo \${HOME:=x}"]}`),
      "4: an item of exec uses the environment variable ${HOME, expected its value: a simulation has no environment",
    ],
    [
      "a template",
      `name: t\n# {{ range .x }}\n`,
      "2: Go templates ({{ … }}) are not built, expected a topology without them",
    ],
    [
      "a shared namespace",
      topology("a: {kind: linux, network-mode: host}"),
      "4: network-mode host is not built, expected bridge or none",
    ],
    [
      "a bad bind",
      topology('a: {kind: linux, binds: ["x"]}'),
      '4: bind "x", expected SOURCE:TARGET, such as r1/frr.conf:/etc/frr/frr.conf',
    ],
    ["links that are no list", topology(two, "a: b"), "7: links is a map, expected a list"],
    ["one endpoint", topology(two, '- endpoints: ["a:eth1"]'), "7: a link with 1 endpoints, expected two endpoints"],
    [
      "no endpoints",
      topology(two, "- {mtu: 1500}"),
      '7: a link without endpoints, expected endpoints such as ["a:eth1", "b:eth1"]',
    ],
    [
      "an endpoint without interface",
      topology(two, '- endpoints: ["a", "b:eth1"]'),
      '7: endpoint "a", expected a form such as a:eth1',
    ],
    [
      "an unknown node",
      topology(two, '- endpoints: ["a:eth1", "c:eth1"]'),
      '7: an endpoint at node "c", which there is not, expected a node of this file',
    ],
    [
      "an interface twice",
      topology(two, `${ab}\n${ab}`),
      "8: interface a:eth1 has two links, expected one link to an interface",
    ],
    [
      "eth0",
      topology(two, '- endpoints: ["a:eth0", "b:eth1"]'),
      "7: eth0 of a belongs to the management network, expected eth1 and up, or network-mode: none",
    ],
    [
      "the loopback",
      topology(two, '- endpoints: ["a:lo", "b:eth1"]'),
      "7: node a has its own device lo, expected another interface name",
    ],
    [
      "a long interface name",
      topology(two, '- endpoints: ["a:interface1234567", "b:eth1"]'),
      '7: interface "interface1234567", expected a name of up to 15 characters without spaces, / and :',
    ],
    [
      "a link to the host",
      topology(two, '- endpoints: ["a:eth1", "host:x"]'),
      "7: links of type host are not built, expected an endpoint of a node",
    ],
    [
      "a link type not built",
      topology(two, "- {type: vxlan, remote: x}"),
      "7: links of type vxlan are not built, expected veth",
    ],
    ["an unknown link type", topology(two, "- {type: ethernet}"), '7: there is no link type "ethernet", expected veth'],
    [
      "a link's unknown key",
      topology(two, `${ab}\n  speed: 1`),
      '8: key "speed" of a link is not built, expected endpoints, type, mtu, labels, vars, ipv4 or ipv6',
    ],
    ["an MTU", topology(two, `${ab}\n  mtu: 12`), '8: mtu is "12", expected a whole number from 68 to 65535'],
    [
      "a group MAC",
      topology(
        two,
        '- type: veth\n  endpoints: [{node: a, interface: e, mac: "01:00:00:00:00:01"}, {node: b, interface: e}]',
      ),
      '8: mac "01:00:00:00:00:01", expected a unicast address such as 02:00:00:00:00:01',
    ],
    [
      "a delay",
      topology(two, `${ab}\n  vars: {netloom: {delay: soon}}`),
      '8: delay "soon": expected a time such as 50us, 1.5ms or 30s',
    ],
    [
      "a rate",
      topology(two, `${ab}\n  vars: {netloom: {rate: 1 parsec}}`),
      '8: rate "1 parsec": expected a rate such as 100mbit or 1Gbit',
    ],
    [
      "a loss",
      topology(two, `${ab}\n  vars: {netloom: {loss: 110%}}`),
      '8: loss "110%": expected a share such as 1% or 0.01',
    ],
    [
      "an unknown quality",
      topology(two, `${ab}\n  vars: {netloom: {bandwidth: 1}}`),
      '8: key "bandwidth" of link: netloom is not built, expected rate, delay, jitter, loss, duplicate, corrupt, reorder or queue',
    ],
    ["a seed", vars("{seed: -1}"), '7: seed is "-1", expected a whole number from 0 to 9007199254740991'],
    [
      "an unknown variable",
      vars("{sede: 1}"),
      '7: key "sede" of topology.defaults: netloom is not built, expected seed, capture, schedule or service-time',
    ],
    [
      "a seed on a node",
      topology("a: {kind: linux, config: {vars: {netloom: {seed: 1}}}}"),
      '4: key "seed" of a kind, group or node: netloom is not built, expected service-time',
    ],
    [
      "an event without a time",
      vars('{schedule: [{down: "a:eth1"}]}'),
      '7: an entry of the schedule without "at", expected a time such as at: 10s',
    ],
    [
      "an event that does nothing",
      vars("{schedule: [{at: 1s}]}"),
      "7: an entry of the schedule that does nothing, expected one of down, up, cut, mend, tune, power-off, power-on, exec",
    ],
    [
      "an event that does two things",
      vars('{schedule: [{at: 1s, down: "a:eth1", cut: "a:eth1"}]}'),
      '7: an entry of the schedule with "down" and "cut", expected one of them',
    ],
    [
      "an event at no link",
      vars('{schedule: [{at: 1s, down: "a:eth9"}]}'),
      '7: no link ends at "a:eth9", expected an end of a link, such as r1:eth1',
    ],
    [
      "an event at no node",
      vars('{schedule: [{at: 1s, exec: "c: ls"}]}'),
      '7: there is no node "c", expected a node of this file',
    ],
    [
      "an event with a stranger's key",
      vars('{schedule: [{at: 1s, cut: "a:eth1", loss: 1%}]}'),
      '7: key "loss" of a schedule entry with "cut" is not built, expected at or cut',
    ],
  ])("%s", (_, text, message) => {
    expect(refusal(() => parse(text))).toBe(`${FILE}:${message}`);
  });
});

describe("whatever the text", () => {
  /** A lab, or one line that begins with file and line. */
  function answers(text: string): void {
    try {
      parse(text);
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
      expect(error.message).toMatch(new RegExp(`^${FILE}:\\d+: [^\\n]*expected [^\\n]*$`));
    }
  }

  it("mutations of a good file are read or refused in one line", () => {
    const edit = fc.tuple(
      fc.nat(LAB.length),
      fc.nat(40),
      fc.oneof(
        fc.string({ maxLength: 8 }),
        fc.constantFrom(..."&a|*a|<<: *a|[|{|}|]|: |- |\n|  |'|\"|!!x |%|\t|\u0000|? |~".split("|")),
      ),
    );
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
        let text = LAB;
        for (const [at, cut, put] of edits) text = text.slice(0, at) + put + text.slice(at + cut);
        answers(text);
      }),
      { numRuns: cases(200, 100_000) },
    );
  });

  it("lines of a good file in any order are read or refused in one line", () => {
    const lines = LAB.split("\n");
    fc.assert(
      fc.property(fc.array(fc.nat(lines.length - 1), { maxLength: 30 }), (order) =>
        answers(order.map((i) => lines[i]).join("\n")),
      ),
      { numRuns: cases(200, 100_000) },
    );
  });

  it("any structure under the known keys is read or refused in one line", () => {
    const keys =
      "name topology nodes links defaults kinds groups kind linux bridge exec binds config vars netloom schedule at cut endpoints type veth node interface mac mtu seed capture sysctls".split(
        " ",
      );
    const leaf = fc.oneof(
      fc.constantFrom("linux", "bridge", "a:eth1", "1s", "", "veth"),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
    );
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { depthSize: "small" },
        leaf,
        fc.array(tie("tree"), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom(...keys), tie("tree"), { maxKeys: 4 }),
      ),
    }));
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom("name", "topology", "prefix"), tree), (value) =>
        answers(stringify(value)),
      ),
      { numRuns: cases(200, 100_000) },
    );
  });

  it.each(["[", "- ", "{a: ", "? ", "[a, ", "&a "])("endless nesting of %j is refused", (unit) => {
    expect(() => answers(`name: ${unit.repeat(3000)}`)).not.toThrow();
    expect(refusal(() => parse(unit.repeat(3000)))).toContain("expected");
  });

  it("aliases of aliases do not multiply", () => {
    const levels = Array.from({ length: 40 }, (_, i) => `x${i + 1}: &x${i + 1} [${`*x${i},`.repeat(9)}]`);
    expect(refusal(() => parse(`x0: &x0 [a]\n${levels.join("\n")}\n`))).toContain('key "x0"');
  });
});
