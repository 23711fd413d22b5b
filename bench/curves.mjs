const CLIENTS = [1, 8, 64, 256];
const LENGTHS = [8, 32, 128, 256];
/** Tokens that one point of a curve goes through, so that long texts do not take all day and short ones are more than noise. */
const TOKENS_A_POINT = 24_000;

/** Single-text requests a second over clients, for texts of several lengths. Returns `[{ tokens, points: [[clients, rate], …] }]`. */
export async function measureCurves({ client, ids, lengths = LENGTHS }) {
  const curves = [];
  for (const tokens of lengths) {
    await client.ask('setTexts', textsOf(ids, tokens));
    const points = [];
    for (const clients of CLIENTS) {
      const requests = Math.max(2 * clients, Math.ceil(TOKENS_A_POINT / tokens));
      const { texts, ms } = await client.ask('closedLoop', { clients, size: 1, requests, warmUp: clients });
      points.push([clients, (texts / ms) * 1000]);
    }
    curves.push({ tokens, points });
  }
  return curves;
}

/** Inputs of exactly that many token ids, specials included: real ids end to end, cut into pieces, each with the model's own frame. */
function textsOf(ids, tokens) {
  const [first, last] = [ids[0][0], ids[0].at(-1)];
  const all = ids.flatMap((text) => [...text.slice(1, -1)]);
  const inner = Math.max(1, tokens - 2);
  const count = Math.floor(all.length / inner);
  return Array.from({ length: Math.max(8, count) }, (_, index) => {
    const start = (index * inner) % Math.max(1, all.length - inner);
    return [first, ...all.slice(start, start + inner), last];
  });
}
