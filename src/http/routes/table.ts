import type { Route } from '../route.ts';
import { aliasRoutes } from './aliases.ts';
import { collectionRoutes } from './collections.ts';
import { docsRoutes } from './docs.ts';
import { documentRoutes } from './documents.ts';
import { embeddingsRoute } from './embeddings.ts';
import { fileBatchRoutes } from './file-batches.ts';
import { fileRoutes } from './files.ts';
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
import { vectorStoreFileRoutes } from './vector-store-files.ts';
import { vectorStoreSearchRoutes } from './vector-store-search.ts';
import { vectorStoreRoutes } from './vector-stores.ts';
import { vectorRoutes } from './vectors.ts';

/** Every route of the API; nothing is reachable that is not in this list. */
export const ROUTES: readonly Route[] = [
  embeddingsRoute,
  ...vectorRoutes,
  ...rerankRoutes,
  ...tokenRoutes,
  ...documentRoutes,
  ...fileRoutes,
  ...vectorStoreRoutes,
  ...vectorStoreFileRoutes,
  ...fileBatchRoutes,
  ...vectorStoreSearchRoutes,
  ...collectionRoutes,
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
