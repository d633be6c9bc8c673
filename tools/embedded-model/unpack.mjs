// Turns the packed model that ships into a checkpoint of float32 tensors under Hugging Face's names, number for number, so
// that golden.py can ask transformers what the engine must compute: node tools/embedded-model/unpack.mjs PACKED OUT
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { argv } from 'node:process';
import { writeSafetensors } from '../../packages/core/dist/node.js';
import { weightFormats } from '../../packages/quant/dist/index.js';

const [packed, out] = argv.slice(2);
if (!out) throw new Error('Usage: node tools/embedded-model/unpack.mjs PACKED OUT');

const { text_config: text, vision_config: vision } = JSON.parse(await readFile(join(packed, 'config.json'), 'utf8'));
const { weights, planeOf } = await readPacked(join(packed, 'model.safetensors'));
const tensors = {};

const headRows = text.num_attention_heads * text.head_dim;
const keyRows = text.num_key_value_heads * text.head_dim;
put('language_model.model.embed_tokens.weight', matrix('embedding'));
put('language_model.lm_head.weight', matrix('embedding'));
put('language_model.model.norm.weight', vector('norm'));
for (let i = 0; i < text.num_hidden_layers; i++) {
  const [ours, theirs] = [`layers.${i}`, `language_model.model.layers.${i}`];
  put(`${theirs}.input_layernorm.weight`, vector(`${ours}.attentionNorm`));
  put(`${theirs}.post_attention_layernorm.weight`, vector(`${ours}.mlpNorm`));
  putRows(`${theirs}.self_attn`, ['q_proj', 'k_proj', 'v_proj'], [headRows, keyRows, keyRows], matrix(`${ours}.qkv`));
  put(`${theirs}.self_attn.o_proj.weight`, matrix(`${ours}.output`));
  // Gate and up rows alternate in fours.
  const fused = matrix(`${ours}.gateUp`);
  for (const [part, name] of ['gate_proj', 'up_proj'].entries()) {
    const rows = Array.from({ length: text.intermediate_size }, (_, r) => Math.floor(r / 4) * 8 + part * 4 + (r % 4));
    put(`${theirs}.mlp.${name}.weight`, pick(fused, rows));
  }
  put(`${theirs}.mlp.down_proj.weight`, matrix(`${ours}.down`));
}

const width = vision.hidden_size;
const tower = 'vision_tower.vision_model';
const { patch_size: side } = vision;
put(`${tower}.embeddings.patch_embedding.weight`, { ...matrix('vision.patches'), shape: [width, 3, side, side] });
const table = vector('vision.positions').values;
const numPositions = table.length / width - 1;
const positions = { shape: [numPositions, width], values: table.slice(0, numPositions * width) };
put(`${tower}.embeddings.position_embedding.weight`, positions);
put(`${tower}.embeddings.class_embedding`, { shape: [width], values: table.slice(numPositions * width) });
putNorm(`${tower}.pre_layrnorm`, 'vision.preNorm');
for (let i = 0; i < vision.num_hidden_layers; i++) {
  const [ours, theirs] = [`vision.layers.${i}`, `${tower}.encoder.layers.${i}`];
  putNorm(`${theirs}.layer_norm1`, `${ours}.norm1`);
  putNorm(`${theirs}.layer_norm2`, `${ours}.norm2`);
  const parts = ['q_proj', 'k_proj', 'v_proj'];
  putRows(`${theirs}.self_attn`, parts, [width, width, width], matrix(`${ours}.qkv`), vector(`${ours}.qkv.bias`));
  putLinear(`${theirs}.self_attn.out_proj`, `${ours}.output`);
  putLinear(`${theirs}.mlp.fc1`, `${ours}.up`);
  putLinear(`${theirs}.mlp.fc2`, `${ours}.down`);
}
for (const name of ['linear_1', 'linear_2']) putLinear(`multi_modal_projector.${name}`, `projector.${name}`);

await mkdir(out, { recursive: true });
await writeFile(join(out, 'model.safetensors'), writeSafetensors(tensors));
for (const file of await readdir(packed)) {
  if (!file.endsWith('.safetensors')) await copyFile(join(packed, file), join(out, file));
}

function put(name, { shape, values }) {
  const { buffer, byteOffset, byteLength } = values;
  tensors[name] = { dtype: 'F32', shape, data: new Uint8Array(buffer, byteOffset, byteLength) };
}

function putNorm(theirs, ours) {
  put(`${theirs}.weight`, vector(ours));
  put(`${theirs}.bias`, vector(`${ours}.bias`));
}

function putLinear(theirs, ours) {
  put(`${theirs}.weight`, matrix(ours));
  put(`${theirs}.bias`, vector(`${ours}.bias`));
}

/** Cuts a matrix, and its bias where there is one, into parts of so many rows each. */
function putRows(stem, names, numRows, whole, bias) {
  let first = 0;
  for (const [i, name] of names.entries()) {
    const rows = Array.from({ length: numRows[i] }, (_, r) => first + r);
    put(`${stem}.${name}.weight`, pick(whole, rows));
    if (bias) put(`${stem}.${name}.bias`, pick({ shape: [bias.values.length, 1], values: bias.values }, rows, true));
    first += numRows[i];
  }
}

function pick({ shape: [, numCols], values }, rows, isVector = false) {
  const picked = new Float32Array(rows.length * numCols);
  rows.forEach((row, i) => {
    picked.set(values.subarray(row * numCols, (row + 1) * numCols), i * numCols);
  });
  return { shape: isVector ? [rows.length] : [rows.length, numCols], values: picked };
}

function matrix(name) {
  const { format, groupSize, hasZeros, numRows, numCols } = weights[name];
  const options = { format, groupSize, hasZeros };
  const names = Object.keys(weightFormats[format].planeBytes(numRows, numCols, options));
  const planes = Object.fromEntries(names.map((plane) => [plane, new Uint32Array(planeOf(`${name}/${plane}`))]));
  return { shape: [numRows, numCols], values: weightFormats[format].unpack(planes, numRows, numCols, options) };
}

function vector(name) {
  const { length } = weights[name];
  return { shape: [length], values: new Float32Array(planeOf(`${name}/vector`)).slice(0, length) };
}

async function readPacked(path) {
  const file = await readFile(path);
  const start = 8 + Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString('utf8', 8, start));
  const bytesOf = (name) => {
    const [from, to] = header[name].data_offsets;
    return Uint8Array.from(file.subarray(start + from, start + to)).buffer;
  };
  return { weights: JSON.parse(header.__metadata__.weights), planeOf: bytesOf };
}
