// A small virtual DOM: the page is drawn anew every second, and what did not change stays as it is, focus and selection included.

const svgNames = new Set(["svg", "path", "g", "line", "text", "rect", "circle"]);

/** One element: its name, attributes (on... are listeners, key tells siblings apart), children. */
export function h(tag, attributes, ...children) {
  return { tag, attributes: attributes ?? {}, children: children.flat(Infinity).filter(child => child !== null && child !== undefined && child !== false) };
}

/** Makes the children of a node what is wanted. */
export function render(parent, wanted) {
  reconcile(parent, h("", null, wanted).children);
}

function reconcile(parent, wanted) {
  const keyed = new Map();
  for (const node of parent.childNodes)
    if (node.gridKey !== undefined) keyed.set(node.gridKey, node);
  let at = parent.firstChild;
  for (const item of wanted) {
    const key = item.attributes?.key;
    let node = key === undefined ? at : keyed.get(key);
    if (!node || !fits(node, item)) {
      node = create(item);
      parent.insertBefore(node, at);
    } else {
      if (node === at) at = at.nextSibling;
      else parent.insertBefore(node, at);
      update(node, item);
      continue;
    }
    update(node, item);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function fits(node, item) {
  return typeof item === "object"
    ? node.nodeType === 1 && node.localName === item.tag && node.gridKey === item.attributes.key
    : node.nodeType === 3;
}

function create(item) {
  if (typeof item !== "object") return document.createTextNode(String(item));
  const node = svgNames.has(item.tag) ? document.createElementNS("http://www.w3.org/2000/svg", item.tag) : document.createElement(item.tag);
  node.gridKey = item.attributes.key;
  return node;
}

function update(node, item) {
  if (node.nodeType === 3) {
    if (node.data !== String(item)) node.data = String(item);
    return;
  }
  const before = node.gridAttributes ?? {};
  for (const name of Object.keys(before))
    if (!(name in item.attributes)) set(node, name, null);
  for (const [name, value] of Object.entries(item.attributes))
    if (before[name] !== value) set(node, name, value);
  node.gridAttributes = item.attributes;
  reconcile(node, item.children);
}

function set(node, name, value) {
  if (name === "key") return;
  if (name.startsWith("on")) node[name.toLowerCase()] = value;
  else if (name === "width%") node.style.width = `${value}%`;
  else if (name === "value") { if (document.activeElement !== node) node.value = value ?? ""; }
  else if (value === null || value === undefined || value === false) node.removeAttribute(name);
  else node.setAttribute(name, value === true ? "" : value);
}
