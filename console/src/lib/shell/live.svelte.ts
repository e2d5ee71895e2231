import { SvelteMap } from 'svelte/reactivity';
import { type TypedDocumentNode } from '@graphql-typed-document-node/core';
import { openSocket, query } from '$lib/api/client';
import {
  AlertChangedDocument,
  type AlertRowFragment,
  type DocumentRowFragment,
  EveryJobDocument,
  HealthChangedDocument,
  HealthDocument,
  type HealthFragment,
  IngestionProgressDocument,
  JobStateDocument,
  type JobStateSubscription,
  type IngestionProgressSubscription,
  LiveMetricsDocument,
  MaintenanceModeChangedDocument,
  type ModeStateFragment,
  type LiveMetricsSubscription,
  ViewerDocument,
  type ViewerQuery,
} from '$lib/gql/graphql';

export type Progress = IngestionProgressSubscription['ingestionProgress'];
export type LiveMetrics = LiveMetricsSubscription['liveMetrics'];
type Connection = 'connecting' | 'live' | 'lost';

/** How long a document that is done stays in the list of what is being read. */
const lingerMs = 4000;

/** What every page shows live: who is asking, the connection, health, figures, and documents being read. */
class Live {
  viewer = $state<ViewerQuery['viewer'] | undefined>(undefined);
  /** Whether the viewer may change what the system holds, not only read it. */
  readonly operates = $derived(this.viewer?.role === 'OPERATOR' || this.viewer?.role === 'ADMINISTRATOR');
  /** The server did not answer when the page was opened. */
  unreachable = $state(false);
  connection = $state<Connection>('connecting');
  lostAt = $state<Date | null>(null);
  health = $state.raw<HealthFragment | null>(null);
  metrics = $state.raw<LiveMetrics | null>(null);
  mode = $state.raw<ModeStateFragment | null>(null);
  /** Those that are open, by id. */
  readonly alerts = new SvelteMap<string, AlertRowFragment>();
  /** Counts changes of alerts. */
  alertVersion = $state(0);
  /** By document. */
  readonly progress = new SvelteMap<string, Progress>();
  /** Counts what changed in the library, and connections that healed: lists that depend on it load again. */
  version = $state(0);
  /** Counts what the reader did here: it is shown at once, wherever the pointer is. */
  ownVersion = $state(0);
  now = $state(Date.now());
  readonly #listeners = new Set<(document: DocumentRowFragment) => void>();
  #bumpTimer: ReturnType<typeof setTimeout> | null = null;
  /** A page that is opened first of all asks to follow before there is one: its effect runs again. */
  #socket = $state.raw<ReturnType<typeof openSocket> | null>(null);

  async start(): Promise<void> {
    setInterval(() => (this.now = Date.now()), 1000);
    await this.#identify();
    if (this.viewer) this.#connect();
  }

