import { z } from 'zod';

/** Names of the enrichers that are to run; which there are is the gateway's to say. */
export const enrichSchema = z.array(z.string().min(1).max(64)).max(32);

export const ENRICH =
  'What is found out about the documents: `language`, `keywords`, `entities`, `duplicates`, `summary`; with a chat model also `title`, `chat_summary`, `questions`, `context`. The setting enrich when absent.';
