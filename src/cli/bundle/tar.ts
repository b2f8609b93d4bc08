import { gzipSync } from "node:zlib";

const BLOCK = 512;

/** A gzipped ustar archive of text files; names are ASCII and shorter than 100 bytes. */
export const tarGz = (files: ReadonlyMap<string, string>, time: Date): Buffer => {
  const blocks = [...files].flatMap(([name, text]) => {
    const bytes = Buffer.from(text, "utf8");
    return [header(name, bytes.byteLength, time), bytes, Buffer.alloc((BLOCK - (bytes.byteLength % BLOCK)) % BLOCK)];
  });
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]));
};

const header = (name: string, size: number, time: Date): Buffer => {
  if (name.length >= 100 || !/^[\x21-\x7e]+$/.test(name)) throw new RangeError(`No name for a ustar archive: ${name}`);
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, length: number): string => `${value.toString(8).padStart(length - 1, "0")}\0`;
  block.write(name, 0);
  block.write(octal(0o644, 8), 100);
  block.write(octal(0, 8), 108);
  block.write(octal(0, 8), 116);
  block.write(octal(size, 12), 124);
  block.write(octal(Math.floor(time.getTime() / 1000), 12), 136);
  block.write(" ".repeat(8), 148);
  block.write("0", 156);
  block.write("ustar\0" + "00", 257);
  // The sum counts its own field as spaces.
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
};
