import { RequestError, requestError, type ToldError } from './client';

export interface UploadOutcome {
  fileName: string;
  document: { id: string } | null;
  duplicateOf: { id: string; title: string } | null;
  error: { code: string; message: string; remedy: string | null } | null;
}

const filesPerRequest = 25;

const mutation = `mutation Upload($files: [Upload!]!, $batchId: ID) {
  uploadDocuments(files: $files, batchId: $batchId) { fileName document { id } duplicateOf { id title } error { code message remedy } }
}`;

/** One multipart request; XMLHttpRequest, because fetch does not tell how much has been sent. */
function send(files: File[], batchId: string, onSent: (bytes: number) => void): Promise<UploadOutcome[]> {
  const form = new FormData();
  form.set('operations', JSON.stringify({ query: mutation, variables: { files: files.map(() => null), batchId } }));
  form.set('map', JSON.stringify(Object.fromEntries(files.map((_, index) => [index, [`variables.files.${index}`]]))));
  files.forEach((file, index) => form.set(String(index), file, file.name));
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', '/graphql');
    request.setRequestHeader('apollo-require-preflight', '1');
    request.responseType = 'json';
    request.upload.onprogress = ({ loaded }) => onSent(loaded);
    request.onerror = () => reject(new RequestError('the connection was lost', 'UNREACHABLE', null));
    request.onload = () => {
      const answer = request.response as {
        data?: { uploadDocuments: UploadOutcome[] } | null;
        errors?: { message: string; extensions?: ToldError }[];
      } | null;
      const [error] = answer?.errors ?? [];
      if (answer?.data) resolve(answer.data.uploadDocuments);
      else reject(requestError(error?.message ?? `the server answered ${request.status}`, error?.extensions ?? {}));
    };
    request.send(form);
  });
}

/** Sends files in groups. @param onProgress share sent, 0..1 */
export async function uploadFiles(files: File[], onProgress: (share: number) => void): Promise<UploadOutcome[]> {
  const batchId = crypto.randomUUID();
  const total = Math.max(
    1,
    files.reduce((sum, file) => sum + file.size, 0),
  );
  const outcomes: UploadOutcome[] = [];
  let sent = 0;
  for (let at = 0; at < files.length; at += filesPerRequest) {
    const part = files.slice(at, at + filesPerRequest);
    outcomes.push(...(await send(part, batchId, (bytes) => onProgress(Math.min(1, (sent + bytes) / total)))));
    sent += part.reduce((sum, file) => sum + file.size, 0);
  }
  onProgress(1);
  return outcomes;
}
