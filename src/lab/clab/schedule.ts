import { strerror } from "../../core/errno.ts";
import { seconds } from "../../core/time.ts";
import { EthernetDevice } from "../../nodes/kernel/dev/ethernet.ts";
import type { Cable } from "../../nodes/link.ts";
import { lineQuality, type Net } from "../net.ts";
import type { ClabAction, ClabEvent } from "./lab.ts";

/** Sets what the file's schedule says. A command of it that fails is a failed check of the run. */
export function scheduleEvents(net: Net, events: readonly ClabEvent[]): void {
  for (const { at, action } of events) net.schedule(at, action.node, () => act(net, action, `at ${seconds(at, 3)} s`));
}

function act(net: Net, action: ClabAction, when: string): void {
  const node = net.node(action.node);
  const { kernel } = node;
  switch (action.kind) {
    case "power-off":
    case "power-on":
      node.power(action.kind === "power-on");
      return net.say(`${when}: ${node.name} is switched ${action.kind === "power-on" ? "on" : "off"}`);
    case "exec":
      return net.startScheduled(node, action.command, when);
    default:
      break;
  }
  const name = `${action.node}:${action.device}`;
  const dev = kernel.device(action.device);
  if (dev === undefined) return void net.check(`${when}: ${action.kind} ${name}`, false, "the device is gone");
  if (action.kind === "down" || action.kind === "up") {
    const set = kernel.setUp(dev, action.kind === "up");
    if (!set.ok) net.check(`${when}: ${action.kind} ${name}`, false, set.detail ?? strerror(set.errno));
    return net.say(`${when}: ${name} goes ${action.kind}`);
  }
  const cable = dev instanceof EthernetDevice ? dev.cable : null;
  if (cable === null) return void net.check(`${when}: ${action.kind} ${name}`, false, "no cable ends there");
  handleCable(net, action, cable, when);
}

function handleCable(net: Net, action: ClabAction, cable: Cable, when: string): void {
  if (action.kind === "tune") {
    cable.tune(lineQuality(action.line));
    const line = Object.entries(action.line).map(([key, value]) => `${key} ${value}`);
    return net.say(`${when}: cable ${cable.name} now has ${line.join(", ") || "what it had"}`);
  }
  const mended = action.kind === "mend";
  cable.setUp(mended);
  net.say(`${when}: cable ${cable.name} is ${mended ? "whole again" : "cut"}`);
}
