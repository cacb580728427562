// The list: newest first, as far as it was asked for, changed by events as they come.

const PAGE = 50;
// More rows than anybody looks through; older ones are asked for again.
const MOST = 1000;
const jobs = new Map();
const rows = new Map();
const changed = new Set();
let next = null;

const chosen = () => ({
  status: new FormData($('filter')).get('status'),
  operation: new FormData($('filter')).get('operation'),
});

const fits = (job) => Object.entries(chosen()).every(([name, value]) => !value || job[name] === value);

// What was heard of jobs while an answer was on its way, by their numbers: what it says of them may be older.
const hearing = new Set();

async function hear(request) {
  const heard = new Map();
  hearing.add(heard);
  try {
    return [await request, (job) => (heard.has(job.seq) ? heard.get(job.seq) : job)];
  } finally {
    hearing.delete(heard);
  }
}

const query = (parts) => new URLSearchParams(Object.entries(parts).filter(([, value]) => value));

// Asks anew for as many as are shown.
async function list() {
  const limit = Math.min(Math.max(PAGE, jobs.size), MOST);
  const wanted = query({ ...chosen(), limit });
  const [page, latest] = await hear(get(`v1/jobs?${wanted}`));
  // Another filter was chosen meanwhile, whose list comes as well.
  if (!Object.entries(chosen()).every(([name, value]) => value === (wanted.get(name) ?? ''))) return;
  jobs.clear();
  take(page, latest);
}

async function more() {
  const [page, latest] = await hear(get(`v1/jobs?${query({ ...chosen(), limit: PAGE, after: next })}`));
  take(page, latest);
  rows.get(page.jobs[0]?.id)?.firstChild.focus();
}

function take(page, latest) {
  for (const job of page.jobs.map(latest)) if (job && fits(job)) jobs.set(job.id, job);
  next = page.next;
  draw();
}

// A job is another than before. One that is older than what is shown will be asked for with the rest.
function update(job) {
  for (const heard of hearing) heard.set(job.seq, job);
  detailsOf(job);
  const isNew = !jobs.has(job.id);
  if (isNew && next !== null && job.seq < oldest()) return;
  if (fits(job)) jobs.set(job.id, job);
  else jobs.delete(job.id);
  if (changed.size === 0) requestAnimationFrame(drawChanged);
  changed.add(job.id);
}

function forget(seq) {
  for (const heard of hearing) heard.set(seq, null);
  if (shown?.seq === seq) show().catch(failed);
  const job = [...jobs.values()].find((one) => one.seq === seq);
  if (!job) return;
  jobs.delete(job.id);
  draw();
}

const oldest = () => Math.min(...[...jobs.values()].map((job) => job.seq));

function drawChanged() {
  for (const id of changed) drawRow(id);
  changed.clear();
  trim();
  drawEnd();
}

function draw() {
  for (const id of rows.keys()) if (!jobs.has(id)) drawRow(id);
  for (const id of jobs.keys()) drawRow(id);
  trim();
  drawEnd();
}

function trim() {
  while ($('list').children.length > MOST) {
    const id = $('list').lastChild.dataset.id;
    jobs.delete(id);
    drawRow(id);
    next = String(oldest());
  }
}

function drawEnd() {
  $('more').hidden = next === null;
  $('none').hidden = jobs.size > 0;
  const { status, operation } = chosen();
  $('none').textContent = status || operation ? 'No job is like that.' : 'There are no jobs yet. “New job” makes one.';
}

// Rows stay where they are while their jobs change, so that whoever has one focused keeps it.
function drawRow(id) {
  const job = jobs.get(id);
  let row = rows.get(id);
  if (!job) {
    row?.remove();
    rows.delete(id);
    return;
  }
  if (!row) {
    row = make('li', { 'data-id': id, 'data-seq': job.seq }, make('a', { class: 'row', href: `#${id}` }));
    const after = [...$('list').children].find((other) => Number(other.dataset.seq) < job.seq);
    $('list').insertBefore(row, after ?? null);
    rows.set(id, row);
  }
  const link = row.firstChild;
  link.replaceChildren(
    status(job),
    make('span', { class: 'what' }, make('b', {}, job.operation), subject(job)),
    ago(job.createdAt),
    make('span', { class: 'then' }, outcome(job)),
    job.status === 'running' ? bar(job) : '',
  );
  if (id === location.hash.slice(1)) link.setAttribute('aria-current', 'true');
  else link.removeAttribute('aria-current');
}

function outcome(job) {
  if (job.error) return job.error.message;
  if (job.output) return `${job.output.filename} · ${size(job.output.size)}`;
  return terminal(job) ? '' : doing(job);
}
