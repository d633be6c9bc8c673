// Speed of a running generation as the page sees it, from the times at which tokens arrived. Pure. The engine's own,
// more exact figures replace it at the end.

export interface Meter {
  readonly startedAt: number;
  readonly firstAt: number | undefined;
  readonly lastAt: number;
  readonly numTokens: number;
  /** Tokens that came with the first event: their time is not known. */
  readonly numFirst: number;
}

/** @param now milliseconds */
export function startMeter(now: number): Meter {
  return { startedAt: now, firstAt: undefined, lastAt: now, numTokens: 0, numFirst: 0 };
}

export function countTokens(meter: Meter, numTokens: number, now: number): Meter {
  if (numTokens === 0) return meter;
  const isFirst = meter.firstAt === undefined;
  return {
    ...meter,
    firstAt: meter.firstAt ?? now,
    lastAt: now,
    numTokens: meter.numTokens + numTokens,
    numFirst: isFirst ? numTokens : meter.numFirst,
  };
}

/** Undefined until there is something to measure. */
export function tokensPerSecond({ firstAt, lastAt, numTokens, numFirst }: Meter): number | undefined {
  if (firstAt === undefined || lastAt <= firstAt || numTokens <= numFirst) return undefined;
  return ((numTokens - numFirst) * 1000) / (lastAt - firstAt);
}

export function timeToFirstTokenMs({ firstAt, startedAt }: Meter): number | undefined {
  return firstAt === undefined ? undefined : firstAt - startedAt;
}
