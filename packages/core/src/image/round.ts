// Rounding as Python does it, which configurations of models rely on.

/** To the nearest whole number; halves to the even one. For numbers from 0 up. */
export function roundHalfEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}
