import { type ApolloServerPlugin } from '@apollo/server';
import { type Span, SpanStatusCode } from '@opentelemetry/api';
import { type GraphQLError } from 'graphql';
import { requestSpan } from '../tracing/index.js';
import { errorCode } from './error-code.js';

const begun = () => requestSpan('GraphQL Operation');

function named(span: Span, type: string, name: string | null | undefined): void {
  // A client's name for it is no part of the span's: there could be any number of them.
  span.updateName(type);
  span.setAttribute('graphql.operation.type', type);
  if (name) span.setAttribute('graphql.operation.name', name);
}

function ended(span: Span, errors: readonly GraphQLError[] | undefined): void {
  if (errors?.[0]) span.setStatus({ code: SpanStatusCode.ERROR, message: errorCode(errors[0]) });
  span.end();
}

/** The same for one that does not pass through Apollo Server. @returns to be called with its errors at its end */
export function traced(type: string, name: string | null): (errors: readonly GraphQLError[] | undefined) => void {
  const span = begun();
  if (!span) return () => undefined;
  named(span, type, name);
  return (errors) => ended(span, errors);
}

/**
 * A span for every operation, named and described as OpenTelemetry settles for GraphQL servers; without the document, which may hold
 * the text of a question. https://opentelemetry.io/docs/specs/semconv/graphql/graphql-spans/
 */
export const tracedOperations: ApolloServerPlugin = {
  requestDidStart: () => {
    const span = begun();
    // Nobody listens: nothing more is asked of this operation.
    if (!span) return Promise.resolve();
    return Promise.resolve({
      didResolveOperation: ({ operation, operationName }) => {
        named(span, operation?.operation ?? 'query', operationName);
        return Promise.resolve();
      },
      willSendResponse: ({ errors }) => {
        ended(span, errors);
        return Promise.resolve();
      },
    });
  },
};
