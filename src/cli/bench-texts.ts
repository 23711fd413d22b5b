/** Sentences of mixed length, as notes, questions and documentation have them. */
const SENTENCES = [
  'A cat meows at the closed door.',
  'How do I reset my password?',
  'The train to the coast leaves at a quarter past nine from platform four.',
  'Water boils at a lower temperature on a mountain because the air pressure there is lower than at sea level.',
  'Invoice 2024-117 is overdue.',
  'Use an index when a table is large and a query reads only a few of its rows, but remember that every index makes each write a little slower.',
  'She planted tomatoes, beans and basil along the wall that faces south.',
  'The committee agreed to publish the minutes within a week, to ask the members for comments, and to decide about the budget at the next meeting in spring.',
  'Which vaccines are needed for a journey to the rain forest?',
  'The bridge was closed after an inspection found cracks in two of the four cables; until they are replaced, cars have to take the ferry, which runs every twenty minutes from six in the morning until ten at night and carries at most thirty vehicles a crossing.',
  'Error: connection refused.',
  'A vector database keeps numbers that stand for the meaning of a text, so that texts about the same thing lie close together even when they share no words.',
];

/** Texts that `bench` embeds: the sentences alone and joined with their neighbours, 5 to about 60 words. */
export const SAMPLE_TEXTS: readonly string[] = SENTENCES.flatMap((sentence, index) => [
  sentence,
  `${sentence} ${SENTENCES[(index + 1) % SENTENCES.length]}`,
]);
