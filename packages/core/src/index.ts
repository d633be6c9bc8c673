// Public names of @pagemind/core: an engine in this thread.
export { Engine } from './api/engine-api.js';
export type { AssembleOptions } from './assemble.js';
export type { EngineConfig, EngineOptions, MemoryPlan } from './config.js';
export { type CreateEngineOptions, createEngine, type ModelLocation } from './create-engine.js';
export type {
  ChatMessage,
  EngineCore,
  EngineInfo,
  EngineStats,
  FinishReason,
  GenerateEvent,
  GenerateRequest,
  LoadProgress,
  MemoryUse,
  Prompt,
  RequestStats,
  Usage,
} from './engine/core.js';
export { PagemindError, type PagemindErrorCode } from './errors.js';
export type { ByteSource, ModelSource } from './load/source.js';
export type { RunnerCounters } from './runner/runner.js';
export type { SamplingParams } from './sampling/params.js';
