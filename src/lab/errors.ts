/** What somebody asked of the lab cannot be done: bad input, worded for them. Ends a run with status 2. */
export class LabError extends Error {}
