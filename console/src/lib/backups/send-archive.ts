import { RequestError } from '$lib/api/client';

/** Sends an archive of a backup to the server. @returns the backup's id. Throws RequestError. */
export async function sendArchive(file: File): Promise<string> {
  const response = await fetch('/backups/archives', {
    method: 'POST',
    body: file,
    headers: { 'content-type': 'application/x-tar' },
    credentials: 'same-origin',
  });
  const answer = (await response.json().catch(() => ({}))) as { id?: string; error?: { code: string; message: string; remedy?: string } };
  if (answer.id) return answer.id;
  throw new RequestError(answer.error?.message ?? response.statusText, answer.error?.code ?? 'UNREACHABLE', answer.error?.remedy ?? null);
}
