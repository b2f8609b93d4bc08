/** The namespaces that are looked at; none named means the whole cluster. */
export type Watched = readonly string[];

export const isWatched = (watched: Watched, namespace: string): boolean =>
  watched.length === 0 || watched.includes(namespace);
