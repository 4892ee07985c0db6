/** Counters as `/proc/net/snmp` and `netstat -s` name them. */
export interface IcmpStats {
  inMsgs: number;
  inErrors: number;
  inCsumErrors: number;
  inDestUnreachs: number;
  inTimeExcds: number;
  inParmProbs: number;
  inSrcQuenchs: number;
  inRedirects: number;
  inEchos: number;
  inEchoReps: number;
  inTimestamps: number;
  inTimestampReps: number;
  inAddrMasks: number;
  inAddrMaskReps: number;
  outMsgs: number;
  outErrors: number;
  outRateLimitGlobal: number;
  outRateLimitHost: number;
  outDestUnreachs: number;
  outTimeExcds: number;
  outParmProbs: number;
  outSrcQuenchs: number;
  outRedirects: number;
  outEchos: number;
  outEchoReps: number;
  outTimestamps: number;
  outTimestampReps: number;
  outAddrMasks: number;
  outAddrMaskReps: number;
}

export const newIcmpStats = (): IcmpStats => ({
  inMsgs: 0,
  inErrors: 0,
  inCsumErrors: 0,
  inDestUnreachs: 0,
  inTimeExcds: 0,
  inParmProbs: 0,
  inSrcQuenchs: 0,
  inRedirects: 0,
  inEchos: 0,
  inEchoReps: 0,
  inTimestamps: 0,
  inTimestampReps: 0,
  inAddrMasks: 0,
  inAddrMaskReps: 0,
  outMsgs: 0,
  outErrors: 0,
  outRateLimitGlobal: 0,
  outRateLimitHost: 0,
  outDestUnreachs: 0,
  outTimeExcds: 0,
  outParmProbs: 0,
  outSrcQuenchs: 0,
  outRedirects: 0,
  outEchos: 0,
  outEchoReps: 0,
  outTimestamps: 0,
  outTimestampReps: 0,
  outAddrMasks: 0,
  outAddrMaskReps: 0,
});

type Counter = (stats: IcmpStats) => void;

/** What counts a message by its type; types without a counter of their own have none. */
const IN: Readonly<Record<number, Counter>> = {
  0: (s) => s.inEchoReps++,
  3: (s) => s.inDestUnreachs++,
  4: (s) => s.inSrcQuenchs++,
  5: (s) => s.inRedirects++,
  8: (s) => s.inEchos++,
  11: (s) => s.inTimeExcds++,
  12: (s) => s.inParmProbs++,
  13: (s) => s.inTimestamps++,
  14: (s) => s.inTimestampReps++,
  17: (s) => s.inAddrMasks++,
  18: (s) => s.inAddrMaskReps++,
};
const OUT: Readonly<Record<number, Counter>> = {
  0: (s) => s.outEchoReps++,
  3: (s) => s.outDestUnreachs++,
  4: (s) => s.outSrcQuenchs++,
  5: (s) => s.outRedirects++,
  8: (s) => s.outEchos++,
  11: (s) => s.outTimeExcds++,
  12: (s) => s.outParmProbs++,
  13: (s) => s.outTimestamps++,
  14: (s) => s.outTimestampReps++,
  17: (s) => s.outAddrMasks++,
  18: (s) => s.outAddrMaskReps++,
};

/** Counts a message received, its checksum good. */
export const countIn = (stats: IcmpStats, type: number): void => IN[type]?.(stats);

/** Counts a message sent, by the kernel or by a raw socket (net/ipv4/icmp.c:icmp_out_count). */
export function countOut(stats: IcmpStats, type: number): void {
  stats.outMsgs++;
  OUT[type]?.(stats);
}
