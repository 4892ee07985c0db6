import { expect, it } from "vitest";
import { encapsulation } from "../../src/gateway/encapsulation.ts";
import { Peers } from "../../src/gateway/peers.ts";
import { parseGateway } from "../../src/gateway/spec.ts";

it("answers to the port of the endpoint, never to where the datagram came from", () => {
  const peers = new Peers([{ address: "10.0.0.1", port: 4790 }], 4789);
  peers.heard("10.0.0.1", 0x02_0000_0000_01, false);
  peers.heard("10.0.0.2", 0x02_0000_0000_02, false);
  expect(peers.find(0x02_0000_0000_01)).toEqual({ address: "10.0.0.1", port: 4790 });
  expect(peers.find(0x02_0000_0000_02)).toEqual({ address: "10.0.0.2", port: 4789 });
  expect(peers.find(0x02_0000_0000_03)).toBeUndefined();
  expect([...peers.all].map((p) => p.address)).toEqual(["10.0.0.1", "10.0.0.2"]);
});

it("a MAC that has moved is found where it spoke last; a group address is nobody's", () => {
  const peers = new Peers([], 4789);
  peers.heard("10.0.0.1", 5, false);
  peers.heard("10.0.0.2", 5, false);
  peers.heard("10.0.0.2", 6, true);
  expect(peers.find(5)?.address).toBe("10.0.0.2");
  expect(peers.find(6)).toBeUndefined();
});

it("forgets the MAC that has been silent longest, and takes no more peers than it can hold", () => {
  const peers = new Peers([], 4789);
  for (let mac = 1; mac <= 4096; mac++) peers.heard("10.0.0.1", mac, false);
  peers.heard("10.0.0.1", 1, false);
  peers.heard("10.0.0.1", 5000, false);
  expect(peers.find(1)).toBeDefined();
  expect(peers.find(2)).toBeUndefined();
  const taken = Array.from({ length: 300 }, (_, i) => peers.heard(`10.1.${i >> 8}.${i & 255}`, 9000 + i, false));
  expect(taken.filter(Boolean)).toHaveLength(255);
});

it.each([
  ["vxlan", 42],
  ["geneve", 42],
  ["udp", 0],
] as const)("%s finds the frame that it wrote, and no other network's", (kind, vni) => {
  const e = encapsulation(kind, vni);
  const b = new Uint8Array(e.header + 14);
  e.write(b);
  expect(e.frameAt(b)).toBe(e.header);
  if (kind === "udp") return;
  expect(encapsulation(kind, 43).frameAt(b)).toBe(-1);
  expect(e.frameAt(b.subarray(0, 7))).toBe(-1);
  b[0] = 0;
  b[1] = 0;
  if (kind === "vxlan") expect(e.frameAt(b)).toBe(-1);
});

it("reads where an interface leads", () => {
  expect(parseGateway("r1:eth5=vxlan:42@10.9.9.1,10.9.9.2:4790")).toEqual({
    node: "r1",
    device: "eth5",
    options: {
      kind: "vxlan",
      vni: 42,
      local: { address: "10.9.9.1", port: 4789 },
      remotes: [{ address: "10.9.9.2", port: 4790 }],
    },
  });
  expect(parseGateway("r1:eth5=udp@127.0.0.1:1")).toMatchObject({ options: { local: { port: 1 }, remotes: [] } });
});

it.each([
  ["r1=vxlan:42@10.0.0.1", "expected NODE:INTERFACE="],
  ["r1:e=stt:42@10.0.0.1", 'there is no encapsulation "stt"'],
  ["r1:e=vxlan@10.0.0.1", "vxlan needs a network identifier"],
  ["r1:e=udp:4@10.0.0.1", "udp has no network identifier"],
  ["r1:e=vxlan:16777216@10.0.0.1", "VNI 16777216"],
  ["r1:e=vxlan:1@10.0.0", "expected an IPv4 address"],
  ["r1:e=vxlan:1@10.0.0.1:99999", "expected an IPv4 address"],
])("says what is wrong with %s", (text, why) => {
  expect(parseGateway(text)).toContain(why);
});
