// What came of quantising: the figures before and after, and the way to take the model along. It stands above the model's page.
import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import { useApp, useText } from '../app-context.js';
import { type Failure, failureOf } from '../state/failure.js';
import type { OwnModel } from '../state/own-models.js';
import { formatBytes, formatNumber } from '../text/format.js';
import { FailureNote } from './failure-note.js';
import { Icon } from './icon.js';

export function QuantizeResult({ own }: { readonly own: OwnModel }): VNode {
  const { quantizer, language } = useApp();
  const { quantize: words, actions, status } = useText();
  const { before, after } = own;
  const number = (value: number): string => formatNumber(value, language.value);
  const bytes = (value: number): string => formatBytes(value, language.value);
  return (
    <section class="quantize-result" aria-labelledby="quantize-result">
      <div class="quantize-head">
        <h2 id="quantize-result">{words.done(own.id)}</h2>
        <button type="button" class="quiet" onClick={() => quantizer.leave()} aria-label={actions.dismiss}>
          <Icon name="close" />
        </button>
      </div>
      {before && after && (
        <table>
          <thead>
            <tr>
              <td />
              <th scope="col">{words.columns.before}</th>
              <th scope="col">{words.columns.after}</th>
            </tr>
          </thead>
          <tbody>
            <tr>
              <th scope="row">{words.perplexity}</th>
              <td>{number(before.perplexity)}</td>
              <td>{number(after.perplexity)}</td>
            </tr>
            <tr>
              <th scope="row">{status.weights}</th>
              <td>{bytes(before.weightBytes)}</td>
              <td>{bytes(after.weightBytes)}</td>
            </tr>
          </tbody>
        </table>
      )}
      <p class="help">{words.perplexityHelp}</p>
      <DownloadButton own={own} />
    </section>
  );
}

function DownloadButton({ own }: { readonly own: OwnModel }): VNode {
  const app = useApp();
  const { quantize: words } = useText();
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure>();
  const download = async (): Promise<void> => {
    setBusy(true);
    setFailure(await app.download(own).then(() => undefined, failureOf));
    setBusy(false);
  };
  return (
    <>
      <button type="button" class="plain" disabled={isBusy} onClick={() => void download()}>
        {isBusy ? words.packing : words.download}
      </button>
      {failure && <FailureNote failure={failure} />}
    </>
  );
}
