// What happens when.

let following = new AbortController();

function failed(error) {
  if (error.status === 401) return askForToken();
  tell(error.message);
}

function askForToken() {
  following.abort();
  $('main').hidden = true;
  $('new').hidden = true;
  $('sign-in').hidden = false;
  health('', 'Not signed in');
  $('token').focus();
}

function health(kind, text) {
  if ($('health').textContent === text) return;
  $('health').className = kind;
  $('health').textContent = text;
}

async function lookAtHealth() {
  try {
    await ask('readyz');
    health('good', 'Ready');
  } catch (error) {
    health('bad', error.status ? error.message : 'The server cannot be reached.');
  }
}

// Follows what happens as long as the page is looked at. After each connection the list is asked for anew: what
// happened before is in it, what happened since comes as events.
async function follow() {
  following.abort();
  const mine = new AbortController();
  following = mine;
  for (let pause = 500; !mine.signal.aborted; pause = Math.min(pause * 2, 15_000)) {
    try {
      let isListed = false;
      for await (const { name, data } of events('v1/events', mine.signal)) {
        if (!isListed) {
          await list();
          show();
          isListed = true;
          pause = 500;
          lookAtHealth();
        }
        if (name === 'job') update(data);
        if (name === 'deleted') forget(data.seq);
      }
    } catch (error) {
      if (mine.signal.aborted) return;
      if (error.status === 401) return askForToken();
      health('bad', error.status ? error.message : 'The server cannot be reached.');
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

async function start() {
  try {
    await loadOperations();
  } catch (error) {
    if (error.status === 401) return askForToken();
    health('bad', error.status ? error.message : 'The server cannot be reached.');
    return setTimeout(start, 3000);
  }
  $('sign-in').hidden = true;
  $('main').hidden = false;
  $('new').hidden = false;
  drawForm();
  follow();
}

$('sign-in').addEventListener('submit', async (event) => {
  event.preventDefault();
  const fault = $('sign-in').querySelector('.fault');
  fault.textContent = '';
  try {
    if (await signIn($('token').value.trim())) {
      $('token').value = '';
      start();
    } else {
      fault.textContent = 'There is no such token.';
    }
  } catch (error) {
    fault.textContent = error.message;
  }
});
$('filter').addEventListener('submit', (event) => event.preventDefault());
$('filter').addEventListener('change', () => {
  jobs.clear();
  list().catch(failed);
});
$('more').addEventListener('click', () => more().catch(failed));
$('new').addEventListener('click', openForm);
$('close').addEventListener('click', () => $('submit').close());
$('operation').addEventListener('change', drawForm);
$('submit').addEventListener('submit', submitForm);
// What the browser complains of is seen.
$('submit').addEventListener('invalid', (event) => event.target.closest('details')?.setAttribute('open', ''), true);
addEventListener('hashchange', choose);
addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && location.hash && !$('submit').open) leave();
});
document.addEventListener('visibilitychange', () => {
  if ($('main').hidden) return;
  if (document.hidden) following.abort();
  else follow();
});
setInterval(() => {
  if (document.hidden || $('main').hidden) return;
  lookAtHealth();
  for (const id of jobs.keys()) drawRow(id);
}, 15_000);
start();
