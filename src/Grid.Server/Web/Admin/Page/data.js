// What the page knows, asked of the silo that serves it once a second; bounded.

const periodMs = 1000, answerMs = 5000, samplesMax = 320, eventsMax = 500;

export const state = {
  overview: null, samples: new Map(), events: [], silent: [], shard: null, keyspace: null, rates: new Map(), keyspaceRates: new Map(),
  failedSince: null, failure: "", answeredAt: null, token: null,
};

/** Asks an address of the API; an error says what is wrong. */
export async function ask(path, options = {}) {
  const answer = await fetch(path, { ...options, signal: AbortSignal.timeout(options.timeout ?? answerMs), cache: "no-store" });
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw Object.assign(new Error(body.error ?? `HTTP ${answer.status}`), { status: answer.status });
  return body;
}

/** Does something that needs the token. */
export function act(action, request = {}) {
  return ask(`/api/actions/${action}`, { method: "POST", timeout: 30_000, headers: { "Authorization": `Bearer ${state.token}`, "Content-Type": "application/json" }, body: JSON.stringify(request) });
}

/** Goes on for ever: what the present page needs, then a pause. */
export async function poll(route, changed, waiting) {
  for (;;) {
    const began = performance.now();
    try {
      await look(route());
      state.failedSince = null;
      state.answeredAt = Date.now();
    } catch (failure) {
      state.failedSince ??= Date.now();
      state.failure = failure.status ? failure.message : failure.name === "TimeoutError" ? `no answer within ${answerMs / 1000} s` : "no connection";
    }
    changed();
    const pause = document.hidden ? 5 * periodMs : state.failedSince ? 2 * periodMs : periodMs;
    await new Promise(done => { setTimeout(done, Math.max(100, pause - (performance.now() - began))); waiting(done); });
  }
}

async function look(route) {
  const lastSample = Math.min(...[...state.samples.values()].map(silo => silo.samples.at(-1)?.ms ?? 0), Infinity);
  const lastEvent = state.events.at(-1)?.ms;
  const [overview, samples, events, shard, keyspace] = await Promise.all([
    ask("/api/overview"),
    ask(`/api/samples${Number.isFinite(lastSample) && lastSample > 0 ? `?after=${Math.floor(lastSample)}` : ""}`),
    // A little of what was told already: clocks differ, and the answer of a slow silo comes later.
    ask(`/api/events${lastEvent ? `?after=${Math.floor(lastEvent - 10_000)}` : ""}`),
    route.kind === "shard" ? ask(`/api/shards/${route.shard}`) : null,
    route.kind === "keyspace" ? ask(`/api/keyspaces/${encodeURIComponent(route.name)}`) : null,
  ]);
  noteRates(overview);
  state.overview = overview;
  state.shard = shard;
  state.keyspace = keyspace;
  noteSamples(samples, overview);
  noteEvents(events);
}

function noteSamples(answers, overview) {
  for (const answer of answers) {
    const known = state.samples.get(answer.silo) ?? { samples: [] };
    const last = known.samples.at(-1)?.ms ?? 0;
    for (const sample of answer.samples) {
      sample.ms = Date.parse(sample.time);
      if (sample.ms > last) known.samples.push(sample);
    }
    known.samples.splice(0, Math.max(0, known.samples.length - samplesMax));
    state.samples.set(answer.silo, { ...known, limit: answer.memoryLimitBytes || known.limit, version: answer.version || known.version });
  }
  for (const silo of state.samples.keys())
    if (!overview.silos.some(one => one.address === silo)) state.samples.delete(silo);
}

function noteEvents(page) {
  const known = new Set(state.events.map(identity));
  for (const event of page.events) {
    event.ms = Date.parse(event.time);
    if (!known.has(identity(event))) state.events.push(event);
  }
  state.events.sort((a, b) => a.ms - b.ms);
  state.events.splice(0, Math.max(0, state.events.length - eventsMax));
  state.silent = page.silent;
}

const identity = event => event.kind.startsWith("Silo") ? `${event.kind} ${event.about}` : `${event.silo} ${event.number}`;

// Rates of syncs and keyspaces, from one look to the next, smoothed.
function noteRates(overview) {
  const now = Date.parse(overview.time);
  const rates = new Map();
  for (const shard of overview.shards)
    for (const copy of shard.copies.filter(copy => copy.role === "loading")) {
      const key = `${shard.shard} ${overview.silos[copy.silo].address}`;
      rates.set(key, smooth(state.rates.get(key), now, copy.loadedBytes, copy.loadedEntries));
    }
  state.rates = rates;
  const keyspaces = new Map();
  for (const one of overview.keyspaces)
    keyspaces.set(one.name, smooth(state.keyspaceRates.get(one.name), now, one.reads, one.writes));
  state.keyspaceRates = keyspaces;
}

function smooth(before, now, first, second) {
  if (!before || first < before.first || second < before.second) return { now, first, second, rates: [0, 0], points: [] };
  const passed = (now - before.now) / 1000;
  if (passed <= 0) return before;
  const fresh = [(first - before.first) / passed, (second - before.second) / passed];
  const rates = before.points.length ? fresh.map((rate, i) => 0.6 * before.rates[i] + 0.4 * rate) : fresh;
  return { now, first, second, rates, points: [...before.points, [now, ...fresh]].slice(-samplesMax) };
}
