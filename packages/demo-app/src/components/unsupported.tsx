// The page for a browser without WebGPU: what it is, and how to get it, the person's own browser first.
import type { VNode } from 'preact';
import { useText } from '../app-context.js';
import type { BrowserId } from '../i18n/dictionary.js';
import type { Failure } from '../state/failure.js';
import { Logo } from './icon.js';

export function Unsupported({ failure }: { readonly failure: Failure | 'no-webgpu' }): VNode {
  const { unsupported: words, errorDetails } = useText();
  const own = guessBrowser(navigator.userAgent);
  const browsers = words.browsers.toSorted((a, b) => Number(b.id === own) - Number(a.id === own));
  return (
    <main class="unsupported">
      <Logo />
      <h1>{words.title}</h1>
      {isSecureContext ? <p>{words.text}</p> : <p class="insecure">{words.insecure}</p>}
      <dl>
        {browsers.map(({ id, name, advice }) => (
          <div key={id} class={id === own ? 'browser own' : 'browser'}>
            <dt>
              {name} {id === own && <span class="badge">{words.yourBrowser}</span>}
            </dt>
            <dd>{advice}</dd>
          </div>
        ))}
      </dl>
      {failure !== 'no-webgpu' && (
        <details>
          <summary>{errorDetails}</summary>
          <p>
            {failure.message} {failure.hint} <code>{failure.code}</code>
          </p>
        </details>
      )}
      <button type="button" class="primary" onClick={() => location.reload()}>
        {words.reload}
      </button>
    </main>
  );
}

/** Only for the order of the advice, so a wrong guess does no harm. */
function guessBrowser(userAgent: string): BrowserId {
  if (/iPhone|iPad/.test(userAgent)) return 'ios';
  if (/Android/.test(userAgent)) return 'android';
  if (/Firefox/.test(userAgent)) return 'firefox';
  return /Safari/.test(userAgent) && !/Chrom/.test(userAgent) ? 'safari' : 'chrome';
}
