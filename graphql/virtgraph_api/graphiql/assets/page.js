// GraphiQL over this service: every operation carries what stands in the header editor. Without a token there nothing is sent.
"use strict";

const URL_PATH = "/graphql";
const WELCOME = `# Put your token into the Headers pane below:  {"Authorization": "Bearer <token>"}
# then run this, or look at the schema in the documentation pane (its button is at the upper left).

{
  __typename
}
`;
const NO_TOKEN = { errors: [{ message: 'Put {"Authorization": "Bearer <token>"} into the Headers pane.' }] };

const root = ReactDOM.createRoot(document.getElementById("graphiql"));
let tokenThatWorked = null;

function tokenOf(headers) {
  const name = Object.keys(headers).find((one) => one.toLowerCase() === "authorization");
  const [, token] = /^Bearer +(\S+)$/i.exec(name ? headers[name] : "") ?? [];
  return token ?? null;
}

function isSubscription(documentAST, operationName) {
  const operations = (documentAST?.definitions ?? []).filter((one) => one.kind === "OperationDefinition");
  const asked = operations.find((one) => one.name?.value === operationName) ?? operations[0];
  return asked?.operation === "subscription";
}

async function overHttp(params, headers) {
  const response = await fetch(URL_PATH, {
    method: "POST",
    headers: {
      ...headers,
      "Content-Type": "application/json",
      Accept: "application/graphql-response+json, application/json;q=0.9",
    },
    body: JSON.stringify(params),
  });
  return response.json();
}

function overWebSocket(params, headers) {
  const url = new URL(URL_PATH, location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  const client = graphqlWs.createClient({ url: url.href, connectionParams: headers, retryAttempts: 0 });
  const results = client.iterate(params);
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    next: () => results.next(),
    async return() {
      await results.return?.();
      await client.dispose();
      return { done: true, value: undefined };
    },
  };
}

async function fetcher(params, options) {
  const headers = options?.headers ?? {};
  const token = tokenOf(headers);
  if (!token) return NO_TOKEN;
  if (isSubscription(options?.documentAST, params.operationName)) return overWebSocket(params, headers);
  const answer = await overHttp(params, headers);
  if ("data" in answer && token !== tokenThatWorked) {
    tokenThatWorked = token;
    render(); // a new fetcher makes GraphiQL ask for the schema, which it could not have before
  }
  return answer;
}

function render() {
  root.render(
    React.createElement(GraphiQL, {
      fetcher: (params, options) => fetcher(params, options),
      defaultQuery: WELCOME,
      defaultEditorToolsVisibility: "headers",
      defaultHeaders: '{\n  "Authorization": "Bearer "\n}',
      shouldPersistHeaders: false,
    }),
  );
}

render();
