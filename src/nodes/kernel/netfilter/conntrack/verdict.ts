/** The packet belongs to no flow, and goes on without one (`-NF_ACCEPT`); it is dropped (`-NF_DROP`); ask again (`-NF_REPEAT`). */
export const NOT_TRACKED = -1;
export const REPEAT = -4;
