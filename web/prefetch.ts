const loaders: ((path: string) => void)[] = [];

/** Registers what loads a path's code ahead of a visit. */
export function onPrefetch(load: (path: string) => void): void {
  loaders.push(load);
}

/** Loads the code of the page at `path` ahead of a visit, e.g. while the pointer is over its link. */
export function prefetchPath(path: string): void {
  for (const load of loaders) load(path);
}
