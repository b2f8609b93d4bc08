/** A copy of a record that lacks these members. */
export const without = <T extends object, K extends keyof T>(record: T, ...keys: readonly K[]): Omit<T, K> => {
  const copy = { ...record };
  for (const key of keys) Reflect.deleteProperty(copy, key);
  return copy;
};
