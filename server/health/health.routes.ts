import { type Express } from 'express';
import { type Authorize, route } from '../platform/http/index.js';
import { say } from '../platform/saying.js';
import { type HealthService } from './health.service.js';

interface HealthRouteParts {
  health: HealthService;
  /** Figures of the process for `/health/detailed`. */
  figures: () => Promise<{ searchP50Ms: number | null; memoryBytes: number; cpuShare: number }>;
  authorize: Authorize;
}

/** Parts that the manual's monitoring reads (section 1.1 of daily operation); GraphQL `health` has all. */
const manualParts = ['database', 'vector_db', 'cache', 'embedding_model'];

/** `GET /health` and `/health/detailed` in the manual's shape (section 1.1 of daily operation). 503 when UNHEALTHY. */
export function healthRoutes(app: Express, { health, figures, authorize }: HealthRouteParts): void {
  app.get(
    '/health',
    route(async (_request, response) => {
      const { status, checkedAt } = await health.recent();
      response.status(status === 'UNHEALTHY' ? 503 : 200).json({ status: status.toLowerCase(), timestamp: checkedAt.toISOString() });
    }),
  );
  app.get(
    '/health/detailed',
    route(async (request, response) => {
      await authorize(request, 'GET /health/detailed');
      const [{ status, checkedAt, components }, { searchP50Ms, memoryBytes, cpuShare }] = await Promise.all([health.check(), figures()]);
      response.status(status === 'UNHEALTHY' ? 503 : 200).json({
        status: status.toLowerCase(),
        timestamp: checkedAt.toISOString(),
        components: Object.fromEntries(
          components
            .filter(({ name }) => manualParts.includes(name))
            .map((component) => [
              component.name,
              {
                status: component.status.toLowerCase(),
                latency_ms: Math.round(component.latencyMs * 10) / 10,
                ...(component.message ? { message: say(component.message) } : {}),
                ...(component.remedy ? { remedy: say(component.remedy) } : {}),
              },
            ]),
        ),
        performance: {
          response_time_ms: searchP50Ms === null ? null : Math.round(searchP50Ms * 10) / 10,
          memory_usage_mb: Math.round(memoryBytes / 1024 ** 2),
          cpu_usage_percent: Math.round(cpuShare * 1000) / 10,
        },
      });
    }),
  );
}
