import { createRequire } from 'node:module';
import { isatty } from 'node:tty';
import { type DestinationStream, destination, type Logger as PinoLogger, pino } from 'pino';
import { redactFields } from './redact.ts';
import type { LogFields, Logger } from './telemetry.ts';

export type LogLevel = 'silent' | 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace';
export type LogFormat = 'auto' | 'json' | 'pretty';

/** Where lines go and how they look. */
export interface LogOptions {
  readonly level: LogLevel;
  /** `auto`: pretty on a terminal, JSON otherwise. */
  readonly format: LogFormat;
  /** Receives every line; default: standard error, so that standard output carries only a command's result. */
  readonly destination?: DestinationStream;
}

const STANDARD_ERROR = 2;

/** Builds the structured log: one JSON object (or one pretty line) an event, with secrets and content redacted. */
export function createLogger(options: LogOptions): Logger {
  const settings = {
    level: options.level,
    base: null,
    messageKey: 'event',
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return wrap(pino(settings, openStream(options)));
}

function openStream(options: LogOptions): DestinationStream {
  if (options.level === 'silent') return { write: () => {} };
  const onTerminal = options.destination === undefined && isatty(STANDARD_ERROR);
  if (options.format === 'pretty' || (options.format === 'auto' && onTerminal)) return prettyStream(options);
  return options.destination ?? destination({ dest: STANDARD_ERROR, sync: true });
}

/** pino-pretty costs tens of milliseconds to load, so only a terminal pays for it. */
function prettyStream(options: LogOptions): DestinationStream {
  const load: (name: 'pino-pretty') => typeof import('pino-pretty') = createRequire(import.meta.url);
  const { build } = load('pino-pretty');
  return build({ destination: options.destination ?? STANDARD_ERROR, messageKey: 'event', translateTime: 'SYS:HH:MM:ss.l', sync: true });
}

function wrap(log: PinoLogger): Logger {
  return {
    debug: (event, fields) => write(log, 'debug', event, fields),
    info: (event, fields) => write(log, 'info', event, fields),
    warn: (event, fields) => write(log, 'warn', event, fields),
    error: (event, fields) => write(log, 'error', event, fields),
    child: (fields) => wrap(log.child(redactFields(fields))),
  };
}

function write(log: PinoLogger, level: 'debug' | 'info' | 'warn' | 'error', event: string, fields: LogFields | undefined): void {
  if (!log.isLevelEnabled(level)) return;
  if (fields === undefined) log[level](event);
  else log[level](redactFields(fields), event);
}
