// The cluster: numbers, curves, the picture, syncs, keyspaces, events.
import { askDrain } from "./actions.js";
import { chart, highest, sum } from "./charts.js";
import { state } from "./data.js";
import { h } from "./dom.js";
import { events } from "./events.js";
import { address, bytes, clock, count, micros, seconds, short } from "./text.js";

const roleWords = { primary: "primary", online: "replica, in sync", loading: "replica, loading", waiting: "replica, waits for a snapshot", behind: "replica, not in sync" };

export function cluster(overview, redraw) {
  const now = Date.parse(overview.time);
  return [
    h("h1", { key: "h1", class: "unseen" }, `Cluster ${overview.cluster}`),
    warnings(overview),
    tiles(overview),
    curves(now, redraw),
    picture(overview, redraw),
    syncs(overview),
    h("div", { key: "columns", class: "columns" }, keyspaces(overview), events({ id: "events", title: "Recent events", list: state.events, silos: overview.silos, redraw })),
  ];
}

function warnings(overview) {
  if (!overview.warnings.length && !state.silent.length) return null;
  const [first, ...rest] = [...state.silent.map(silo => `Silo ${address(silo)} does not answer: what it would tell is missing.`), ...overview.warnings];
  return h("section", { key: "warnings", class: "warnings", "aria-label": "Warnings" },
    h("p", null, h("i", { "aria-hidden": "true" }, "!"), first),
    rest.length ? h("details", null, h("summary", null, `${rest.length} more`), h("ul", null, rest.map((text, i) => h("li", { key: i }, text)))) : null);
}

function tiles(overview) {
  const served = overview.shards.filter(shard => shard.primary >= 0).length;
  const whole = overview.shards.filter(shard => shard.inSync > overview.replicas).length;
  const entries = overview.keyspaces.reduce((all, one) => all + one.entries, 0);
  const memory = overview.silos.reduce((all, silo) => all + silo.dataBytes, 0);
  const last = [...state.samples.values()].map(silo => silo.samples.at(-1)).filter(Boolean);
  const all = value => last.reduce((total, sample) => total + value(sample), 0);
  const failed = all(sample => sample.failed);
  const of = (part, whole) => h("b", { class: part < whole ? "off" : "" }, count(part), h("small", null, ` of ${count(whole)}`));
  const tile = (name, value, note) => h("div", { key: name, class: "tile" }, h("dt", null, name), h("dd", null, value, h("span", { class: "note" }, note)));
  return h("dl", { key: "tiles", class: "tiles" },
    tile("Shards served", of(served, overview.shards.length), served < overview.shards.length ? "others fail" : "all keys"),
    tile("Fully replicated", of(whole, overview.shards.length), `${overview.replicas + 1} copies in sync`),
    tile("Operations", h("b", null, short(all(sample => sample.reads + sample.writes)), h("small", null, " /s")), failed >= 0.5 ? h("span", { class: "bad-text" }, `${short(failed)} /s fail`) : "none fails"),
    tile("p99 latency", h("b", null, micros(Math.max(0, ...last.map(sample => sample.p99Us)))), "at primaries, slowest silo"),
    tile("Entries", h("b", null, short(entries)), `in ${overview.keyspaces.length} keyspace${overview.keyspaces.length === 1 ? "" : "s"}`),
    tile("Data in memory", h("b", null, bytes(memory)), "all copies"));
}

function curves(now, redraw) {
  const samples = state.samples;
  return h("section", { key: "curves", class: "charts", "aria-label": "Last five minutes" },
    chart({ title: "Operations per second", now, redraw, format: short, filled: true, series: [{ name: "reads", color: 1, points: sum(samples, sample => sample.reads) }, { name: "writes", color: 2, points: sum(samples, sample => sample.writes) }] }),
    chart({ title: "Latency", now, redraw, format: micros, series: [{ name: "p50", color: 1, points: highest(samples, sample => sample.p50Us) }, { name: "p99", color: 2, points: highest(samples, sample => sample.p99Us) }] }),
    chart({ title: "Memory", now, redraw, format: bytes, filled: true, binary: true, series: [{ name: "processes", color: 2, points: sum(samples, sample => sample.processBytes) }, { name: "data", color: 1, points: sum(samples, sample => sample.dataBytes) }] }),
    chart({ title: "Replication lag", now, redraw, format: value => short(value), series: [{ name: "most mutations behind", color: 1, points: highest(samples, sample => sample.lagMutations) }] }));
}

