"use strict";
// Numbers as words: the same as reports/words/numbers.py. `sign` stands before amounts of money.
const words = (sign) => {
  const grouped = (value, decimals) =>
    value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  const decimals = (value) => value === 0 ? 0 : Math.min(6, Math.max(0, 2 - Math.floor(Math.log10(+Math.abs(value).toPrecision(3)))));
  const moneyDecimals = (value, size = Math.abs(value)) => size >= 99.995 || size === 0 ? 0 : size >= 1 ? 2 : decimals(size);
  const timeUnit = (largest) => Math.abs(largest) >= 10000 ? [0.001, "s"] : [1, "ms"];
  const ms = (value, [factor, unit] = timeUnit(value)) => `${grouped(value * factor, decimals(value * factor))} ${unit}`;
  const money = (value) => (value < 0 ? "-" : "") + sign + grouped(Math.abs(value), moneyDecimals(value));
  const percent = (share) => {
    const size = Math.abs(share * 100);
    return (size >= 9.95 || size === 0 ? size.toFixed(0) : size >= 0.095 ? size.toFixed(1) : size.toFixed(2)) + "%";
  };
  const count = (value) => value >= 1e6 ? `${+(value / 1e6).toPrecision(6)} million` : grouped(value, 0);
  // Both ends of an interval of positive values, with equally many decimals.
  const alike = (low, high, decimalsOf) => {
    const usual = decimalsOf(high), rounded = (value, n) => Number(value.toFixed(n));
    const n = [usual, usual + 1, usual + 2].find((n) => (low === high || rounded(low, n) !== rounded(high, n))
      && Math.abs(rounded(low, n) - low) <= 0.1 * low) ?? usual;
    return `${grouped(low, n)} to ${grouped(high, n)}`;
  };
  const msRange = (low, high, [factor, unit] = timeUnit(high)) => `${alike(low * factor, high * factor, decimals)} ${unit}`;
  const moneyRange = (low, high) => sign + alike(low, high, moneyDecimals);
  return { grouped, ms, money, percent, count, msRange, moneyRange, timeUnit };
};
