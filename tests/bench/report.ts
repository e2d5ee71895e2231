/** Prints a bench's figures as a table. */
export function report(name: string, what: string, rows: Record<string, string | number>[]): void {
  process.stdout.write(`\n${name}: ${what}\n`);
  console.table(rows);
}
