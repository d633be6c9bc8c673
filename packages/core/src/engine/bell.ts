// Wakes one loop: rung by anybody, any number of times, heard once.

export class Bell {
  #ring: () => void = () => {};
  #rung: Promise<void> = this.#hang();

  /** Wakes the loop, now or as soon as it waits. */
  ring(): void {
    this.#ring();
  }

  /** Waits until the bell has been rung since the last wait. */
  async wait(): Promise<void> {
    await this.#rung;
    this.#rung = this.#hang();
  }

  #hang(): Promise<void> {
    return new Promise((resolve) => {
      this.#ring = resolve;
    });
  }
}
