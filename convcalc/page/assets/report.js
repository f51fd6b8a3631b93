// The report of networks: convcalc.show(page, element, options) draws what `convcalc page` worked out.
// This file holds what is shown (networks, folds, sort, selection) and the frame around the parts; the
// graph, the table and the panel are files of their own.

(function (convcalc) {
  const {h} = convcalc.parts;
  const HEATS = [['params', 'parameters'], ['macs', 'MACs'], ['memory', 'memory']];
  const FEW = 40; // rows that are open at first

  // ---- one network --------------------------------------------------------------------------------

  /** Rows by id and by parent, and what is known of each. */
  function modelOf(network, number) {
    const rows = new Map(network.rows.map((row) => [row.id, row]));
    const children = new Map();
    for (const row of network.rows) {
      const parent = row.parent === null ? '' : row.parent;
      if (!children.has(parent)) children.set(parent, []);
      children.get(parent).push(row.id);
    }
    const findings = new Map();
    for (const finding of network.findings) {
      if (!findings.has(finding.id)) findings.set(finding.id, []);
      findings.get(finding.id).push(finding);
    }
    const above = (id) => {
      const found = [];
      for (let row = rows.get(id); row && row.parent !== null; row = rows.get(row.parent)) found.push(row.parent);
      return found;
    };
    const open = new Set();
    return {network, number, rows, children, findings, above, open, groups: network.graph.groups};
  }

  /** What a row is, beside its name: a repeat says of what, an input nothing more. */
  function described(model, row) {
    if (row.kind === 'input') return '';
    if (row.same && row.kind === 'block') return `= ${model.rows.get(row.same).label}`;
    return row.what === row.label ? '' : row.what || '';
  }

  /** Opens blocks level by level while what is seen stays few. */
  function unfold(model) {
    model.open.clear();
    let seen = (model.children.get('') || []).length;
    for (let depth = 0; ; depth += 1) {
      const blocks = model.network.rows.filter((row) => row.kind === 'block' && row.depth === depth);
      seen += blocks.reduce((sum, row) => sum + (model.children.get(row.id) || []).length, 0);
      if (!blocks.length || seen > FEW) return;
      for (const row of blocks) model.open.add(row.id);
    }
  }

  // ---- the page -----------------------------------------------------------------------------------

  class View {
    constructor(element, options) {
      this.element = element;
      this.options = {hash: false, ...options};
      this.heat = this.options.heat || 'macs';
      this.sort = null;
      this.query = '';
      this.wide = false; // all columns of the table
      this.across = false; // the graph over the whole width
      this.selected = null; // {number, id}
      this.current = 0; // number of the network whose table is shown
      this.touched = []; // by network: whether folds are the reader's own
      this.models = [];
      this.hovered = [];
      element.addEventListener('keydown', (event) => this.key(event));
      document.addEventListener('keydown', (event) => {
        if (event.target === document.body && element.isConnected && this.models.length) this.key(event);
      });
      if (this.options.hash) window.addEventListener('hashchange', () => this.readAddress() && this.draw());
      new ResizeObserver(() => {
        if (this.graphs && this.narrow !== this.measured) this.drawGraphs();
      }).observe(element);
    }

    /** Takes a page: what the reader folded, sorted and selected stays where it is still there. */
    update(page) {
      const before = this.models;
      this.page = page;
      this.models = page.networks.map(modelOf);
      this.models.forEach((model, number) => {
        if (before[number] && this.touched[number]) {
          for (const id of before[number].open) if (model.children.has(id)) model.open.add(id);
        } else unfold(model);
      });
      this.twins = this.models.map(() => new Map());
      for (const match of page.matches || []) {
        if (match.a !== null) this.twins[0].set(match.a, {id: match.b, state: match.state});
        if (match.b !== null && this.twins[1]) this.twins[1].set(match.b, {id: match.a, state: match.state});
      }
      if (this.current >= this.models.length) this.current = 0;
      if (this.selected && !this.row(this.selected)) this.selected = null;
      if (!before.length && this.options.hash) this.readAddress();
      this.draw();
    }

    /** Whether there is room for the spine of a graph alone. */
    get narrow() {
      return this.element.clientWidth <= 700;
    }

    row(at) {
      return at && this.models[at.number] && this.models[at.number].rows.get(at.id);
    }

    get model() {
      return this.models[this.current];
    }

    /** The title of a network, with the letter that it has in the comparison where its spec is long. */
    title(number) {
      const letter = String.fromCharCode(65 + number);
      const columns = this.page.comparison ? this.page.comparison.columns : [];
      const {title} = this.models[number].network;
      return columns.some((column) => column.title === letter) && title !== letter ? `${letter}: ${title}` : title;
    }

    /** What a row is to its counterpart in the other network: same, changed, only here; '' for one network. */
    state(number, id) {
      const twin = this.twins[number] && this.twins[number].get(id);
      return twin ? twin.state : '';
    }

    // -- drawing

    draw() {
      const focus = this.focused();
      const scroll = [...this.element.querySelectorAll('[data-scroll]')].map((pane) => [pane.dataset.scroll, pane.scrollTop]);
      const {parts} = convcalc;
      this.graphs = this.models.map((model) => h('div', {class: 'cv-graph', 'data-scroll': `graph${model.number}`}));
      this.table = h('div', {class: 'cv-rows', 'data-scroll': 'rows'});
      this.panel = h('section', {class: 'cv-panel', 'aria-label': 'selected layer', 'data-scroll': 'panel'});
      this.legend = h('div', {class: 'cv-legend'});
      this.note = h('p', {class: 'cv-muted cv-tablenote', role: 'status'});
      this.element.classList.add('cv');
      this.element.classList.toggle('cv-across', this.across || this.models.length > 1);
      this.element.replaceChildren(
        this.header(),
        ...(this.page.comparison ? [parts.comparison(this)] : []),
        h('div', {class: 'cv-work'},
          h('section', {class: 'cv-side', 'aria-label': 'graph'}, h('div', {class: 'cv-tools'}, this.heatSwitch(), this.legend,
              this.models.length > 1 ? null : h('label', {class: 'cv-across-switch'}, h('input', {type: 'checkbox', checked: this.across, onchange: (event) => {
                this.across = event.target.checked;
                this.element.classList.toggle('cv-across', this.across);
                this.drawGraphs();
                this.follow();
              }}), 'wide graph')),
            h('div', {class: 'cv-graphs'}, this.models.map((model, number) => h('div', {class: 'cv-one'},
              this.models.length > 1 ? h('h3', {}, this.title(number)) : null, this.graphs[number])))),
          h('section', {class: 'cv-main', 'aria-label': 'layers'}, this.tableTools(), this.note, this.table),
          this.panel),
        ...parts.findings(this),
        ...parts.pictures(this),
        this.footer());
      this.drawGraphs();
      this.drawTable();
      parts.panel(this);
      this.mark();
      for (const [name, top] of scroll) {
        const pane = this.element.querySelector(`[data-scroll="${name}"]`);
        if (pane) pane.scrollTop = top;
      }
      if (focus) this.focus(focus);
      this.drawn = true;
      this.writeAddress();
    }

    drawGraphs() {
      this.measured = this.narrow;
      this.models.forEach((model, number) => convcalc.parts.graph(this, model, this.graphs[number]));
      convcalc.parts.legend(this);
      this.mark();
    }

    drawTable() {
      convcalc.parts.table(this, this.model, this.table);
      this.mark();
    }

    header() {
      return h('header', {class: 'cv-head'},
        this.models.map(({network, number}) => {
          const main = network.totals.slice(0, 4);
          const more = [...network.totals.slice(4).map((total) => [total.title, total.text, total.note])];
          return h('div', {class: 'cv-network'},
            h('h1', {class: network.title.length > 40 ? 'cv-long' : null}, this.title(number)),
            h('p', {class: 'cv-about'}, [network.input.join(', '), network.dtype, `batch ${network.batch}`]
              .filter(Boolean).join(' · '), network.about ? ` · ${network.about}` : ''),
            h('dl', {class: 'cv-totals'}, main.map((total) => h('div', {},
              h('dt', {}, total.title), h('dd', {class: total.text.length > 16 ? 'cv-long' : null}, total.text), total.note ? h('dd', {class: 'cv-muted'}, total.note) : null))),
            more.length || (network.notes || []).length ? h('details', {},
              h('summary', {}, 'more totals and notes'),
              h('dl', {class: 'cv-more'}, more.map(([title, text, note]) => h('div', {},
                h('dt', {}, title), h('dd', {}, text, note ? ` (${note})` : '')))),
              (network.notes || []).map((note) => h('p', {}, note))) : null);
        }),
        this.options.theme === false ? null : this.themeSwitch());
    }

    themeSwitch() {
      const select = h('select', {onchange: () => {
        if (select.value) document.documentElement.dataset.theme = select.value;
        else delete document.documentElement.dataset.theme;
      }}, ['', 'light', 'dark'].map((value) => h('option', {value}, value || 'as the system')));
      select.value = document.documentElement.dataset.theme || '';
      return h('label', {class: 'cv-theme'}, 'colours ', select);
    }

    heatSwitch() {
      return h('fieldset', {class: 'cv-heats'}, h('legend', {}, 'heat'), HEATS.map(([key, title]) => h('label', {},
        h('input', {type: 'radio', name: `cv-heat-${this.number}`, value: key, checked: key === this.heat, onchange: () => {
          this.heat = key;
          this.drawGraphs();
          if (!this.selected) convcalc.parts.panel(this);
          this.writeAddress();
          if (this.options.onheat) this.options.onheat(key);
        }}), title)));
    }

    tableTools() {
      const search = h('input', {type: 'search', class: 'cv-search', placeholder: 'search layers  ( / )', value: this.query,
        'aria-label': 'search layers', 'aria-keyshortcuts': '/', autocomplete: 'off', spellcheck: 'false'});
      search.addEventListener('input', () => {
        this.query = search.value;
        this.drawTable();
      });
      const tabs = this.models.length < 2 ? null : h('div', {class: 'cv-tabs', role: 'group', 'aria-label': 'network of the table'},
        this.models.map((model, number) => h('button', {type: 'button', 'aria-pressed': String(number === this.current),
          onclick: () => this.show(number)}, this.title(number))));
      const all = (open) => () => {
        this.touched[this.current] = true;
        this.model.open.clear();
        if (open) for (const row of this.model.network.rows) if (row.kind === 'block') this.model.open.add(row.id);
        this.folded();
      };
      const blocks = this.model.network.rows.some((row) => row.kind === 'block');
      const columns = this.model.network.columns.some((column) => !column.main);
      return h('div', {class: 'cv-tools'}, tabs, search,
        blocks ? h('button', {type: 'button', onclick: all(true)}, 'open all') : null,
        blocks ? h('button', {type: 'button', onclick: all(false)}, 'close all') : null,
        columns ? h('label', {}, h('input', {type: 'checkbox', checked: this.wide, onchange: (event) => {
          this.wide = event.target.checked;
          this.drawTable();
        }}), 'all columns') : null);
    }

    footer() {
      return h('footer', {class: 'cv-foot'},
        h('p', {}, 'Keys: arrows move, Enter or Space folds a block, / searches, Escape clears. The address leads to what is selected.'),
        h('p', {}, `convcalc ${this.page.convcalc}`, this.models.map(({network}) => network.spec ? h('code', {}, network.spec) : null)));
    }

    // -- what the reader does

    /** Shows the table of a network. */
    show(number) {
      if (number === this.current) return;
      this.current = number;
      this.draw();
    }

    fold(number, id, open) {
      const model = this.models[number];
      const row = model.rows.get(id);
      if (!row || row.kind !== 'block' || model.open.has(id) === open) return;
      this.touched[number] = true;
      if (open === undefined) open = !model.open.has(id);
      if (open) model.open.add(id);
      else model.open.delete(id);
      this.folded();
    }

    folded() {
      const focus = this.focused();
      this.drawGraphs();
      this.drawTable();
      if (focus) this.focus(focus);
      this.writeAddress();
    }

    /** Selects a row; `from` is where the reader did it, all else follows into view. */
    select(number, id, from) {
      const before = this.selected;
      this.selected = id === null ? null : {number, id};
      if (this.selected) this.reveal(number, id);
      if (this.selected && number !== this.current) {
        this.current = number;
        this.draw();
        if (from === 'graph') this.focus({part: 'graph', number, id});
      } else if (!before || !this.selected || before.id !== id || before.number !== number) {
        convcalc.parts.panel(this);
        this.mark();
      }
      this.follow(from);
      this.writeAddress();
      if (this.options.onselect) this.options.onselect(this.selected);
    }

    /** Opens the blocks around a row, and around its counterpart in the other network. */
    reveal(number, id) {
      const twin = this.twins[number].get(id);
      const rows = [[number, id], ...(twin && twin.id !== null ? [[1 - number, twin.id]] : [])];
      let changed = false;
      for (const [at, row] of rows) {
        const model = this.models[at];
        for (const block of model.above(row)) {
          if (model.open.has(block)) continue;
          model.open.add(block);
          this.touched[at] = changed = true;
        }
      }
      if (changed) this.folded();
    }

    /** The row or box that stands for an id: its own, or that of the closed block around it. */
    visible(number, id) {
      const model = this.models[number];
      const closed = model.above(id).filter((block) => !model.open.has(block));
      return closed.length ? closed[closed.length - 1] : id;
    }

    follow(from) {
      if (!this.selected) return;
      const {number, id} = this.selected;
      if (from !== 'graph') into(this.graphs[number], this.boxes(number).get(id));
      const twin = this.twins[number].get(id);
      if (twin && twin.id !== null) into(this.graphs[1 - number], this.boxes(1 - number).get(this.visible(1 - number, twin.id)));
      if (from !== 'table') into(this.table, this.lines.get(id));
    }

    boxes(number) {
      return this.graphs[number].boxes || new Map();
    }

    get lines() {
      return this.table.lines || new Map();
    }

    hover(number, id) {
      for (const node of this.hovered) node.classList.remove('cv-hover');
      this.hovered = [];
      if (id === null) return;
      const light = (other, name) => {
        const box = this.boxes(other).get(this.visible(other, name));
        const line = other === this.current ? this.lines.get(name) || this.lines.get(this.visible(other, name)) : null;
        for (const node of [box, line]) if (node) this.hovered.push(node);
      };
      light(number, id);
      const twin = this.twins[number].get(id);
      if (twin && twin.id !== null && number < 2) light(1 - number, twin.id);
      for (const node of this.hovered) node.classList.add('cv-hover');
    }

    /** Marks what is selected, in both graphs and in the table. */
    mark() {
      for (const node of this.element.querySelectorAll('.cv-on')) node.classList.remove('cv-on', 'cv-twin');
      for (const node of this.element.querySelectorAll('[aria-selected="true"]')) node.setAttribute('aria-selected', 'false');
      const at = this.selected;
      const light = (node, twin) => {
        if (!node) return;
        node.classList.add('cv-on');
        if (twin) node.classList.add('cv-twin');
        else node.setAttribute('aria-selected', 'true');
      };
      if (at) {
        light(this.boxes(at.number).get(this.visible(at.number, at.id)));
        if (at.number === this.current) light(this.lines.get(at.id) || this.lines.get(this.visible(at.number, at.id)));
        const twin = this.twins[at.number].get(at.id);
        if (twin && twin.id !== null && at.number < 2) light(this.boxes(1 - at.number).get(this.visible(1 - at.number, twin.id)), true);
        for (const edge of this.graphs[at.number].edges || []) {
          if (edge.dataset.from === at.id || edge.dataset.to === at.id) edge.classList.add('cv-on');
        }
      }
      this.models.forEach((model, number) => rove(this.boxes(number), at && at.number === number ? this.visible(number, at.id) : null));
      rove(this.lines, at && at.number === this.current ? at.id : null);
    }

    key(event) {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      const search = this.element.querySelector('.cv-search');
      const typing = ['INPUT', 'TEXTAREA', 'SELECT'].includes(event.target.tagName) && event.target.type !== 'radio';
      if (event.key === '/' && !typing) {
        event.preventDefault();
        search.focus();
        search.select();
      } else if (event.key === 'Escape') {
        if (this.query) {
          this.query = search.value = '';
          this.drawTable();
          this.follow();
        } else if (event.target !== search) this.select(this.current, null);
        if (event.target === search) this.focus({part: 'table', number: this.current, id: this.selected && this.selected.id});
      } else if (event.target === search && (event.key === 'ArrowDown' || event.key === 'Enter')) {
        event.preventDefault();
        const first = [...this.lines.values()].find((line) => line.classList.contains('cv-hit')) || [...this.lines.values()][0];
        if (first) first.focus();
      }
    }

    /** Where the focus is, to give it back after a part was drawn anew. */
    focused() {
      const node = document.activeElement;
      if (!node || !this.element.contains(node)) return null;
      if (node.classList.contains('cv-search')) return {part: 'search', from: node.selectionStart};
      if (node.dataset.row === undefined) return null;
      return {part: node.dataset.part, number: Number(node.dataset.number), id: node.dataset.row};
    }

    focus({part, number, id, from}) {
      if (part === 'search') {
        const search = this.element.querySelector('.cv-search');
        search.focus();
        search.setSelectionRange(from, from);
        return;
      }
      const nodes = part === 'graph' ? this.boxes(number) : this.lines;
      const node = nodes.get(id) || (id && nodes.get(this.visible(number, id))) || nodes.values().next().value;
      if (node) node.focus({preventScroll: true});
    }

    // -- the address

    /** Says in the address what is shown, a little later: browsers refuse many changes at once. */
    writeAddress() {
      clearTimeout(this.later);
      if (this.options.hash) this.later = setTimeout(() => this.address(), 150);
    }

    address() {
      const state = new URLSearchParams();
      if (this.selected) state.set('layer', this.selected.id);
      if (this.current) state.set('network', this.current + 1);
      if (this.heat !== 'macs') state.set('heat', this.heat);
      if (this.sort) state.set('sort', (this.sort.down ? '-' : '') + this.sort.key);
      this.models.forEach((model, number) => {
        if (!this.touched[number]) return;
        for (const id of model.open.size ? model.open : ['']) state.append(number ? `open${number + 1}` : 'open', id);
      });
      const text = state.toString();
      if (text === location.hash.slice(1)) return;
      try {
        history.replaceState(null, '', text ? `#${text}` : location.pathname + location.search);
      } catch { /* a frame of a notebook has no address of its own */ }
    }

    readAddress() {
      const state = new URLSearchParams(location.hash.slice(1));
      const heat = state.get('heat') || 'macs';
      if (HEATS.some(([key]) => key === heat)) this.heat = heat;
      const sort = state.get('sort');
      if (sort) this.sort = {key: sort.replace(/^-/, ''), down: sort.startsWith('-')};
      const number = Number(state.get('network') || 1) - 1;
      this.current = this.models[number] ? number : 0;
      this.models.forEach((model, at) => {
        const open = state.getAll(at ? `open${at + 1}` : 'open');
        if (!open.length) return;
        this.touched[at] = true;
        model.open.clear();
        for (const id of open) if (model.children.has(id)) model.open.add(id);
      });
      const id = state.get('layer');
      this.selected = id !== null && this.model.rows.has(id) ? {number: this.current, id} : null;
      if (this.selected) {
        for (const block of this.model.above(id)) this.model.open.add(block);
        const twin = this.twins[this.current].get(id);
        if (twin && twin.id !== null) for (const block of this.models[1 - this.current].above(twin.id)) this.models[1 - this.current].open.add(block);
        requestAnimationFrame(() => this.follow());
      }
      return true;
    }
  }

  /** Scrolls a pane, and nothing around it, so that a node of it is seen. */
  function into(pane, node) {
    if (!node) return;
    const outer = pane.getBoundingClientRect();
    const inner = node.getBoundingClientRect();
    const top = pane.querySelector('thead') ? pane.querySelector('thead').offsetHeight : 0;
    if (inner.top < outer.top + top || inner.bottom > outer.bottom) {
      pane.scrollTop += inner.top - outer.top - top - (outer.height - top - inner.height) / 2;
    }
    if (inner.left < outer.left || inner.right > outer.right) {
      pane.scrollLeft += inner.left - outer.left - (outer.width - inner.width) / 2;
    }
  }

  /** One stop for the tabulator in a list: the selected node, or the first. */
  function rove(nodes, id) {
    const stop = nodes.get(id) || nodes.values().next().value;
    for (const node of nodes.values()) node.setAttribute('tabindex', node === stop ? '0' : '-1');
  }

  const views = new WeakMap();
  let count = 0;

  /**
   * Draws a page into an element; again with another page, the reader's folds, sort, heat and selection stay.
   * Options: `hash` keeps the state in the address, `theme: false` leaves out the switch of colours,
   * `heat` (params, macs, memory) is what boxes are coloured by, `onheat` is told of another choice, `onselect`
   * of {number, id} or null.
   */
  convcalc.show = function (page, element, options) {
    let view = views.get(element);
    if (!view) {
      view = new View(element, options);
      view.number = count += 1;
      views.set(element, view);
    }
    Object.assign(view.options, options);
    if (HEATS.some(([key]) => key === view.options.heat)) view.heat = view.options.heat;
    view.update(page);
  };

  Object.assign(convcalc.parts, {described, HEATS});

  document.addEventListener('DOMContentLoaded', () => {
    const data = document.getElementById('convcalc-page');
    if (data) convcalc.show(JSON.parse(data.textContent), document.getElementById('convcalc'), {hash: true});
  });
})(convcalc);
