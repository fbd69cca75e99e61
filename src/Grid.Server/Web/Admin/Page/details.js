// One shard, one keyspace.
import { askLoss, askMove } from "./actions.js";
import { chart } from "./charts.js";
import { progress } from "./cluster.js";
import { state } from "./data.js";
import { h } from "./dom.js";
import { events } from "./events.js";
import { address, bytes, count, seconds, short } from "./text.js";

export function shard(number, redraw) {
  const overview = state.overview, one = state.shard, view = overview.shards[number];
  if (!view) return h("p", { class: "note" }, `There is no shard ${number}: the shards are 0 to ${overview.shards.length - 1}.`);
  if (!one || one.shard !== number) return h("p", { class: "note", role: "status" }, "Loading …");
  const nameOf = silo => overview.silos.find(known => known.address === silo)?.name ?? address(silo);
  const thin = one.inSync.length <= overview.replicas;
  return [
    h("div", { key: "title", class: "head" },
      h("h1", null, `Shard ${number}`),
      one.primary ? h("span", { class: `badge ${thin ? "warn" : "good"}` }, thin ? "! Too few copies in sync" : "✓ Served, all copies in sync") : h("span", { class: "badge bad" }, "✕ Not served"),
      h("span", { class: "grow" }),
      number > 0 ? h("a", { class: "button small", href: `/shards/${number - 1}` }, "← Shard ", number - 1) : null,
      number < overview.shards.length - 1 ? h("a", { class: "button small", href: `/shards/${number + 1}` }, "Shard ", number + 1, " →") : null),
    one.problem ? h("div", { key: "problem", class: "alert bad", role: "alert" }, h("b", null, "It has no primary: "), one.problem) : null,
    h("dl", { key: "tiles", class: "tiles" },
      tile("Primary", one.primary ? nameOf(one.primary) : "none"), tile("Epoch", count(one.epoch)), tile("Log end", count(one.logEnd)),
      tile("Committed", count(one.committed)), tile("In sync", `${one.inSync.length} of ${overview.replicas + 1}`)),
    h("section", { key: "copies" }, h("h2", null, "Copies"), h("div", { class: "scroll" }, h("table", { id: "copies" },
      head(["Silo", "Role", "State"], ["Log end", "Behind", "Entries", "Data", "Log"], ["Link"]),
      h("tbody", null, one.copies.map(copy => copyRow(one, view, copy, nameOf)))))),
    one.lastWindow ? h("p", { key: "window", class: "note" }, h("b", null, "Last sync window: "), one.lastWindow) : null,
    one.wanted ? h("p", { key: "wanted", class: "note" }, h("b", null, "Replicas are to be on: "), one.wanted.map(nameOf).join(", ") || "no other silo") : null,
    one.laggards.length ? h("div", { key: "laggards", class: "alert warn" }, h("b", null, "Cannot keep up with the writes: "), one.laggards.map(nameOf).join(", ")) : null,
    state.token ? h("section", { key: "actions" }, h("h2", null, "Actions"), h("div", { class: "actions" },
      h("button", { type: "button", onclick: () => askMove(number, redraw) }, "Move the primary …"),
      h("button", { type: "button", class: "danger", onclick: () => askLoss(number, redraw) }, "Accept its loss …"))) : null,
    events({ id: "events", title: "What happened to it", list: state.events.filter(event => event.shard === number), silos: overview.silos, redraw }),
  ];
}

