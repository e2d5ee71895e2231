import { requestError, type ToldError } from '$lib/api/client';

/** Sends an archive of a backup to the server. @returns the backup's id. Throws RequestError. */
export async function sendArchive(file: File): Promise<string> {
  const response = await fetch('/backups/archives', {
    method: 'POST',
    body: file,
    headers: { 'content-type': 'application/x-tar' },
    credentials: 'same-origin',
  });
  const answer = (await response.json().catch(() => ({}))) as { id?: string; error?: ToldError & { message: string } };
  if (answer.id) return answer.id;
  throw requestError(answer.error?.message ?? response.statusText, answer.error ?? { code: 'UNREACHABLE' });
}
