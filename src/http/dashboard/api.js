// Requests to the server's API, at URLs below that of this page. A session's cookie authenticates them. Over plain HTTP
// from another machine browsers do not say that the page is the server's own, so the server rejects the cookie: then the
// page keeps the token itself while it is open.

const base = new URL(location.pathname.replace(/\/?$/, '/'), location.origin);
let bearer = null;
// How far the server's clock is ahead of the browser's, in milliseconds.
let clockOffset = 0;

class Problem extends Error {
  constructor(status, body) {
    super(body?.detail ?? `The server answered with status ${status} and no explanation.`);
    this.status = status;
    this.faults = body?.errors ?? [];
  }
}

const credentials = () => (bearer ? { authorization: `Bearer ${bearer}` } : {});

async function ask(path, options = {}) {
  const headers = { ...credentials(), ...options.headers };
  const reply = await fetch(new URL(path, base), { ...options, headers, cache: 'no-store' });
  const date = Date.parse(reply.headers.get('date'));
  if (date) clockOffset = date - Date.now();
  if (reply.ok) return reply;
  throw new Problem(reply.status, await reply.json().catch(() => null));
}

const get = async (path) => (await ask(path)).json();
const post = async (path) => (await ask(path, { method: 'POST' })).json();

// Submits a job. During an upload it calls `onProgress` with the part that is sent, from 0 to 1.
function submit(path, params, onProgress) {
  if (!(params instanceof FormData)) {
    const headers = { 'content-type': 'application/json' };
    return ask(path, { method: 'POST', headers, body: JSON.stringify(params) }).then((reply) => reply.json());
  }
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', new URL(path, base));
    for (const [name, value] of Object.entries(credentials())) request.setRequestHeader(name, value);
    request.responseType = 'json';
    request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    request.onload = () => (request.status < 300 ? resolve(request.response)
      : reject(new Problem(request.status, request.response)));
    request.onerror = () => reject(new Error('The connection was lost during the upload. Submit the job again.'));
    request.send(params);
  });
}

// The text of a response, in chunks as they arrive.
async function* chunks(path, signal) {
  const reply = await ask(path, { signal });
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    yield value;
  }
}

// Server-sent events. EventSource cannot send a token, so this reads the stream itself. The server sends a heartbeat every
// 15 seconds; a stream that stays silent for longer is dead.
async function* events(path, signal) {
  const SILENCE_TIMEOUT_MS = 45_000;
  const silence = new AbortController();
  const startTimer = () => setTimeout(() => silence.abort(), SILENCE_TIMEOUT_MS);
  let timer = startTimer();
  let rest = '';
  try {
    for await (const chunk of chunks(path, AbortSignal.any([signal, silence.signal]))) {
      clearTimeout(timer);
      timer = startTimer();
      const blocks = (rest + chunk).split('\n\n');
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

// Signs in with a token; false if it is not valid.
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
    // The server does not accept the session's cookie.
    bearer = token;
  }
  return true;
}
