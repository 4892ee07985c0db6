import fc from "fast-check";
import { expect, it } from "vitest";
import { getopt, parseHost, parseInteger } from "../../../src/console/programs/options.ts";
import { formatIp } from "../../../src/core/addr.ts";

const words = (line: string): string[] => line.split(" ").filter((w) => w !== "");
const parse = (line: string, letters = "nqc:I:") => getopt("ping", words(line), letters);

it("takes options wherever they stand, joined or apart", () => {
  const apart = parse("-n -c 3 -I eth0 10.0.0.2");
  expect(apart).toEqual({
    ok: true,
    options: [
      { flag: "n", value: "" },
      { flag: "c", value: "3" },
      { flag: "I", value: "eth0" },
    ],
    rest: ["10.0.0.2"],
  });
  expect(parse("10.0.0.2 -nc3 -Ieth0")).toEqual(apart);
  expect(parse("-c -1 -- -n x")).toEqual({ ok: true, options: [{ flag: "c", value: "-1" }], rest: ["-n", "x"] });
  expect(parse("-")).toEqual({ ok: true, options: [], rest: ["-"] });
});

it("complains as getopt does", () => {
  expect(parse("-nZ")).toEqual({ ok: false, message: "ping: invalid option -- 'Z'" });
  expect(parse("-n -c")).toEqual({ ok: false, message: "ping: option requires an argument -- 'c'" });
  expect(parse("--count=3")).toEqual({ ok: false, message: "ping: invalid option -- '-'" });
  expect(parse("-:")).toEqual({ ok: false, message: "ping: invalid option -- ':'" });
});

it("reads integers within their limits", () => {
  expect(parseInteger("7", 1, 10)).toEqual({ ok: true, value: 7 });
  expect(parseInteger("11", 1, 10)).toEqual({
    ok: false,
    why: "invalid argument: '11': out of range: 1 <= value <= 10",
  });
  for (const text of ["", "x", "1.5", "0x10", "3 "])
    expect(parseInteger(text, 0, 99)).toEqual({ ok: false, why: `invalid argument: '${text}'` });
});

it("reads addresses as inet_aton does", () => {
  const read = (text: string): string | undefined => {
    const address = parseHost(text);
    return address === undefined ? undefined : formatIp(address);
  };
  expect(["10.0.0.1", "127.1", "10.1.256", "3232235777", "0x0a000001", "010.0.0.1", "localhost"].map(read)).toEqual([
    "10.0.0.1",
    "127.0.0.1",
    "10.1.1.0",
    "192.168.1.1",
    "10.0.0.1",
    "8.0.0.1",
    "127.0.0.1",
  ]);
  expect(["", "h2", "10.0.0.256", "256.1", "1.2.3.4.5", "4294967296", "10..1", "0x", "09.0.0.1"].map(read)).toEqual(
    Array(9).fill(undefined),
  );
});

it("reads back every address that is written out", () =>
  fc.assert(
    fc.property(fc.nat(0xffffffff), (address) => {
      expect(parseHost(formatIp(address))).toBe(address);
      expect(parseHost(String(address))).toBe(address);
    }),
  ));
