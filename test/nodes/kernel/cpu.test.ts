import { describe, expect, it } from "vitest";
import { MS, S, US } from "../../../src/core/time.ts";
import { Cpu } from "../../../src/nodes/kernel/cpu.ts";
import type { Kernel } from "../../../src/nodes/kernel/kernel.ts";
import { drops, ip, Lab, must, send } from "../../harness/kernels.ts";
import { bytes } from "./datagrams.ts";

/** `b` takes a while for every packet of protocol 200. */
function slow(serviceNs: number): { lab: Lab; a: Kernel; b: Kernel; cpu: Cpu; heard: number[] } {
  const lab = new Lab();
  const [a, b] = [lab.host("a"), lab.host("b")];
  lab.cable([a, "e0 10.0.0.1/24"], [b, "e0 10.0.0.2/24"]);
  send(a, 201, "10.0.0.2", bytes(1));
  lab.run(S);
  const cpu = new Cpu(b, () => serviceNs);
  b.cpu = cpu;
  const heard: number[] = [];
  b.os.rawSocket(200).onReceive(() => heard.push(lab.sim.now - S));
  return { lab, a, b, cpu, heard };
}
const burst = (a: Kernel, count: number): void => {
  const s = a.os.rawSocket(200);
  for (let i = 0; i < count; i++) must(s.sendTo(bytes(1), ip("10.0.0.2")));
};

describe("a CPU", () => {
  it("serves one packet after the other, each for its time", () => {
    const { lab, a, cpu, heard } = slow(10 * US);
    burst(a, 4);
    lab.run(MS);
    burst(a, 1);
    lab.run(S);
    expect(heard).toEqual([10 * US, 20 * US, 30 * US, 40 * US, MS + 10 * US]);
    expect(cpu.busyNs).toBe(50 * US);
    lab.end();
  });
  it("may take longer for longer packets", () => {
    const { lab, a, b, heard } = slow(0);
    b.cpu = new Cpu(b, (p) => p.length * 100);
    for (const n of [26, 126]) send(a, 200, "10.0.0.2", bytes(n));
    lab.run(S);
    expect(heard).toEqual([6000, 6000 + 16_000]);
  });
  it("lets netdev_max_backlog packets wait, beside the one that it serves", () => {
    const { lab, a, b, heard } = slow(US);
    b.sysctl.netdev_max_backlog = 5;
    burst(a, 20);
    lab.run(S);
    expect([heard.length, drops(b, "cpu: backlog full")]).toEqual([6, 14]);
    lab.end();
  });
  it("keeps up over thousands of packets", () => {
    const { lab, a, b, heard } = slow(US);
    b.sysctl.netdev_max_backlog = 3000;
    for (let i = 0; i < 30; i++) {
      burst(a, 100);
      lab.run(50 * US);
    }
    lab.run(S);
    expect(heard).toHaveLength(3000);
    expect(heard.at(-1)).toBe(3000 * US);
    lab.end();
  });
  it("without power serves nobody", () => {
    const { lab, a, b, heard } = slow(MS);
    burst(a, 3);
    lab.run(MS);
    b.setPower(false);
    lab.run(S);
    expect([heard, drops(b, "node is powered off")]).toEqual([[MS], 2]);
    lab.end();
  });
});
