// The table: a tree of blocks and layers. Sorted, it lists the layers alone, for the dearest of them is
// asked for and not the dearest block; searched, it shows what fits and the blocks around it.

(function (convcalc) {
  const {h, percent, described} = convcalc.parts;
  const MANY = 300; // rows drawn at once

  /** A number to sort by; null where there is none. */
  function weight(row, key) {
    let value = row.values[key];
    if (Array.isArray(value)) value = value.every((one) => typeof one === 'number') ? value.reduce((a, b) => a * b, 1) : null;
    if (value === undefined && /^\d+(x\d+)*$/.test(row.cells[key] || '')) value = row.cells[key].split('x').reduce((a, b) => a * b, 1);
    return typeof value === 'number' ? value : null;
  }

  /** Numbers by size, then texts; what is not known comes last, whatever the direction. */
  function compare(a, b, {key, down}) {
    const [x, y] = [weight(a, key), weight(b, key)];
    const sign = down ? -1 : 1;
    if (x !== null && y !== null) return sign * (x - y);
    if (x !== null || y !== null) return x === null ? 1 : -1;
    const [s, t] = [text(a, key), text(b, key)];
    if (!s || !t) return s ? -1 : t ? 1 : 0;
    return sign * s.localeCompare(t, 'en', {numeric: true});
  }

  function text(row, key) {
    return key === 'label' ? row.id : row.cells[key] || '';
  }

  /** The rows to show: [row, level, whether it fits the search]. */
  function listed(view, model) {
    const words = view.query.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (row) => {
      const hay = `${row.id} ${row.what} ${row.op} ${row.cells.output || ''}`.toLowerCase();
      return words.every((word) => hay.includes(word));
    };
    const {rows} = model.network;
    if (view.sort) {
      const found = rows.filter((row) => row.kind !== 'block' && fits(row));
      return found.map((row) => row).sort((a, b) => compare(a, b, view.sort)).map((row) => [row, 0, words.length > 0]);
    }
    if (words.length) {
      const hits = new Set(rows.filter(fits).map((row) => row.id));
      const kept = new Set(hits);
      for (const id of hits) for (const block of model.above(id)) kept.add(block);
      return rows.filter((row) => kept.has(row.id)).map((row) => [row, row.depth, hits.has(row.id)]);
    }
    return rows.filter((row) => model.above(row.id).every((block) => model.open.has(block))).map((row) => [row, row.depth, false]);
  }

  function draw(view, model, target) {
    const flat = Boolean(view.sort);
    const all = listed(view, model);
    let shown = all.slice(0, view.more ? all.length : MANY);
    const chosen = view.selected && view.selected.number === model.number ? view.selected.id : null;
    const late = all.findIndex(([row]) => row.id === chosen);
    if (late >= shown.length) shown = all;
    const several = view.twins[model.number].size > 0;
    const columns = model.network.columns.filter((column) => (column.main || view.wide || (view.sort && view.sort.key === column.key)) && column.key !== 'what');
    const top = {};
    for (const column of columns) {
      const counted = flat ? all.map(([row]) => row) : model.network.rows.filter((row) => row.parent === null);
      top[column.key] = Math.max(0, ...counted.map((row) => row.share[column.key] || 0));
    }
    const hits = all.filter(([, , hit]) => hit).length;
    const layers = model.network.rows.filter((row) => row.kind !== 'block').length;
    const sorted = view.sort && model.network.columns.find((column) => column.key === view.sort.key);
    view.note.replaceChildren(...[
      view.query ? `${hits} of ${flat ? layers : model.network.rows.length} fit “${view.query}”. ` : '',
      sorted ? `Layers alone, by ${sorted.title}. ` : '',
      sorted ? h('button', {type: 'button', class: 'cv-link', onclick: () => order(view, null)}, 'back to the tree') : ''].filter(Boolean));
    const body = h('tbody', {}, shown.map(([row, level, hit]) => line(view, model, row, {level, hit, flat, columns, top, several})));
    const table = h('table', {role: 'treegrid', 'aria-label': `layers of ${model.network.title}`, 'aria-rowcount': all.length + 1},
      h('thead', {}, h('tr', {role: 'row', 'aria-rowindex': 1}, columns.map((column) => heading(view, column)),
        several ? h('th', {role: 'columnheader', scope: 'col'}, 'other') : null)), body);
    table.addEventListener('keydown', (event) => keys(view, model, event));
    target.lines = new Map([...body.children].map((node) => [node.dataset.row, node]));
    const rest = all.length - shown.length;
    target.replaceChildren(table, ...(rest ? [h('p', {}, h('button', {type: 'button', onclick: () => {
      view.more = true;
      view.drawTable();
    }}, `${rest} more`))] : []), ...(all.length ? [] : [h('p', {class: 'cv-muted'}, 'Nothing fits. Escape clears the search.')]));
    [...body.children].forEach((node, number) => node.setAttribute('aria-rowindex', number + 2));
  }

  function heading(view, column) {
    const sorted = view.sort && view.sort.key === column.key;
    const title = column.key === 'label' ? 'layer' : column.title;
    // Numbers are asked for from the largest down, names from a to z.
    const next = () => {
      const first = column.align === 'right';
      if (!sorted) order(view, {key: column.key, down: first});
      else order(view, view.sort.down === first ? {key: column.key, down: !first} : null);
    };
    return h('th', {role: 'columnheader', scope: 'col', class: `cv-${column.align} cv-col-${column.key}`,
      'aria-sort': sorted ? (view.sort.down ? 'descending' : 'ascending') : 'none'},
      h('button', {type: 'button', 'data-sort': column.key, onclick: next}, title,
        h('span', {class: 'cv-arrow', 'aria-hidden': 'true'}, sorted ? (view.sort.down ? ' ▼' : ' ▲') : '')));
  }

  function order(view, sort) {
    const at = document.activeElement && document.activeElement.dataset ? document.activeElement.dataset.sort : null;
    view.sort = sort;
    view.more = false;
    view.drawTable();
    const button = [...view.table.querySelectorAll('[data-sort]')].find((node) => node.dataset.sort === at);
    if (button) button.focus();
    view.writeAddress();
  }

  function line(view, model, row, {level, hit, flat, columns, top, several}) {
    const {number} = model;
    const block = row.kind === 'block';
    const open = block && (view.query !== '' || model.open.has(row.id));
    const siblings = model.children.get(row.parent === null ? '' : row.parent);
    const state = view.state(number, row.id);
    const node = h('tr', {role: 'row', class: `cv-row cv-${row.kind}${hit ? ' cv-hit' : ''}`, tabindex: -1, 'aria-level': level + 1,
      'aria-selected': 'false', 'aria-expanded': block && !flat ? String(open) : null,
      'aria-setsize': flat ? null : siblings.length, 'aria-posinset': flat ? null : siblings.indexOf(row.id) + 1,
      'data-row': row.id, 'data-part': 'table', 'data-number': number},
      columns.map((column) => (column.key === 'label' ? name(view, model, row, level, flat, open) : cell(row, column, top[column.key]))),
      several ? h('td', {role: 'gridcell', class: 'cv-state'}, state === 'same' ? '=' : state === 'changed' ? '≠ changed' : state ? '+ only here' : '') : null);
    node.addEventListener('click', () => {
      node.focus({preventScroll: true});
      view.select(number, row.id, 'table');
    });
    node.addEventListener('dblclick', () => view.fold(number, row.id));
    node.addEventListener('mouseenter', () => view.hover(number, row.id));
    node.addEventListener('mouseleave', () => view.hover(number, null));
    return node;
  }

  function name(view, model, row, level, flat, open) {
    const found = h('td', {role: 'rowheader', class: 'cv-label'});
    found.style.setProperty('--level', level);
    if (row.kind === 'block' && !flat) {
      const sign = h('span', {class: 'cv-fold', 'aria-hidden': 'true'}, open ? '▾' : '▸');
      sign.addEventListener('click', (event) => {
        event.stopPropagation();
        view.fold(model.number, row.id);
      });
      found.append(sign);
    }
    found.append(h('span', {class: 'cv-name'}, flat ? row.id : row.label));
    if (model.findings.has(row.id)) found.append(h('span', {class: 'cv-mark', title: 'has findings'}, ' ▲'));
    const what = described(model, row);
    if (what) found.append(' ', h('span', {class: `cv-what${what.length < 16 ? ' cv-short' : ''}`}, what));
    if (row.cells.output) found.append(' ', h('span', {class: 'cv-out'}, row.cells.output)); // a narrow screen has no column for it
    return found;
  }

  function cell(row, column, top) {
    const shown = row.cells[column.key] || '';
    const share = row.share[column.key];
    const found = h('td', {role: 'gridcell', class: `cv-${column.align} cv-col-${column.key}`,
      title: share ? `${percent(share)} of ${column.key === 'memory' ? 'the peak' : 'the total'}` : null}, shown);
    if (share && top) {
      found.classList.add('cv-barred');
      found.style.setProperty('--share', Math.max(0.01, Math.min(1, share / top)).toFixed(3));
      if (share > 0.2 && row.kind !== 'block') found.classList.add('cv-heavy');
    }
    if (shown.length > 16) found.classList.add('cv-long');
    if (shown === '0' || shown === '-' || shown === '') found.classList.add('cv-zero');
    return found;
  }

  function keys(view, model, event) {
    const id = event.target.dataset ? event.target.dataset.row : undefined;
    if (id === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    const order = [...view.lines.keys()];
    const at = order.indexOf(id);
    const row = model.rows.get(id);
    const tree = !view.sort && !view.query;
    const open = tree && model.open.has(id);
    const go = (other) => {
      if (!other || !view.lines.has(other)) return;
      view.lines.get(other).focus({preventScroll: true});
      view.select(model.number, other, 'keys');
    };
    const fold = () => (row.kind === 'block' && tree ? view.fold(model.number, id) : go(id));
    const done = {
      ArrowDown: () => go(order[at + 1]),
      ArrowUp: () => go(order[at - 1]),
      PageDown: () => go(order[Math.min(order.length - 1, at + 15)]),
      PageUp: () => go(order[Math.max(0, at - 15)]),
      Home: () => go(order[0]),
      End: () => go(order[order.length - 1]),
      ArrowRight: () => (row.kind === 'block' && tree ? (open ? go(order[at + 1]) : view.fold(model.number, id, true)) : null),
      ArrowLeft: () => (open ? view.fold(model.number, id, false) : tree && go(row.parent)),
      Enter: fold,
      ' ': fold,
    }[event.key];
    if (!done) return;
    event.preventDefault();
    done();
  }

  convcalc.parts.table = draw;
})(convcalc);
