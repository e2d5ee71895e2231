import { toast } from 'svelte-sonner';
import { RequestError } from '$lib/api/client';
import { uploadFiles, type UploadOutcome } from '$lib/api/upload';
import { m } from '$lib/paraglide/messages';
import { live } from '$lib/shell/live.svelte';
import { explainError } from '$lib/ui/errors';

const longToastMs = 12_000;

/** Files on their way to the server, from whichever page they were dropped on. */
class Uploads {
  /** Share of the present drop that has been sent, null where none is under way. */
  share = $state<number | null>(null);
  files = $state(0);
  /** Files that were refused, until the reader has put them away. */
  refused = $state<{ fileName: string; what: string; remedy: string | null }[]>([]);

  async add(files: File[]): Promise<void> {
    if (files.length === 0) return;
    this.files = files.length;
    this.share = 0;
    try {
      const outcomes = await uploadFiles(files, (share) => (this.share = share));
      this.#tell(outcomes);
    } catch (error) {
      const { what, remedy } = explainError(error instanceof RequestError ? error : { code: 'INTERNAL_SERVER_ERROR', message: String(error) });
      toast.error(what, { description: remedy ?? undefined, duration: longToastMs });
    } finally {
      this.share = null;
      live.acted();
    }
  }

  #tell(outcomes: UploadOutcome[]): void {
    const accepted = outcomes.filter(({ document }) => document).length;
    const duplicates = outcomes.filter(({ duplicateOf }) => duplicateOf);
    this.refused.push(...outcomes.flatMap(({ fileName, error }) => (error ? [{ fileName, ...explainError(error) }] : [])));
    if (accepted > 0) toast.success(m.upload_accepted({ count: accepted }));
    const [known] = duplicates;
    if (known?.duplicateOf) {
      if (duplicates.length === 1) toast.info(m.upload_duplicate({ name: known.fileName, title: known.duplicateOf.title }), { duration: longToastMs });
      else toast.info(m.upload_duplicates({ count: duplicates.length }), { duration: longToastMs });
    }
  }
}

export const uploads = new Uploads();
