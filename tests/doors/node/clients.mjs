// Asks a control plane by the official JavaScript clients; a line of JSON for each thing that it finds.
// node clients.mjs FOLDER-OF-PACKAGES; URL and TOKEN from the environment.
import { createRequire } from 'node:module';

const load = createRequire(`${process.argv[2]}/`);
const { OFREPProvider } = load('@openfeature/ofrep-provider');
const { OFREPWebProvider } = load('@openfeature/ofrep-web-provider');
const server = load('@openfeature/server-sdk');
const web = load('@openfeature/web-sdk');

const baseUrl = process.env.URL;
const headers = [['Authorization', `Bearer ${process.env.TOKEN}`]];
const say = (what) => console.log(JSON.stringify(what));
const asked = [];

/** As a browser has it: it sends no headers of its own. */
class EventSource extends EventTarget {
  constructor(url) {
    super();
    this.readyState = 0;
    this.stop = new AbortController();
    this.read(url).catch(() => {});
  }
  async read(url) {
    const answer = await fetch(url, { signal: this.stop.signal });
    if (answer.status !== 200) throw new Error(`${answer.status}`);
    this.readyState = 1;
    this.dispatchEvent(new Event('open'));
    let text = '';
    for await (const part of answer.body.pipeThrough(new TextDecoderStream())) {
      text += part;
      const blocks = text.split('\n\n');
      text = blocks.pop();
      for (const block of blocks) {
        const data = block.split('\n').find((line) => line.startsWith('data: '));
        if (data) this.dispatchEvent(new MessageEvent('message', { data: data.slice(6) }));
      }
    }
  }
  close() {
    this.readyState = 2;
    this.stop.abort();
  }
}
globalThis.EventSource = EventSource;

const brief = ({ value, reason, variant, errorCode, flagMetadata }) => ({
  value, reason, variant, errorCode, why: flagMetadata?.why,
});

async function ofServer() {
  await server.OpenFeature.setProviderAndWait(new OFREPProvider({ baseUrl, headers }));
  const client = server.OpenFeature.getClient();
  const acme = { targetingKey: 'acme', user: 'bob' };
  say({
    client: 'server',
    switch: brief(await client.getBooleanDetails('switch', false, acme)),
    text: brief(await client.getStringDetails('text', 'none', acme)),
    whole: brief(await client.getNumberDetails('whole', -1, acme)),
    number: brief(await client.getNumberDetails('number', -1, acme)),
    object: brief(await client.getObjectDetails('object', { none: 1 }, acme)),
    killed: brief(await client.getBooleanDetails('killed', true, acme)),
    unknown: brief(await client.getBooleanDetails('unknown', true, acme)),
    nobody: brief(await client.getBooleanDetails('switch', false, {})),
  });
}

async function ofWeb() {
  const fetchImplementation = async (request) => {
    const answer = await fetch(request.clone());
    asked.push([answer.status, request.headers.get('if-none-match') !== null, new URL(request.url).search !== '']);
    return answer;
  };
  const provider = new OFREPWebProvider({ baseUrl, headers, fetchImplementation, cacheMode: 'disabled' });
  await web.OpenFeature.setContext({ targetingKey: 'acme' });
  await web.OpenFeature.setProviderAndWait(provider);
  const client = web.OpenFeature.getClient();
  say({
    client: 'web',
    switch: brief(client.getBooleanDetails('switch', false)),
    object: brief(client.getObjectDetails('object', { none: 1 })),
    unknown: brief(client.getBooleanDetails('unknown', true)),
  });
  const changed = new Promise((resolve) => client.addHandler(web.ProviderEvents.ConfigurationChanged, () => {
    if (client.getBooleanDetails('switch', true).reason === 'DISABLED') resolve();
  }));
  say({ client: 'web', listens: true });
  await changed;
  say({ client: 'web', after: brief(client.getBooleanDetails('switch', true)), asked });
}

await ofServer();
await ofWeb();
process.exit(0);
