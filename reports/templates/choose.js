"use strict";
// The rule of tuner/search/recommendation.py (`choose`) and tuner/search/strategies.py, on the rows of the curve. A test holds both to the same answers.

function violation(row, bounds) {
  let sum = 0;
  const over = (value, bound) => { if (bound && value > bound) sum += value / bound - 1; };
  over(row.p95, bounds.max_p95_ms);
  over(row.cost.mean * 1e6, bounds.max_cost_per_million_usd);
  if (bounds.min_memory_mb && row.memory < bounds.min_memory_mb) sum += bounds.min_memory_mb / row.memory - 1;
  return sum;
}

// wish: {strategy, weight, tolerance, constraints}; returns the index of the row to recommend.
function choose(rows, wish) {
  const violations = rows.map((row) => violation(row, wish.constraints));
  const least = Math.min(...violations);
  const among = rows.map((_, i) => i).filter((i) => violations[i] <= least);
  const weight = { cost: 1, speed: 0 }[wish.strategy] ?? wish.weight;
  const cost = (i) => rows[i].cost.mean;
  const duration = (i) => rows[i].duration.mean;
  const smallest = (value) => Math.min(...among.map(value));
  let tied, order;
  if (weight === 1) {
    const limit = (1 + wish.tolerance / 4) * smallest(cost);
    tied = among.filter((i) => cost(i) <= limit);
    order = [duration, cost];
  } else if (weight === 0) {
    const limit = (1 + 1.5 * wish.tolerance) * smallest(duration);
    tied = among.filter((i) => duration(i) <= limit);
    order = [cost, duration];
  } else {
    const dearest = Math.max(...among.map(cost));
    const slowest = Math.max(...among.map(duration));
    const score = (i) => weight * cost(i) / dearest + (1 - weight) * duration(i) / slowest;
    const best = smallest(score);
    tied = among.filter((i) => score(i) <= best);
    const near = among.filter((i) => rows[i].measured && score(i) <= (1 + wish.tolerance / 4) * best);
    if (near.length && !tied.some((i) => rows[i].measured)) {
      const least = Math.min(...near.map(score));
      tied = near.filter((i) => score(i) <= least);
    }
    order = [cost, duration];
  }
  const before = (a, b) =>
    !rows[a].measured - !rows[b].measured ||
    order[0](a) - order[0](b) || order[1](a) - order[1](b) || rows[a].memory - rows[b].memory ||
    (rows[a].architecture < rows[b].architecture ? -1 : 1);
  return tied.reduce((a, b) => (before(b, a) < 0 ? b : a));
}
