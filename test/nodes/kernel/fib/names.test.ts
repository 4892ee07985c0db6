import { expect, it } from "vitest";
import {
  protocolName,
  protocolNumber,
  scopeName,
  scopeNumber,
  tableName,
  tableNumber,
} from "../../../../src/nodes/kernel/fib/names.ts";

it("knows tables by name and number", () => {
  expect(["local", "main", "default", "7", "0x10", "4294967295"].map(tableNumber)).toEqual([
    255, 254, 253, 7, 16, 0xffffffff,
  ]);
  expect(["mains", "", "-1", "4294967296", "1e3"].map(tableNumber)).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
  expect([255, 254, 253, 252].map(tableName)).toEqual(["local", "main", "default", "252"]);
});

it("knows scopes and protocols likewise", () => {
  expect(["global", "site", "link", "host", "nowhere", "100", "256"].map(scopeNumber)).toEqual([
    0,
    200,
    253,
    254,
    255,
    100,
    undefined,
  ]);
  expect([0, 253, 100].map(scopeName)).toEqual(["global", "link", "100"]);
  expect(["kernel", "static", "bgp", "ospf", "77", "nosuch"].map(protocolNumber)).toEqual([
    2,
    4,
    186,
    188,
    77,
    undefined,
  ]);
  expect([2, 16, 77].map(protocolName)).toEqual(["kernel", "dhcp", "77"]);
});