function copyRow(one, view, copy, nameOf) {
  const overview = state.overview;
  const place = overview.silos.findIndex(silo => silo.address === copy.silo);
  const drawn = view.copies.find(known => known.silo === place);
  const link = one.links.find(known => known.silo === copy.silo);
  const behind = copy.isPrimary ? 0 : Math.max(0, one.logEnd - copy.logEnd);
  const at = drawn?.role === "loading" ? progress(overview, view, drawn) : null;
  return h("tr", { key: copy.silo },
    h("th", { scope: "row" }, nameOf(copy.silo)),
    h("td", null, h("span", { class: `shard ${drawn?.role ?? "behind"}`, "aria-hidden": "true" }), copy.isPrimary ? " primary" : one.inSync.includes(copy.silo) ? " replica, in sync" : " replica, not in sync"),
    h("td", null, at ? `loading, ${Math.floor(at.part * 100)} %${at.left === null ? "" : `, ${seconds(at.left)} left`}` : `${copy.state}, ${copy.phase}`.toLowerCase(), copy.faulted ? h("b", { class: "bad-text", title: copy.fault }, " faulted") : null),
    h("td", { class: "number" }, count(copy.logEnd)), h("td", { class: "number" }, copy.isPrimary ? "–" : count(behind)), h("td", { class: "number" }, count(at ? copy.loadedEntries : copy.entries)),
    h("td", { class: "number" }, bytes(copy.dataBytes)), h("td", { class: "number" }, bytes(copy.logBytes)),
    h("td", null, link ? `${link.phase.toLowerCase()}, ${link.codec}${link.backingOff ? " (paused: incompressible)" : ""}${link.pinnedBytes ? `, ${bytes(link.pinnedBytes)} to send` : ""}` : "–"));
}

export function keyspace(name, redraw) {
  const overview = state.overview;
  if (!state.keyspace) return h("p", { class: "note", role: "status" }, "Loading …");
  const one = state.keyspace.keyspaces[0];
  if (!one || one.name !== name) return h("p", { class: "note" }, `There is no keyspace '${name}', or it is empty everywhere.`);
  const known = state.keyspaceRates.get(name) ?? { rates: [0, 0], points: [] };
  const most = Math.max(1, ...one.shares.map(share => share.entries));
  const nameOf = silo => overview.silos.find(known => known.address === silo)?.name ?? address(silo);
  return [
    h("div", { key: "title", class: "head" }, h("h1", null, name), h("span", { class: "note" }, "keyspace")),
    h("dl", { key: "tiles", class: "tiles" },
      tile("Entries", count(one.entries)), tile("Keys and values", bytes(one.dataBytes)), tile("Memory", bytes(one.memoryBytes), `and ${bytes(one.replicaMemoryBytes)} in replicas`),
      tile("Memory per entry", one.entries ? bytes(one.memoryBytes / one.entries) : "–", one.entries ? `${bytes(one.dataBytes / one.entries)} of them data` : ""),
      tile("Hits", one.hits + one.misses ? `${(100 * one.hits / (one.hits + one.misses)).toFixed(2)} %` : "–", `${short(one.hits)} of ${short(one.hits + one.misses)} reads by key`),
      tile("Expired", count(one.expired), "since the silos began")),
    h("section", { key: "curves", class: "charts", "aria-label": "Since this page was opened" },
      chart({ title: "Operations per second", now: Date.parse(overview.time), redraw, format: short, filled: true, series: [
        { name: "reads", color: 1, points: known.points.map(point => [point[0], point[1]]) }, { name: "writes", color: 2, points: known.points.map(point => [point[0], point[2]]) }] })),
    h("section", { key: "shares" }, h("h2", null, "Entries by shard"), h("div", { class: "shares", role: "list" }, one.shares.map(share =>
      h("a", { key: share.shard, role: "listitem", href: `/shards/${share.shard}`, class: "share", "aria-label": `Shard ${share.shard} on ${nameOf(share.silo)}: ${count(share.entries)} entries, ${bytes(share.memoryBytes)}`, title: `Shard ${share.shard} on ${nameOf(share.silo)}: ${count(share.entries)} entries, ${bytes(share.memoryBytes)}` },
        h("span", { class: "share-name" }, share.shard), h("span", { class: "meter" }, h("span", { "width%": (100 * share.entries / most).toFixed(1) })), h("span", { class: "share-value" }, short(share.entries)))))),
  ];
}

const tile = (name, value, note) => h("div", { key: name, class: "tile" }, h("dt", null, name), h("dd", null, h("b", null, value), note ? h("span", { class: "note" }, note) : null));

function head(...groups) {
  return h("thead", null, h("tr", null, groups.flatMap((names, group) => names.map(name => h("th", { key: name, scope: "col", class: group === 1 ? "number" : "" }, name)))));
}
