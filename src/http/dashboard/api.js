// The server's API, below wherever this page is. The browser's cookie says who asks; where browsers do not say that a
// page is the server's own (plain HTTP beyond this machine), the token itself does, as long as the page is open.

const base = new URL(location.pathname.replace(/\/?$/, '/'), location.origin);
let bearer = null;
// What the server's clock is ahead of ours, in milliseconds.
let ahead = 0;

class Problem extends Error {
  constructor(status, body) {
    super(body?.detail ?? `The server answered ${status}.`);
    this.status = status;
    this.faults = body?.errors ?? [];
  }
}

const credentials = () => (bearer ? { authorization: `Bearer ${bearer}` } : {});

async function ask(path, options = {}) {
  const headers = { ...credentials(), ...options.headers };
  const reply = await fetch(new URL(path, base), { ...options, headers, cache: 'no-store' });
  const date = Date.parse(reply.headers.get('date'));
  if (date) ahead = date - Date.now();
  if (reply.ok) return reply;
  throw new Problem(reply.status, await reply.json().catch(() => null));
}

const get = async (path) => (await ask(path)).json();
const post = async (path) => (await ask(path, { method: 'POST' })).json();

// Sends a submission; `progress` hears how much of a form is through, from 0 to 1.
function submit(path, params, progress) {
  if (!(params instanceof FormData)) {
    const headers = { 'content-type': 'application/json' };
    return ask(path, { method: 'POST', headers, body: JSON.stringify(params) }).then((reply) => reply.json());
  }
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', new URL(path, base));
    for (const [name, value] of Object.entries(credentials())) request.setRequestHeader(name, value);
    request.responseType = 'json';
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    request.onload = () => (request.status < 300 ? resolve(request.response)
      : reject(new Problem(request.status, request.response)));
    request.onerror = () => reject(new Error('The upload was cut.'));
    request.send(params);
  });
}

// Pieces of text as they come.
async function* pieces(path, signal) {
  const reply = await ask(path, { signal });
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    yield value;
  }
}

// Server-sent events. Not an EventSource, which cannot show a token. A stream that is silent for longer than the server
// ever is has died.
async function* events(path, signal) {
  const silence = new AbortController();
  const wait = () => setTimeout(() => silence.abort(), 45_000);
  let timer = wait();
  let rest = '';
  try {
    for await (const piece of pieces(path, AbortSignal.any([signal, silence.signal]))) {
      clearTimeout(timer);
      timer = wait();
      const blocks = (rest + piece).split('\n\n');
      rest = blocks.pop();
      for (const block of blocks) {
        const field = (name) => block.split('\n').find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
        yield { name: field('event'), data: field('data') && JSON.parse(field('data')) };
      }
    }
  } finally {
    clearTimeout(timer);
  }
}

// True if the token is right; from then on requests are its bearer's.
async function signIn(token) {
  try {
    await ask('session', { method: 'POST', headers: { authorization: `Bearer ${token}` } });
  } catch (error) {
    if (error.status === 401) return false;
    throw error;
  }
  try {
    await ask('v1/jobs?limit=1');
  } catch (error) {
    if (error.status !== 401) throw error;
    bearer = token;
  }
  return true;
}
