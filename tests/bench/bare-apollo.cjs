// The least an Apollo Server can do: answers a constant. Prints its address.
const { ApolloServer } = require('@apollo/server');
const { startStandaloneServer } = require('@apollo/server/standalone');

const server = new ApolloServer({ typeDefs: 'type Query { answer: String! }', resolvers: { Query: { answer: () => 'constant' } } });
void startStandaloneServer(server, { listen: { port: 0, host: '127.0.0.1' } }).then(({ url }) => process.stdout.write(`${url}\n`));
