// Texts of `pagemind help` and mistakes of usage.

/** A mistake in how the command was called. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const QUANTIZE_OPTIONS = `  --quantize int4-g32|int4-g64|int4-g128|f16|bf16   format of the decoder's linears
  --quantize-embeddings FORMAT   the same for the embedding table and the head
  --quantize-vision FORMAT       the same for the vision tower and projector`;

const CACHE_OPTIONS =
  '  --download-dir DIR       where they are kept (default: $PAGEMIND_CACHE_DIR, or the folder for caches)';

const HUB_OPTIONS = `Models of hubs:
  --revision REV           branch, tag or commit (default: the main branch)
  --endpoint URL           a mirror, as https://hf-mirror.com, or https://www.modelscope.cn
                           (default: $HF_ENDPOINT, or https://huggingface.co; $HF_TOKEN is sent to that)
  --weights-file FILE      which file of weights, e.g. one .gguf among several
  --revalidate             ask whether there is a newer version; without, what is in the cache is taken
  --no-keep-packed         do not keep what --quantize makes of the weights
${CACHE_OPTIONS}`;

const MODEL_OPTIONS = `Model options:
${QUANTIZE_OPTIONS}
  --model-format hf|awq|gptq               insist on how the checkpoint is quantised (hf: seen from its contents)
  --dtype auto|float16|float32             storage of keys and values (auto: as the checkpoint)
  --session-len N                          longest sequence, prompt and answer
  --max-batch-size N                       sequences at once
  --quant-policy 0|4|8                     bits of keys and values, quantised as they are written (0: off)
  --cache-max-entry-count X                KV pool: share of free memory (< 1) or number of blocks
  --cache-block-seq-len N                  tokens of a KV block: 16, 32, 64, 128 or 256
  --disable-prefix-caching                 requests that begin alike share nothing
  --max-prefill-token-num N                most tokens of one step
  --max-steps-in-flight N                  steps submitted before the oldest one's tokens are here (1 to 4)
  --memory-budget BYTES                    GPU memory to plan with
  --dynamic-rope frozen|recompute          dynamic NTK behind the trained length: base of the prompt, or all anew each token
  --deterministic                          the same bits alone, in a batch, in any chunks
  --speculative ngram[:N]                  guess N (1 to 7) tokens from earlier text, verify them in one step

${HUB_OPTIONS}`;

const SAMPLING_OPTIONS = `Sampling options:
  --max-new-tokens N  --temperature T  --top-p P  --top-k K  --min-p P  --seed S
  --repetition-penalty R  --presence-penalty P  --frequency-penalty F  --ignore-eos  --min-new-tokens N
  --bad-words TEXT  no token of the answer contains it (repeatable)`;

/** Help per command; the first line is its summary. */
export const HELP: Readonly<Record<string, string>> = {
  check_env: `pagemind check_env [--json]
What the GPU offers, what was measured, and what is missing.`,
  chat: `pagemind chat MODEL [options]
Talk with a model. An empty line sends; \`exit\` leaves; \`end\` starts over; Ctrl-C stops an answer.
\`/image FILE|URL\` shows an image with the next message, once for each image; \`/image\` alone takes them back.

${SAMPLING_OPTIONS}

${MODEL_OPTIONS}`,
  generate: `pagemind generate MODEL (--prompt TEXT | --messages FILE | --input-ids 1,2,3|@ids.json) [options]
Continue a prompt.
  --image FILE|URL   an image to look at, before the text of the last message (repeatable); with --raw the prompt holds
                     the model's image marker once for each, with --input-ids its image token once for each row
  --raw              no chat template around --prompt
  --json             print text, token_ids, finish_reason, usage and stats as JSON
  --logprobs N       with --json: the log probability of each token, and those of the N (0 to 20) most probable ones
  --stop TEXT        text that ends the answer (repeatable)

${SAMPLING_OPTIONS}

${MODEL_OPTIONS}`,
  logits: `pagemind logits MODEL --input-ids 1,2,3|@ids.json [--decode-from N] [options] --out FILE.safetensors
Write the logits of every position as tensor "logits" f32 [T, vocab]; positions from N on go through the decode path.
Keys and values are kept in float32 here unless --dtype or --quant-policy says otherwise.
  --image FILE|URL                  an image whose rows stand in the ids (repeatable)
  --pixel-values FILE.safetensors   or what a processor made of the images: "pixel_values" f32 [images, 3, side, side] or
                                    [images, tiles, 3, side, side], with "high_res_pixel_values" if the model has a
                                    second tower, and "image_sizes" [images, 2] (height, width) if it lays images out
                                    by their size; or patches and "image_grid_thw" [images, 3]

${MODEL_OPTIONS}`,
  encode: `pagemind encode DIR TEXT|@texts.json [--add-special-tokens] [--json]
Turn texts into token ids, and those into text again. DIR needs nothing but tokenizer files, or is a model of a hub;
@texts.json is a JSON list.
  --add-special-tokens   put around each text what the model puts there, e.g. BOS
  --json                 print {"ids": [[…]], "decoded": ["…"]}; without, the ids of a text on a line

${HUB_OPTIONS}`,
  bench: `pagemind bench MODEL [--prompt-tokens N] [--new-tokens N] [--concurrency 1,2,4,8] [--json]
Measure decode and prefill beside the bandwidth of the device, and count what a step takes.
  --concurrency 1,2,4,8   then so many clients at once: tokens per second in all, latencies, shared prefixes, preemptions
  --synthetic qwen2.5-0.5b|miniature   in place of MODEL: how random weights in these shapes are loaded into INT4, from a
                          hub on this machine that loses connections, and then from the cache (writes twice their size)

${MODEL_OPTIONS}`,
  plan: `pagemind plan MODEL [options] [--json]
What the model will take of this device's memory, before its weights are read.

${MODEL_OPTIONS}`,
  convert: `pagemind convert MODEL OUT [options]
Write MODEL into the folder OUT in the layout of the GPU, which loads faster: quantised and repacked once.
  --force  write into a folder that is not empty
  --json   print what was written as JSON
  --group-size N   short for --quantize int4-gN

Formats (what is not named stays as it is stored):
${QUANTIZE_OPTIONS}

${HUB_OPTIONS}`,
  pull: `pagemind pull MODEL [options]
Bring a model of a hub into the cache, or what is missing of it. What was left in the middle goes on where it was.

${HUB_OPTIONS}`,
  list: `pagemind list [--families] [--json]
Models of hubs in the cache, the one used last first.
  --families   instead, the families of models that run, with their smallest good checkpoint and what it takes at INT4

${CACHE_OPTIONS}`,
  rm: `pagemind rm MODEL
Delete a model from the cache, in all its revisions.

${CACHE_OPTIONS}`,
  export: `pagemind export MODEL OUT
Write a model of the cache into the folder OUT, as the hub has it.

${CACHE_OPTIONS}`,
  lite: `pagemind lite auto_awq|auto_gptq|auto_rtn|calibrate MODEL --calib-dataset FILE.txt --work-dir OUT [options]
Quantise the linears of MODEL's decoder with calibration, into a checkpoint that other tools read, too. Broken off and called
again, it goes on at the layer it had reached.
  --calib-samples N    windows of the text (128)
  --calib-seqlen N     tokens of a window (2048, or what the model was trained for)
  --batch-size N       windows at once (1)
  --w-bits 4|8         8 with auto_gptq alone (4)
  --w-group-size N     columns that share a scale (128)
  --json               print what was done as JSON

auto_awq: smoothing, in AWQ's layout "gemm"; auto_rtn: the same without smoothing
  --search-scale       try 20 ratios for every product
  --clip               try narrower ranges for every group
  --w-sym              zero points in the middle
auto_gptq: column by column, in GPTQ's layout
  --w-asym             zero points, in version 2 of the layout
  --damp-percent X     share of the Hessian's mean diagonal that is added to it (0.01)
calibrate: only the statistics of what goes into every linear, as OUT/inputs_stats.safetensors`,
  ppl: `pagemind ppl MODEL --text-file FILE [options] [--json]
The perplexity of a text: its tokens in windows, each behind what the model puts before a text.
  --seqlen N       tokens of a window, BOS included (2048, or the session's length)
  --stride N       new tokens of each window; the others are only looked at (default: all are new)
  --max-windows N  only the first N windows
Keys and values are kept in float32 here unless --dtype or --quant-policy says otherwise.

${MODEL_OPTIONS}`,
};

/** The overview. */
export const OVERVIEW: string = `pagemind: LLMs on WebGPU

${Object.values(HELP)
  .map((text) => `  ${text.split('\n', 1)[0]}`)
  .join('\n')}

MODEL is a folder as the hub lays it out (config.json, *.safetensors or *.bin, tokenizer files) or as Meta and Mistral do
(params.json, consolidated.*, tokenizer.model), a .gguf file, or a name on a hub, as in Qwen/Qwen2.5-0.5B-Instruct, which is
downloaded once and then kept.
\`pagemind COMMAND --help\` tells the rest.`;
