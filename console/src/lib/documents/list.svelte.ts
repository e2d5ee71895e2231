import { page } from '$app/state';
import { query } from '$lib/api/client';
import { type DocumentOrderField, type DocumentRowFragment, DocumentsDocument, type DocumentStatus, type OrderDirection } from '$lib/gql/graphql';
import { live } from '$lib/shell/live.svelte';

const fields: DocumentOrderField[] = ['CREATED_AT', 'TITLE', 'SIZE', 'STATUS'];
const pageSize = 50;

/** The list's view as the address says it. */
export function viewOfAddress() {
  const { searchParams } = page.url;
  const field = searchParams.get('sort') as DocumentOrderField | null;
  return {
    text: searchParams.get('text') ?? '',
    statuses: searchParams.getAll('status') as DocumentStatus[],
    tags: searchParams.getAll('tag'),
    mimeTypes: searchParams.getAll('format'),
    field: field && fields.includes(field) ? field : ('CREATED_AT' as const),
    direction: (searchParams.get('direction') === 'ASC' ? 'ASC' : 'DESC') as OrderDirection,
    /** Cursors of the pages before, the present one's last. */
    trail: searchParams.getAll('after'),
  };
}
export type View = ReturnType<typeof viewOfAddress>;

/** One page of documents, kept up to date: rows change in place, and only move when nobody points at them. */
export class DocumentList {
  rows = $state<DocumentRowFragment[]>([]);
  totalCount = $state(0);
  endCursor = $state<string | null>(null);
  error = $state.raw<unknown>(null);
  loaded = $state(false);
  /** Rows must not move under a pointer. */
  held = $state(false);
  /** There are other rows to show, which wait for the pointer to leave. */
  behind = $state(false);
  #asked = 0;
  /** Whether rows may move once what was asked for last is answered. */
  #moving = false;

  /** Rows follow what ingestion tells; answers with the way to stop that. */
  follow(): () => void {
    return live.onDocument((document) => {
      const at = this.rows.findIndex((row) => row.id === document.id);
      if (at >= 0) this.rows[at] = document;
    });
  }

  /** Shows the view as it is now. */
  async load(view: View): Promise<void> {
    this.#moving = true;
    await this.#ask(view);
  }

  /** Brings the rows that are shown up to date where they are, and finds out whether others should be there. */
  async refresh(view: View): Promise<void> {
    await this.#ask(view);
  }

  async #ask({ text, statuses, tags, mimeTypes, field, direction, trail }: View): Promise<void> {
    const asked = ++this.#asked;
    const some = <T>(values: T[]) => (values.length > 0 ? values : null);
    try {
      const { documents } = await query(DocumentsDocument, {
        first: pageSize,
        after: trail.at(-1) ?? null,
        filter: { text: text || null, statuses: some(statuses), tags: some(tags), mimeTypes: some(mimeTypes) },
        orderBy: { field, direction },
      });
      if (asked !== this.#asked) return;
      const rows = documents.edges.map(({ node }) => node);
      this.error = null;
      this.behind = !this.#moving && rows.map(({ id }) => id).join() !== this.rows.map(({ id }) => id).join();
      if (this.behind) {
        this.rows = this.rows.map((shown) => rows.find(({ id }) => id === shown.id) ?? shown);
        return;
      }
      this.rows = rows;
      this.totalCount = documents.totalCount;
      this.endCursor = documents.pageInfo.hasNextPage ? (documents.pageInfo.endCursor ?? null) : null;
      this.loaded = true;
    } catch (error) {
      if (asked === this.#asked) this.error = error;
    } finally {
      if (asked === this.#asked) this.#moving = false;
    }
  }
}
