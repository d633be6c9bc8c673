// Run by Deno: reads a JSON array of WGSL texts from its input, compiles each, and writes what naga.ts calls a NagaResult.

const texts = await new Response(Deno.stdin.readable).json();
const adapter = await navigator.gpu.requestAdapter();
if (!adapter) throw new Error('Deno finds no WebGPU adapter');
const features = [...adapter.features];
const device = await adapter.requestDevice({
  requiredFeatures: features.filter((feature) => feature === 'shader-f16'),
});
device.onuncapturederror = (event) => event.preventDefault(); // the messages below say it all

const errors = [];
for (const code of texts) {
  const { messages } = await device.createShaderModule({ code }).getCompilationInfo();
  errors.push(messages.filter(({ type }) => type === 'error').map(({ message }) => message));
}
console.log(JSON.stringify({ features, errors }));
