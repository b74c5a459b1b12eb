// Node.js: builds an order book, sorts it, compresses it and signs it.
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

const compress = promisify(gzip);

/** Orders with prices that look random and are the same every time. */
function orders(count) {
  let state = 42;
  return Array.from({ length: count }, (_, id) => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return { id, price: state / 1000, item: `item ${state % 997}` };
  });
}

/** `items`: how many orders. */
export const handler = async (event) => {
  const book = orders(event.items ?? 20000).sort((a, b) => a.price - b.price);
  const packed = await compress(JSON.stringify(book));
  return { orders: book.length, bytes: packed.length, sha256: createHash('sha256').update(packed).digest('hex') };
};
