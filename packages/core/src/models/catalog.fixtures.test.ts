// The table of docs/models.md is what the registries and the golden tests say. `PAGEMIND_WRITE_DOCS=1` writes it.
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { describeWithFixtures } from '../testing/fixtures.js';
import { withModelsTable } from '../testing/models-table.js';

const path = new URL('../../../../docs/models.md', import.meta.url);

describeWithFixtures('docs/models.md', 'goldens/README.md', () => {
  it('has the table of models as it is (else run `npm run docs`)', () => {
    const document = readFileSync(path, 'utf8');
    const current = withModelsTable(document);
    if (process.env['PAGEMIND_WRITE_DOCS']) writeFileSync(path, current);
    else expect(document).toBe(current);
  });
});
