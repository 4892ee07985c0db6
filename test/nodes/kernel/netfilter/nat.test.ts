import { expect, it } from "vitest";
import { S } from "../../../../src/core/time.ts";
import { EXT, flows, flowText, H1, listen, masquerade, natLab, O1, sendEcho, sendUdp } from "./nat-lab.ts";

it("ports are preserved: yes, always when the resulting tuple is free", () => {
  const { lab, h1, o1, nf } = natLab([masquerade]);
  const heard = listen(o1);
  sendUdp(h1, 5000, O1, 7000);
  lab.run(S);
  expect(heard.texts(17)).toEqual([`${EXT}:5000 > ${O1}:7000`]);
  expect(flows(nf).map(flowText)).toEqual([
    `udp 29 src=${H1} dst=${O1} sport=5000 dport=7000 [UNREPLIED] src=${O1} dst=${EXT} sport=7000 dport=5000`,
  ]);
});

it("echo", () => {
  const { lab, h1, o1, nf } = natLab([masquerade]);
  const heard = listen(o1);
  const back = listen(h1);
  sendEcho(h1, O1, 77);
  lab.run(S);
  expect(heard.texts(1)).toEqual([`${EXT} > ${O1} 8/0 id 77`]);
  expect(back.texts(1)).toEqual([`${O1} > ${H1} 0/0 id 77`]);
  lab.end();
  expect(flows(nf)).toEqual([]);
});
