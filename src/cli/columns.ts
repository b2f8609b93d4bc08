/** Rows as kubectl prints them: columns of equal width, three spaces apart. Whatever could steer a terminal is left out. */
export const columns = (head: readonly string[], rows: readonly (readonly string[])[]): string => {
  const all = [head, ...rows].map((row) => row.map(plain));
  const widths = head.map((_, index) => Math.max(...all.map((row) => row[index]?.length ?? 0)));
  return all
    .map((row) =>
      row
        .map((cell, index) => cell.padEnd(widths[index] ?? 0))
        .join("   ")
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join("");
};

/** Names and marks at providers are other people's text. */
export const plain = (text: string): string => text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "�");

/** How long ago, in the two largest units: `41d`, `3h12m`. */
export const age = (seconds: number): string => {
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  if (days > 1) return `${days}d`;
  if (hours > 0) return `${hours}h${minutes % 60 > 0 ? `${minutes % 60}m` : ""}`;
  return minutes > 0 ? `${minutes}m` : `${Math.floor(seconds)}s`;
};