  async #identify(): Promise<void> {
    for (;;) {
      try {
        this.viewer = (await query(ViewerDocument, {})).viewer ?? null;
        this.unreachable = false;
        return;
      } catch {
        this.unreachable = true;
        await new Promise((resolve) => setTimeout(resolve, 2000));
      }
    }
  }

  #connect(): void {
    const socket = (this.#socket = openSocket({
      connected: () => {
        const healed = this.connection === 'lost';
        this.connection = 'live';
        this.lostAt = null;
        // Alerts that are over by now are not told of again.
        this.alerts.clear();
        if (healed) this.changed();
      },
      lost: () => {
        if (this.connection !== 'lost') this.lostAt = new Date();
        this.connection = 'lost';
        this.progress.clear();
      },
    }));
    socket.subscribe(HealthChangedDocument, {}, ({ healthChanged }) => (this.health = healthChanged));
    socket.subscribe(MaintenanceModeChangedDocument, {}, ({ maintenanceModeChanged }) => {
      // What a reader was refused meanwhile is there again.
      if (this.mode?.enabled && !maintenanceModeChanged.enabled) this.changed();
      this.mode = maintenanceModeChanged;
    });
    socket.subscribe(AlertChangedDocument, {}, ({ alertChanged }) => {
      if (alertChanged.state === 'RESOLVED') this.alerts.delete(alertChanged.id);
      else this.alerts.set(alertChanged.id, alertChanged);
      this.alertVersion += 1;
    });
    socket.subscribe(IngestionProgressDocument, {}, ({ ingestionProgress }) => this.#step(ingestionProgress));
    socket.subscribe(LiveMetricsDocument, {}, ({ liveMetrics }) => {
      const before = this.metrics?.library;
      this.metrics = liveMetrics;
      if (before && (before.documents !== liveMetrics.library.documents || before.chunks !== liveMetrics.library.chunks)) this.changed();
    });
  }

  /** How the parts are now: their times are told of by no event. */
  askHealth(): void {
    query(HealthDocument, {}).then(
      ({ health }) => (this.health = health),
      () => undefined, // The connection tells.
    );
  }

  #step(event: Progress): void {
    const { documentId, stage, document } = event;
    const shown = this.progress.get(documentId);
    // Progress of one attempt never goes backwards; another attempt is another job.
    if (shown && shown.jobId === event.jobId && shown.progress > event.progress) return;
    this.progress.set(documentId, event);
    if (document) for (const listener of this.#listeners) listener(document);
    if (stage === 'READY' || stage === 'FAILED') {
      this.changed();
      setTimeout(() => {
        if (this.progress.get(documentId) === event) this.progress.delete(documentId);
      }, lingerMs);
    }
  }

  /** Tells of a job's state now and at every change, until it is finished. */
  job(id: string, listener: (job: JobStateSubscription['jobProgress']) => void): void {
    const stop = this.#socket?.subscribe(JobStateDocument, { id }, ({ jobProgress }) => {
      listener(jobProgress);
      if (jobProgress.status !== 'QUEUED' && jobProgress.status !== 'RUNNING') stop?.();
    });
  }

  /** Calls `listener` whenever a job of these kinds has ended, whoever began it. @returns the way to stop that */
  onJobEnd(kinds: string[], listener: () => void): () => void {
    return this.follow(EveryJobDocument, {}, ({ jobProgress: { kind, status } }) => {
      if (kinds.includes(kind) && status !== 'QUEUED' && status !== 'RUNNING') listener();
    });
  }

  /** Calls `listener` whenever a job of these kinds begins to wait or to run, or has ended. @returns the way to stop that */
  onJobChange(kinds: string[], listener: () => void): () => void {
    const seen: Record<string, string> = {};
    return this.follow(EveryJobDocument, {}, ({ jobProgress: { id, kind, status } }) => {
      if (!kinds.includes(kind) || seen[id] === status) return;
      seen[id] = status;
      listener();
    });
  }

  /** Events of a subscription while a page shows them. @returns the way to stop that */
  follow<Data, Variables extends Record<string, unknown>>(
    document: TypedDocumentNode<Data, Variables>,
    variables: Variables,
    next: (data: Data) => void,
  ): () => void {
    return this.#socket?.subscribe(document, variables, next) ?? (() => undefined);
  }

  /** The reader has changed the library. */
  acted(): void {
    this.ownVersion += 1;
  }

  /** Lists load again, at most once a second however much happens. */
  changed(): void {
    if (this.#bumpTimer) return;
    this.#bumpTimer = setTimeout(() => {
      this.#bumpTimer = null;
      this.version += 1;
    }, 700);
  }

  /** Tells of every new state of a document that is being read. */
  onDocument(listener: (document: DocumentRowFragment) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Documents being read now. */
  get reading(): Progress[] {
    return [...this.progress.values()].filter(({ stage }) => stage !== 'READY' && stage !== 'FAILED');
  }
}

export const live = new Live();
