import { describe, expect, it } from "vitest";
import { NEVER, S } from "../../../src/core/time.ts";
import { bgp, initial } from "../../../src/protocols/bgp/machine.ts";
import { bestPath, line, settle } from "./routers.ts";

describe("two routers", () => {
  it("come to a session and tell each other their networks", () => {
    const { lab, routers } = line(2);
    settle(lab, routers);
    const [a, b] = routers as [(typeof routers)[0], (typeof routers)[0]];
    expect(a.view("bgp neighbors")).toEqual({
      "10.0.0.2": { state: "Established", remote_as: 65001, received: 1, sent: 2 },
    });
    expect(bestPath(a, "10.2.0.0/16")).toBe("65001");
    expect(bestPath(b, "10.1.0.0/16")).toBe("65000");
    expect(b.view("bgp received", { peer: "10.0.0.1" })).toMatchObject({
      "10.1.0.0/16": [{ valid: true, best: true, nexthop: "10.0.0.1", origin: "IGP", med: 0 }],
    });
  });
  it("stop when they are told to, and start again", () => {
    const { lab, routers } = line(2);
    settle(lab, routers);
    const [a, b] = routers as [(typeof routers)[0], (typeof routers)[0]];
    a.type("router bgp 65000", "neighbor 10.0.0.2 shutdown message at night");
    lab.run(2 * S);
    expect(a.view("bgp neighbors")).toMatchObject({ "10.0.0.2": { state: "Idle (Admin)", received: 0 } });
    expect(bestPath(b, "10.1.0.0/16")).toBeUndefined();
    a.type("router bgp 65000", "no neighbor 10.0.0.2 shutdown");
    lab.run(5 * S);
    expect(bestPath(b, "10.1.0.0/16")).toBe("65000");
  });
});

describe("a line of routers", () => {
  it("passes prefixes from end to end, and withdraws them when a cable is cut", () => {
    const { lab, routers, cables } = line(6);
    settle(lab, routers);
    expect(bestPath(routers[5] as (typeof routers)[0], "10.1.0.0/16")).toBe("65004 65003 65002 65001 65000");
    cables[2]?.setUp(false);
    lab.run(4 * S);
    expect(bestPath(routers[5] as (typeof routers)[0], "10.1.0.0/16")).toBeUndefined();
    expect(bestPath(routers[5] as (typeof routers)[0], "10.4.0.0/16")).toBe("65004 65003");
    cables[2]?.setUp(true);
    lab.run(10 * S);
    expect(bestPath(routers[5] as (typeof routers)[0], "10.1.0.0/16")).toBe("65004 65003 65002 65001 65000");
  });
});

describe("the hold timer until the OPEN is there", () => {
  const config = { passive: false, holdS: 180, keepaliveS: 60, connectRetryS: 120, delayOpenS: 0 };
  const sent = (changes: Partial<typeof config>): number => {
    const events = [{ kind: "start" }, { kind: "go" }, { kind: "connected" }, { kind: "tick" }] as const;
    return events.reduce((state, event, i) => {
      const at = event.kind === "tick" ? state.openAt : i * S;
      return at === NEVER ? state : bgp.step(state, { ...event, at, config: { ...config, ...changes } }).state;
    }, initial).holdAt;
  };
  it("is the configured one, and none without one", () => {
    expect(sent({})).toBe(182 * S);
    expect(sent({ holdS: 9, keepaliveS: 3 })).toBe(11 * S);
    expect(sent({ holdS: 0, keepaliveS: 0 })).toBe(NEVER);
  });
  it("is large after a DelayOpenTime", () => {
    expect(sent({ delayOpenS: 5 })).toBe((2 + 5 + 245) * S);
  });
});
