/** An answer to a whole operation, as it was sent. */
export interface SentAnswer {
  headers: [string, string][];
  body: Buffer;
}

/** Operations that come again word for word, and whose answers can be sent again as they are. */
export interface RepeatedAnswers<Context> {
  /** @param key the operation as it came, and what was accepted for an answer. @returns null where it is to be worked out */
  find(key: string, context: Context): Promise<(SentAnswer & { operationName: string | null }) | null>;
  /** Called with every answer of an operation sent alone; keeps it where that is safe. */
  keep(key: string, context: Context, query: string, answer: SentAnswer): void;
}
