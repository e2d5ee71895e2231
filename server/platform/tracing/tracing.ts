import { type Attributes, SpanStatusCode, trace } from '@opentelemetry/api';
import { version } from '../../config/index.js';
import { messageOf } from '../errors.js';

/** Does nothing until `openTracing` has found where spans go. */
export const tracer = () => trace.getTracer('erpfts', version);

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
  return async () => {
    await provider.shutdown().catch(() => undefined);
    trace.disable();
  };
}

/** Runs work within a span. Attributes never hold texts, questions or keys. */
export function traced<T>(name: string, attributes: Attributes, work: () => Promise<T>): Promise<T> {
  return tracer().startActiveSpan(name, { attributes }, async (span) => {
    try {
      return await work();
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
      throw error;
    } finally {
      span.end();
    }
  });
}
