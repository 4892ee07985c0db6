// A thread that runs one job: the simulation is synchronous, and the main thread must stay free to hear Ctrl-C.
import { register } from "tsx/esm/api";

register();
const { work } = await import("./work.ts");
await work();
