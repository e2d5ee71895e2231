import { page } from '$app/state';
import { type SearchFilter, type SearchMode, type SourceType } from '$lib/gql/graphql';

const modes: SearchMode[] = ['HYBRID', 'SEMANTIC', 'KEYWORD'];

/** What is asked, as the address says it. */
export interface Question {
  query: string;
  mode: SearchMode;
  tags: string[];
  languages: string[];
  mimeTypes: string[];
  sourceTypes: SourceType[];
  from: string;
  to: string;
}

export function questionOfAddress(): Question {
  const { searchParams } = page.url;
  const mode = searchParams.get('mode') as SearchMode | null;
  return {
    query: searchParams.get('q') ?? '',
    mode: mode && modes.includes(mode) ? mode : 'HYBRID',
    tags: searchParams.getAll('tag'),
    languages: searchParams.getAll('language'),
    mimeTypes: searchParams.getAll('format'),
    sourceTypes: searchParams.getAll('source') as SourceType[],
    from: searchParams.get('from') ?? '',
    to: searchParams.get('to') ?? '',
  };
}

/** Days as the reader means them: in the reader's time zone, the last one to its end. */
export function filterOf({ tags, languages, mimeTypes, sourceTypes, from, to }: Question): SearchFilter {
  const some = <T>(values: T[]) => (values.length > 0 ? values : null);
  // eslint-disable-next-line svelte/prefer-svelte-reactivity -- made and read in the same breath
  const day = (value: string, time: string) => (/^\d{4}-\d{2}-\d{2}$/.test(value) ? new Date(`${value}T${time}`).toISOString() : null);
  return {
    tags: some(tags),
    languages: some(languages),
    mimeTypes: some(mimeTypes),
    sourceTypes: some(sourceTypes),
    from: day(from, '00:00:00.000'),
    to: day(to, '23:59:59.999'),
  };
}

export function filterCount({ tags, languages, mimeTypes, sourceTypes, from, to }: Question): number {
  return [tags.length, languages.length, mimeTypes.length, sourceTypes.length, from ? 1 : 0, to ? 1 : 0].reduce((sum, count) => sum + (count > 0 ? 1 : 0), 0);
}

/** The question asked last on the search page, for the pages one goes on to from there. */
class LastSearch {
  question = $state.raw<Question | null>(null);

  /** The last question where it asked for these words. */
  for(query: string | null): Question | null {
    return this.question?.query === query ? this.question : null;
  }
}

export const lastSearch = new LastSearch();

/** Where the search page answers a question. */
export function addressOf({ query, mode, tags, languages, mimeTypes, sourceTypes, from, to }: Question): string {
  const parameters = [
    ['q', query],
    ...(mode === 'HYBRID' ? [] : [['mode', mode]]),
    ...tags.map((tag) => ['tag', tag]),
    ...languages.map((language) => ['language', language]),
    ...mimeTypes.map((format) => ['format', format]),
    ...sourceTypes.map((source) => ['source', source]),
    ...(from ? [['from', from]] : []),
    ...(to ? [['to', to]] : []),
  ];
  return `/?${parameters.map(([name, value]) => `${name}=${encodeURIComponent(value!)}`).join('&')}`;
}
