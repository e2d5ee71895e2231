import { type DocumentFailure } from '../documents/index.js';
import { AppError, messageOf } from '../platform/errors.js';
import { type Saying } from '../platform/saying.js';
import { ReadingRefused } from '../sources/index.js';
import { ReadingError } from './reading/blocks.js';

/** Why a document was not taken in, in words for its owner. @param stage what was under way */
export function failureOf(error: unknown, stage: string | null): DocumentFailure {
  if (error instanceof ReadingError || error instanceof ReadingRefused || error instanceof AppError)
    return { code: error.code, message: error.message, remedy: error.remedy, stage };
  return {
    code: 'INTERNAL_SERVER_ERROR',
    message: `Something went wrong while the document was taken in: ${messageOf(error)}`,
    remedy: 'Retry; if it happens again, look at the log.',
    stage,
  };
}

/** By code: readers tell theirs in English from processes of their own. */
const inJapanese: Record<string, string> = {
  EMPTY_FILE: 'ファイルが空です。',
  PAYLOAD_TOO_LARGE: '上限サイズを超えています。',
  UNSUPPORTED_FORMAT: '対応していない形式です。',
  ENCRYPTED: 'パスワードで保護されています。パスワードを外したコピーをアップロードしてください。',
  CORRUPT: 'ファイルが壊れています。作成したソフトで保存し直し、アップロードしてください。',
  NO_TEXT: '読み取れる文字がありません。スキャン画像の場合は、文字認識（OCR）をかけてからアップロードしてください。',
  ARCHIVE_BOMB: '展開後のサイズが大きすぎます。',
  TIMEOUT: '時間内に終わりませんでした。文書を分割するか、PARSER_TIMEOUT_MS または FETCH_TIMEOUT_MS を長くしてください。',
  FETCH_REFUSED: 'このアドレスは取得できません。ページをファイルとしてアップロードするか、FETCH_ALLOWED_NETWORKS に追加してください。',
  FETCH_FAILED: 'ページを取得できませんでした。ログインせずにブラウザで開けるか確認してください。',
  UNAVAILABLE: 'サーバーの一部が利用できません。しばらくしてから再試行してください。',
  INTERNAL_SERVER_ERROR: '取り込み中に問題が発生しました。再試行しても繰り返す場合はログを確認してください。',
};

/** The same for people, in each language. */
export function toldOf({ code, message }: Pick<DocumentFailure, 'code' | 'message'>): Saying {
  return { en: message, ja: inJapanese[code] ?? message };
}
