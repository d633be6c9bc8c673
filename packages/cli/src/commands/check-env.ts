// `pagemind check_env`: what the GPU offers, what was measured, what is missing and how to get it.
import { checkEnvironment, PagemindError } from '@pagemind/core/node';
import { readArguments } from '../arguments.js';

const HOW_TO: Readonly<Record<string, string>> = {
  linux: 'Install a Vulkan driver: `apt-get install libvulkan1 mesa-vulkan-drivers`, or the vendor driver of the GPU.',
  darwin: 'macOS brings Metal; run on macOS 13 or later.',
  win32: 'Update the graphics driver; Direct3D 12 or Vulkan is needed.',
};

export async function checkEnv(args: readonly string[]): Promise<void> {
  const { values } = readArguments(args, { json: { type: 'boolean' } }, 0);
  const system = { node: process.version, platform: `${process.platform} ${process.arch}` };
  let report: Record<string, unknown>;
  try {
    const environment = await checkEnvironment();
    const missing = ['shader-f16', 'subgroups'].filter((feature) => !environment.adapter.features.includes(feature));
    report = { ...system, ok: true, ...environment, missing };
  } catch (error) {
    if (!(error instanceof PagemindError)) throw error;
    report = {
      ...system,
      ok: false,
      missing: ['adapter'],
      error: error.message,
      hint: HOW_TO[process.platform] ?? error.hint,
    };
    process.exitCode = 1;
  }
  process.stdout.write(values['json'] === true ? `${JSON.stringify(report)}\n` : `${lines(report).join('\n')}\n`);
}

/** The report for people: one fact a line, nested ones indented. */
function lines(report: object, indent = ''): string[] {
  return Object.entries(report).flatMap(([key, value]) => {
    if (Array.isArray(value)) return [`${indent}${key}: ${value.join(', ') || 'none'}`];
    if (typeof value === 'object' && value !== null) return [`${indent}${key}:`, ...lines(value, `${indent}  `)];
    return [`${indent}${key}: ${String(value)}`];
  });
}
