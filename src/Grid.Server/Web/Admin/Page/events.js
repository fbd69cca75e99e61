// What happened lately.
import { h } from "./dom.js";
import { address, clock } from "./text.js";

const shownMax = 200;
let onlyTroubles = false;
const marks = { Info: "·", Warning: "!", Error: "✕" };
const words = {
  ClusterCreated: "Cluster created", Failover: "Failover", HandOver: "Hand-over", SyncBegan: "Sync began", SyncEnded: "Sync ended", SyncFailed: "Sync failed", LinkEnded: "Link ended", InSyncChanged: "In-sync set",
  SiloJoined: "Silo joined", SiloLeft: "Silo left", SiloDead: "Silo dead", Drain: "Drain", Move: "Move", CopyDropped: "Copy dropped", LossAccepted: "Loss accepted", Damage: "Damage", Failure: "Failure",
};

export function events({ id, title, list, silos, redraw }) {
  // Texts name silos by their addresses, copies by an id behind it.
  const named = text => text.replace(/(\d+\.\d+\.\d+\.\d+:\d+@\d+)(\/[0-9a-f]{8})?/g, (_, silo) => nameOf(silo));
  const nameOf = silo => silos.find(one => one.address === silo)?.name ?? list.findLast(event => event.about === silo && event.aboutName)?.aboutName ?? address(silo);
  const newest = list.filter(event => !onlyTroubles || event.severity !== "Info").slice(-shownMax).reverse();
  return h("section", { key: id, id, "aria-labelledby": `${id}-title` },
    h("div", { class: "head" }, h("h2", { id: `${id}-title` }, title), h("span", { class: "grow" }),
      h("label", { class: "note" }, h("input", { type: "checkbox", onchange: event => { onlyTroubles = event.target.checked; redraw(); } }), " only warnings and errors")),
    newest.length === 0 ? h("p", { class: "note" }, "Nothing has happened that is kept.") : h("ol", { class: "events", tabindex: 0, "aria-label": `${title}, newest first` },
      newest.map(event => h("li", { key: `${event.silo} ${event.number}`, class: event.severity.toLowerCase() },
        h("i", { role: "img", "aria-label": event.severity }, marks[event.severity]),
        h("time", { datetime: event.time }, clock(event.ms)),
        h("div", null,
          h("b", null, words[event.kind] ?? event.kind),
          event.shard === undefined ? null : [" ", h("a", { href: `/shards/${event.shard}` }, `shard ${event.shard}`)],
          h("span", { class: "faint" }, ` on ${nameOf(event.silo)}${event.about && event.about !== event.silo && !event.kind.startsWith("Silo") ? `, about ${nameOf(event.about)}` : ""}`),
          h("p", null, named(event.text)))))));
}
