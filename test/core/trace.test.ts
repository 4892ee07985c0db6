import { expect, it } from "vitest";
import { TraceBus, type TraceEvent } from "../../src/core/trace.ts";

it("tells every listener, in their order, until it ends listening", () => {
  const bus = new TraceBus();
  const heard: string[] = [];
  const hear = (who: string) => (e: TraceEvent) => heard.push(`${who} ${e.at} ${e.node} ${e.kind} ${e.fields["x"]}`);
  expect(bus.on).toBe(false);
  const endA = bus.listen(hear("a"));
  const endB = bus.listen(hear("b"));
  expect(bus.on).toBe(true);
  bus.emit(5, "h1", "drop", { x: 1 });
  endA();
  bus.emit(6, "h2", "link", { x: 2 });
  expect(bus.on).toBe(true);
  endB();
  expect(bus.on).toBe(false);
  bus.emit(7, "h3", "link", { x: 3 });
  expect(heard).toEqual(["a 5 h1 drop 1", "b 5 h1 drop 1", "b 6 h2 link 2"]);
});

it("lets a listener end, or another begin, while an event is told", () => {
  const bus = new TraceBus();
  const heard: string[] = [];
  const end = bus.listen(() => {
    heard.push("once");
    end();
    bus.listen(() => heard.push("later"));
  });
  bus.listen(() => heard.push("other"));
  bus.emit(0, "h1", "x", {});
  bus.emit(0, "h1", "x", {});
  expect(heard).toEqual(["once", "other", "other", "later"]);
});

it("keeps a listener that listens twice until it has ended twice", () => {
  const bus = new TraceBus();
  let n = 0;
  const count = (): void => {
    n++;
  };
  const end = bus.listen(count);
  bus.listen(count);
  end();
  bus.emit(0, "h1", "x", {});
  expect(n).toBe(1);
  end();
  expect(bus.on).toBe(true);
});
