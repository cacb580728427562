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

// A control for one param, and a way to read it: undefined for what was left alone.
function control(name, schema, operation) {
  const id = `param-${name}`;
  const initial = schema.default;
  const required = operation.params.required?.includes(name) ?? false;
  const given = (value) => (value === '' ? undefined : value);
  const input = operation.inputs[name];
  if (input) return document_(id, input, required);
  if (choices(schema)) {
    const values = choices(schema);
    const usual = initial === undefined ? 'Default' : `${initial} (default)`;
    const blank = required && initial === undefined ? '' : usual;
    const select = make('select', { id, required: required && initial === undefined }, make('option', { value: '' }, blank),
      ...values.map((value, index) => make('option', { value: String(index) }, String(value))));
    return { element: select, read: () => (select.value === '' ? undefined : values[Number(select.value)]) };
  }
  if (typeOf(schema) === 'boolean') {
    const box = make('input', { id, type: 'checkbox', checked: initial === true });
    return { element: box, read: () => (box.checked === (initial ?? false) && !required ? undefined : box.checked) };
  }
  if (['integer', 'number'].includes(typeOf(schema))) {
    const step = typeOf(schema) === 'integer' ? 1 : 'any';
    const number = make('input', { id, type: 'number', min: schema.minimum, max: schema.maximum, step, required, placeholder: initial });
    return { element: number, read: () => (number.value === '' ? undefined : Number(number.value)) };
  }
  const listed = isTextList(schema) || schema.anyOf?.some(isTextList);
  if (listed) {
    const area = make('textarea', { id, required, placeholder: 'One a line' });
    return {
      element: area,
      read: () => {
        const lines = area.value.split('\n').map((line) => line.trim()).filter(Boolean);
        if (lines.length === 0) return undefined;
        return lines.length === 1 && !isTextList(schema) ? lines[0] : lines;
      },
    };
  }
  if (typeOf(schema) === 'string' || schema.anyOf?.some((one) => typeOf(one) === 'string')) {
    const text = make('input', { id, type: 'text', required, minlength: schema.minLength, maxlength: schema.maxLength, placeholder: initial, spellcheck: 'false' });
    return { element: text, read: () => given(text.value) };
  }
  const json = make('textarea', { id, required, placeholder: 'JSON', spellcheck: 'false' });
  return { element: json, read: () => (json.value.trim() ? JSON.parse(json.value) : undefined) };
}

// A document: a file of one's own, or where the server finds it.
function document_(id, input, required) {
  const file = make('input', { id, type: 'file', multiple: input.list, accept: input.mediaTypes.length ? input.mediaTypes.join() : null });
  const where = make(input.list ? 'textarea' : 'input', {
    type: input.list ? null : 'text', spellcheck: 'false', 'aria-label': 'Path or URL',
    placeholder: input.list ? 'or paths below a root, or URLs, one a line' : 'or a path below a root, or a URL',
  });
  return {
    element: make('div', { class: 'field' }, file, where),
    focus: file,
    missing: () => required && file.files.length === 0 && !where.value.trim(),
    files: () => [...file.files],
    read: () => {
      const lines = where.value.split('\n').map((line) => line.trim()).filter(Boolean);
      if (lines.length === 0 || (!input.list && file.files.length)) return undefined;
      return input.list ? lines : lines[0];
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
  const output = make('input', { id: 'option-output', type: 'text', placeholder: '/root/file', spellcheck: 'false' });
  const call = make('input', { id: 'option-callback', type: 'url' });
  controls.options = { output: () => output.value, callback: () => call.value };
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

function openForm() {
  for (const fault of $('submit').querySelectorAll('.fault')) fault.textContent = '';
  $('submit').showModal();
}

// What the form says, as JSON, or as a form if there are files.
function params() {
  const values = {};
  for (const one of controls) {
    if (one.missing?.()) throw new Problem(0, { detail: 'A document is missing.', errors: [{ pointer: `#/${one.name}`, detail: 'Choose a file, or say where it is.' }] });
    try {
      const value = one.read();
      if (value !== undefined) values[one.name] = value;
    } catch (error) {
      throw new Problem(0, { detail: 'A param is not JSON.', errors: [{ pointer: `#/${one.name}`, detail: error.message }] });
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
  for (const fault of $('submit').querySelectorAll('.fault')) fault.textContent = '';
  button.disabled = true;
  try {
    const options = query({ output: controls.options.output(), callback: controls.options.callback() });
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
