// A new job: a form made from the schema of an operation's params.

const operations = new Map();

async function loadOperations() {
  const { operations: all } = await get('v1/operations');
  operations.clear();
  for (const operation of all) operations.set(operation.name, operation);
  const option = ({ name, title }) => make('option', { value: name }, `${name}: ${title}`);
  $('operation').replaceChildren(...all.map(option));
  const select = $('filter').elements.operation;
  const value = select.value;
  select.replaceChildren(select.options[0], ...all.map(({ name }) => make('option', { value: name }, name)));
  select.value = operations.has(value) ? value : '';
}

const resolve = (schema, root) => {
  const name = schema.$ref?.replace('#/$defs/', '');
  return name ? { ...root.$defs?.[name], ...schema } : schema;
};

const typeOf = (schema) => [schema.type].flat().find((type) => type && type !== 'null');

// The values that a schema names, if it does.
const choices = (schema) => schema.enum ?? (schema.oneOf?.every((one) => 'const' in one) ? schema.oneOf.map((one) => one.const) : null);

const isTextList = (schema) => typeOf(schema) === 'array' && [undefined, 'string'].includes(typeOf(schema.items ?? {}));

const lines = (text) => text.split('\n').map((line) => line.trim()).filter(Boolean);

// A control for one param, and a way to read it: undefined for what was left alone.
function control(name, schema, operation) {
  const id = `param-${name}`;
  const initial = schema.default;
  const required = operation.params.required?.includes(name) ?? false;
  const type = typeOf(schema);
  const box = (tag, attributes, ...children) => make(tag, { id, required, placeholder: initial, spellcheck: 'false', ...attributes }, ...children);
  const read = (element, parse) => ({ element, read: () => (element.value === '' ? undefined : parse(element.value)) });

  if (operation.inputs[name]) return inputControl(id, operation.inputs[name], required);
  const values = choices(schema);
  if (values) {
    const must = required && initial === undefined;
    const usual = initial === undefined ? 'Default' : `${initial} (default)`;
    const options = values.map((value, index) => make('option', { value: index }, String(value)));
    return read(box('select', { required: must }, make('option', { value: '' }, must ? '' : usual), ...options), (index) => values[index]);
  }
  if (type === 'boolean') {
    const check = make('input', { id, type: 'checkbox', checked: initial === true });
    return { element: check, read: () => (check.checked === (initial ?? false) && !required ? undefined : check.checked) };
  }
  if (type === 'integer' || type === 'number') {
    const { minimum: min, maximum: max } = schema;
    return read(box('input', { type: 'number', min, max, step: type === 'integer' ? 1 : 'any' }), Number);
  }
  if (isTextList(schema) || schema.anyOf?.some(isTextList)) {
    return read(box('textarea', { placeholder: 'One a line' }), (text) => {
      const all = lines(text);
      return all.length > 1 || isTextList(schema) ? all : all[0];
    });
  }
  if (type === 'string' || schema.anyOf?.some((one) => typeOf(one) === 'string')) {
    return read(box('input', { type: 'text', minlength: schema.minLength, maxlength: schema.maxLength }), String);
  }
  return read(box('textarea', { placeholder: 'JSON' }), JSON.parse);
}

// A document: a file of one's own, or where the server finds it.
function inputControl(id, { list, mediaTypes }, required) {
  const file = make('input', { id, type: 'file', multiple: list, accept: mediaTypes.join() || null });
  const placeholder = list ? 'or paths below a root, or URLs, one a line' : 'or a path below a root, or a URL';
  const where = make(list ? 'textarea' : 'input', { spellcheck: 'false', 'aria-label': 'Path or URL', placeholder });
  return {
    element: make('div', { class: 'field' }, file, where),
    files: () => [...file.files],
    read: () => {
      const places = lines(where.value);
      if (required && !places.length && !file.files.length) throw new Error('Choose a file, or say where it is.');
      if (list) return places.length ? places : undefined;
      return file.files.length ? undefined : places[0];
    },
  };
}

// What is between backticks is code.
const words = (text) => text.split('`').map((part, index) => (index % 2 ? make('code', {}, part) : part));

