import { existsSync } from 'node:fs';
import { readFile, rm, symlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startApp } from './app.js';
import { BackupFolder, type Counts, type Proof, type ProveTask, type Sample, samplesOf, stage, type TaskLink, withScratchDatabase } from './backup/index.js';
import { Client } from './cli/client.js';
import { entities } from './entities.js';
import { AppError, messageOf, sayingOf } from './platform/errors.js';
import { type Saying } from './platform/saying.js';
import { Logging } from './platform/logging/index.js';

const answersAtOnce = 10;
/** Further down, documents that fit about equally badly change places. */
const bestCompared = 3;
const longestWaitMs = 1_800_000;
const pollMs = 250;
/** What says something of this machine, and nothing of the backup. */
const ofTheMachine = /ENOSPC|EDQUOT|ENOMEM|EMFILE|SQLITE_FULL|SQLITE_IOERR|disk is full/;
/** Agreement that is asked for where documents were written while the answers were given. */
const agreementWhileWriting = 0.6;
/** Not all: the vector store's search is approximate, and of two that fit equally well either may be the tenth. */
const agreementInQuiet = 0.95;

/** Restores a backup into an empty folder, opens it by a server of its own, and compares counts and answers with what was saved. */
export async function proveByServer(task: ProveTask, link: TaskLink): Promise<Proof> {
  const { loaded, directory, id } = task;
  const started = performance.now();
  const folder = new BackupFolder(directory);
  const scratch = join(loaded.settings.DATA_DIR, 'proof');
  const problems: Saying[] = [];
  let agreement = 0;
  let vectorStoreBytes = 0;
  const { manifest } = await folder.require(id);
  const samples = await samplesOf(manifest, folder, loaded.settings);
  if (samples.length === 0 && (manifest.asked ?? 0) > 0)
    throw new AppError(
      'UNAVAILABLE',
      {
        en: 'No answers were saved with the backup, as the search by meaning did not answer then.',
        ja: '保存時に意味による検索が使えず、比べる検索結果がバックアップにありません。',
      },
      { en: 'Save again.', ja: 'もう一度保存してください。' },
    );
  try {
    await withScratchDatabase(loaded.settings.DATABASE_URL, async (databaseUrl) => {
      const staged = await stage(id, {
        ...{ entities, signal: link.signal, report: link.report },
        settings: loaded.settings,
        folder,
        target: scratch,
        present: null,
        databaseUrl,
      });
      problems.push(...differences(manifest.counts, staged.counts));
      const lackingBefore = manifest.withoutVectors ?? 0;
      if (staged.withoutVectors > lackingBefore)
        problems.push({
          en: `${staged.withoutVectors} passages have no vector; ${lackingBefore} had none when they were saved.`,
          ja: `ベクトルのない文章が ${staged.withoutVectors} 件あります（保存時は ${lackingBefore} 件）。`,
        });
      await lendModels(loaded.settings.DATA_DIR, scratch);
      link.report('OPEN', 0.92);
      const settings = {
        ...loaded.settings,
        ...{ DATA_DIR: scratch, DATABASE_URL: databaseUrl, HOST: '127.0.0.1', PORT: 0, CHROMA_URL: '', CACHE_REDIS_URL: '', REDIS_URL: '', ADMIN_API_KEY: '' },
        // The model and the passages that answered then, whatever is configured by now.
        EMBEDDING_MODEL: manifest.model ?? loaded.settings.EMBEDDING_MODEL,
        ...(manifest.limits && {
          CHUNK_MAX_TOKENS: manifest.limits.maxTokens,
          CHUNK_OVERLAP: manifest.limits.overlap,
          CHUNK_PIECE_TOKENS: manifest.limits.pieceTokens,
        }),
        ...{ RATE_LIMITING: false, EMBEDDING_LOW_MEMORY: true, OTLP_TRACES_URL: '' },
        // Nobody is told of what happens to a copy.
        ...{ ALERT_WEBHOOK_URL: '', SMTP_URL: '', BACKUP_S3_URL: '' },
      };
      const app = await startApp({ ...loaded, settings }, new Logging('error'), { briefly: true, withoutJobs: true });
      try {
        const client = new Client(app.url, (await readFile(join(scratch, 'admin.key'), 'utf8')).trim());
        await untilWhole(client, staged.withoutVectors > 0);
        link.report('COMPARE', 0.95);
        agreement = await compare(client, samples);
        const wanted = manifest.quiet ? agreementInQuiet : agreementWhileWriting;
        if (agreement < wanted)
          problems.push({
            en: `Only ${(agreement * 100).toFixed(1)} % of the saved answers came back.`,
            ja: `保存した検索結果の ${(agreement * 100).toFixed(1)} % しか再現しませんでした。`,
          });
        vectorStoreBytes = await peakOfChildren();
      } finally {
        await app.stop();
      }
    });
  } catch (error) {
    // What could not be done here says nothing of the backup; anything else does.
    if (error instanceof AppError && error.code === 'UNAVAILABLE') throw error;
    if (ofTheMachine.test(messageOf(error)))
      throw new AppError(
        'UNAVAILABLE',
        { en: `The restore could not be tried: ${messageOf(error)}`, ja: `復元を試せませんでした: ${messageOf(error)}。` },
        { en: 'Make room on the disk, and verify the backup again.', ja: 'ディスクの空きを増やしてから、もう一度検証してください。' },
      );
    problems.push(sayingOf(error));
  } finally {
    await rm(scratch, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
  return {
    at: new Date().toISOString(),
    tookMs: Math.round(performance.now() - started),
    ok: problems.length === 0,
    queries: samples.length,
    agreement,
    peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
    vectorStoreBytes,
    problems,
  };
}

function differences(saved: Counts, restored: Counts | null): Saying[] {
  return (
    (Object.keys(saved) as (keyof Counts)[])
      // A passage that had no vector yet gets that of another with the same text.
      .filter((name) => (name === 'vectors' ? (restored?.vectors ?? 0) < saved.vectors : restored?.[name] !== saved[name]))
      .map((name) => ({
        en: `${name}: ${saved[name]} were saved, ${restored?.[name] ?? 0} came back.`,
        ja: `${name}: 保存 ${saved[name]} 件に対し、復元 ${restored?.[name] ?? 0} 件です。`,
      }))
  );
}

interface HealthAnswer {
  health: { components: { name: string; status: string; message: string | null }[] };
}

/** Models that were fetched are not fetched again for a proof, which may have no way out to do so. */
async function lendModels(dataDir: string, scratch: string): Promise<void> {
  const models = join(resolve(dataDir), 'models');
  if (existsSync(models)) await symlink(models, join(scratch, 'models'), 'dir');
}

/**
 * The vector store is filled from the database, and the model loaded.
 * @param someLack passages had no vector when they were saved either, which the vector store says
 * @throws AppError UNAVAILABLE where the model cannot be had here, which says nothing of the backup
 */
async function untilWhole(client: Client, someLack: boolean): Promise<void> {
  const needed = ['database', 'vector_db', 'embedding_model'];
  for (const deadline = Date.now() + longestWaitMs; ;) {
    const { health } = await client.request<HealthAnswer>('query { health { components { name status message } } }');
    const isWell = ({ name, status }: { name: string; status: string }) => status === 'HEALTHY' || (someLack && name === 'vector_db' && status === 'DEGRADED');
    const ill = health.components.filter((part) => needed.includes(part.name) && !isWell(part));
    if (ill.length === 0) return;
    const model = ill.find(({ name, status }) => name === 'embedding_model' && status === 'UNHEALTHY');
    if (model)
      throw new AppError(
        'UNAVAILABLE',
        `The restore could not be tried: ${model.message ?? 'the embedding model is not there'}`,
        'Bring the model back, and verify the backup again.',
      );
    if (Date.now() > deadline) throw new Error(`the restored system is not well: ${ill.map(({ name, message }) => `${name}: ${message ?? ''}`).join('; ')}`);
    await delay(pollMs);
  }
}

/** @returns the share of the best saved answers to each question that are among the ten given now, 0..1 */
async function compare(client: Client, samples: Sample[]): Promise<number> {
  if (samples.length === 0) return 1;
  let sum = 0;
  for (const { query, documentIds } of samples) {
    const { search } = await client.request<{ search: { hits: { document: { id: string } }[] } }>(
      'query($query: String!, $first: Int!) { search(query: $query, first: $first) { hits { document { id } } } }',
      { query, first: answersAtOnce },
    );
    const found = new Set(search.hits.map(({ document }) => document.id));
    const best = documentIds.slice(0, bestCompared);
    const same = best.filter((id) => found.has(id)).length;
    sum += best.length === 0 ? 1 : same / best.length;
  }
  return sum / samples.length;
}

/** Most memory the vector store has had, where the machine tells. https://www.kernel.org/doc/html/latest/filesystems/proc.html */
async function peakOfChildren(): Promise<number> {
  const children = await readFile(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8').catch(() => '');
  const peaks = await Promise.all(
    children
      .split(' ')
      .filter(Boolean)
      .map(async (pid) => Number(/VmHWM:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8').catch(() => ''))?.[1] ?? 0) * 1024),
  );
  return Math.max(0, ...peaks);
}
