// The page: which view, the frame around it, and what it says when the silo that serves it does not answer.
import { dialog, unlock, lock } from "./actions.js";
import { cluster } from "./cluster.js";
import { keyspace, shard } from "./details.js";
import { poll, state } from "./data.js";
import { h, render } from "./dom.js";
import { clock, plural, seconds } from "./text.js";

const root = document.getElementById("root");

function route() {
  const [kind, name] = location.pathname.split("/").filter(Boolean).map(decodeURIComponent);
  if (kind === "shards") return { kind: "shard", shard: Number(name) };
  if (kind === "keyspaces") return { kind: "keyspace", name };
  return { kind: "cluster" };
}

function draw() {
  render(root, state.overview ? frame(state.overview) : boot());
  document.title = `${state.failedSince ? "⚠ " : ""}${titleOf(route())} · Grid`;
}

const titleOf = at => at.kind === "shard" ? `Shard ${at.shard}` : at.kind === "keyspace" ? at.name : state.overview?.cluster ?? "Cluster";

function boot() {
  return h("p", { class: "boot", role: "status" }, state.failedSince ? `This silo gives no answer yet: ${state.failure}. Trying again …` : "Loading …");
}

function frame(overview) {
  const at = route();
  const [mood, words] = health(overview);
  return [
    h("header", { key: "header", class: "bar" },
      h("a", { class: "brand", href: "/", "aria-label": "Grid, cluster overview" }, h("svg", { viewBox: "0 0 20 20", "aria-hidden": "true" },
        h("rect", { x: 1, y: 1, width: 8, height: 8, rx: 2 }), h("rect", { x: 11, y: 1, width: 8, height: 8, rx: 2, class: "dim" }),
        h("rect", { x: 1, y: 11, width: 8, height: 8, rx: 2, class: "dim" }), h("rect", { x: 11, y: 11, width: 8, height: 8, rx: 2 })), "Grid"),
      h("nav", { "aria-label": "Where" },
        h("a", { href: "/", "aria-current": at.kind === "cluster" ? "page" : null }, overview.cluster),
        at.kind === "cluster" ? null : h("span", { class: "crumb", "aria-current": "page" }, titleOf(at))),
      h("span", { class: `pill ${mood}`, id: "health", role: "status" }, h("i", { "aria-hidden": "true" }, { good: "✓", warn: "!", bad: "✕" }[mood]), words),
      h("span", { class: "grow" }),
      h("span", { class: "served" }, "served by ", h("b", null, overview.servedBy), h("span", { class: "faint" }, ` ${overview.version}`)),
      overview.actions
        ? h("button", { type: "button", id: "lock", onclick: () => (state.token ? lock(draw) : unlock(draw)) }, state.token ? "Lock actions" : "Unlock actions …")
        : h("span", { class: "faint", title: "Admin:Token is not set" }, "read-only")),
    state.failedSince ? lost(overview) : null,
    h("main", { key: "main", id: "main", class: state.failedSince ? "stale" : "" },
      at.kind === "shard" ? shard(at.shard, draw) : at.kind === "keyspace" ? keyspace(at.name, draw) : cluster(overview, draw)),
    h("footer", { key: "footer" }, `${overview.silos.length === 1 ? "1 silo" : `${overview.silos.length} silos`} · ${plural(overview.shards.length, "shard")} · ${overview.replicas + 1} copies wanted of each · as of ${clock(overview.time)}`),
    dialog(draw),
  ];
}

function health(overview) {
  const unserved = overview.shards.filter(one => one.primary < 0).length;
  if (unserved) return ["bad", `${plural(unserved, "shard")} not served`];
  if (overview.lost.length) return ["bad", `${plural(overview.lost.length, "silo")} lost`];
  const thin = overview.shards.filter(one => one.inSync <= overview.replicas).length;
  if (thin) return ["warn", `${plural(thin, "shard")} with too few copies`];
  return ["good", "All shards served, all copies in sync"];
}

function lost(overview) {
  return h("div", { key: "lost", class: "alert bad", role: "alert", id: "unreachable" },
    h("b", null, `${overview.servedBy} does not answer`),
    ` for ${seconds((Date.now() - (state.answeredAt ?? state.failedSince)) / 1000)} (${state.failure}). What you see is from ${clock(state.answeredAt)}. Another silo may serve this page; trying again …`);
}

document.addEventListener("click", event => {
  const link = event.target.closest?.("a");
  if (!link || link.origin !== location.origin || link.hash || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  if (link.href !== location.href) history.pushState(null, "", link.href);
  arrive();
});
window.addEventListener("popstate", arrive);

let wake = () => {};
function arrive() {
  state.shard = state.keyspace = null;
  window.scrollTo(0, 0);
  draw();
  wake();
}

draw();
poll(route, draw, resume => { wake = resume; });
