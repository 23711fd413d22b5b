import type { Route } from '../route.ts';
import { aliasRoutes } from './aliases.ts';
import { docsRoutes } from './docs.ts';
import { embeddingsRoute } from './embeddings.ts';
import { jobRoutes } from './jobs.ts';
import { keyRoutes } from './keys.ts';
import { modelRoutes } from './models.ts';
import { serviceRoutes } from './service.ts';
import { tokenRoutes } from './tokenize.ts';

/** Every route of the API; nothing is reachable that is not in this list. */
export const ROUTES: readonly Route[] = [
  embeddingsRoute,
  ...tokenRoutes,
  ...jobRoutes,
  ...modelRoutes,
  ...aliasRoutes,
  ...keyRoutes,
  ...serviceRoutes,
  ...docsRoutes,
];
