// Draws what `pagemind bench --concurrency … --json` measured: `node tools/bench/plot.mjs REPORT.json OUT.svg`. Left the
// tokens per second of all clients together, right the time between two tokens of one.
import { readFile, writeFile } from 'node:fs/promises';
import { runAsScript } from '../setup/process.mjs';

const [WIDTH, HEIGHT] = [400, 260];
const EDGE = { left: 56, right: 16, top: 36, bottom: 40 };

/**
 * @typedef {{ name: string, colour: string, values: number[] }} Line
 * @typedef {{ title: string, labels: number[], lines: Line[] }} Chart
 */

await runAsScript(import.meta.url, async ([report, out]) => {
  if (!out) throw new Error('Usage: node tools/bench/plot.mjs REPORT.json OUT.svg');
  const { concurrency: rows, model, adapter } = JSON.parse(await readFile(report, 'utf8'));
  const labels = rows.map((row) => row.concurrency);
  const line = (name, colour, key) => ({ name, colour, values: rows.map((row) => row[key]) });
  const charts = [
    { title: 'tokens per second, all clients', labels, lines: [line('decode', '#2563eb', 'decodeTokensPerSecond')] },
    {
      title: 'ms between tokens, one client',
      labels,
      lines: [line('p50', '#16a34a', 'p50Ms'), line('p95', '#dc2626', 'p95Ms')],
    },
  ];
  const body = charts.map((chart, i) => `<g transform="translate(${i * WIDTH} 24)">${draw(chart)}</g>`).join('\n');
  const caption = `${model} on ${adapter.vendor} ${adapter.architecture}`;
  await writeFile(
    out,
    `<svg xmlns="http://www.w3.org/2000/svg" width="${2 * WIDTH}" height="${HEIGHT + 24}" font-family="sans-serif" font-size="12"><title>${escaped(caption)}</title>
<rect width="100%" height="100%" fill="white"/>
<text x="${WIDTH}" y="20" text-anchor="middle" font-size="14">${escaped(caption)}</text>
${body}
</svg>
`,
  );
});

/** @param {Chart} chart */
function draw({ title, labels, lines }) {
  const top = niceAbove(Math.max(...lines.flatMap(({ values }) => values)));
  const x = (i) => EDGE.left + (i * (WIDTH - EDGE.left - EDGE.right)) / Math.max(labels.length - 1, 1);
  const y = (value) => HEIGHT - EDGE.bottom - (value / top) * (HEIGHT - EDGE.top - EDGE.bottom);
  const grid = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const at = y(share * top);
    return `<path d="M${EDGE.left} ${at}H${WIDTH - EDGE.right}" stroke="#ddd"/>
<text x="${EDGE.left - 6}" y="${at + 4}" text-anchor="end">${share * top}</text>`;
  });
  const ticks = labels.map((label, i) => `<text x="${x(i)}" y="${HEIGHT - 22}" text-anchor="middle">${label}</text>`);
  const curves = lines.map(({ name, colour, values }, i) => {
    const points = values.map((value, at) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`);
    const dots = points
      .map((point) => `<circle cx="${point.split(',')[0]}" cy="${point.split(',')[1]}" r="3"/>`)
      .join('');
    return `<g fill="${colour}"><polyline points="${points.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>${dots}
<text x="${EDGE.left + 10}" y="${EDGE.top + 14 + 16 * i}">${name}</text></g>`;
  });
  return [
    `<text x="${WIDTH / 2}" y="20" text-anchor="middle">${title}</text>`,
    ...grid,
    ...ticks,
    `<text x="${WIDTH / 2}" y="${HEIGHT - 6}" text-anchor="middle">clients at once</text>`,
    ...curves,
  ].join('\n');
}

/** The next round number, whose quarters are round, too. */
function niceAbove(value) {
  const unit = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 6, 8, 10].map((factor) => factor * unit).find((candidate) => candidate >= value);
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
