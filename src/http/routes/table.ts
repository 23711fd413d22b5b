import type { Route } from '../route.ts';
import { aliasRoutes } from './aliases.ts';
import { docsRoutes } from './docs.ts';
import { embeddingsRoute } from './embeddings.ts';
import { jobRoutes } from './jobs.ts';
import { keyRoutes } from './keys.ts';
import { modelRoutes } from './models.ts';
import { ollamaRoutes } from './ollama.ts';
import { ollamaModelRoutes } from './ollama-models.ts';
import { ollamaPullRoute } from './ollama-pull.ts';
import { rerankRoutes } from './rerank.ts';
import { serviceRoutes } from './service.ts';
import { teiRankRoutes } from './tei-rank.ts';
import { teiServiceRoutes } from './tei-service.ts';
import { teiTokenRoutes } from './tei-tokens.ts';
import { teiVectorRoutes } from './tei-vectors.ts';
import { tokenRoutes } from './tokenize.ts';
import { vectorRoutes } from './vectors.ts';

/** Every route of the API; nothing is reachable that is not in this list. */
export const ROUTES: readonly Route[] = [
  embeddingsRoute,
  ...vectorRoutes,
  ...rerankRoutes,
  ...tokenRoutes,
  ...jobRoutes,
  ...modelRoutes,
  ...aliasRoutes,
  ...keyRoutes,
  ...serviceRoutes,
  ...docsRoutes,
  ...teiVectorRoutes,
  ...teiRankRoutes,
  ...teiTokenRoutes,
  ...teiServiceRoutes,
  ...ollamaRoutes,
  ...ollamaModelRoutes,
  ollamaPullRoute,
];
