// Who comes first. The higher priority, and of equal ones the earlier arrival; but whoever was overtaken by later arrivals
// MAX_OVERTAKEN times comes before everybody who arrived later, whatever their priority, so that nobody waits forever.
// Counted in sequences that went before, never in time. What an order is used for, the scheduler knows.
import type { Sequence } from './sequence.js';

/** Times that a sequence is overtaken: that a later arrival runs while it waits, or takes blocks that it held. */
export const MAX_OVERTAKEN = 16;

/** Compares by urgency, the most urgent first. */
export function byUrgency(a: Sequence, b: Sequence): number {
  return a.urgency === b.urgency ? a.arrival - b.arrival : b.urgency - a.urgency;
}

/** Puts a sequence into its place of a queue that is in order. */
export function insert(queue: Sequence[], sequence: Sequence): void {
  queue.splice(queue.findLastIndex((other) => byUrgency(other, sequence) < 0) + 1, 0, sequence);
}

/** Takes a sequence out of the queue that it is in. */
export function remove(queue: Sequence[], sequence: Sequence): void {
  queue.splice(queue.indexOf(sequence), 1);
}
