import { m } from '$lib/paraglide/messages';

interface Problem {
  code: string;
  message: string;
  remedy?: string | null;
}

/** Codes with words of their own in both languages; any other is told in the server's words. */
const known: Record<string, [what: () => string, remedy: () => string]> = {
  EMPTY_FILE: [m.error_empty_file, m.remedy_empty_file],
  PAYLOAD_TOO_LARGE: [m.error_payload_too_large, m.remedy_payload_too_large],
  UNSUPPORTED_FORMAT: [m.error_unsupported_format, m.remedy_unsupported_format],
  ENCRYPTED: [m.error_encrypted, m.remedy_encrypted],
  CORRUPT: [m.error_corrupt, m.remedy_corrupt],
  NO_TEXT: [m.error_no_text, m.remedy_no_text],
  ARCHIVE_BOMB: [m.error_archive_bomb, m.remedy_archive_bomb],
  TIMEOUT: [m.error_timeout, m.remedy_timeout],
  CANCELLED: [m.error_cancelled, m.remedy_cancelled],
  FETCH_REFUSED: [m.error_fetch_refused, m.remedy_fetch_refused],
  FETCH_FAILED: [m.error_fetch_failed, m.remedy_fetch_failed],
  UNREACHABLE: [m.error_unreachable, m.remedy_unreachable],
  UNAUTHENTICATED: [m.error_unauthenticated, m.remedy_unauthenticated],
  RATE_LIMITED: [m.error_rate_limited, m.remedy_rate_limited],
  UNAVAILABLE: [m.error_unavailable, m.remedy_unavailable],
  NOT_FOUND: [m.error_not_found, m.remedy_not_found],
  INTERNAL_SERVER_ERROR: [m.error_internal, m.remedy_internal],
};

/** Codes whose cause only the server can name: a heading in the reader's language stands before its words. */
const headings: Record<string, () => string> = {
  BAD_USER_INPUT: m.error_bad_input,
  CONFLICT: m.error_conflict,
  FORBIDDEN: m.error_forbidden,
  MAINTENANCE: m.mode_reader_title,
};

/** What happened and what to do, in the reader's language. */
export function explainError({ code, message, remedy }: Problem): { what: string; remedy: string | null } {
  const words = known[code];
  if (words) return { what: words[0](), remedy: words[1]() };
  const heading = headings[code];
  return heading ? { what: heading(), remedy: [message, remedy].filter(Boolean).join(' ') } : { what: message, remedy: remedy ?? null };
}

/** A search's notices begin with a code. */
const notices: Record<string, () => string> = {
  VECTOR_INDEX_DOWN: m.notice_vector_index_down,
  MODEL_UNAVAILABLE: m.notice_model_unavailable,
  VECTOR_SEARCH_FAILED: m.notice_vector_search_failed,
  QUERY_SHORTENED: m.notice_query_shortened,
  MEANING_LATE: m.notice_meaning_late,
  TOO_COMMON: m.notice_too_common,
  FILTER_MATCHES_NOTHING: m.notice_filter_matches_nothing,
};

export function explainNotice(notice: string): string | null {
  const [code = '', text] = notice.split(/: (.*)/s);
  if (code === 'NOTHING_FOUND') return null;
  return notices[code]?.() ?? text ?? notice;
}
