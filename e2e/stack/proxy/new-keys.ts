/** Makes a cloud that takes its time: keys that have just been created are refused for a while. */
export interface NewKeys {
  refuseFor(ms: number): void;
  /** Notes the key that an answer to CreateAccessKey shows. */
  noteFrom(body: Buffer): void;
  /** Whether the request, by its Authorization header, is signed with a key that is too new. */
  refuses(authorization: string | undefined): boolean;
}

/** Starts with refusing nothing. */
export function newKeys(): NewKeys {
  const created = new Map<string, number>();
  let age = 0;
  return {
    refuseFor(ms) {
      age = ms;
    },
    noteFrom(body) {
      const text = body.toString("latin1");
      if (!text.includes("<CreateAccessKeyResult>")) return;
      const id = /<AccessKeyId>([^<]+)/.exec(text)?.[1];
      if (id !== undefined && !created.has(id)) created.set(id, performance.now());
    },
    refuses(authorization) {
      if (age === 0) return false;
      const id = /Credential=([^/]+)\//.exec(authorization ?? "")?.[1];
      const since = id === undefined ? undefined : created.get(id);
      return since !== undefined && performance.now() - since < age;
    },
  };
}
