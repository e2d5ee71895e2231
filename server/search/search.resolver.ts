import { Arg, Ctx, FieldResolver, ID, Int, Query, Resolver, Root } from 'type-graphql';
import { mayDo, permissions, type RateLimits, type RequestContext } from '../access/index.js';
import { DocumentType, type DocumentWithTags } from '../documents/index.js';
import { type KeptAnswers } from './kept-answers.js';
import { type SearchService } from './search.service.js';
import { type Visibility } from './visibility.js';
import { VisibilityType } from './visibility.type.js';
import { SearchFilter, SearchMode, SearchResultType } from './search.type.js';

@Resolver(() => SearchResultType)
export class SearchResolver {
  constructor(
    private readonly service: SearchService,
    private readonly limits: RateLimits,
    private readonly answers: KeptAnswers,
  ) {}

  @Query(() => SearchResultType, {
    description:
      'Documents with the passages that answer a question, in Japanese or English. Errors: BAD_USER_INPUT for an empty or too long query, a wrong page size or cursor.',
  })
  async search(
    @Ctx() context: RequestContext,
    @Arg('query', () => String, { description: 'Up to 10,000 characters.' }) query: string,
    @Arg('first', () => Int, { defaultValue: 10, nullable: true, description: 'Documents, 1..100.' }) first: number | null,
    @Arg('after', () => String, { nullable: true }) after: string | null,
    @Arg('mode', () => SearchMode, { defaultValue: SearchMode.HYBRID, nullable: true }) mode: SearchMode | null,
    @Arg('filter', () => SearchFilter, { nullable: true }) filter: SearchFilter | null,
  ): Promise<SearchResultType> {
    this.answers.throwRefusal(context);
    await this.limits.action('search', context.viewer?.id ?? context.clientAddress);
    const answer = await this.service.search({ query, first: first ?? 10, after, mode: mode ?? SearchMode.HYBRID, filter: filter ?? {} });
    if (answer.from) this.answers.answered(context, answer.from);
    return answer;
  }

  @FieldResolver()
  profile(@Root() result: SearchResultType, @Ctx() { viewer }: RequestContext): SearchResultType['profile'] {
    return mayDo(viewer, permissions['SearchResult.profile']) ? result.profile : null;
  }

  @Query(() => VisibilityType, {
    description:
      'Why a document is, or is not, found by a query: the stores it lies in, the filters and the ranking, step by step. Errors: BAD_USER_INPUT for a query that cannot be read.',
  })
  explainDocument(
    @Arg('documentId', () => ID) documentId: string,
    @Arg('query', () => String) query: string,
    @Arg('filter', () => SearchFilter, { nullable: true }) filter: SearchFilter | null,
    @Arg('mode', () => SearchMode, { defaultValue: SearchMode.HYBRID, nullable: true }) mode: SearchMode | null,
  ): Promise<Visibility> {
    return this.service.explain(documentId, query, mode ?? SearchMode.HYBRID, filter ?? {});
  }

  @Query(() => [DocumentType], { description: 'Nearest first. Errors: NOT_FOUND.' })
  similarDocuments(
    @Arg('id', () => ID) id: string,
    @Arg('first', () => Int, { defaultValue: 5, nullable: true }) first: number | null,
  ): Promise<DocumentWithTags[]> {
    return this.service.similar(id, first ?? 5);
  }
}
