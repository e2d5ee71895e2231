import {
  type Attributes,
  type Context,
  context,
  propagation,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { LRUCache } from 'lru-cache';
import { version } from '../../config/index.js';
import { messageOf } from '../errors.js';
import { currentScope, type Scope } from '../logging/index.js';

/** Spans go somewhere; until then nothing here costs anything. */
let exporting = false;
const tracer = () => trace.getTracer('erpfts', version);
/** What the requests that are being answered belong to. */
const requests = new WeakMap<Scope, Context>();
/** Spans whose work goes on later, by the id that it has then. */
const origins = new LRUCache<string, SpanContext>({ max: 10_000 });

const present = (): Context => (trace.getSpan(context.active()) ? context.active() : (requests.get(currentScope()) ?? ROOT_CONTEXT));

/** Sends spans to an OpenTelemetry collector from now on, as OTLP over HTTP. @returns a function that sends what waits and ends that */
export async function openTracing(url: string): Promise<() => Promise<void>> {
  // Loaded only where they are used: they take longer than most of the server.
  const [{ BatchSpanProcessor, NodeTracerProvider }, { OTLPTraceExporter }, { resourceFromAttributes }] = await Promise.all([
    import('@opentelemetry/sdk-trace-node'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
  ]);
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'erpfts', 'service.version': version }),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url }), { scheduledDelayMillis: 1000 })],
  });
  provider.register();
  exporting = true;
  return async () => {
    exporting = false;
    await provider.shutdown().catch(() => undefined);
    trace.disable();
  };
}

/** Lets the spans of the present request go on with the trace that its sender names in `traceparent`. https://www.w3.org/TR/trace-context/ */
export function continueTrace(headers: Record<string, unknown>): void {
  if (exporting) requests.set(currentScope(), propagation.extract(ROOT_CONTEXT, headers));
}

/** The span of the present request; what is traced on its behalf from now on is within it. @returns null where none is kept */
export function requestSpan(name: string): Span | null {
  if (!exporting) return null;
  const scope = currentScope();
  const outer = requests.get(scope) ?? ROOT_CONTEXT;
  const span = tracer().startSpan(name, { kind: SpanKind.SERVER, attributes: scope.requestId ? { 'http.request.id': scope.requestId } : {} }, outer);
  requests.set(scope, trace.setSpan(outer, span));
  return span.isRecording() ? span : null;
}

const nothing = () => undefined;

/** A part of the present work. @returns to be called at its end */
export function spanOf(name: string): () => void {
  if (!exporting) return nothing;
  const span = tracer().startSpan(name, {}, present());
  return () => span.end();
}

/** Remembers what asks for work that is done later under this id. */
export function rememberOrigin(id: string): void {
  const origin = exporting ? trace.getSpanContext(present()) : undefined;
  if (origin) origins.set(id, origin);
}

/** Runs work under an id within a span of its own, linked to what asked for it. Attributes never hold texts, questions or keys. @param work is given what tells how far it is */
export function traced<T>(name: string, id: string, attributes: Attributes, work: (event: (name: string) => void) => Promise<T>): Promise<T> {
  const origin = origins.get(id);
  // Work that waits is begun by whatever ends before it, and is no part of that.
  return tracer().startActiveSpan(name, { attributes, root: true, links: origin ? [{ context: origin }] : [] }, async (span) => {
    try {
      return await work((event) => span.addEvent(event));
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
      throw error;
    } finally {
      span.end();
    }
  });
}
