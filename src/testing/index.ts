/**
 * Test doubles for users of LocalLite: a gateway whose model is pretended, behind the real queue, worker processes and HTTP app; and the
 * contracts that own indexes and an own database must keep.
 */

export type { FakeFault, FakeGraph } from '../runtime/fake.ts';
export { type ContractCheck, clusteredVectors, testTextIndex, testVectorIndex, type VectorSample } from './index-suites.ts';
export { type StateCheck, type StateUnderTest, testState } from './state-suite.ts';
export {
  createTestGateway,
  TEST_ALL_IN_ONE,
  TEST_MODEL,
  TEST_MULTI,
  TEST_RERANKER,
  TEST_SPARSE,
  type TestGatewayOptions,
  TestStore,
} from './test-gateway.ts';
