// Shows progress on stderr: a bar on a terminal, plain lines elsewhere.
import type { ConvertProgress, LoadProgress } from '@pagemind/core/node';

const BAR_WIDTH = 28;

/** Makes a progress callback for loading or converting a model, and a function that ends the display. */
export function showProgress(stream: NodeJS.WriteStream = process.stderr): {
  readonly onProgress: (progress: LoadProgress | ConvertProgress) => void;
  readonly end: () => void;
} {
  let lastPhase = '';
  let lastTenth = -1;
  return {
    onProgress({ phase, loadedBytes, totalBytes, text }) {
      const share = totalBytes > 0 ? Math.min(loadedBytes / totalBytes, 1) : 0;
      if (stream.isTTY) {
        const filled = Math.round(share * BAR_WIDTH);
        stream.write(`\r\x1b[K${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)} ${text}`);
        return;
      }
      const tenth = Math.floor(share * 10);
      if (phase === lastPhase && tenth === lastTenth) return;
      [lastPhase, lastTenth] = [phase, tenth];
      stream.write(`${text}\n`);
    },
    end() {
      if (stream.isTTY) stream.write('\r\x1b[K');
    },
  };
}
