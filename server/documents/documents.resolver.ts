import type DataLoader from 'dataloader';
import { Arg, Ctx, FieldResolver, ID, Int, Mutation, Query, Resolver, Root } from 'type-graphql';
import { type Connection } from '../platform/http/graphql-types.js';
import { type DocumentWithTags } from './catalogue.js';
import { type DocumentStore } from './document-store.js';
import {
  ChunkConnection,
  type ChunkType,
  DocumentConnection,
  DocumentFilter,
  DocumentOrder,
  DocumentOrderField,
  DocumentType,
  DocumentUpdate,
  LibraryFacets,
  OrderDirection,
} from './document.type.js';
import { type DocumentsService } from './documents.service.js';

/** The part of a request's context that this feature needs. */
interface LoadingContext {
  documentLoader: DataLoader<string, DocumentWithTags | null>;
}

@Resolver(() => DocumentType)
export class DocumentsResolver {
  constructor(
    private readonly service: DocumentsService,
    private readonly store: DocumentStore,
  ) {}

  @Query(() => DocumentConnection, { description: 'Newest first unless ordered otherwise. Errors: BAD_USER_INPUT for a wrong page size or cursor.' })
  documents(
    @Arg('first', () => Int, { defaultValue: 20, nullable: true }) first: number | null,
    @Arg('after', () => String, { nullable: true }) after: string | null,
    @Arg('filter', () => DocumentFilter, { nullable: true }) filter: DocumentFilter | null,
    @Arg('orderBy', () => DocumentOrder, { nullable: true }) orderBy: DocumentOrder | null,
  ): Promise<Connection<DocumentWithTags>> {
    return this.service.list(first ?? 20, after, filter ?? {}, orderBy ?? { field: DocumentOrderField.CREATED_AT, direction: OrderDirection.DESC });
  }

  @Query(() => DocumentType, { nullable: true })
  document(@Arg('id', () => ID) id: string, @Ctx() context: LoadingContext): Promise<DocumentWithTags | null> {
    // Many asked for in one operation are read at once.
    return context.documentLoader.load(id);
  }

  @Query(() => LibraryFacets, { description: 'Tags, languages, formats and states that occur, with their numbers of documents.' })
  libraryFacets(): Promise<LibraryFacets> {
    return this.service.facets();
  }

  @Mutation(() => DocumentType, {
    description: 'Changes title or tags. A new title is embedded anew while the old one answers. Errors: NOT_FOUND, BAD_USER_INPUT.',
  })
  async updateDocument(@Arg('id', () => ID) id: string, @Arg('input', () => DocumentUpdate) input: DocumentUpdate): Promise<DocumentWithTags> {
    return (await this.store.update(id, input)).document;
  }

  @FieldResolver(() => String, { description: 'The whole text, NFKC-normalised; chunks are slices of it. Empty until it has been read.' })
  text(@Root() document: DocumentWithTags): Promise<string> {
    return this.service.text(document);
  }

  @FieldResolver(() => ChunkConnection)
  chunks(
    @Root() document: DocumentWithTags,
    @Arg('first', () => Int, { defaultValue: 20, nullable: true }) first: number | null,
    @Arg('after', () => String, { nullable: true }) after: string | null,
    @Arg('fromOrdinal', () => Int, { nullable: true, description: 'Where to start instead of at the beginning: opens a long document at a passage.' })
    fromOrdinal: number | null,
  ): Promise<Connection<ChunkType>> {
    return this.service.chunks(document, first ?? 20, after, fromOrdinal ?? 0);
  }

  @FieldResolver(() => String, { nullable: true, description: 'Where the original can be downloaded; null where none is kept.' })
  originalUrl(@Root() document: DocumentWithTags): string | null {
    return document.sha256 ? `/originals/${document.id}` : null;
  }
}
