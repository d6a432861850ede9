"use strict";
(() => {
  const list = document.getElementById("cases");
  const controls = document.getElementById("controls");
  const [find, state, slice, order] = ["find", "state", "slice", "sort"].map((id) => document.getElementById(id));
  const cases = [...list.children].map((node, place) => ({
    node, place,
    states: (node.dataset.state || "").split(" "),
    slices: (node.dataset.slices || "").split("\n"),
    values: JSON.parse(node.dataset.values),
    words: null,
  }));

  const chosen = (select) => (select && select.selectedIndex > 0 ? select.selectedOptions[0].textContent : null);

  function apply() {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wantedState = chosen(state), wantedSlice = chosen(slice);
    let shown = 0;
    for (const each of cases) {
      if (words.length && each.words === null) each.words = each.node.textContent.toLowerCase();
      const fits = words.every((word) => each.words.includes(word))
        && (!wantedState || each.states.includes(wantedState))
        && (!wantedSlice || each.slices.includes(wantedSlice));
      each.node.hidden = !fits;
      shown += fits;
    }
    const all = cases.length === 1 ? "1 case" : `${cases.length.toLocaleString("en")} cases`;
    document.getElementById("shown").textContent =
      shown === cases.length ? all : `${shown.toLocaleString("en")} of ${all}`;
  }

  function arrange() {
    const metric = order.selectedIndex - 1;
    const key = (each) => (metric < 0 ? each.place : each.values[metric] ?? Infinity);
    cases.sort((a, b) => key(a) - key(b) || a.place - b.place);
    list.append(...cases.map((each) => each.node));
  }

  function open() {
    const node = location.hash.startsWith("#case-") && document.getElementById(location.hash.slice(1));
    if (!node) return;
    node.hidden = false;
    node.open = true;
    node.scrollIntoView();
    node.firstElementChild.focus({ preventScroll: true });
  }

  controls.hidden = false;
  controls.addEventListener("submit", (event) => event.preventDefault());
  for (const control of [find, state, slice]) if (control) control.addEventListener("input", apply);
  order.addEventListener("input", arrange);
  window.addEventListener("hashchange", open);
  open();
})();
