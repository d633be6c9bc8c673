// The table of docs/formats.md is what the registries and the goldens say. `PAGEMIND_WRITE_DOCS=1` writes it.
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { describeWithFixtures } from '../testing/fixtures.js';
import { withFormatsTable } from '../testing/formats-table.js';

const path = new URL('../../../../docs/formats.md', import.meta.url);

describeWithFixtures('docs/formats.md', 'goldens/README.md', () => {
  it('has the table of formats as it is (else run `npm run docs`)', async () => {
    const document = readFileSync(path, 'utf8');
    const current = await withFormatsTable(document);
    if (process.env['PAGEMIND_WRITE_DOCS']) writeFileSync(path, current);
    else expect(document).toBe(current);
  });
});
