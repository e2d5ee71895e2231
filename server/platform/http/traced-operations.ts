import { type ApolloServerPlugin } from '@apollo/server';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { currentScope } from '../logging/index.js';
import { tracer } from '../tracing/index.js';
import { errorCode } from './error-code.js';

/**
 * A span for every operation, named and described as OpenTelemetry settles for GraphQL servers; without the document, which may hold
 * the text of a question. https://opentelemetry.io/docs/specs/semconv/graphql/graphql-spans/
 */
export const tracedOperations: ApolloServerPlugin = {
  requestDidStart: () => {
    const span = tracer().startSpan('GraphQL Operation', { kind: SpanKind.SERVER });
    // Nobody listens: nothing more is asked of this operation.
    if (!span.isRecording()) return Promise.resolve();
    const { requestId } = currentScope();
    if (requestId) span.setAttribute('http.request.id', requestId);
    return Promise.resolve({
      didResolveOperation: ({ operation, operationName }) => {
        const type = operation?.operation ?? 'query';
        span.updateName(operationName ? `${type} ${operationName}` : type);
        span.setAttribute('graphql.operation.type', type);
        if (operationName) span.setAttribute('graphql.operation.name', operationName);
        return Promise.resolve();
      },
      willSendResponse: ({ errors }) => {
        if (errors?.[0]) span.setStatus({ code: SpanStatusCode.ERROR, message: errorCode(errors[0]) });
        span.end();
        return Promise.resolve();
      },
    });
  },
};
