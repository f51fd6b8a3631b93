'use strict';
// The one global of the report's script, and how its parts make elements. Texts come from outside and are
// only ever set as text; the pictures alone are markup, made by convcalc itself.

var convcalc = {parts: {}};

(function (convcalc) {
  const SVG = 'http://www.w3.org/2000/svg';

  /** An element: properties, attributes (those with null or false are left out), children or text. */
  function h(name, attributes, ...children) {
    return fill(document.createElement(name), attributes, children);
  }

  /** The same in SVG. */
  function s(name, attributes, ...children) {
    return fill(document.createElementNS(SVG, name), attributes, children);
  }

  function fill(node, attributes, children) {
    for (const [key, value] of Object.entries(attributes || {})) {
      if (value === null || value === undefined || value === false) continue;
      if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
      else node.setAttribute(key, value === true ? '' : value);
    }
    for (const child of children.flat(Infinity)) {
      if (child !== null && child !== undefined && child !== '') node.append(child);
    }
    return node;
  }

  /** A picture of ours as an element; whatever could run is left out all the same. */
  function picture(text) {
    const root = new DOMParser().parseFromString(text, 'image/svg+xml').documentElement;
    if (root.localName !== 'svg') return h('p', {class: 'cv-muted'}, 'This picture cannot be read.');
    for (const node of [root, ...root.querySelectorAll('*')]) {
      if (['script', 'foreignObject', 'iframe'].includes(node.localName)) node.remove();
      for (const {name, value} of [...node.attributes]) {
        const link = name.endsWith('href') && !value.startsWith('#') && !value.startsWith('data:image/');
        if (/^on/i.test(name) || link) node.removeAttribute(name);
      }
    }
    return document.importNode(root, true);
  }

  /** A share as people read it. */
  function percent(share) {
    if (share === null || share === undefined) return '';
    if (share === 0) return '0%';
    return share < 0.001 ? '<0.1%' : `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)}%`;
  }

  Object.assign(convcalc.parts, {h, s, picture, percent});
})(convcalc);
