/** What somebody asked of the lab cannot be done: bad input, worded for them. Ends a run with status 2. */
export class LabError extends Error {}

/** Simulated time has reached the end that was set for the run: the story is cut here. Not a failure. */
export class RunEnded extends Error {}
