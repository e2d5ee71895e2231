import { Initial1790000000000 } from './1790000000000-initial.js';
import { PassagePieces1790100000000 } from './1790100000000-passage-pieces.js';
import { GoldenQueries1790200000000 } from './1790200000000-golden-queries.js';
import { GenerationComparison1790300000000 } from './1790300000000-generation-comparison.js';
import { VectorsByNumber1790400000000 } from './1790400000000-vectors-by-number.js';
import { Operations1790500000000 } from './1790500000000-operations.js';
import { KnownVectors1790600000000 } from './1790600000000-known-vectors.js';
import { PendingNotifications1790700000000 } from './1790700000000-pending-notifications.js';
import { Chunkings1790800000000 } from './1790800000000-chunkings.js';
import { JobLog1790900000000 } from './1790900000000-job-log.js';
import { WordParts1791000000000 } from './1791000000000-word-parts.js';

/** All migrations, oldest first. */
export const migrations = [
  Initial1790000000000,
  PassagePieces1790100000000,
  GoldenQueries1790200000000,
  GenerationComparison1790300000000,
  VectorsByNumber1790400000000,
  Operations1790500000000,
  KnownVectors1790600000000,
  PendingNotifications1790700000000,
  Chunkings1790800000000,
  JobLog1790900000000,
  WordParts1791000000000,
];
