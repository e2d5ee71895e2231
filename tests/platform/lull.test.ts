import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Lull } from '../../server/platform/lull.js';

test('a step stands back while somebody is answered, and goes on as soon as nobody is', async () => {
  const lull = new Lull();
  const order: string[] = [];
  let answer: () => void = () => undefined;
  const answered = lull.during(() => new Promise<void>((resolve) => (answer = resolve))).then(() => order.push('answer'));
  const step = lull.come().then(() => order.push('step'));
  await new Promise((resolve) => setImmediate(resolve));
  answer();
  await Promise.all([answered, step]);
  expect(order).toEqual(['answer', 'step']);
  await lull.come();
});

test('it does not stand back for ever', async () => {
  const lull = new Lull();
  let answer: () => void = () => undefined;
  const answered = lull.during(() => new Promise<void>((resolve) => (answer = resolve)));
  const first = await Promise.race([lull.come().then(() => 'step'), delay(10_000, 'nothing', { ref: false })]);
  expect(first).toBe('step');
  answer();
  await answered;
});

test('an answer that fails counts no longer', async () => {
  const lull = new Lull();
  await expect(lull.during(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  let isOver = false;
  const step = lull.come().then(() => (isOver = true));
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  expect(isOver).toBe(true);
  await step;
});
