"use strict";
const convcalc = {
  show(page, element, options) {
    element.textContent = page.networks.map((network) => network.title).join(", ");
  },
};
