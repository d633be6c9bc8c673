// The table of docs/formats.md: what a checkpoint may store its matrices as, what that becomes on the device, and the golden
// checkpoints that prove it. All of it is asked of the code: its registries, and what it makes of the goldens.
import { existsSync, readFileSync } from 'node:fs';
import { openCheckpoint } from '../load/checkpoint.js';
import { GGUF_UNITS } from '../load/gguf.js';
import { STORAGES } from '../load/pickle.js';
import { LAYOUT_BITS } from '../load/quantized.js';
import { planWeight, storedFormat, WEIGHT_DTYPES } from '../load/weight-plan.js';
import { formatName } from '../load/weights.js';
import { resolveModel } from '../models/model.js';
import { folderSource } from '../platform/node-source.js';
import { fixturesPath } from './fixtures.js';

/** Where the table begins and ends in the document. */
const [BEGIN, END] = ['<!-- table of formats: begin -->', '<!-- table of formats: end -->'];

/** Tests that compare the logits and greedy ids of every golden they name, and the list that they share. */
const TESTS = ['testing/goldens.ts', 'format-goldens.model.test.ts', 'gguf.model.test.ts'];

interface Row {
  readonly files: readonly string[];
  readonly formats: Set<string>;
  readonly goldens: Set<string>;
}

/** The document with its table made anew. */
export async function withFormatsTable(document: string): Promise<string> {
  const [before, after] = [document.split(BEGIN)[0], document.split(END)[1]];
  if (before === undefined || after === undefined) throw new Error('the document has no place for the table');
  return `${before}${BEGIN}\n${await formatsTable()}\n${END}${after}`;
}

async function formatsTable(): Promise<string> {
  const rows = registeredRows();
  for (const name of goldenNames()) {
    for (const [kind, formats] of await kindsOf(name)) {
      const row = rows.get(kind) ?? { files: filesOfTensors, formats: new Set(), goldens: new Set() };
      rows.set(kind, row);
      for (const format of formats) row.formats.add(format);
      row.goldens.add(name);
    }
  }
  const line = (...cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const list = (items: ReadonlySet<string>): string => [...items].join(', ') || '–';
  return [
    line('stored as', 'in', 'on the device', 'goldens'),
    '|---|---|---|---|',
    ...[...rows].map(([kind, { files, formats, goldens }]) =>
      line(kind, files.join(', '), list(formats), list(goldens)),
    ),
  ].join('\n');
}

const filesOfTensors = ['safetensors', 'PyTorch'];

/** What the registries know, without goldens. */
function registeredRows(): Map<string, Row> {
  const rows = new Map<string, Row>();
  for (const [dtype, source] of Object.entries(WEIGHT_DTYPES)) {
    const files = [
      ...(dtype in GGUF_UNITS && !/^B?F/.test(dtype) ? [] : ['safetensors']),
      ...(Object.values(STORAGES).some((stored) => stored === dtype) ? ['PyTorch'] : []),
      ...(dtype in GGUF_UNITS ? ['GGUF'] : []),
    ];
    rows.set(dtype, { files, formats: new Set([formatName(storedFormat(new Set([source])))]), goldens: new Set() });
  }
  for (const [layout, bits] of Object.entries(LAYOUT_BITS)) {
    for (const each of bits) {
      for (const order of layout === 'GPTQ' ? ['', ', act-order'] : ['']) {
        const kind = `${layout}, ${each} bits${order}`;
        rows.set(kind, { files: filesOfTensors, formats: new Set(), goldens: new Set() });
      }
    }
  }
  return rows;
}

function goldenNames(): string[] {
  const named = TESTS.flatMap((test) => {
    const text = readFileSync(new URL(`../${test}`, import.meta.url), 'utf8');
    return Array.from(
      text.matchAll(/\['([\w-]+)',|^ {2,4}'([\w-]+)',$/gm),
      ([, first, second]) => first ?? second ?? '',
    );
  });
  return [...new Set(named)].filter((name) => existsSync(fixturesPath(`goldens/${name}/golden.safetensors`)));
}

/** The formats of the matrices of a golden, by what they are stored as. Of quantised ones, only those that are. */
async function kindsOf(name: string): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const opened = await openCheckpoint(folderSource(fixturesPath(`goldens/${name}`)));
  const { checkpoint, specs } = resolveModel(opened);
  const kinds = new Map<string, Set<string>>();
  for (const spec of specs) {
    const { options } = planWeight(checkpoint, spec, {});
    for (const { tensor } of options ? spec.pieces : []) {
      const matrix = checkpoint.quantized?.get(tensor);
      const bits = matrix?.options.format === 'int8' ? 8 : 4;
      const kind = matrix
        ? `${matrix.layout}, ${bits} bits${matrix.groupOf ? ', act-order' : ''}`
        : (checkpoint.tensors.get(tensor)?.dtype ?? '');
      const formats = kinds.get(kind) ?? new Set();
      kinds.set(kind, formats);
      if (options) formats.add(formatName(options));
    }
  }
  const isFloat = (kind: string): boolean => /^B?F\d+$/.test(kind);
  const isQuantized = [...kinds.keys()].some((kind) => !isFloat(kind));
  return new Map([...kinds].filter(([kind]) => !isQuantized || !isFloat(kind)));
}
