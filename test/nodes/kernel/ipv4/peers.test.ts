import { expect, it } from "vitest";
import { S } from "../../../../src/core/time.ts";
import { chain } from "../../../harness/kernels.ts";

it("remembers 65,664 peers, and forgets the one known longest for the next", () => {
  const { lab, h1 } = chain();
  const { peers } = h1.ipv4;
  const first = peers.get(1);
  for (let address = 2; address <= 65_664; address++) peers.get(address);
  expect([peers.size, peers.get(1) === first]).toEqual([65_664, true]);
  peers.get(70_000);
  expect([peers.size, peers.get(1) === first]).toEqual([65_664, false]);
  lab.end();
});

it("a peer spends what it saved up, and saves no more than the ceiling", () => {
  const { lab, h1 } = chain();
  const peer = h1.ipv4.peers.get(1);
  const spend = (): boolean => peer.spend(lab.sim.now, S, 3 * S);
  expect([spend(), spend(), spend(), spend()]).toEqual([true, true, true, false]);
  lab.run(1.5 * S);
  expect([spend(), spend()]).toEqual([true, false]);
  lab.run(0.5 * S);
  expect([spend(), spend()]).toEqual([true, false]);
  lab.end();
});