const field = (name, label, hint, required, element) => make('div', { class: 'field', 'data-param': name },
  make('label', { for: element.id || element.firstChild.id }, label, required ? make('span', { class: 'must', title: 'Required' }, ' *') : null),
  element, hint ? make('p', { class: 'hint' }, ...words(hint)) : null, make('p', { class: 'fault' }));

let controls = [];

function drawForm() {
  const operation = operations.get($('operation').value);
  if (!operation) return;
  const { params } = operation;
  controls = Object.entries(params.properties ?? {}).map(([name, own]) => {
    const schema = resolve(own, params);
    const required = params.required?.includes(name) ?? false;
    const made = control(name, schema, operation);
    // What documents are in general is said by their controls.
    const hint = made.files && !own.$ref ? null : own.description;
    return { name, required, ...made, field: field(name, schema.title ?? name, hint, required, made.element) };
  });
  const option = (name, attributes) => make('input', { id: `option-${name}`, spellcheck: 'false', ...attributes });
  const output = option('output', { placeholder: '/root/file' });
  const call = option('callback', { type: 'url' });
  $('about').replaceChildren(...words(params.description ?? ''));
  const must = controls.filter((one) => one.required);
  const may = controls.filter((one) => !one.required);
  may.push(
    { field: field('output', 'Output file', 'Put the result into this file below a root.', false, output) },
    { field: field('callback', 'Callback', 'Call this URL when the job has ended.', false, call) },
  );
  $('fields').replaceChildren(...must.map((one) => one.field),
    make('details', { open: must.length === 0 }, make('summary', {}, 'More options'), ...may.map((one) => one.field)));
}

function clearFaults() {
  for (const fault of $('submit').querySelectorAll('.fault')) fault.textContent = '';
}

function openForm() {
  clearFaults();
  $('submit').showModal();
}

// What the form says, as JSON, or as a form if there are files.
function params() {
  const values = {};
  for (const { name, read } of controls) {
    try {
      const value = read();
      if (value !== undefined) values[name] = value;
    } catch (error) {
      throw new Problem(0, { detail: error.message, errors: [{ pointer: `#/${name}`, detail: error.message }] });
    }
  }
  if (!controls.some((one) => one.files?.().length)) return values;
  const form = new FormData();
  for (const [name, value] of Object.entries(values)) {
    for (const item of [value].flat()) form.append(name, typeof item === 'object' ? JSON.stringify(item) : item);
  }
  for (const one of controls) for (const file of one.files?.() ?? []) form.append(one.name, file);
  return form;
}

async function submitForm(event) {
  event.preventDefault();
  const button = event.submitter;
  clearFaults();
  button.disabled = true;
  try {
    const options = query({ output: $('option-output').value, callback: $('option-callback').value });
    const job = await submit(`v1/operations/${$('operation').value}?${options}`, params(), (part) => {
      $('upload').hidden = false;
      $('upload').value = part * 100;
    });
    $('submit').close();
    drawForm();
    location.hash = job.id;
  } catch (error) {
    if (error.status === 401) $('submit').close();
    refuse(error);
  } finally {
    button.disabled = false;
    $('upload').hidden = true;
  }
}

// Says what is wrong where it is, and the rest below.
function refuse(error) {
  if (error.status === 401) return failed(error);
  const elsewhere = [];
  let first = null;
  for (const { pointer, detail } of error.faults ?? []) {
    const name = pointer.replace(/^[#?]\/?/, '').split('/')[0];
    const place = $('fields').querySelector(`[data-param="${CSS.escape(name)}"]`);
    if (!place) { elsewhere.push(`${name}: ${detail}`); continue; }
    place.closest('details')?.setAttribute('open', '');
    place.querySelector(':scope > .fault').textContent = detail;
    first ??= place;
  }
  const fault = $('submit').querySelector('form > .fault');
  fault.textContent = first && elsewhere.length === 0 ? '' : [error.message, ...elsewhere].join('\n');
  first?.querySelector('input, select, textarea')?.focus();
}
