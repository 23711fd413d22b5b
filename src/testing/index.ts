/** Test doubles for users of LocalLite: a gateway whose model is pretended, behind the real queue, worker processes and HTTP app. */

export type { FakeFault, FakeGraph } from '../runtime/fake.ts';
export { createTestGateway, TEST_MODEL, type TestGatewayOptions, TestStore } from './test-gateway.ts';
