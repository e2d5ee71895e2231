import { Field, Float, ID, InputType, Int, ObjectType, registerEnumType } from 'type-graphql';
import { ChunkType, DocumentType, SourceType } from '../documents/index.js';
import { DateTime } from '../platform/http/graphql-types.js';
import { ProfileStep } from './profile.js';
import { QueryPartKind } from './query-language.js';

export enum SearchMode {
  HYBRID = 'HYBRID',
  SEMANTIC = 'SEMANTIC',
  KEYWORD = 'KEYWORD',
}
registerEnumType(SearchMode, { name: 'SearchMode', description: 'By meaning and words, by meaning alone, or by words alone.' });

@InputType({ description: 'Any within a field, all across fields.' })
export class SearchFilter {
  @Field(() => [String], { nullable: true })
  tags?: string[] | null;

  @Field(() => [SourceType], { nullable: true })
  sourceTypes?: SourceType[] | null;

  @Field(() => [String], { nullable: true, description: 'ISO 639-1' })
  languages?: string[] | null;

  @Field(() => [String], { nullable: true })
  mimeTypes?: string[] | null;

  @Field(() => [ID], { nullable: true })
  documentIds?: string[] | null;

  @Field(() => DateTime, { nullable: true, description: 'Published, or else taken in, at this time or later.' })
  from?: Date | null;

  @Field(() => DateTime, { nullable: true })
  to?: Date | null;
}

@ObjectType('TextRange', { simpleResolvers: true, description: 'UTF-16 code units; end is exclusive.' })
export class TextRangeType {
  @Field(() => Int)
  start!: number;

  @Field(() => Int)
  end!: number;
}

@ObjectType('HitExplanation', { simpleResolvers: true, description: 'Why a passage was found.' })
export class HitExplanationType {
  @Field(() => Float, {
    nullable: true,
    description:
      "Similarity of the query's and the passage's vectors, -1..1: of a long passage the mean of its whole and its nearest piece; null where the meaning was not looked at.",
  })
  semanticScore!: number | null;

  @Field(() => Int, { nullable: true, description: 'Rank by meaning among the candidates, from 1.' })
  semanticRank!: number | null;

  @Field(() => Float, { nullable: true, description: 'BM25 as a share of what a passage with every word of the query would have, 0..1.' })
  lexicalScore!: number | null;

  @Field(() => Int, { nullable: true, description: 'Rank by words among the candidates, from 1.' })
  lexicalRank!: number | null;

  @Field(() => [String])
  matchedTerms!: string[];

  @Field(() => Float, { description: 'Both together, 0..1: what hits are ordered by.' })
  fusedScore!: number;
}

@ObjectType('SearchHit', { simpleResolvers: true, description: 'A document with its best passage.' })
export class SearchHitType {
  @Field(() => DocumentType)
  document!: object;

  @Field(() => ChunkType)
  chunk!: ChunkType;

  @Field(() => [ChunkType], { description: 'Further passages of the same document, best first.' })
  otherPassages!: ChunkType[];

  @Field(() => Float, { description: '0..1, never rising from one hit to the next.' })
  score!: number;

  @Field(() => String, { description: "A substring of the passage's text." })
  snippet!: string;

  @Field(() => [TextRangeType], { description: "Whole words of the snippet that are the query's." })
  highlights!: TextRangeType[];

  @Field(() => Int, { nullable: true })
  pageFrom!: number | null;

  @Field(() => [String])
  headingPath!: string[];

  @Field(() => HitExplanationType)
  explanation!: HitExplanationType;
}

registerEnumType(ProfileStep, {
  name: 'SearchStep',
  description:
    'NORMALISE the query; look into the CACHE; EMBED the query; ask for the nearest VECTORS; find candidates by WORDS; FUSE both; read ROWS; RENDER snippets.',
});

@ObjectType('SearchStepTime', { simpleResolvers: true, description: 'Time of one step of a search. Steps by meaning and by words run side by side.' })
export class SearchStepTimeType {
  @Field(() => ProfileStep)
  step!: ProfileStep;

  @Field(() => Float, { description: 'Milliseconds.' })
  ms!: number;
}

registerEnumType(QueryPartKind, {
  name: 'QueryPartKind',
  description:
    'Plain TEXT; a quoted PHRASE passages must hold; what is QUOTED in a long sentence and asks for nothing; a word EXCLUDED by a minus; TAG, LANGUAGE, TYPE, BEFORE and AFTER from tag:, lang:, type:, before: and after:; a VARIANT in spelling.',
});

@ObjectType('QueryPart', { simpleResolvers: true, description: 'A part of a query and what it was understood as.' })
export class QueryPartType {
  @Field(() => QueryPartKind)
  kind!: QueryPartKind;

  @Field(() => String)
  text!: string;
}

@ObjectType('SearchResult', { simpleResolvers: true })
export class SearchResultType {
  @Field(() => [SearchHitType])
  hits!: SearchHitType[];

  @Field(() => Int, { description: 'Documents among the candidates after filters; where a later page needs more candidates, there are more.' })
  totalCount!: number;

  @Field(() => Float, { description: 'Milliseconds.' })
  tookMs!: number;

  @Field(() => SearchMode, { description: 'How the answer was found: KEYWORD where the vector side is down.' })
  mode!: string;

  @Field(() => Boolean)
  cached!: boolean;

  @Field(() => [String], { description: 'What is wrong with the answer, in words; the code stands before the colon.' })
  notices!: string[];

  @Field(() => String, { nullable: true, description: 'Cursor for the next page; null at the end.' })
  endCursor!: string | null;

  @Field(() => [QueryPartType], { description: 'How the query was understood.' })
  understood!: QueryPartType[];

  @Field(() => String, { nullable: true, description: 'The query in the spelling the library has, where a word of it is unknown.' })
  suggestion!: string | null;

  @Field(() => [SearchStepTimeType], {
    nullable: true,
    description:
      "Where this search's time went, for operators: null for readers. Where the answer was kept: NORMALISE, CACHE and, unless its documents were read before, ROWS.",
  })
  profile!: SearchStepTimeType[] | null;
}
