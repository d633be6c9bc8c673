// Numbers for people.

/** Bytes in decimal units, as storage and networks count them: `1.3 MB`. */
export function formatBytes(numBytes: number, locale: string): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const exponent = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, numBytes)) / 3)));
  return `${formatNumber(numBytes / 1000 ** exponent, locale)} ${units[exponent]}`;
}

/** Three digits, or all before the point: `0.42`, `13.2`, `1,204`. */
export function formatNumber(value: number, locale: string): string {
  const digits = value >= 100 || Number.isInteger(value) ? 0 : value >= 10 ? 1 : 2;
  return value.toLocaleString(locale, { maximumFractionDigits: digits });
}

/** A time to wait, roughly: `45 s`, `12 min`, `3 h`. */
export function formatWait(seconds: number, locale: string): string {
  const [value, unit] =
    seconds < 100 ? [seconds, 'second'] : seconds < 6000 ? [seconds / 60, 'minute'] : [seconds / 3600, 'hour'];
  return Math.ceil(value as number).toLocaleString(locale, {
    style: 'unit',
    unit: unit as string,
    unitDisplay: 'short',
  });
}

/** `340 ms`, `2.4 s`. */
export function formatMilliseconds(ms: number, locale: string): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${formatNumber(ms / 1000, locale)} s`;
}
