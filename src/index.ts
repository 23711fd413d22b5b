/** LocalLite in your own process: the gateway without a port. */
export type { Config, ConfigOptions } from './config/settings.ts';
export { ERROR_TABLE, type ErrorCode, LocalLiteError } from './errors.ts';
export { createGateway, type GatewayOptions } from './gateway/create.ts';
export type {
  ConvertOrder,
  EmbedRequest,
  EmbedResult,
  Gateway,
  Job,
  Jobs,
  LoadedModel,
  ModelSummary,
  Models,
  MultiRequest,
  MultiResult,
  RerankRequest,
  RerankResult,
  SparseRequest,
  SparseResult,
  SparseVector,
  Timings,
  TokenizeResult,
  TokenVectors,
} from './gateway/gateway-types.ts';
export type { ModelCard, ModelVariant } from './models/card.ts';
export type { InstalledModel, PullProgress, VerifyReport } from './models/store-types.ts';
export { createTelemetry, silentTelemetry } from './telemetry/create-telemetry.ts';
export type { Logger, Telemetry } from './telemetry/telemetry.ts';
