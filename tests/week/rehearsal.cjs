// A server whose clock and whose machine its parent drives, over the channel of `fork`: { now, host, processes } sets them and watches
// once. The first message tells the address.
async function main() {
  await import('../../dist/server/production.js');
  const [{ startApp }, { loadSettings }, { Logging }] = await Promise.all([
    import('../../dist/server/app.js'),
    import('../../dist/server/config/index.js'),
    import('../../dist/server/platform/logging/index.js'),
  ]);
  const state = { now: Date.parse(process.env.REHEARSAL_START), host: {}, processes: [] };
  const app = await startApp(loadSettings(), new Logging('error'), {
    clock: { now: () => new Date(state.now) },
    host: { read: () => Promise.resolve(state.host), processes: () => Promise.resolve(state.processes) },
  });
  process.on('message', async (change) => {
    Object.assign(state, change);
    await app.watch();
    process.send({ watched: state.now });
  });
  process.on('SIGTERM', () => void app.stop().then(() => process.exit(0)));
  process.send({ url: app.url });
}

void main();