function picture(overview, redraw) {
  const zones = new Map();
  overview.silos.forEach((silo, place) => zones.set(silo.zone, [...(zones.get(silo.zone) ?? []), { silo, place }]));
  const named = [...zones].sort((a, b) => a[0].localeCompare(b[0]));
  return h("section", { key: "picture", "aria-labelledby": "picture-title" },
    h("div", { class: "head" }, h("h2", { id: "picture-title" }, "Silos and shards"), legend(), h("span", { class: "grow" }), rebalance(overview.rebalance)),
    h("div", { class: "zones" },
      named.map(([zone, silos]) => h("div", { key: `zone ${zone}`, class: `zone ${zone ? "" : "plain"}` },
        zone ? h("h3", null, "Zone ", h("b", null, zone)) : null,
        h("div", { class: "silos" }, silos.map(({ silo, place }) => siloCard(overview, silo, place, redraw))))),
      overview.lost.length ? h("div", { key: "lost", class: "zone plain" }, h("div", { class: "silos" }, overview.lost.map(silo => deadCard(silo)))) : null));
}

function legend() {
  return h("ul", { class: "legend", "aria-label": "What the squares mean" },
    ["primary", "online", "loading", "waiting"].map(role => h("li", { key: role }, h("span", { class: `shard ${role}`, "aria-hidden": "true" }), roleWords[role].replace("replica, ", ""))));
}

function rebalance(now) {
  if (!now) return null;
  const text = now.left === 0 ? (now.state === "Paused" ? "Rebalance: paused" : now.state === "Waiting" ? "Rebalance: waits, the cluster has just changed" : "Balanced")
    : `Rebalance: ${now.left} to move, ${now.moving} under way, ${bytes(now.bytesLeft)} to copy${now.remainingMs ? `, about ${seconds(now.remainingMs / 1000)} left` : ""}`;
  return h("span", { class: "note", id: "rebalance" }, text);
}

function siloCard(overview, silo, place, redraw) {
  const known = state.samples.get(silo.address);
  const last = known?.samples.at(-1);
  const silent = state.silent.includes(silo.address);
  const word = silent ? "No answer" : silo.draining ? "Draining" : silo.state;
  const mood = silent ? "bad" : word === "Active" ? "good" : "warn";
  const held = overview.shards.map(shard => ({ shard, copy: shard.copies.find(copy => copy.silo === place) })).filter(one => one.copy);
  const share = last && known.limit ? last.processBytes / known.limit : 0;
  return h("article", { key: silo.address, class: "silo", "data-silo": silo.name, "aria-label": `Silo ${silo.name}, ${word}` },
    h("header", null,
      h("h4", null, silo.name), h("span", { class: `badge ${mood}` }, word), h("span", { class: "grow" }),
      state.token ? h("button", { type: "button", class: "small", onclick: () => askDrain(silo, redraw) }, silo.draining ? "Let it take part" : "Drain …") : null),
    h("p", { class: "faint address" }, address(silo.address)),
    h("dl", { class: "facts" },
      fact("ops/s", last ? short(last.reads + last.writes) : "–"), fact("p99", last ? micros(last.p99Us) : "–"),
      fact("CPU", last ? last.processors.toFixed(1) : "–"), fact("data", bytes(silo.dataBytes))),
    h("div", { class: "meter", role: "meter", "aria-label": "Memory of the process", "aria-valuenow": Math.round(share * 100), "aria-valuemin": 0, "aria-valuemax": 100 },
      h("span", { class: share > 0.85 ? "bad" : share > 0.7 ? "warn" : "", "width%": Math.min(100, share * 100).toFixed(1) })),
    h("p", { class: "faint small-text" }, last ? `process ${bytes(last.processBytes)}${known.limit ? ` of ${bytes(known.limit)}` : ""}` : "no samples yet"),
    h("div", { class: "shards" }, held.map(({ shard, copy }) => square(overview, shard, copy))),
    h("p", { class: "faint small-text" }, `${silo.primaries} primaries, ${silo.replicas} replicas`));
}

const fact = (name, value) => h("div", { key: name }, h("dt", null, name), h("dd", null, value));

function square(overview, shard, copy) {
  const part = copy.role === "loading" ? progress(overview, shard, copy).part : 0;
  const words = `Shard ${shard.shard}, ${roleWords[copy.role]}${copy.faulted ? ", faulted" : ""}${copy.lag > 0 && copy.role !== "primary" ? `, ${count(copy.lag)} behind` : ""}, ${count(copy.entries)} entries`;
  return h("a", { key: shard.shard, class: `shard ${copy.role}${copy.faulted ? " faulted" : ""}`, href: `/shards/${shard.shard}`, title: words, "aria-label": words },
    copy.role === "loading" ? h("span", { class: "load", "width%": (part * 100).toFixed(0), "aria-hidden": "true" }) : null,
    h("span", null, shard.shard));
}

