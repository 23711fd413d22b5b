/**
 * The lines that have a goal and a floor, in the order of the table. `better` says which side is good. A figure below its floor is a
 * defect to explain; one between floor and goal is work left.
 */
export const GOALS = [
  { id: 'single', label: 'single-text requests, 32 clients / bare loop', goal: 0.92, floor: 0.85, better: 'higher', unit: '' },
  { id: 'batch32', label: '32-text requests / bare loop', goal: 0.98, floor: 0.95, better: 'higher', unit: '' },
  { id: 'bulk', label: '2,048-text requests / bare loop', goal: 0.99, floor: 0.95, better: 'higher', unit: '' },
  { id: 'errors', label: 'errors with 1, 8, 32, 256 clients', goal: 0, floor: 0, better: 'lower', unit: '' },
  { id: 'tail256', label: 'p99 / p50 with 256 clients', goal: 1.5, floor: 3, better: 'lower', unit: '' },
  { id: 'idle', label: 'one text, idle: p50 - bare p50', goal: 0.4, floor: 0.8, better: 'lower', unit: 'ms' },
  { id: 'mixed', label: 'one text beside a 2,048-text request: p99 / longest batch', goal: 1.1, floor: 2, better: 'lower', unit: '' },
  { id: 'cpuShare', label: 'CPU share of everything but inference, 32-text requests', goal: 3, floor: 5, better: 'lower', unit: '%' },
  { id: 'start', label: 'start to first vector, warm store', goal: 0.7, floor: 1.5, better: 'lower', unit: 's' },
  { id: 'pssEmpty', label: 'PSS, idle, no model', goal: 90, floor: 120, better: 'lower', unit: 'MB' },
  { id: 'pssLoaded', label: 'PSS, idle, default model in one worker a core', goal: 250, floor: 350, better: 'lower', unit: 'MB' },
  { id: 'pssWorker', label: 'PSS of a further worker beyond its weights', goal: 60, floor: 80, better: 'lower', unit: 'MB' },
  { id: 'int8Batch', label: 'default graph / fp32 graph, one thread, 32 x 23 tokens', goal: 2.6, floor: 2, better: 'higher', unit: '' },
  { id: 'int8One', label: 'default graph / fp32 graph, one thread, one text', goal: 2.6, floor: 2, better: 'higher', unit: '' },
  { id: 'fidelityMean', label: 'cosine to the reference vectors, mean', goal: 0.999, floor: 0.998, better: 'higher', unit: '' },
  { id: 'fidelityWorst', label: 'cosine to the reference vectors, worst', goal: 0.995, floor: 0.985, better: 'higher', unit: '' },
  { id: 'sts', label: 'Spearman on the STS file', goal: 86.7, floor: 86.6, better: 'higher', unit: '' },
  {
    id: 'rerank',
    label: 'rerank pairs / bare loop (random weights of MiniLM-L6 shape)',
    goal: 0.98,
    floor: 0.92,
    better: 'higher',
    unit: '',
  },
  { id: 'static', label: 'static lane, requests of 256', goal: 20_000, floor: 5_000, better: 'higher', unit: '/s' },
  { id: 'denseSearch', label: 'dense search over 100,000 passages, p50', goal: 2, floor: 5, better: 'lower', unit: 'ms' },
  { id: 'hybridSearch', label: 'dense and text search over 100,000 passages, p50', goal: 10, floor: 50, better: 'lower', unit: 'ms' },
  {
    id: 'scifactExact',
    label: 'SciFact nDCG@10, dense search - exact scoring of the same vectors',
    goal: 0,
    floor: 0.002,
    better: 'lower',
    unit: '',
  },
  { id: 'scifactText', label: 'SciFact nDCG@10, text search', goal: 0.7, floor: 0.685, better: 'higher', unit: '' },
  { id: 'scifactHybrid', label: 'SciFact nDCG@10, hybrid search', goal: 0.74, floor: 0.72, better: 'higher', unit: '' },
  { id: 'ingestShare', label: 'ingest of plain text / bare embedding', goal: 0.97, floor: 0.9, better: 'higher', unit: '' },
  { id: 'ocrErrors', label: 'OCR of rendered book pages, wrong characters', goal: 0.3, floor: 1, better: 'lower', unit: '%' },
  { id: 'ocrSeconds', label: 'OCR of rendered book pages, a page', goal: 0.9, floor: 3, better: 'lower', unit: 's' },
  { id: 'recall', label: 'recall@10 of the graph, beside comparing all', goal: 0.99, floor: 0.98, better: 'higher', unit: '' },
];

/** How a figure stands: `goal`, `floor` (between the two) or `UNDER`. */
export function verdictOf({ goal, floor, better }, figure) {
  const reaches = (bound) => (better === 'higher' ? figure >= bound : figure <= bound);
  if (reaches(goal)) return 'goal';
  return reaches(floor) ? 'floor' : 'UNDER';
}
