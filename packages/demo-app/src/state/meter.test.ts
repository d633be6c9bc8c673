// Speed as seen from the page.
import { describe, expect, it } from 'vitest';
import { countTokens, startMeter, timeToFirstTokenMs, tokensPerSecond } from './meter.js';

describe('the meter', () => {
  it('knows nothing before the first token', () => {
    const meter = startMeter(100);
    expect(tokensPerSecond(meter)).toBeUndefined();
    expect(timeToFirstTokenMs(meter)).toBeUndefined();
    expect(countTokens(meter, 0, 500)).toBe(meter);
  });

  it('measures from the first token, whatever came with it', () => {
    let meter = countTokens(startMeter(100), 3, 350);
    expect(timeToFirstTokenMs(meter)).toBe(250);
    expect(tokensPerSecond(meter)).toBeUndefined();
    meter = countTokens(meter, 4, 850);
    meter = countTokens(meter, 4, 1350);
    expect(tokensPerSecond(meter)).toBe(8);
    expect(timeToFirstTokenMs(meter)).toBe(250);
  });
});
