import { expect, it } from "vitest";
import { parseIp } from "../../../src/core/addr.ts";
import { Payload } from "../../../src/core/payload.ts";
import { chain } from "../../harness/kernels.ts";

it("sends a payload that is summed once as it sends bytes", () => {
  const { lab, h1, h2 } = chain();
  const got: string[] = [];
  const server = h2.os.udpSocket();
  server.bind(0, 9);
  server.onReceive((b, o, end) => {
    got.push(b.subarray(o, end).join(","));
  });
  const client = h1.os.udpSocket();
  const to = parseIp("10.0.2.1") as number;
  const bytes = Uint8Array.of(1, 2, 3, 255, 7);
  expect(client.sendTo(bytes, to, 9).ok && client.sendTo(new Payload(bytes), to, 9).ok).toBe(true);
  lab.run(1e9);
  expect(got).toEqual(["1,2,3,255,7", "1,2,3,255,7"]); // the harness checks every checksum on the way
  server.close();
  client.close();
  lab.end();
});
