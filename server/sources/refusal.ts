/** Why an address is not, or could not be, fetched. The codes are those of DocumentError. */
export class ReadingRefused extends Error {
  constructor(
    readonly code: 'FETCH_REFUSED' | 'FETCH_FAILED' | 'UNSUPPORTED_FORMAT' | 'PAYLOAD_TOO_LARGE' | 'TIMEOUT',
    message: string,
    readonly remedy: string,
  ) {
    super(message);
  }
}
