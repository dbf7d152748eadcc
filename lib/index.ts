export {
  accepted,
  between,
  type Check,
  freshness,
  matches,
  notNull,
  type Reference,
  references,
  rowCount,
  type Severity,
  unique,
  warn,
} from './check/rules.ts'
export { type Config, config, type Profile } from './config/config.ts'
export type { LimitSettings } from './config/limits.ts'
export { secret } from './config/secret.ts'
export {
  type AzureOptions,
  azure,
  duckdb,
  type FilesOptions,
  files,
  type GcsOptions,
  gcs,
  type HttpAuth,
  type HttpOptions,
  http,
  local,
  type PostgresOptions,
  postgres,
  type S3Options,
  type StartedServer,
  s3,
  type WebhookOptions,
  webhook,
} from './connectors/index.ts'
export type { NotifierConnection } from './connectors/notifier.ts'
export type { Compression, FileFormat, HttpRequest, HttpScalar, Paging, QueryRequest, TableRequest } from './connectors/requests.ts'
export type { SourceConnection } from './connectors/source.ts'
export type { StoreConnection } from './connectors/store.ts'
export type { WarehouseConnection } from './connectors/warehouse.ts'
export type { Columns } from './core/dataset.ts'
export type { MaybeSecret, Secret } from './core/secret.ts'
export { type Contract, type ContractOptions, contract } from './export/contract/contract.ts'
export {
  type ArrowOptions,
  arrow,
  csv,
  type DeliveryOptions,
  type ExcelOptions,
  type Export,
  excel,
  type NdjsonOptions,
  ndjson,
  type ParquetOptions,
  parquet,
  type TableExportOptions,
} from './export/contract/export.ts'
export type { Gate } from './export/contract/gate-options.ts'
export {
  type CommonOptions,
  type SplitRows,
  type TableContract,
  type TableContractOptions,
  tableContract,
} from './export/contract/table-contract.ts'
export { type Extract, type ForwardOption, type ReadOptions, type SourceBuilder, source } from './extract/source.ts'
export { append, type Load, merge, replace, replacePartition } from './load/targets.ts'
export { type Pipeline, pipeline, type Schema } from './pipeline/define/definition.ts'
export {
  day,
  hour,
  keys,
  month,
  type Partitioning,
  type TimePartitionOptions,
  type TimeUnit,
  week,
  year,
} from './pipeline/define/partitions.ts'
export type { Schedule, ScheduleOptions } from './pipeline/define/schedule.ts'
export { type CellView, type Experiment, type ExperimentInput, experiment, fixture, landed } from './pipeline/experiment/experiment.ts'
export {
  type FrameFunction,
  type FrameStep,
  type FrameWindow,
  type Sql,
  type SqlOptions,
  type SqlValue,
  type Step,
  type StepOptions,
  sql,
  type Udf,
  udf,
} from './transform/steps.ts'