function deadCard(silo) {
  return h("article", { key: `dead ${silo.address}`, class: "silo dead", "data-silo": silo.name, "aria-label": `Silo ${silo.name}, dead` },
    h("header", null, h("h4", null, silo.name), h("span", { class: "badge bad" }, "✕ Dead")),
    h("p", { class: "faint address" }, address(silo.address)),
    h("p", null, `Declared dead at ${clock(silo.time)}. Its shards were taken over by silos with in-sync copies; new copies are made elsewhere. Start it again, or go on without it.`));
}

/** How far the load of a copy is. */
export function progress(overview, shard, copy) {
  const total = Math.max(...shard.copies.filter(one => one.role === "primary").map(one => one.entries), copy.loadedEntries, 1);
  const rate = state.rates.get(`${shard.shard} ${overview.silos[copy.silo].address}`)?.rates ?? [0, 0];
  return { part: copy.loadedEntries / total, total, bytesPerSecond: rate[0], entriesPerSecond: rate[1], left: rate[1] > 0 ? (total - copy.loadedEntries) / rate[1] : null };
}

function syncs(overview) {
  const running = overview.shards.flatMap(shard => shard.copies.filter(copy => copy.role === "loading").map(copy => ({ shard, copy, at: progress(overview, shard, copy) })));
  if (!running.length) return null;
  return h("section", { key: "syncs", id: "syncs", "aria-labelledby": "syncs-title" },
    h("h2", { id: "syncs-title" }, `Full syncs under way (${running.length})`),
    h("div", { class: "scroll" }, h("table", null,
      h("thead", null, h("tr", null, ["Shard", "From", "To", "Progress", "Entries", "Speed", "On the wire", "Time left"].map(name => h("th", { key: name, scope: "col", class: ["Shard", "From", "To", "Progress"].includes(name) ? "" : "number" }, name)))),
      h("tbody", null, running.slice(0, 24).map(({ shard, copy, at }) => h("tr", { key: `${shard.shard} ${copy.silo}` },
        h("th", { scope: "row" }, h("a", { href: `/shards/${shard.shard}` }, shard.shard)),
        h("td", null, overview.silos[shard.primary]?.name ?? "–"), h("td", null, overview.silos[copy.silo].name),
        h("td", null, h("div", { class: "meter wide", role: "progressbar", "aria-label": `Shard ${shard.shard} to ${overview.silos[copy.silo].name}`, "aria-valuenow": Math.round(at.part * 100), "aria-valuemin": 0, "aria-valuemax": 100 }, h("span", { "width%": (at.part * 100).toFixed(1) })), h("span", { class: "percent" }, `${Math.floor(at.part * 100)} %`)),
        h("td", { class: "number" }, `${short(copy.loadedEntries)} of ${short(at.total)}`),
        h("td", { class: "number" }, at.bytesPerSecond ? `${bytes(at.bytesPerSecond)}/s` : "–"),
        h("td", { class: "number" }, copy.loadedBytes ? `${Math.round(100 * copy.wireBytes / copy.loadedBytes)} %` : "–"),
        h("td", { class: "number" }, at.left === null ? "–" : seconds(at.left))))))),
    running.length > 24 ? h("p", { class: "note" }, `${running.length - 24} more`) : null);
}

function keyspaces(overview) {
  return h("section", { key: "keyspaces", id: "keyspaces", "aria-labelledby": "keyspaces-title" },
    h("h2", { id: "keyspaces-title" }, "Keyspaces"),
    overview.keyspaces.length === 0 ? h("p", { class: "note" }, "None yet: the first write to one makes it.") : h("div", { class: "scroll" }, h("table", null,
      h("thead", null, h("tr", null, ["Name", "Entries", "Memory", "Reads/s", "Writes/s", "Hits"].map(name => h("th", { key: name, scope: "col", class: name === "Name" ? "" : "number" }, name)))),
      h("tbody", null, overview.keyspaces.map(one => {
        const rates = state.keyspaceRates.get(one.name)?.rates ?? [0, 0];
        return h("tr", { key: one.name },
          h("th", { scope: "row" }, h("a", { href: `/keyspaces/${encodeURIComponent(one.name)}` }, one.name)),
          h("td", { class: "number" }, count(one.entries)), h("td", { class: "number" }, bytes(one.memoryBytes + one.replicaMemoryBytes)),
          h("td", { class: "number" }, short(rates[0])), h("td", { class: "number" }, short(rates[1])),
          h("td", { class: "number" }, one.hits + one.misses ? `${(100 * one.hits / (one.hits + one.misses)).toFixed(1)} %` : "–"));
      })))));
}
