// Each makes its store ready, once, and answers a query with the number of passages found: ten, with their text.
import { ChromaClient } from 'chromadb';
import sqlite3 from 'sqlite3';
import { Pool } from 'undici';

const wanted = 10;
const rowsPerCall = 500;

/** Fills a collection unless an earlier run has. */
async function filled({ host, port, passages }, name, add) {
  const client = new ChromaClient({ host, port, ssl: false });
  const existing = await client.getCollection({ name }).catch(() => null);
  const all = passages();
  if (existing && (await existing.count()) === all.length) return;
  if (existing) await client.deleteCollection({ name });
  await client.createCollection({ name, embeddingFunction: null, configuration: { hnsw: { space: 'cosine' } } });
  for (let at = 0; at < all.length; at += rowsPerCall) await add(all.slice(at, at + rowsPerCall));
}

const operation =
  'query($query: String!) { search(query: $query) { totalCount notices hits { score snippet highlights { start end } document { id title } } } }';

export const rivals = {
  /** The product as its clients meet it: hybrid answers with text, through GraphQL over HTTP. The plainest client, as what a client costs is not the server's. */
  async product({ host, port, key, mostClients }) {
    const pool = new Pool(`http://${host}:${port}`, { connections: mostClients });
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${key}` };
    return async (query) => {
      const { body } = await pool.request({ method: 'POST', path: '/graphql', headers, body: JSON.stringify({ query: operation, variables: { query } }) });
      const { data, errors } = await body.json();
      if (!data) throw new Error(JSON.stringify(errors));
      if (data.search.notices.length > 0) throw new Error(`${query}: ${data.search.notices.join(' ')}`);
      return data.search.hits.length;
    };
  },

  /** pipeline() and the chromadb client: a bare look-up of ids, without text. */
  async floor({ host, port, embedder }) {
    const embed = await embedder();
    // A rebuild gives it another number.
    const collections = await new ChromaClient({ host, port, ssl: false }).listCollections();
    const collection = collections.find(({ name }) => name.startsWith('knowledge_chunks_g'));
    return async (query) => {
      const { ids } = await collection.query({ queryEmbeddings: [await embed(query)], nResults: wanted, include: ['distances'] });
      return ids[0].length;
    };
  },

  async langchain(parts) {
    const [{ Chroma }, { Embeddings }] = await Promise.all([import('@langchain/community/vectorstores/chroma'), import('@langchain/core/embeddings')]);
    const embed = await parts.embedder();
    class SameModel extends Embeddings {
      embedQuery(text) {
        return this.caller.call(() => embed(text));
      }
    }
    const index = new ChromaClient({ host: parts.host, port: parts.port, ssl: false });
    const store = new Chroma(new SameModel({}), { collectionName: 'rival_langchain', index });
    await filled(parts, 'rival_langchain', (part) =>
      store.addVectors(
        part.map(({ vector }) => vector),
        part.map(({ text }) => ({ pageContent: text, metadata: { kind: 'passage' } })),
        { ids: part.map(({ id }) => id) },
      ),
    );
    return async (query) => (await store.similaritySearch(query, wanted)).length;
  },

  async llamaindex(parts) {
    const [{ ChromaVectorStore }, { TextNode }, { BaseEmbedding }] = await Promise.all([
      import('@llamaindex/chroma'),
      import('@llamaindex/core/schema'),
      import('@llamaindex/core/embeddings'),
    ]);
    const embed = await parts.embedder();
    class SameModel extends BaseEmbedding {
      getTextEmbedding(text) {
        return embed(text);
      }
    }
    const embeddingModel = new SameModel();
    const store = new ChromaVectorStore({
      collectionName: 'rival_llamaindex',
      embeddingModel,
      chromaClientParams: { path: `http://${parts.host}:${parts.port}` },
    });
    await filled(parts, 'rival_llamaindex', (part) => store.add(part.map(({ id, text, vector }) => new TextNode({ id_: id, text, embedding: vector }))));
    return async (query) =>
      (await store.query({ queryEmbedding: await embeddingModel.getTextEmbedding(query), similarityTopK: wanted, mode: 'default' })).nodes.length;
  },

  /** SQLite's full text alone: any of the query's trigrams, by bm25. */
  async fts5({ passages }) {
    const database = new sqlite3.Database(':memory:');
    const run = (sql, values = []) => new Promise((resolve, reject) => database.all(sql, values, (error, rows) => (error ? reject(error) : resolve(rows))));
    await run(`CREATE VIRTUAL TABLE passages USING fts5(text, tokenize = 'trigram')`);
    await run('BEGIN');
    for (const { text } of passages()) await run('INSERT INTO passages (text) VALUES (?)', [text]);
    await run('COMMIT');
    return async (query) => {
      const characters = [...query];
      const trigrams = new Set(
        characters.slice(2).map(
          (_, at) =>
            `"${characters
              .slice(at, at + 3)
              .join('')
              .replaceAll('"', '""')}"`,
        ),
      );
      return (await run('SELECT rowid, text FROM passages WHERE passages MATCH ? ORDER BY bm25(passages) LIMIT ?', [[...trigrams].join(' OR '), wanted]))
        .length;
    };
  },
};
