import type { CongestionControl } from "../../protocols/tcp/congestion/control.ts";
import { Cubic } from "../../protocols/tcp/congestion/cubic.ts";
import { Reno } from "../../protocols/tcp/congestion/reno.ts";

/** What `net.ipv4.tcp_available_congestion_control` lists. */
export const CONGESTION_CONTROLS: readonly string[] = ["reno", "cubic"];

/** One for a new connection; an unknown name gives Reno, as Linux falls back to it. */
export const congestionControl = (name: string): CongestionControl => (name === "cubic" ? new Cubic() : new Reno());
