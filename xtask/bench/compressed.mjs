// Prints the bytes of each file named, raw and compressed: a JSON list of [raw, gzip, brotli]. Run by Node.js.

import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

const BROTLI = { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24 } };

async function sizes(name) {
  const file = await readFile(name);
  const [gzipped, brotlied] = await Promise.all([promisify(gzip)(file, { level: 9 }), promisify(brotliCompress)(file, BROTLI)]);
  return [file.length, gzipped.length, brotlied.length];
}

console.log(JSON.stringify(await Promise.all(process.argv.slice(2).map(sizes))));
