import { compatibility, compatibilitySchema } from '../../wire/compatibility.ts';
import { healthSchema, readinessSchema, rootSchema } from '../../wire/service.ts';
import { defineRoute, json, nothing, type Route, text } from '../route.ts';

const tag = 'Service';

const root = defineRoute({
  method: 'GET',
  path: '/',
  scope: 'public',
  tag,
  summary: 'Where to go next',
  body: nothing,
  query: nothing,
  answers: [{ status: 200, description: 'Links.', schema: rootSchema }],
  handle: (_call, { version }) =>
    json({ name: 'locallite', version, documentation: '/docs', openapi: '/openapi.json', compatibility: '/v1/compatibility' }),
});

const health = defineRoute({
  method: 'GET',
  path: '/healthz',
  scope: 'public',
  tag,
  summary: 'Whether the process answers',
  body: nothing,
  query: nothing,
  answers: [{ status: 200, description: 'It does.', schema: healthSchema }],
  handle: () => json({ status: 'ok' }),
});

const readiness = defineRoute({
  method: 'GET',
  path: '/readyz',
  scope: 'public',
  tag,
  summary: 'Whether the default models are loaded',
  body: nothing,
  query: nothing,
  answers: [
    { status: 200, description: 'They are.', schema: readinessSchema },
    { status: 503, description: 'Not yet; `reason` says why.', schema: readinessSchema },
  ],
  handle(_call, { gateway }) {
    const { ready, reason } = gateway.ready();
    if (ready) return json({ status: 'ready', reason: null });
    return json({ status: 'not_ready', reason: reason ?? null }, { status: 503, headers: { 'retry-after': '1' } });
  },
});

const metrics = defineRoute({
  method: 'GET',
  path: '/metrics',
  scope: 'inference',
  tag,
  summary: 'Metrics in the Prometheus text format',
  body: nothing,
  query: nothing,
  answers: [{ status: 200, description: 'Prometheus exposition format 0.0.4.', contentType: 'text/plain' }],
  async handle(_call, { gateway }) {
    return text(await gateway.telemetry.render(), 'text/plain; version=0.0.4; charset=utf-8');
  },
});

const showCompatibility = defineRoute({
  method: 'GET',
  path: '/v1/compatibility',
  scope: 'public',
  tag,
  summary: 'What LocalLite does with each field of each request',
  body: nothing,
  query: nothing,
  answers: [{ status: 200, description: 'The class of every field.', schema: compatibilitySchema }],
  handle: () => json(compatibility),
});

const openApi = defineRoute({
  method: 'GET',
  path: '/openapi.json',
  scope: 'public',
  tag,
  summary: 'This API as an OpenAPI 3.1 document',
  body: nothing,
  query: nothing,
  answers: [{ status: 200, description: 'The document.', contentType: 'application/json' }],
  handle: (_call, context) => json(context.openApi()),
});

/** What the process says of itself. */
export const serviceRoutes: readonly Route[] = [root, health, readiness, metrics, showCompatibility, openApi];
