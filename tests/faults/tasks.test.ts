import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { buildSchema, type GraphQLEnumType } from 'graphql';
import { expect, test } from 'vitest';
import { packageRoot } from '../../server/config/index.js';
import { TestServer } from '../support/server.js';

const kills = Number(process.env['FAULT_KILLS'] ?? 4);
const schema = buildSchema(readFileSync(join(packageRoot, 'schema.graphql'), 'utf8'));
const tasks = (schema.getType('MaintenanceTask') as GraphQLEnumType).getValues().map(({ name }) => name);

interface Job {
  id: string;
  kind: string;
  status: string;
}

test(`${kills} kills while every kind of task runs leave none stuck, none doubled, and the data whole`, async () => {
  const server = await TestServer.start();
  const documents = Array.from({ length: 30 }, (_, index) => ({
    name: `sounding-${index}.txt`,
    content: `Sounding ${index}: the water is ${index * 3 + 2} fathoms deep here.`,
  }));
  await server.upload(documents);
  await server.idle(120_000);
  const started = new Set<string>();
  for (let round = 0; round < kills; round++) {
    for (const task of tasks) {
      const { data } = await server.send<{ runMaintenance: { id: string } }>('mutation($task: MaintenanceTask!) { runMaintenance(task: $task) { id } }', {
        task,
      });
      if (data) started.add(data.runMaintenance.id);
    }
    for (const name of ['DAILY', 'WEEKLY']) {
      const { data } = await server.send<{ runSchedule: { id: string } }>('mutation($name: String!) { runSchedule(name: $name) { id } }', { name });
      if (data) started.add(data.runSchedule.id);
    }
    await delay(Math.random() * 2500);
    await server.kill();
    await server.boot();
  }
  await server.idle(300_000, ['MAINTENANCE', 'SCHEDULE']);
  const jobs: Job[] = [];
  for (let after: string | null = null; ;) {
    const page: { jobs: { edges: { node: Job }[]; pageInfo: { hasNextPage: boolean; endCursor: string } } } = await server.ask(
      'query($after: String) { jobs(first: 100, after: $after, filter: { kinds: ["MAINTENANCE", "SCHEDULE"] }) { edges { node { id kind status } } pageInfo { hasNextPage endCursor } } }',
      { after },
    );
    jobs.push(...page.jobs.edges.map(({ node }) => node));
    if (!page.jobs.pageInfo.hasNextPage) break;
    after = page.jobs.pageInfo.endCursor;
  }
  // Each that was begun has ended once, and nothing else was begun.
  expect(jobs.map(({ id }) => id).sort()).toEqual([...started].sort());
  expect(jobs.filter(({ status }) => status !== 'SUCCEEDED')).toEqual([]);
  await server.idle(120_000);
  const { runMaintenance } = await server.ask<{ runMaintenance: { id: string } }>('mutation { runMaintenance(task: VERIFY_DATA) { id } }');
  expect((await server.jobDone(runMaintenance.id)).result).toMatchObject({ found: 0 });
  const { indexGenerations } = await server.ask<{ indexGenerations: { status: string }[] }>('{ indexGenerations { status } }');
  expect(indexGenerations.filter(({ status }) => status === 'ACTIVE')).toHaveLength(1);
  expect(indexGenerations.filter(({ status }) => status === 'BUILDING')).toHaveLength(0);
  const { search } = await server.ask<{ search: { totalCount: number } }>('{ search(query: "How deep is the water?", first: 100) { totalCount } }');
  expect(search.totalCount).toBe(30);
  await server.stop();
}, 3_600_000);
