// `pagemind lite`: quantises checkpoints with calibration, as LMDeploy's command of that name.
import { calibrateModel, type QuantizeModelOptions, type QuantizeProgress, quantizeModel } from '@pagemind/core/node';
import { numberOf, readArguments, readTextFile, stringOf, type Values } from '../arguments.js';
import { UsageError } from '../usage.js';

const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;

const CALIBRATION_OPTIONS = {
  'calib-dataset': text,
  'calib-samples': text,
  'calib-seqlen': text,
  'batch-size': text,
  'work-dir': text,
  json: flag,
};

const METHODS = {
  auto_awq: {
    method: 'awq',
    options: { 'w-bits': text, 'w-group-size': text, 'w-sym': flag, 'search-scale': flag, clip: flag },
  },
  auto_gptq: {
    method: 'gptq',
    options: { 'w-bits': text, 'w-group-size': text, 'w-asym': flag, 'damp-percent': text },
  },
  calibrate: { method: undefined, options: {} },
  auto_rtn: { method: 'rtn', options: { 'w-bits': text, 'w-group-size': text, 'w-sym': flag } },
} as const;

export async function lite(args: readonly string[]): Promise<void> {
  const [command = '', ...rest] = args;
  const name = command.replaceAll('-', '_');
  if (!Object.hasOwn(METHODS, name)) throw new UsageError(`Say what to do: ${Object.keys(METHODS).join(', ')}.`);
  const { method, options } = METHODS[name as keyof typeof METHODS];
  const { values, positionals } = readArguments(rest, { ...CALIBRATION_OPTIONS, ...options }, 1);
  const [model = ''] = positionals;
  const out = stringOf(values, 'work-dir');
  if (out === undefined) throw new UsageError('Give --work-dir OUT.');
  const progress = showLayers();
  const given = { ...(await readOptions(values)), onProgress: progress.show };
  const work = method ? quantizeModel(model, out, { ...given, method }) : calibrateModel(model, out, given);
  const summary = await work.finally(progress.end);
  process.stdout.write(values['json'] === true ? `${JSON.stringify(summary ?? {})}\n` : `written  ${out}\n`);
}

async function readOptions(values: Values): Promise<QuantizeModelOptions> {
  const dataset = stringOf(values, 'calib-dataset');
  if (dataset === undefined) throw new UsageError('Give --calib-dataset FILE, a text to calibrate on.');
  const options = {
    wBits: numberOf(values, 'w-bits'),
    wGroupSize: numberOf(values, 'w-group-size'),
    wSym: values['w-sym'] === true ? true : values['w-asym'] === true ? false : undefined,
    searchScale: values['search-scale'],
    clip: values['clip'],
    damping: numberOf(values, 'damp-percent'),
  };
  const calibration = {
    samples: numberOf(values, 'calib-samples'),
    seqlen: numberOf(values, 'calib-seqlen'),
    batchSize: numberOf(values, 'batch-size'),
  };
  return { ...defined(options), calibration: { text: await readTextFile(dataset), ...defined(calibration) } };
}

function defined(values: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

/** One line per layer; on a terminal they replace each other. */
function showLayers(stream: NodeJS.WriteStream = process.stderr): {
  readonly show: (progress: QuantizeProgress) => void;
  readonly end: () => void;
} {
  return {
    show({ text: said, loss, etaMs, layer, numLayers }) {
      const error = loss === undefined ? '' : `, error ${loss.toExponential(2)}`;
      const left = etaMs === undefined || layer === numLayers ? '' : `, ${Math.ceil(etaMs / 1000)} s left`;
      stream.write(stream.isTTY ? `\r\x1b[K${said}${error}${left}` : `${said}${error}${left}\n`);
    },
    end() {
      if (stream.isTTY) stream.write('\r\x1b[K');
    },
  };
}
