import { describe, expect, it, vi } from 'vitest';
import { LocalLiteError } from '../../src/errors.ts';
import { type GroupMember, type StartWorker, WorkerGroup } from '../../src/runtime/worker-group.ts';

const POLICY = { firstDelayMs: 1, longestDelayMs: 8, crashesToOpen: 3, windowMs: 60_000 };
const died = new LocalLiteError('worker_crashed', 'it died');

/** Workers whose starts and ends a test decides. */
function setUp(size = 1) {
  const state = { startFails: false, starts: 0, opened: 0, crashed: 0, exits: [] as ((error: LocalLiteError) => void)[] };
  const start: StartWorker<GroupMember> = async (onExit) => {
    state.starts += 1;
    if (state.startFails) throw new LocalLiteError('model_load_failed', 'no memory');
    state.exits.push(onExit);
    return { alive: true, close: async () => {} };
  };
  const events = {
    onIdle: () => {},
    onOpen: () => {
      state.opened += 1;
    },
    onCrash: () => {
      state.crashed += 1;
    },
  };
  return { state, group: new WorkerGroup({ size, start, events, policy: POLICY }) };
}

describe('WorkerGroup', () => {
  it('opens the circuit when a restart fails with no worker left, keeps it open however long that lasts, and closes it on success', async () => {
    const { state, group } = setUp();
    await group.open();
    expect(group.openCircuit).toBeUndefined();
    state.startFails = true;
    state.exits[0]?.(died);
    await vi.waitFor(() => expect(state.opened).toBeGreaterThanOrEqual(5));
    expect(group.openCircuit).toMatchObject({ code: 'worker_crashed', message: expect.stringContaining('no memory') });
    state.startFails = false;
    await vi.waitFor(() => expect(group.openCircuit).toBeUndefined());
    expect(group.idleCount).toBe(1);
    await group.close();
  });

  it('opens the circuit after repeated crashes, each restart of which succeeded', async () => {
    const { state, group } = setUp();
    await group.open();
    for (let crash = 0; crash < POLICY.crashesToOpen; crash++) {
      await vi.waitFor(() => expect(state.exits).toHaveLength(crash + 1));
      expect(group.openCircuit).toBeUndefined();
      state.exits[crash]?.(died);
    }
    expect(group.openCircuit?.message).toMatch(/ended 3 times in 60 s/);
    await vi.waitFor(() => expect(group.openCircuit).toBeUndefined());
    await group.close();
  });

  it('stays closed while another worker lives', async () => {
    const { state, group } = setUp(2);
    await group.open();
    state.startFails = true;
    state.exits[0]?.(died);
    await vi.waitFor(() => expect(state.crashed).toBeGreaterThanOrEqual(3));
    expect(group.openCircuit).toBeUndefined();
    expect(state.opened).toBe(0);
    await group.close();
  });

  it('leaves nothing behind when the first start fails', async () => {
    const { state, group } = setUp(3);
    state.startFails = true;
    await expect(group.open()).rejects.toMatchObject({ code: 'model_load_failed' });
    const { starts } = state;
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(state.starts).toBe(starts);
  });
});
