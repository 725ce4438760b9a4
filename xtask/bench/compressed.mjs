// Prints the bytes of each file named, raw and compressed: a JSON list of [raw, gzip, brotli]. Run by Node.js.

import { readFileSync } from 'node:fs';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const brotli = { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24 } };

const sizes = process.argv.slice(2).map((name) => {
  const file = readFileSync(name);
  return [file.length, gzipSync(file, { level: 9 }).length, brotliCompressSync(file, brotli).length];
});
console.log(JSON.stringify(sizes));
