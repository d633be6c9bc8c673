// Listens to everything a page does that a clean, private page does not: errors, warnings, requests to other places.
import type { Page } from '@playwright/test';

export interface PageWatch {
  /** Messages of errors and warnings. */
  readonly complaints: string[];
  /** Addresses outside the page's own origin. */
  readonly foreignRequests: string[];
}

/** Call it before the page is opened. */
export function watch(page: Page, origin: string): PageWatch {
  const complaints: string[] = [];
  const foreignRequests: string[] = [];
  page.on('console', (message) => {
    // Some files of a model are optional: the engine asks for them, and the browser remarks that they are missing.
    if (message.location().url.includes('/models/') && /\b404\b/.test(message.text())) return;
    if (message.text() === 'Service Worker registration blocked by Playwright') return;
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  // The context's requests include those of workers.
  page.context().on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(origin) && !/^(data|blob):/.test(url)) foreignRequests.push(url);
  });
  return { complaints, foreignRequests };
}
