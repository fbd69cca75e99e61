// What can be done with the admin token. It stays in this page's memory: reloading the page forgets it.
import { act, state } from "./data.js";
import { h } from "./dom.js";
import { address, count } from "./text.js";

const pauseMs = 400, stepsMax = 900;
let open = null;

export function lock(redraw) { state.token = null; redraw(); }

export function unlock(redraw) {
  show({ title: "Unlock actions", confirm: "Unlock", text: "Moving shards, draining silos and accepting losses need the admin token: Admin:Token in the silos' configuration. It is kept until this page is reloaded.",
    field: { label: "Admin token", type: "password" },
    run: async token => {
      state.token = token.trim();
      try { await act("check"); } catch (failure) { state.token = null; throw failure; }
    } }, redraw);
}

export function askDrain(silo, redraw) {
  const draining = !silo.draining;
  show({ title: draining ? `Drain ${silo.name}?` : `Let ${silo.name} take part again?`, confirm: draining ? "Drain it" : "Let it take part",
    text: draining ? `Its ${silo.primaries} primaries are handed over and its ${silo.replicas} replicas are made on other silos, as far as there are others. Clients see no errors. It stays in the cluster holding nothing, and is not ready, until you take this back or stop it.`
      : "It counts as a place for copies and primaries again, and the rebalance gives it its share.",
    run: async () => { const answer = await act("drain", { silo: silo.address, draining }); if (answer.problem) throw new Error(answer.problem); } }, redraw);
}

export function askMove(shard, redraw) {
  const overview = state.overview, at = overview.shards[shard];
  const targets = overview.silos.filter((silo, place) => place !== at.primary && silo.state === "Active" && !silo.draining);
  show({ title: `Move the primary of shard ${shard}`, confirm: "Move it",
    text: "The primary is handed over to the silo that you choose, without an error at any client. Where that has no copy yet, one is made there first, by a full sync, and the old primary's copy makes room for it. It stays there, and the rebalance evens out the other shards around it.",
    field: { label: "To silo", options: targets.map(silo => [silo.address, silo.name]) },
    run: async (silo, tell) => {
      for (let step = 0; step < stepsMax; step++) {
        const progress = await act("move", { shard, silo });
        if (progress.problem) throw new Error(progress.problem);
        if (progress.done) return;
        tell(progress.phase);
        await new Promise(done => setTimeout(done, pauseMs));
      }
      throw new Error("it takes long; look at the shard's copies");
    } }, redraw);
}

export async function askLoss(shard, redraw) {
  let plan;
  try { plan = await act("plan-loss", { shard }); } catch (failure) { plan = { obstacle: failure.message }; }
  if (plan.obstacle) {
    show({ title: `The loss of shard ${shard} cannot be accepted`, text: `${plan.obstacle}.`, confirm: null }, redraw);
    return;
  }
  show({ title: `Accept the loss of shard ${shard}?`, confirm: "Accept the loss", danger: true,
    text: `The last in-sync copies were on ${plan.lostSilos.map(address).join(", ")}; none of them can be had. ${plan.empty
      ? "No whole copy has survived: the shard would begin anew without any entry. All its data are lost."
      : `The best copy that has survived is on ${address(plan.silo)}: ${count(plan.entries)} entries${plan.unapplied ? ` and ${count(plan.unapplied)} mutations that are not in them yet` : ""}, up to mutation ${count(plan.offset)} of epoch ${plan.epoch}. What was written behind that, acknowledged or not, is lost.`}`,
    field: { label: `Type the shard's number, ${shard}, to go on`, type: "text", must: String(shard) },
    run: async () => { const report = await act("accept-loss", { shard }); if (report.obstacle) throw new Error(report.obstacle); } }, redraw);
}

function show(what, redraw) {
  open = { ...what, value: what.field?.options?.[0]?.[0] ?? "", busy: false, told: "", problem: "", before: document.activeElement };
  redraw();
  const box = document.getElementById("dialog");
  if (!box.open) box.showModal();
  box.querySelector("input, select, button")?.focus();
}

function close(redraw) {
  const before = open?.before;
  open = null;
  document.getElementById("dialog")?.close();
  redraw();
  before?.focus?.();
}

async function run(redraw) {
  const mine = open;
  mine.busy = true;
  mine.problem = "";
  redraw();
  try {
    await mine.run(mine.value, text => { mine.told = text; redraw(); });
    if (open === mine) close(redraw);
  } catch (failure) {
    mine.problem = failure.message;
    mine.busy = false;
    redraw();
  }
}

/** The dialog; empty while nothing is asked. */
export function dialog(redraw) {
  const now = open;
  const ready = now && !now.busy && (!now.field || (now.field.must ? now.value.trim() === now.field.must : now.value));
  return h("dialog", { key: "dialog", id: "dialog", "aria-labelledby": "dialog-title", oncancel: event => { event.preventDefault(); close(redraw); } }, now ? h("form", { onsubmit: event => { event.preventDefault(); if (ready) run(redraw); } },
    h("h2", { id: "dialog-title" }, now.title), h("p", null, now.text),
    now.field ? h("label", null, now.field.label, now.field.options
      ? h("select", { id: "dialog-field", onchange: event => { now.value = event.target.value; redraw(); } }, now.field.options.map(([value, name]) => h("option", { key: value, value }, name)))
      : h("input", { id: "dialog-field", type: now.field.type, autocomplete: "off", spellcheck: "false", oninput: event => { now.value = event.target.value; redraw(); } })) : null,
    h("p", { class: "told", role: "status" }, now.problem ? h("b", { class: "bad-text" }, `Not done: ${now.problem}.`) : now.busy ? now.told || "At it …" : ""),
    h("div", { class: "actions" },
      h("button", { type: "button", onclick: () => close(redraw) }, now.confirm ? "Cancel" : "Close"),
      now.confirm ? h("button", { type: "submit", id: "dialog-confirm", class: now.danger ? "danger" : "first", disabled: !ready }, now.confirm) : null)) : null);
}
