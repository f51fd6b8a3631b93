'use strict';
// The live page: what is typed goes to the engine as a question, and what it answers is shown. The text of the
// specs is the one source of truth: chips, sliders and the address write it, and everything follows from it.
// Texts come from outside and are only ever set as text; pictures are made by convcalc itself.

(function () {
  const {first, engine: place, chips, networks, paste} = JSON.parse(document.getElementById('live-start').textContent);
  const PAUSE = 160; // milliseconds without a key before a question is asked
  const MOST = 2; // specs beside each other
  const STARTING = 'Python is starting in this page …';
  const at = (id) => document.getElementById(id);

  /** An element with properties and children. */
  function make(name, properties, ...children) {
    const element = Object.assign(document.createElement(name), properties);
    element.append(...children);
    return element;
  }

  /** A picture of ours as an element; what could run in it is left out all the same. */
  function picture(text) {
    const root = new DOMParser().parseFromString(text, 'image/svg+xml').documentElement;
    if (root.localName !== 'svg') return make('p', {textContent: 'This picture cannot be shown.'});
    for (const node of [root, ...root.querySelectorAll('*')]) {
      if (['script', 'foreignObject', 'iframe'].includes(node.localName)) node.remove();
      for (const {name} of [...node.attributes]) if (/^on/i.test(name)) node.removeAttribute(name);
    }
    return document.importNode(root, true);
  }

  const failed = (message, expected) => ({errors: [{
    message, expected, file: '', line: 0, spec: 0, text: expected ? `${message}\n  expected ${expected}` : message,
  }]});

  // ---- engines: ask(question) gives a promise of the answer, never an exception ------------------------

  const server = {
    async ask(question) {
      try {
        const response = await fetch('api', {
          method: 'POST', headers: {'content-type': 'application/json'}, body: JSON.stringify(question),
        });
        return await response.json();
      } catch (error) {
        return failed('the server does not answer', 'that convcalc serve is still running');
      }
    },
  };

  /** Python in this page: one worker, which is ended where it takes too long, and started anew. */
  const browser = {
    worker: null,
    ready: null,
    running: false,
    patience: 60, // seconds that an answer may take
    start() {
      const address = (name) => new URL(name, document.baseURI).href;
      this.worker = new Worker('browser.js', {type: 'module'});
      const started = performance.now();
      this.ready = this.next({start: {runtime: address(place.runtime), sources: address(place.sources)}}, 120);
      this.ready.then((message) => {
        this.running = message.failed === undefined;
        if (this.running) tell(`Python is ready (${((performance.now() - started) / 1000).toFixed(1)} s).`);
      });
      return this.ready;
    },
    /** Sends a message; the promise has what comes back, or {failed}. */
    next(message, seconds) {
      return new Promise((resolve) => {
        const end = (data) => {
          clearTimeout(timer);
          resolve(data);
        };
        const timer = setTimeout(() => end({failed: `this takes more than ${seconds} seconds, and was stopped`}), 1000 * seconds);
        this.worker.onmessage = ({data}) => end(data);
        this.worker.onerror = (event) => {
          event.preventDefault();
          end({failed: event.message || 'Python cannot be loaded'});
        };
        this.worker.postMessage(message);
      });
    },
    queue: Promise.resolve(),
    ask(question) {
      this.queue = this.queue.then(() => this.answer(question));
      return this.queue;
    },
    async answer(question) {
      const ready = await (this.ready || this.start());
      if (ready.failed !== undefined) {
        this.end();
        return failed(`Python does not start in this page: ${ready.failed}`, `that ${place.runtime} can be loaded`);
      }
      const message = await this.next({ask: JSON.stringify(question)}, this.patience);
      if (message.failed === undefined) return JSON.parse(message.answer);
      this.end();
      this.start();
      return failed(message.failed, 'a smaller network');
    },
    end() {
      this.worker.terminate();
      this.running = false;
      this.ready = null;
    },
  };

  const engine = place.kind === 'browser' ? browser : server;
  convcalc.live = engine;

  /** One question at a time; of those that wait only the newest is asked. */
  class Lane {
    ask(question, done) {
      this.next = {question, done};
      if (!this.busy) this.run();
    }

    async run() {
      this.busy = true;
      while (this.next) {
        const {question, done} = this.next;
        this.next = null;
        const asked = question();
        done(await engine.ask(asked), asked);
      }
      this.busy = false;
    }
  }

  // ---- editors ---------------------------------------------------------------------------------------

  const editors = [];
  let active = null; // the one that chips and sliders write

  class Editor {
    constructor(text) {
      this.element = at('editor').content.firstElementChild.cloneNode(true);
      this.area = this.element.querySelector('textarea');
      this.marks = this.element.querySelector('.marks');
      this.faults = this.element.querySelector('.faults');
      this.errors = [];
      this.area.value = text;
      this.area.addEventListener('input', () => {
        this.clear();
        this.fit();
        if (offered && editors.length === 1 && states(this.text)) at('input').value = '';
        soon();
      });
      this.area.addEventListener('scroll', () => this.scroll());
      this.area.addEventListener('focus', () => activate(this));
      this.area.addEventListener('keydown', (event) => {
        if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
          event.preventDefault();
          now();
        }
      });
      this.element.querySelector('.remove').addEventListener('click', () => remove(this));
    }

    get text() {
      return this.area.value;
    }

    /** Writes the text; the caret keeps its place. */
    set text(text) {
      if (text === this.area.value) return;
      const {selectionStart, selectionEnd} = this.area;
      this.area.value = text;
      this.area.setSelectionRange(Math.min(selectionStart, text.length), Math.min(selectionEnd, text.length));
      this.clear();
      this.fit();
    }

    clear() {
      this.show([]);
    }

    fit() {
      this.area.style.height = 'auto';
      this.area.style.height = `${this.area.scrollHeight}px`;
      this.scroll();
    }

    scroll() {
      this.marks.scrollTop = this.area.scrollTop;
    }

    /** Where an error stands in the text, as [start, end] of UTF-16; null where it stands elsewhere. */
    range(error) {
      if (error.file !== '<spec>' || !error.line) return null;
      const lines = this.text.split('\n');
      const line = lines[error.line - 1];
      if (line === undefined) return null;
      const letters = Array.from(line);
      const before = lines.slice(0, error.line - 1).join('\n').length + (error.line > 1 ? 1 : 0);
      const start = before + letters.slice(0, error.column - 1).join('').length;
      const size = letters.slice(error.column - 1, error.column - 1 + error.length).join('').length;
      return [start, start + size];
    }

    show(errors) {
      this.errors = errors;
      this.element.classList.toggle('wrong', errors.length > 0);
      this.area.setAttribute('aria-invalid', String(errors.length > 0));
      const ranges = errors.map((error) => this.range(error)).filter(Boolean).sort((a, b) => a[0] - b[0]);
      this.marks.replaceChildren();
      let done = 0;
      for (const [start, end] of ranges) {
        if (start < done) continue;
        this.marks.append(this.text.slice(done, start), make('mark', {textContent: this.text.slice(start, end) || ' '}));
        done = end;
      }
      this.marks.append(`${this.text.slice(done)}\n`);
      tellFaults(this.faults, errors, this);
      this.scroll();
    }
  }

  /** Errors as a terminal shows them, with what would help as buttons. */
  function tellFaults(element, errors, editor) {
    element.replaceChildren(...errors.slice(0, 5).flatMap((error) => {
      const place = `${error.file}:${error.line}:${error.column}: `;
      const lines = editor && editor.text.includes('\n') && error.line ? `line ${error.line}: ` : '';
      const text = error.file === '<spec>' || error.file === '--input' || error.file === '--set'
        ? error.text.replace(place, lines) : error.text;
      // The place scrolls where it is long, the words around it wrap.
      const parts = text.split(/^((?: {4}.*\n?)+)/m).filter(Boolean);
      const found = [make('pre', {}, ...parts.map((part) => make('span', {
        textContent: part.replace(/\n$/, ''), className: part.startsWith('    ') ? 'place' : '',
      })))];
      const range = editor && editor.range(error);
      if (error.fix) {
        found.push(make('button', {type: 'button', textContent: `Use ${error.nearest}`, onclick: () => {
          if (error.fix.input !== undefined) at('input').value = error.fix.input;
          if (error.fix.spec !== undefined) editors[error.spec].text = error.fix.spec;
          now();
        }}));
      }
      if (range) {
        found.push(make('button', {type: 'button', textContent: 'Show the place', onclick: () => {
          editor.area.focus();
          editor.area.setSelectionRange(...range);
        }}));
      }
      return found;
    }));
  }

  function add(text) {
    const editor = new Editor(text);
    editors.push(editor);
    at('editors').append(editor.element);
    number();
    editor.fit();
    return editor;
  }

  function remove(editor) {
    editors.splice(editors.indexOf(editor), 1);
    editor.element.remove();
    number();
    activate(editors[0]);
    editors[0].area.focus();
    now();
  }

  function number() {
    editors.forEach((editor, i) => {
      const name = editors.length > 1 ? `Spec ${i + 1}` : 'Spec';
      const label = editor.element.querySelector('label');
      label.textContent = name;
      editor.area.id = `spec-${i}`;
      editor.faults.id = `faults-${i}`;
      label.htmlFor = editor.area.id;
      editor.area.setAttribute('aria-describedby', editor.faults.id);
      const button = editor.element.querySelector('.remove');
      button.hidden = editors.length < 2;
      button.setAttribute('aria-label', `Remove ${name}`);
    });
    at('compare').disabled = editors.length >= MOST;
  }

  function activate(editor) {
    if (active === editor) return;
    active = editor;
    if (shown) bench();
  }

  // ---- the address -----------------------------------------------------------------------------------

  let heat = 'macs';

  function variables() {
    const found = {};
    for (const part of at('set').value.split(',')) {
      const [name, ...rest] = part.split('=');
      if (name.trim() || rest.length) found[name.trim()] = rest.join('=').trim();
    }
    return found;
  }

  let offered = true; // whether the input is one that the page offered with a spec, which nobody typed

  /** Whether a text says itself what goes in: a network by its name, or a document. */
  function states(text) {
    return networks.includes(text.trim()) || /^[ \t]*inputs?[ \t]*:/m.test(text) || /^\s*input\s/.test(text);
  }

  function state() {
    return {specs: editors.map((editor) => editor.text), input: at('input').value.trim(), set: variables()};
  }

  function writeAddress() {
    const {specs, input} = state();
    const words = new URLSearchParams(specs.map((spec) => ['spec', spec]));
    if (input) words.set('input', input);
    if (at('set').value.trim()) words.set('set', at('set').value.trim());
    if (heat !== 'macs') words.set('heat', heat);
    const hash = `#${words}`;
    if (hash !== location.hash) history.replaceState(null, '', hash);
  }

  /** Takes the state of an address; whether there was one. */
  function readAddress(hash) {
    const words = new URLSearchParams(hash.replace(/^#/, ''));
    const specs = words.getAll('spec').slice(0, MOST);
    if (!specs.length) return false;
    write({specs, input: words.get('input') || '', set: words.get('set') || ''});
    offered = false;
    heat = words.get('heat') || 'macs';
    return true;
  }

  function write({specs, input, set}) {
    while (editors.length > specs.length) editors.pop().element.remove();
    specs.forEach((spec, i) => editors[i] ? editors[i].text = spec : add(spec));
    number();
    if (!editors.includes(active)) active = editors[0];
    at('input').value = input;
    at('set').value = set;
  }

  // ---- questions and answers -------------------------------------------------------------------------

  const pages = new Lane();
  let timer = 0;
  let shown = null; // the page that is shown

  function tell(text) {
    at('state').textContent = text;
  }

  function soon() {
    at('report').setAttribute('aria-busy', 'true');
    clearTimeout(timer);
    timer = setTimeout(now, PAUSE);
  }

  function now() {
    clearTimeout(timer);
    timer = 0;
    at('report').setAttribute('aria-busy', 'true');
    const started = performance.now();
    const waiting = setTimeout(() => tell(engine === browser && !browser.running ? STARTING : 'Working …'), 300);
    pages.ask(() => ({question: 'page', ...state()}), (answer, asked) => {
      clearTimeout(waiting);
      tell(answer.errors ? '' : `Worked out in ${Math.max(1, Math.round(performance.now() - started))} ms.`);
      take(answer, asked);
      at('report').setAttribute('aria-busy', String(Boolean(timer || pages.next || moves.busy)));
    });
    writeAddress();
  }

  function onheat(key) {
    heat = key;
    writeAddress();
  }

  /** Shows an answer; errors of a text that has changed meanwhile are passed over, its answer is not. */
  function take(answer, asked) {
    const same = JSON.stringify(asked.specs) === JSON.stringify(state().specs);
    if (answer.errors && !same) return;
    const errors = answer.errors || [];
    const given = errors.filter((error) => error.file === '--input' || error.file === '--set');
    editors.forEach((editor, i) => editor.show(errors.filter((error) => !given.includes(error) && (error.spec || 0) === i)));
    at('input').setAttribute('aria-invalid', String(given.some((error) => error.file === '--input')));
    at('set').setAttribute('aria-invalid', String(given.some((error) => error.file === '--set')));
    tellFaults(at('given-faults'), given, null);
    at('report').classList.toggle('stale', errors.length > 0);
    at('bench').classList.toggle('stale', errors.length > 0);
    if (errors.length) return;
    shown = answer;
    document.title = `convcalc: ${answer.networks.map((network) => network.title).join(' and ')}`;
    convcalc.show(answer, at('report'), {heat, onheat});
    at('input').placeholder = answer.live.length === 1 ? answer.live[0].sizes : 'of the specs';
    bench();
    press();
  }

  // ---- the bench: one window, its numbers and its picture ------------------------------------------------

  const moves = new Lane();

  function bench() {
    const i = Math.max(0, editors.indexOf(active));
    const live = shown.live[i];
    at('bench').hidden = !live || !live.sliders.length;
    if (at('bench').hidden) return;
    if (live.svg) {
      const found = picture(live.svg);
      // It shrinks until input, kernel and output stand on a phone together; what is wider scrolls.
      if (found.width) found.style.minWidth = `${Math.round(0.57 * found.width.baseVal.value)}px`;
      at('picture').replaceChildren(found);
    }
    if (!live.svg) at('picture').replaceChildren(make('p', {textContent: `No picture: ${live.why}`}));
    at('caption').textContent = live.caption;
    at('pause').hidden = !at('picture').querySelector('svg style');
    slide(live.sliders, shown.networks[i].spec === active.text);
    formulas(shown.networks[i], live.layer);
  }

  /** The sliders; those that are there already stay in their place, so that one can be dragged on. */
  function slide(sliders, current) {
    const known = new Map([...at('sliders').children].map((label) => [label.dataset.key, label]));
    const labels = sliders.map(({key}) => known.get(key) || knob(key));
    if (labels.some((label, i) => at('sliders').children[i] !== label) || labels.length !== known.size) {
      at('sliders').replaceChildren(...labels);
    }
    sliders.forEach((slider, i) => {
      const [input, output] = [labels[i].querySelector('input'), labels[i].querySelector('output')];
      input.min = slider.least;
      input.max = slider.most;
      if (!current || (moves.busy && document.activeElement === input)) return; // it is being dragged
      input.value = slider.value;
      input.setAttribute('aria-valuetext', slider.shown);
      output.textContent = slider.shown;
    });
  }

  function knob(key) {
    const input = make('input', {type: 'range', step: 1, id: `slider-${key}`});
    const output = make('output', {});
    input.addEventListener('input', () => {
      output.textContent = input.value;
      at('report').setAttribute('aria-busy', 'true');
      moves.ask(
        () => ({question: 'move', ...state(), specs: [active.text], key, value: Number(input.value)}),
        (answer) => {
          if (!answer.errors) active.text = answer.spec;
          if (!answer.errors) return now();
          take(answer, state());
          at('report').setAttribute('aria-busy', 'false');
        },
      );
    });
    const label = make('label', {}, make('span', {textContent: key.replace('_', ' ')}), input, output);
    label.dataset.key = key;
    output.htmlFor = input.id;
    return label;
  }

  function formulas(network, id) {
    const row = network.rows.find((one) => one.id === id);
    const detail = row && row.detail !== null ? network.details[row.detail] : null;
    at('formulas').hidden = !detail;
    if (!detail) return;
    at('formulas').tBodies[0].replaceChildren(...detail.formulas.map(({name, formula, numbers, value}) => make('tr', {},
      make('th', {scope: 'row', textContent: name}),
      make('td', {className: 'value', textContent: value}),
      make('td', {className: 'formula'}, formula, make('span', {
        className: 'numbers', textContent: numbers && numbers !== formula && numbers !== value ? ` = ${numbers}` : '',
      })))));
  }

  at('pause').addEventListener('click', () => {
    const still = at('picture').classList.toggle('paused');
    at('pause').setAttribute('aria-pressed', String(still));
  });

  // ---- chips, compare, share, download -------------------------------------------------------------------

  function begin({spec, input}) {
    active.text = spec;
    if (editors.length === 1 || input) at('input').value = input;
    at('set').value = '';
    offered = true;
    now();
  }

  function press() {
    for (const button of at('chips').querySelectorAll('button')) {
      button.setAttribute('aria-pressed', String(button.dataset.spec === active.text));
    }
  }

  for (const chip of chips) {
    const button = make('button', {type: 'button', textContent: chip.title, title: chip.spec, onclick: () => begin(chip)});
    button.dataset.spec = chip.spec;
    at('chips').append(button);
  }
  const more = make('select', {}, make('option', {value: '', textContent: 'networks …'}),
    ...networks.map((name) => make('option', {value: name, textContent: name})));
  more.setAttribute('aria-label', 'Start from a network');
  more.addEventListener('change', () => {
    if (more.value) begin({spec: more.value, input: ''});
    more.value = '';
  });
  const yours = make('button', {type: 'button', textContent: 'paste yours', title: 'calls of PyTorch or Keras, or a document', onclick: () => {
    begin({spec: paste, input: '3x32x32'});
    active.area.focus();
    active.area.select();
  }});
  at('chips').append(more, yours);

  at('compare').addEventListener('click', () => {
    const editor = add(active.text);
    active = editor;
    editor.area.focus();
    editor.area.select();
    now();
  });

  at('share').addEventListener('click', async () => {
    writeAddress();
    try {
      await navigator.clipboard.writeText(location.href);
      tell('The link is copied: it holds the specs and the input.');
    } catch (error) {
      at('address').value = location.href;
      at('link').showModal();
      at('address').select();
    }
  });

  at('download').addEventListener('click', async (event) => {
    const to = event.target.dataset.to;
    if (!to) return;
    at('download').open = false;
    const given = state();
    const specs = to === 'report' ? given.specs : [active.text];
    const answer = await engine.ask({question: 'export', ...given, specs, to});
    if (answer.errors) {
      tell(`Not downloaded: ${answer.errors[0].message}`);
      return;
    }
    const address = URL.createObjectURL(new Blob([answer.text], {type: to === 'report' ? 'text/html' : 'text/plain'}));
    make('a', {href: address, download: answer.name}).click();
    setTimeout(() => URL.revokeObjectURL(address), 10000);
    tell(`${answer.name} is downloaded.`);
  });
  document.addEventListener('click', (event) => {
    if (!at('download').contains(event.target)) at('download').open = false;
  });
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && at('download').open) {
      at('download').open = false;
      at('download').querySelector('summary').focus();
    }
  });

  for (const id of ['input', 'set']) at(id).addEventListener('input', soon);
  at('input').addEventListener('input', () => (offered = false));
  window.addEventListener('hashchange', () => readAddress(location.hash) && now());
  window.addEventListener('resize', () => editors.forEach((editor) => editor.fit()));

  // ---- the first answer ------------------------------------------------------------------------------------

  if (readAddress(location.hash)) {
    now();
  } else {
    write({...first, set: Object.entries(first.set).map(([name, value]) => `${name}=${value}`).join(', ')});
    take(first.answer, state());
  }
  if (place.kind === 'browser' && !browser.ready) {
    tell(STARTING);
    browser.start();
  }
})();
