// Refuses modules from a folder: the working tree of a function of which a revision is measured.
// What is installed there (node_modules) belongs to no revision. What the folder of the revision has or links to is the
// revision's. Node.js resolves links, so that a package of a workspace is met where it lies: in the working tree.
import fs from 'node:fs';
import promises from 'node:fs/promises';
import Module from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const { realpathSync } = fs;
const real = (file) => {
  try {
    return realpathSync(file);
  } catch {
    return path.resolve(file);
  }
};

export function refuseModules(excluded, checkout, root) {
  const tree = real(excluded) + path.sep;
  const revision = checkout && real(checkout);

  /** Throws where a file is the working tree's. */
  function check(file, name) {
    const place = real(file);
    if (!place.startsWith(tree)) return;
    const inside = place.slice(tree.length);
    if (inside.split(path.sep).includes('node_modules')) return;
    if (revision && (place.startsWith(revision + path.sep) || real(path.join(revision, inside)) === place)) return;
    const told = `${name ?? path.basename(file)} would be loaded from ${place}, which is the working tree and not this revision (${root})`;
    throw Object.assign(new Error(told), { code: 'MODULE_NOT_FOUND' });
  }

  const { _resolveFilename: resolve } = Module;
  const { load } = Module.prototype;
  let last = {};
  Module._resolveFilename = function (request, ...rest) {
    last = { request, file: resolve.call(this, request, ...rest) };
    return last.file;
  };
  Module.prototype.load = function (file) {
    check(file, last.file === file ? last.request : undefined);
    return load.call(this, file);
  };

  if (Module.registerHooks) {
    Module.registerHooks({
      resolve(specifier, context, next) {
        const found = next(specifier, context);
        if (context.conditions?.includes('import') && found.url.startsWith('file:')) check(fileURLToPath(found.url), specifier);
        return found;
      },
    });
  } else {
    // Until Node.js 22.15 other hooks would need a thread in each environment. All these versions read an ES module by
    // this function, and give it the URL. Only what an ES module imports that was required is not seen.
    const { readFile } = promises;
    promises.readFile = function (file, ...rest) {
      const caller = String(new Error().stack).split('\n', 3)[2];
      if (file instanceof URL && caller?.includes('node:internal/modules/')) check(fileURLToPath(file));
      return readFile.call(this, file, ...rest);
    };
  }
}
